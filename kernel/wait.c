/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Wait queues: rings of struct wait, doubly linked. Lock order: queue, then scheduler.
 *
 * No wake-up is lost, as each one counts in its thread, and an entry knows the count
 * before the thread's last look at the condition: sleep only if it is still the same.
 * So it does no harm if the thread sleeps for something else (a mutex) in between. */

#include <arch/cpu.h>
#include <kernel/sched.h>
#include <kernel/time.h>

/* To be read before the condition. */
static unsigned wakes_of(const struct thread *thread)
{
	return __atomic_load_n(&thread->wakes, __ATOMIC_ACQUIRE);
}

static void attach(struct wait_queue *queue, struct wait *self)
{
	unsigned long flags;

	self->queue = queue;
	self->woken = false;
	flags = spin_lock(&queue->lock);
	if (queue->first) {
		self->next = queue->first;
		self->prev = queue->first->prev;
		self->prev->next = self;
		self->next->prev = self;
	} else {
		self->next = self->prev = self;
		queue->first = self;
	}
	spin_unlock(&queue->lock, flags);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with wait_wake()'s */
}

void wait_begin(struct wait_queue *queue, struct wait *self)
{
	self->thread = arch_current();
	self->seen = wakes_of(self->thread);
	self->notify = NULL;
	attach(queue, self);
}

void wait_begin_notify(struct wait_queue *queue, struct wait *self,
		       void (*notify)(struct wait *self, uintptr_t what))
{
	self->thread = NULL;
	self->notify = notify;
	attach(queue, self);
}

void wait_end(struct wait *self)
{
	struct wait_queue *queue = self->queue;
	unsigned long flags = spin_lock(&queue->lock);
	bool hand_on = self->woken && !self->notify;

	if (self->next == self) {
		queue->first = NULL;
		hand_on = false;
	} else {
		self->prev->next = self->next;
		self->next->prev = self->prev;
		if (queue->first == self)
			queue->first = self->next;
	}
	spin_unlock(&queue->lock, flags);
	if (hand_on)
		wait_wake(queue, 1, 0);
}

/* An entry that was woken and has not run yet is woken again (it costs a flag, and its
 * thread may have looked at the condition already), but the count is for others. */
static bool wake(struct wait *entry)
{
	bool first = !entry->woken;

	entry->woken = true;
	spin_take(&sched_lock);
	sched_wake(entry->thread);
	__atomic_clear(&sched_lock.held, __ATOMIC_RELEASE);
	return first;
}

unsigned wait_wake_locked(struct wait_queue *queue, unsigned count, uintptr_t what)
{
	struct wait *entry = queue->first;
	unsigned woken = 0;

	while (entry) {
		struct wait *next = entry->next != queue->first ? entry->next : NULL;

		if (entry->notify)
			entry->notify(entry, what);
		else if (woken < count)
			woken += wake(entry);
		entry = next;
	}
	return woken;
}

unsigned wait_wake(struct wait_queue *queue, unsigned count, uintptr_t what)
{
	unsigned long flags;
	unsigned woken;

	/* Mostly nobody waits. The fence pairs with attach()'s: either the
	 * waiter sees the condition that the caller made true, or we see the waiter. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&queue->first, __ATOMIC_RELAXED))
		return 0;
	flags = spin_lock(&queue->lock);
	woken = wait_wake_locked(queue, count, what);
	spin_unlock(&queue->lock, flags);
	return woken;
}

void thread_wake(struct thread *thread)
{
	unsigned long flags = spin_lock(&sched_lock);

	sched_wake(thread);
	spin_unlock(&sched_lock, flags);
}

/* Sleeps unless a wake-up came since *seen was read; reads it again. Inline, since each
 * switch between threads goes through here. */
static inline __attribute__((always_inline)) void sleep_until_woken(struct thread *self,
								    unsigned *seen)
{
	unsigned long flags = spin_lock(&sched_lock);

	if (self->wakes == *seen) {
		self->state = THREAD_WAITING;
		schedule();
	}
	*seen = self->wakes;
	spin_unlock(&sched_lock, flags);
}

struct alarm {
	struct timer timer;
	struct thread *thread;
	bool rang; /* under the scheduler's lock */
};

static void alarm_expired(struct timer *timer)
{
	struct alarm *alarm = (struct alarm *)timer;
	unsigned long flags = spin_lock(&sched_lock);

	alarm->rang = true;
	sched_wake(alarm->thread);
	spin_unlock(&sched_lock, flags);
}

/* False if the deadline passed. */
static bool sleep_with_alarm(struct thread *self, unsigned *seen, uint64_t deadline_ns)
{
	struct alarm alarm = { .timer = { .expired = alarm_expired }, .thread = self };

	if (clock_ns() >= deadline_ns)
		return false;
	timer_arm(&alarm.timer, deadline_ns);
	sleep_until_woken(self, seen);
	timer_cancel(&alarm.timer);
	return !alarm.rang;
}

bool wait_sleep(struct wait *self, uint64_t deadline_ns)
{
	struct thread *thread = arch_current();
	bool in_time = true;

	if (deadline_ns == NO_DEADLINE)
		sleep_until_woken(thread, &self->seen);
	else if (wakes_of(thread) == self->seen)
		in_time = sleep_with_alarm(thread, &self->seen, deadline_ns);
	if (!in_time && !__atomic_load_n(&self->woken, __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&self->woken, false, __ATOMIC_RELAXED);
	self->seen = wakes_of(thread);
	return true;
}

void thread_sleep_until(uint64_t deadline_ns)
{
	struct thread *self = arch_current();
	unsigned seen = wakes_of(self);

	if (deadline_ns == NO_DEADLINE)
		sleep_until_woken(self, &seen);
	else
		while (sleep_with_alarm(self, &seen, deadline_ns))
			;
}
