/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What a thread of the application has beyond a kernel thread. Threads that are not the
 * application's (a driver's, a shell's) have none: thread->posix is NULL. */

#ifndef POSIX_POSIX_THREAD_H
#define POSIX_POSIX_THREAD_H

#include <stddef.h>
#include <stdint.h>
#include <kernel/thread.h>

struct posix_thread {
	struct thread *thread;	   /* NULL: ended (main); under posix_threads_lock */
	struct posix_thread *next; /* list of all; under posix_threads_lock */
	int *clear_tid;	  /* zeroed and woken (futex) at the end; the thread's own */
	uint64_t masked;  /* blocked signals, bit number - 1; the thread's own */
	uint64_t pending; /* atomic */
	struct wait_queue wakeup; /* where it sleeps when a signal may wake it */

	/* Set before it starts, for its first and its last moments. */
	int (*entry)(void *argument);
	void *argument, *stack_top;
	void *unmap_base; /* its stack, when it goes with the thread */
	size_t unmap_bytes;
};

extern struct spinlock posix_threads_lock;
extern struct posix_thread posix_main_thread;
extern struct posix_thread *posix_threads; /* begins with main's; under the lock */

static inline struct posix_thread *posix_self(void)
{
	return thread_current()->posix;
}

/* thread.c, exit.c */
void posix_set_thread_pointer(void *pointer);
long posix_clone(int (*entry)(void *), void *stack, unsigned long flags, void *argument,
		 int *parent_tid, void *tls, int *child_tid);
_Noreturn void posix_exit_unmapping(void *base, size_t bytes);
long sys_exit(int status);
long sys_set_tid_address(int *clear_tid);
long sys_gettid(void);
long sys_sched_yield(void);
long sys_sched_getaffinity(int tid, size_t bytes, unsigned long *mask);
long sys_sched_setaffinity(int tid, size_t bytes, const unsigned long *mask);

#endif
