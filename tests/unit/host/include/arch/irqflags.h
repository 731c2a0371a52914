/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Interrupt flag on the host: a variable, so that tests can see who holds it off. */

#ifndef ARCH_IRQFLAGS_H
#define ARCH_IRQFLAGS_H

#include <sched.h>
#include <stdbool.h>

/* Weak: every file that includes this may define it, the linker keeps one. */
__attribute__((weak)) _Thread_local unsigned long host_irqs_off;

static inline unsigned long arch_irq_save(void)
{
	unsigned long flags = !host_irqs_off;

	host_irqs_off = 1;
	return flags;
}

static inline bool arch_irq_flags_enabled(unsigned long flags)
{
	return flags;
}

static inline void arch_irq_enable(void)
{
	host_irqs_off = 0;
}

static inline void arch_irq_disable(void)
{
	host_irqs_off = 1;
}

static inline void arch_irq_restore(unsigned long flags)
{
	if (flags)
		arch_irq_enable();
}

/* A fuzzer has one thread, and many neighbours who would take their time. */
static inline void arch_relax(void)
{
#ifndef FUZZING
	sched_yield();
#endif
}

/* What happens while the CPU halts: a test's interrupts. */
__attribute__((weak)) void (*host_idle)(void);

static inline void arch_idle(void)
{
	if (host_idle)
		host_idle();
	else
		sched_yield();
}

static inline void arch_stack_probe(void)
{
}

#endif
