/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Interrupt flag, pause and idle. */

#ifndef ARCH_IRQFLAGS_H
#define ARCH_IRQFLAGS_H

#include <stdbool.h>

static inline unsigned long arch_irq_save(void)
{
	unsigned long flags;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	return flags;
}

static inline bool arch_irq_flags_enabled(unsigned long flags)
{
	return flags & 0x200;
}

static inline void arch_irq_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void arch_irq_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void arch_irq_restore(unsigned long flags)
{
	if (arch_irq_flags_enabled(flags))
		arch_irq_enable();
}

static inline void arch_relax(void)
{
	__asm__ volatile("pause");
}

/* Enables interrupts and halts in one step: sti takes effect after the next
 * instruction, so no wake-up falls between the two (Intel SDM, STI). */
static inline void arch_idle(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* Has the next 4 KiB of the running stack populated (by a page fault, if need be). */
static inline void arch_stack_probe(void)
{
	__asm__ volatile("testb $0, -4096(%%rsp)" : : : "cc", "memory");
}

#endif
