/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The interrupt controller of tests/qtest/interrupts.c: messages go to a page of RAM that
 * is looked at, lines come over QEMU's socket. */

#ifndef ARCH_INTERRUPT_H
#define ARCH_INTERRUPT_H

#include <stdbool.h>
#include <kernel/irq.h>

#define ARCH_VECTOR_FIRST 48
#define ARCH_VECTOR_LAST  238

void arch_msi_message(unsigned vector, struct msi_message *message);
int arch_line_route(unsigned gsi, unsigned vector);
void arch_line_mask(unsigned gsi, bool masked);

#endif
