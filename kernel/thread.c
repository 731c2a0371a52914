/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The life of a thread. A dead one cannot free the stack it stands on: it goes to the
 * graveyard, and the next thread that is made or dies empties that. */

#include <arch/cpu.h>
#include <arch/thread.h>
#include <kernel/heap.h>
#include <kernel/sched.h>
#include <kernel/stack.h>
#include <string.h>

static struct thread *all_threads; /* by all_next; under sched_lock */
static struct thread *graveyard;   /* by run_next; under sched_lock */
static int last_id = -1; /* the boot context is 0, main is 1; under sched_lock */

struct thread *thread_current(void)
{
	return arch_current();
}

void thread_register(struct thread *thread)
{
	unsigned long flags = spin_lock(&sched_lock);
	struct thread **link = &all_threads;

	while (*link)
		link = &(*link)->all_next;
	*link = thread;
	thread->all_next = NULL;
	thread->id = ++last_id;
	spin_unlock(&sched_lock, flags);
}

/* Where a new thread comes out of its first switch: it holds the scheduler's lock, with
 * interrupts off. */
static void thread_begin(void)
{
	struct thread *self = arch_current();

	__atomic_clear(&sched_lock.held, __ATOMIC_RELEASE);
	arch_irq_enable();
	self->entry(self->argument);
	thread_exit();
}

struct thread *thread_prepare(const char *name, void (*entry)(void *), void *argument,
			      void *stack, size_t stack_bytes, void *tls)
{
	struct thread *thread;

	thread_reap();
	thread = kzalloc(sizeof(*thread));
	if (!thread)
		return NULL;
	if (!stack) {
		thread->stack_bytes = stack_bytes ? stack_bytes : THREAD_STACK_BYTES;
		thread->stack = stack = stack_alloc(&thread->stack_bytes);
		if (!stack) {
			kfree(thread);
			return NULL;
		}
		stack_bytes = thread->stack_bytes;
	}
	thread->state = THREAD_WAITING;
	thread->entry = entry;
	thread->argument = argument;
	memcpy(thread->name, name, strnlen(name, THREAD_NAME_BYTES - 1));
	arch_thread_init(&thread->arch, stack, stack_bytes, thread_begin, tls);
	thread_register(thread);
	return thread;
}

void thread_start(struct thread *thread)
{
	unsigned long flags = spin_lock(&sched_lock);

	sched_run(thread);
	spin_unlock(&sched_lock, flags);
}

struct thread *thread_create(const char *name, void (*entry)(void *), void *argument)
{
	struct thread *thread = thread_prepare(name, entry, argument, NULL, 0, NULL);

	if (thread)
		thread_start(thread);
	return thread;
}

/* The dead that no CPU stands on: a CPU leaves a dead thread's stack under the lock, or
 * idles on it for want of another thread. */
void thread_reap(void)
{
	struct thread *dead = NULL, *each, **link = &graveyard;
	unsigned long flags = spin_lock(&sched_lock);

	while ((each = *link)) {
		if (each->idling) {
			link = &each->run_next;
			continue;
		}
		*link = each->run_next;
		each->run_next = dead;
		dead = each;
	}
	spin_unlock(&sched_lock, flags);
	while ((each = dead)) {
		dead = each->run_next;
		if (each->stack)
			stack_free(each->stack, each->stack_bytes);
		kfree(each->arch.fpu);
		kfree(each);
	}
}

void thread_exit(void)
{
	struct thread *self = arch_current(), **link = &all_threads;

	if (self->on_exit)
		self->on_exit(self);
	thread_reap();
	spin_lock(&sched_lock);
	while (*link != self)
		link = &(*link)->all_next;
	*link = self->all_next;
	self->state = THREAD_DEAD;
	if (self->entry) { /* the boot thread was not allocated */
		self->run_next = graveyard;
		graveyard = self;
	}
	for (;;)
		schedule();
}

void thread_each(void (*visit)(const struct thread *, void *), void *context)
{
	unsigned long flags = spin_lock(&sched_lock);

	for (const struct thread *each = all_threads; each; each = each->all_next)
		visit(each, context);
	spin_unlock(&sched_lock, flags);
}
