/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* One thread that is the test. When the code under test sleeps, the rest of the world
 * (a mock device, usually) runs through the hook until it wakes the sleeper. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include "host.h"

bool (*host_world)(void);
static struct thread main_thread = { .id = 1, .name = "main" };
static struct thread *created; /* not yet run, oldest first */
static struct thread *running = &main_thread;
static int last_id = 1;

struct thread *thread_current(void)
{
	return running;
}

struct thread *thread_prepare(const char *name, void (*entry)(void *), void *argument,
			      void *stack, size_t stack_bytes, void *tls)
{
	struct thread *thread = calloc(1, sizeof(*thread));

	(void)tls;
	thread->id = ++last_id;
	thread->entry = entry;
	thread->argument = argument;
	thread->stack = stack;
	thread->stack_bytes = stack_bytes;
	strncpy(thread->name, name, THREAD_NAME_BYTES - 1);
	return thread;
}

void thread_start(struct thread *thread)
{
	struct thread **link = &created;

	while (*link)
		link = &(*link)->all_next;
	*link = thread;
}

struct thread *thread_create(const char *name, void (*entry)(void *), void *argument)
{
	struct thread *thread = thread_prepare(name, entry, argument, NULL, 0, NULL);

	thread_start(thread);
	return thread;
}

unsigned host_threads_run(void)
{
	unsigned count = 0;

	while (created) {
		struct thread *thread = created;
		struct thread *before = running;

		created = thread->all_next;
		running = thread;
		thread->entry(thread->argument);
		running = before;
		if (thread->on_exit)
			thread->on_exit(thread);
		free(thread);
		count++;
	}
	return count;
}

void host_threads_forget(void)
{
	while (created) {
		struct thread *thread = created;

		created = thread->all_next;
		free(thread);
	}
}

void thread_yield(void)
{
	if (host_world)
		host_world();
}

void thread_each(void (*visit)(const struct thread *, void *), void *context)
{
	visit(&main_thread, context);
	for (struct thread *each = created; each; each = each->all_next)
		visit(each, context);
}

static void enqueue(struct wait_queue *queue, struct wait *self)
{
	struct wait **link = &queue->first;
	struct wait *before = NULL;

	while (*link) {
		before = *link;
		link = &(*link)->next;
	}
	self->queue = queue;
	self->prev = before;
	*link = self;
}

void wait_begin(struct wait_queue *queue, struct wait *self)
{
	*self = (struct wait){ .thread = running, .seen = running->wakes };
	enqueue(queue, self);
}

void wait_begin_notify(struct wait_queue *queue, struct wait *self,
		       void (*notify)(struct wait *self, uintptr_t what))
{
	*self = (struct wait){ .notify = notify };
	enqueue(queue, self);
}

void thread_wake(struct thread *thread)
{
	thread->wakes++;
}

static bool is_woken(const struct wait *self)
{
	return self->woken || self->thread->wakes != self->seen;
}

bool wait_sleep(struct wait *self, uint64_t deadline_ns)
{
	if (host_irqs_off || host_cpu.interrupt_depth || host_cpu.preempt_count) {
		fprintf(stderr, "asleep in an interrupt or under a spinlock\n");
		abort();
	}
	while (!is_woken(self)) {
		bool moved = host_world && host_world();

		if (is_woken(self))
			break;
		if (moved)
			continue;
		if (host_timer_next() < deadline_ns) {
			host_clock_to(host_timer_next());
			continue;
		}
		if (deadline_ns == NO_DEADLINE) {
			fprintf(stderr, "a sleep that nothing will ever end\n");
			abort();
		}
		host_clock_to(deadline_ns);
		if (!is_woken(self))
			return false;
	}
	self->woken = false;
	self->seen = self->thread->wakes;
	return true;
}

void wait_end(struct wait *self)
{
	if (self->prev)
		self->prev->next = self->next;
	else
		self->queue->first = self->next;
	if (self->next)
		self->next->prev = self->prev;
}

unsigned wait_wake(struct wait_queue *queue, unsigned count, uintptr_t what)
{
	unsigned woken = 0;

	for (struct wait *each = queue->first, *next; each; each = next) {
		next = each->next;
		if (each->notify) {
			each->notify(each, what);
		} else if (woken < count) {
			each->woken = true;
			woken++;
		}
	}
	return woken;
}

unsigned wait_wake_locked(struct wait_queue *queue, unsigned count, uintptr_t what)
{
	return wait_wake(queue, count, what);
}

void thread_sleep_until(uint64_t deadline_ns)
{
	while (host_timer_next() < deadline_ns)
		host_clock_to(host_timer_next());
	host_clock_to(deadline_ns);
	thread_yield();
}

void preempt_disable(void)
{
	host_cpu.preempt_count++;
}

void preempt_enable(void)
{
	host_cpu.preempt_count--;
}
