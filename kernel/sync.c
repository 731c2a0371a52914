/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <arch/cpu.h>
#include <kernel/panic.h>
#include <kernel/sched.h>
#include <kernel/sync.h>

#define WAITED_FOR 1 /* in mutex.owner: somebody is on the queue */

static void bad_use(const char *what)
{
	panic("mutex: thread %d \"%s\" %s", arch_current()->id, arch_current()->name,
	      what);
}

static bool swap_owner(struct mutex *mutex, uintptr_t from, uintptr_t to)
{
	return __atomic_compare_exchange_n(&mutex->owner, &from, to, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* On the queue already. Takes the mutex, or tells the owner that somebody waits. */
static bool take_or_mark(struct mutex *mutex, uintptr_t self)
{
	for (;;) {
		uintptr_t owner = __atomic_load_n(&mutex->owner, __ATOMIC_RELAXED);

		if (!owner) {
			if (swap_owner(mutex, 0, self | WAITED_FOR))
				return true;
		} else if ((owner & WAITED_FOR) ||
			   swap_owner(mutex, owner, owner | WAITED_FOR)) {
			return false;
		}
	}
}

static void lock_slowly(struct mutex *mutex, uintptr_t self)
{
	struct wait wait;
	unsigned long flags;

	if (mutex_held(mutex))
		bad_use("locks what it holds");
	wait_begin(&mutex->waiters, &wait);
	while (!take_or_mark(mutex, self))
		wait_sleep(&wait, NO_DEADLINE);
	wait_end(&wait);
	/* The mark goes with the last waiter: who comes now sees that there is none. */
	flags = spin_lock(&mutex->waiters.lock);
	if (!mutex->waiters.first)
		__atomic_and_fetch(&mutex->owner, ~(uintptr_t)WAITED_FOR,
				   __ATOMIC_RELAXED);
	spin_unlock(&mutex->waiters.lock, flags);
}

void mutex_lock(struct mutex *mutex)
{
	uintptr_t self = (uintptr_t)arch_current();

	if (!swap_owner(mutex, 0, self))
		lock_slowly(mutex, self);
}

bool mutex_trylock(struct mutex *mutex)
{
	return swap_owner(mutex, 0, (uintptr_t)arch_current());
}

void mutex_unlock(struct mutex *mutex)
{
	if (swap_owner(mutex, (uintptr_t)arch_current(), 0))
		return;
	if (!mutex_held(mutex))
		bad_use("unlocks what it does not hold");
	__atomic_store_n(&mutex->owner, 0, __ATOMIC_RELEASE);
	wait_wake(&mutex->waiters, 1, 0);
}

bool condition_wait(struct condition *condition, struct mutex *mutex,
		    uint64_t deadline_ns)
{
	struct wait wait;
	bool in_time;

	wait_begin(&condition->waiters, &wait);
	mutex_unlock(mutex);
	in_time = wait_sleep(&wait, deadline_ns);
	wait_end(&wait);
	mutex_lock(mutex);
	return in_time;
}

void condition_signal(struct condition *condition)
{
	wait_wake(&condition->waiters, 1, 0);
}

void condition_broadcast(struct condition *condition)
{
	wait_wake(&condition->waiters, WAKE_ALL, 0);
}

static bool take_count(struct semaphore *semaphore)
{
	unsigned long flags = spin_lock(&semaphore->waiters.lock);
	bool taken = semaphore->count > 0;

	if (taken)
		semaphore->count--;
	spin_unlock(&semaphore->waiters.lock, flags);
	return taken;
}

bool semaphore_down(struct semaphore *semaphore, uint64_t deadline_ns)
{
	struct wait wait;
	bool taken, in_time = true;

	if (take_count(semaphore))
		return true;
	wait_begin(&semaphore->waiters, &wait);
	while (!(taken = take_count(semaphore)) && in_time)
		in_time = wait_sleep(&wait, deadline_ns);
	wait_end(&wait);
	return taken;
}

void semaphore_up(struct semaphore *semaphore)
{
	unsigned long flags = spin_lock(&semaphore->waiters.lock);

	semaphore->count++;
	wait_wake_locked(&semaphore->waiters, 1, 0);
	spin_unlock(&semaphore->waiters.lock, flags);
}
