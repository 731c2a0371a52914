/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Clocks and timers on the host: time passes only when a test says so. */

#include <kernel/time.h>
#include "host.h"

uint64_t host_clock_ns;
uint64_t host_clock_step_ns;
static int64_t realtime_offset_ns;
static struct timer *armed; /* linked by `right`, in no order */

uint64_t clock_ns(void)
{
	return host_clock_ns += host_clock_step_ns;
}

int64_t clock_realtime_ns(void)
{
	return (int64_t)host_clock_ns + realtime_offset_ns;
}

void clock_set_realtime_ns(int64_t now_ns)
{
	realtime_offset_ns = now_ns - (int64_t)host_clock_ns;
}

void timer_arm(struct timer *timer, uint64_t deadline_ns)
{
	timer_cancel(timer);
	timer->deadline_ns = deadline_ns;
	timer->armed = true;
	timer->right = armed;
	armed = timer;
}

bool timer_cancel(struct timer *timer)
{
	struct timer **link = &armed;

	while (*link && *link != timer)
		link = &(*link)->right;
	if (!*link)
		return false;
	*link = timer->right;
	timer->armed = false;
	return true;
}

void timer_interrupt(void)
{
	struct timer *timer = armed;
	unsigned long flags = arch_irq_save();

	host_cpu.interrupt_depth++;
	while (timer) {
		if (timer->deadline_ns <= host_clock_ns) {
			timer_cancel(timer);
			timer->expired(timer);
			timer = armed; /* the list may have changed */
		} else {
			timer = timer->right;
		}
	}
	host_cpu.interrupt_depth--;
	arch_irq_restore(flags);
}

uint64_t host_timer_next(void)
{
	uint64_t next = UINT64_MAX;

	for (struct timer *timer = armed; timer; timer = timer->right)
		if (timer->deadline_ns < next)
			next = timer->deadline_ns;
	return next;
}

void host_clock_to(uint64_t ns)
{
	if (host_clock_ns < ns)
		host_clock_ns = ns;
	timer_interrupt();
}

void host_clock_advance(uint64_t ns)
{
	host_clock_to(host_clock_ns + ns);
}
