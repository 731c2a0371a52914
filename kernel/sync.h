/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Sleeping locks for threads. They may be freed as soon as nobody waits: unlocking and
 * raising touch nothing once another thread can come through. Not from interrupts, save
 * semaphore_up(), condition_signal()/condition_broadcast(), and mutex_trylock() where the
 * interrupt itself unlocks again: no thread sees that. An all-zero object is ready for
 * use. */

#ifndef KERNEL_SYNC_H
#define KERNEL_SYNC_H

#include <stdbool.h>
#include <kernel/thread.h>

struct mutex {
	uintptr_t owner; /* atomic; 0: free, else the thread, + 1 if somebody waits */
	struct wait_queue waiters;
};

void mutex_lock(struct mutex *mutex);
bool mutex_trylock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);
static inline bool mutex_held(const struct mutex *mutex)
{
	return (mutex->owner & ~(uintptr_t)1) == (uintptr_t)thread_current();
}

struct condition {
	struct wait_queue waiters;
};

/* Unlocks mutex, sleeps, locks it again; false if the deadline passed. */
bool condition_wait(struct condition *condition, struct mutex *mutex,
		    uint64_t deadline_ns);
void condition_signal(struct condition *condition);
void condition_broadcast(struct condition *condition);

struct semaphore {
	unsigned count; /* under waiters.lock */
	struct wait_queue waiters;
};

bool semaphore_down(struct semaphore *semaphore, uint64_t deadline_ns);
void semaphore_up(struct semaphore *semaphore);

#endif
