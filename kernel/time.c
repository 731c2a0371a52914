/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Clocks, and timers in a pairing heap: arming is O(1), the rest O(log n) amortised.
 *
 * To program the hardware costs an exit to the hypervisor. So it is programmed only when
 * a timer becomes due earlier than what is programmed; when that timer is cancelled, one
 * interrupt comes in vain and programs the next. */

#include <arch/cpu.h>
#include <kernel/lock.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <stddef.h>

static struct spinlock lock;
static struct timer *root;		     /* under lock */
static uint64_t programmed_ns = NO_DEADLINE; /* under lock */
static struct timer *running;		     /* its callback is; under lock */
static uint64_t expiring_ns;	/* by timer_interrupt(); 0: it does not run */
static struct cpu *running_cpu; /* under lock */

static struct spinlock realtime_lock;
static bool realtime_known;	   /* under realtime_lock */
static int64_t realtime_offset_ns; /* under realtime_lock */

uint64_t clock_ns(void)
{
	return arch_clock_ns();
}

int64_t clock_realtime_ns(void)
{
	unsigned long flags = spin_lock(&realtime_lock);
	int64_t offset;

	if (!realtime_known) {
		realtime_offset_ns = arch_wall_clock_ns() - (int64_t)arch_clock_ns();
		realtime_known = true;
	}
	offset = realtime_offset_ns;
	spin_unlock(&realtime_lock, flags);
	return (int64_t)arch_clock_ns() + offset;
}

void clock_set_realtime_ns(int64_t now_ns)
{
	unsigned long flags = spin_lock(&realtime_lock);

	realtime_offset_ns = now_ns - (int64_t)arch_clock_ns();
	realtime_known = true;
	spin_unlock(&realtime_lock, flags);
}

/* The heap: `left` is a node's first child, `right` its next sibling, `parent` whoever
 * points at it: the parent of a first child, else the sibling before it. */
static struct timer *merge(struct timer *a, struct timer *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	if (b->deadline_ns < a->deadline_ns) {
		struct timer *swap = a;

		a = b;
		b = swap;
	}
	b->right = a->left;
	if (b->right)
		b->right->parent = b;
	b->parent = a;
	a->left = b;
	return a;
}

/* Merges siblings in pairs from the first to the last, then the pairs from the last to
 * the first; the pairs wait on a list through `parent`. */
static struct timer *merge_siblings(struct timer *first)
{
	struct timer *pairs = NULL, *result = NULL;

	while (first) {
		struct timer *second = first->right;
		struct timer *rest = second ? second->right : NULL;
		struct timer *pair;

		first->right = NULL;
		if (second)
			second->right = NULL;
		pair = merge(first, second);
		pair->parent = pairs;
		pairs = pair;
		first = rest;
	}
	while (pairs) {
		struct timer *next = pairs->parent;

		result = merge(result, pairs);
		pairs = next;
	}
	if (result)
		result->parent = NULL;
	return result;
}

static void heap_remove(struct timer *timer)
{
	struct timer *children = merge_siblings(timer->left);

	if (timer == root) {
		root = children;
	} else {
		if (timer->parent->left == timer)
			timer->parent->left = timer->right;
		else
			timer->parent->right = timer->right;
		if (timer->right)
			timer->right->parent = timer->parent;
		root = merge(root, children);
	}
	timer->left = timer->right = timer->parent = NULL;
	timer->armed = false;
}

static void program(uint64_t deadline_ns)
{
	programmed_ns = deadline_ns;
	arch_timer_program(deadline_ns);
}

void timer_arm(struct timer *timer, uint64_t deadline_ns)
{
	unsigned long flags = spin_lock(&lock);

	if (timer->armed)
		heap_remove(timer);
	if (deadline_ns <= expiring_ns)
		deadline_ns = expiring_ns + 1;
	timer->deadline_ns = deadline_ns;
	timer->left = timer->right = timer->parent = NULL;
	timer->armed = true;
	root = merge(root, timer);
	root->parent = NULL;
	if (deadline_ns < programmed_ns)
		program(deadline_ns);
	spin_unlock(&lock, flags);
}

bool timer_cancel(struct timer *timer)
{
	unsigned long flags = spin_lock(&lock);
	bool was_armed = timer->armed;

	if (was_armed)
		heap_remove(timer);
	/* The callback itself may cancel; another CPU waits for its end. */
	while (running == timer && running_cpu != this_cpu()) {
		spin_unlock(&lock, flags);
		arch_relax();
		flags = spin_lock(&lock);
	}
	spin_unlock(&lock, flags);
	return was_armed;
}

void timer_interrupt(void)
{
	unsigned long flags = spin_lock(&lock);

	/* The clock is read once, and what callbacks arm expires later than this: a timer
	 * that is armed for "now" again and again cannot hold us here. */
	expiring_ns = arch_clock_ns();
	programmed_ns = 0; /* at the end */
	while (root && root->deadline_ns <= expiring_ns) {
		struct timer *timer = root;

		heap_remove(timer);
		running = timer;
		running_cpu = this_cpu();
		spin_unlock(&lock, flags);
		timer->expired(timer);
		flags = spin_lock(&lock);
		running = NULL;
	}
	expiring_ns = 0;
	program(root ? root->deadline_ns : NO_DEADLINE);
	spin_unlock(&lock, flags);
}
