/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Spinlocks. They are always taken with interrupts off, so that a handler may take the
 * same lock; hold them for a few dozen instructions. To sleep, use <kernel/sync.h>.
 *
 * Stacks and application memory are populated by page faults, which take the page
 * allocator's and the address space's spinlocks. So under a spinlock nobody touches
 * lower-half memory that may not be there yet, or more than 4 KiB of stack: who turns
 * interrupts off has that much populated first, spin_lock() included. An inner lock does
 * not look again: the fault would come while the outer one is held. */

#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include <stdbool.h>
#include <arch/irqflags.h>

struct spinlock {
	bool held;
};

/* Interrupts are off already. */
static inline void spin_take(struct spinlock *lock)
{
	while (__builtin_expect(__atomic_test_and_set(&lock->held, __ATOMIC_ACQUIRE), 0))
		arch_relax();
}

/* Returns the interrupt state to hand back to spin_unlock(). */
static inline unsigned long spin_lock(struct spinlock *lock)
{
	unsigned long flags;

	flags = arch_irq_save();
	if (arch_irq_flags_enabled(flags))
		arch_stack_probe();
	spin_take(lock);
	return flags;
}

static inline void spin_unlock(struct spinlock *lock, unsigned long flags)
{
	__atomic_clear(&lock->held, __ATOMIC_RELEASE);
	arch_irq_restore(flags);
}

#endif
