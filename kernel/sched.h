/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The scheduler's inside, for sched.c, wait.c and thread.c only. One lock guards the run
 * queue and each thread's state. It is handed over in a switch: who calls schedule()
 * holds it, and who comes out of schedule(), another thread, releases it. */

#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include <kernel/thread.h>

extern struct spinlock sched_lock;

/* Both with the lock held. Makes a thread runnable, last in line. */
void sched_run(struct thread *thread);
/* Notes a wake-up; a thread that waits becomes runnable. */
void sched_wake(struct thread *thread);

/* wait_wake() by one who holds the queue's lock. */
unsigned wait_wake_locked(struct wait_queue *queue, unsigned count, uintptr_t what);

/* Gives the CPU to the next thread; the caller's thread is in line, waits or is dead.
 * With the lock held; returns when it has the CPU again, with the lock held. */
void schedule(void);

/* Gives a thread its number and puts it on the list of all. */
void thread_register(struct thread *thread);

/* Frees the dead threads that no CPU stands on any more. Context: thread. */
void thread_reap(void);

#endif
