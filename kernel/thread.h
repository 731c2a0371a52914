/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Preemptive threads, round robin, without priorities. All share one address space.
 *
 * A thread that waits puts itself on a wait queue:
 *
 *	struct wait w;
 *	wait_begin(&queue, &w);
 *	while (!condition && !timed_out)
 *		timed_out = !wait_sleep(&w, deadline_ns);
 *	wait_end(&w);
 *
 * Between wait_begin() and wait_end() no wake-up is lost: one that comes before
 * wait_sleep() makes it return at once. */

#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <arch/thread.h>
#include <kernel/lock.h>

#define THREAD_NAME_BYTES  16
#define THREAD_STACK_BYTES (32 * 1024) /* default; committed as it is touched */
#define NO_DEADLINE	   UINT64_MAX

enum thread_state { THREAD_RUNNABLE, THREAD_WAITING, THREAD_DEAD };

struct thread {
	struct arch_thread
		arch; /* saved context; must be first: arch code relies on it */
	struct thread *run_next; /* run queue; under the scheduler's lock */
	struct thread *all_next; /* list of all threads; under the scheduler's lock */
	enum thread_state state; /* under the scheduler's lock */
	unsigned wakes;		 /* wake-ups so far; under the scheduler's lock */
	bool idling; /* waits, and its CPU idles on its stack; under the scheduler's lock */
	int id;	     /* 1 is the application's main thread */
	int errno_storage;
	char name[THREAD_NAME_BYTES];
	void *stack; /* lowest usable address, NULL if the creator owns it */
	size_t stack_bytes;
	uint64_t switches;		      /* times it was given the CPU */
	void *posix;			      /* the POSIX layer's per-thread state */
	void (*on_exit)(struct thread *self); /* run in the dying thread, may be NULL */
	void (*entry)(void *argument);
	void *argument;
};

/* Creates a runnable thread with a guarded stack of its own; NULL without memory. */
struct thread *thread_create(const char *name, void (*entry)(void *), void *argument);

/* Creates one that is not runnable until thread_start(). stack NULL: allocate
 * stack_bytes (0: default) with a guard page; else [stack, stack + stack_bytes) is the
 * caller's. tls: value of the thread pointer register, as the C library wants it. */
struct thread *thread_prepare(const char *name, void (*entry)(void *), void *argument,
			      void *stack, size_t stack_bytes, void *tls);
void thread_start(struct thread *thread);

_Noreturn void thread_exit(void);
void thread_yield(void);
struct thread *thread_current(void);

/* Calls visit for each thread, under the scheduler's lock: visit must not sleep. */
void thread_each(void (*visit)(const struct thread *, void *), void *context);

struct wait_queue {
	struct spinlock lock;
	struct wait *first; /* under lock; oldest first */
};

struct wait {
	struct wait_queue *queue;
	struct wait *next, *prev;
	struct thread *thread;
	void (*notify)(struct wait *self, uintptr_t what); /* NULL: wake the thread */
	bool woken;
	unsigned seen; /* thread->wakes before its last look at the condition */
};

void wait_begin(struct wait_queue *queue, struct wait *self); /* self->notify = NULL */
/* The same with `notify` set from the start, so that no event between the two is lost.
 * Such an entry belongs to no thread: it may be ended by another one, or much later. */
void wait_begin_notify(struct wait_queue *queue, struct wait *self,
		       void (*notify)(struct wait *self, uintptr_t what));
/* Sleeps until woken or deadline (clock_ns() time); false if the deadline passed. */
bool wait_sleep(struct wait *self, uint64_t deadline_ns);
/* A wake-up that came after the last wait_sleep() is handed to the next waiter. A thread
 * may wait on several queues: it sleeps on any of its entries and is woken by all. A
 * true from wait_sleep() may be spurious: look at the condition again. */
void wait_end(struct wait *self);

/* Wakes up to `count` waiters, oldest first; returns how many. Any context.
 * An entry with its own `notify` is called instead, under the queue's lock and with
 * interrupts off, with `what`, and does not count; it stays on the queue. */
unsigned wait_wake(struct wait_queue *queue, unsigned count, uintptr_t what);
#define WAKE_ALL UINT32_MAX

/* Wakes a thread out of whatever it waits for, so that it looks at its condition again. It
 * must be sure to exist. Any context. */
void thread_wake(struct thread *thread);

/* Sleeps until the deadline. */
void thread_sleep_until(uint64_t deadline_ns);

/* While the count is not 0 the thread is not preempted (interrupts still come). */
void preempt_disable(void);
void preempt_enable(void);

/* A page fault in the stack region: commits the page if it lies in a living thread's
 * stack; false: it is a guard page or nobody's. From the trap path. */
bool thread_stack_fault(uintptr_t address);

/* Called by the interrupt path with interrupts off, at its end; may switch threads. */
void sched_interrupt_exit(void);
/* Boot order: makes the running context a thread, number 0. */
void sched_init(void);

#endif
