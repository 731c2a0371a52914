/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The interrupt controller under kernel/irq.c, on the host: tests/unit/host/interrupt.c
 * remembers what was routed and masked. */

#ifndef ARCH_INTERRUPT_H
#define ARCH_INTERRUPT_H

#include <stdbool.h>
#include <kernel/irq.h>

#define ARCH_VECTOR_FIRST 48
#define ARCH_VECTOR_LAST  238

#define HOST_LINES 24
struct host_line {
	unsigned vector; /* 0: not routed */
	bool masked;
};
extern struct host_line host_lines[HOST_LINES];

void arch_msi_message(unsigned vector, struct msi_message *message);
int arch_line_route(unsigned gsi, unsigned vector);
void arch_line_mask(unsigned gsi, bool masked);

#endif
