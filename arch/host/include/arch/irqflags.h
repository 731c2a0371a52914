/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The interrupt flag is a variable. Interrupts are what file descriptors say (event.c):
 * they are looked for where the CPU idles, where code spins, and at one in
 * HOST_LOOK_PERIOD of the places that turn interrupts on. No signal ever interrupts
 * anything: a thread that computes without calling the kernel is not preempted. */

#ifndef ARCH_IRQFLAGS_H
#define ARCH_IRQFLAGS_H

#include <stdbool.h>

#define HOST_LOOK_PERIOD 256

extern bool host_irqs_off;
extern unsigned host_look_countdown;

/* Delivers what is pending; interrupts are on. */
void host_look(void);
void host_relax(void);
/* Sleeps until something is pending or a timer is due, and delivers it. Interrupts are
 * off, before and after. */
void arch_idle(void);

static inline unsigned long arch_irq_save(void)
{
	unsigned long flags = !host_irqs_off;

	host_irqs_off = true;
	return flags;
}

static inline bool arch_irq_flags_enabled(unsigned long flags)
{
	return flags;
}

static inline void arch_irq_enable(void)
{
	host_irqs_off = false;
	if (--host_look_countdown == 0)
		host_look();
}

static inline void arch_irq_disable(void)
{
	host_irqs_off = true;
}

static inline void arch_irq_restore(unsigned long flags)
{
	if (flags)
		arch_irq_enable();
}

static inline void arch_relax(void)
{
	host_relax();
}

/* Linux populates stacks. */
static inline void arch_stack_probe(void)
{
}

#endif
