/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Interrupts: descriptors that are readable, and the clock. They are delivered between
 * instructions of the kernel's own choice (<arch/irqflags.h>), by the thread that runs. */

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <arch/cpu.h>
#include <arch/irqflags.h>
#include <host/event.h>
#include <host/machine.h>
#include <kernel/sched.h>
#include <kernel/time.h>

bool host_irqs_off = true; /* as at boot */
unsigned host_look_countdown = HOST_LOOK_PERIOD;
uint64_t host_timer_deadline_ns = NO_DEADLINE;

/* What is asked, and whom an answer is for; a free place has the descriptor -1. */
static struct pollfd asked[HOST_EVENTS_MAX];
static struct host_event *events[HOST_EVENTS_MAX];
static unsigned places; /* those from here on were never used */

int host_event_add(struct host_event *event)
{
	unsigned at = 0;

	while (at < places && events[at])
		at++;
	if (at == HOST_EVENTS_MAX)
		return -ENOSPC;
	places = at < places ? places : at + 1;
	asked[at] = (struct pollfd){ .fd = event->fd, .events = POLLIN };
	events[at] = event;
	return 0;
}

void host_event_remove(struct host_event *event)
{
	for (unsigned i = 0; i < places; i++) {
		if (events[i] == event) {
			events[i] = NULL;
			asked[i] = (struct pollfd){ .fd = -1 };
		}
	}
}

void arch_timer_program(uint64_t deadline_ns)
{
	host_timer_deadline_ns = deadline_ns;
}

/* A handler may take away what answered behind it: its place is empty then, or, if it was
 * given anew, the answer is another's and in vain. */
static void deliver(int ready)
{
	host_cpu.interrupt_depth++;
	for (unsigned i = 0; i < places && ready > 0; i++) {
		if (!asked[i].revents)
			continue;
		ready--;
		asked[i].revents = 0;
		if (events[i])
			events[i]->ready(events[i]);
	}
	if (clock_ns() >= host_timer_deadline_ns) {
		host_timer_deadline_ns = NO_DEADLINE;
		timer_interrupt();
	}
	host_cpu.interrupt_depth--;
}

/* Waits until the deadline at most; interrupts are off. */
static void take(uint64_t deadline_ns)
{
	uint64_t now = clock_ns();
	uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
	struct timespec timeout = { (time_t)(left / NS_PER_SEC),
				    (long)(left % NS_PER_SEC) };
	int error = errno; /* the application's */

	deliver(ppoll(asked, places, deadline_ns == NO_DEADLINE ? NULL : &timeout, NULL));
	errno = error;
	host_look_countdown = HOST_LOOK_PERIOD;
}

void arch_idle(void)
{
	take(host_timer_deadline_ns);
}

/* As the entry code of a machine does: handlers, then perhaps another thread. */
void host_look(void)
{
	host_irqs_off = true;
	take(0);
	sched_interrupt_exit();
	host_irqs_off = false;
}

void host_relax(void)
{
	if (!host_irqs_off && !host_cpu.interrupt_depth)
		host_look();
}
