/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The interrupt controller, for kernel/irq.c: local APIC and I/O APICs. The entry code
 * calls irq_dispatch(vector), then signals the end of interrupt, then
 * sched_interrupt_exit(); interrupts are off all the while. */

#ifndef ARCH_INTERRUPT_H
#define ARCH_INTERRUPT_H

#include <stdbool.h>
#include <kernel/irq.h>

#define ARCH_VECTOR_FIRST 48  /* vectors for devices: [FIRST, LAST] */
#define ARCH_VECTOR_LAST  238 /* 239 is the clock's, 255 the spurious one */

/* The message by which a device raises `vector` on this CPU. */
void arch_msi_message(unsigned vector, struct msi_message *message);

/* Routes a global system interrupt to `vector`, level triggered (with the polarity of the
 * MADT's override, if any), unmasked. -ENODEV: no I/O APIC has that input. */
int arch_line_route(unsigned gsi, unsigned vector);
void arch_line_mask(unsigned gsi, bool masked);

#endif
