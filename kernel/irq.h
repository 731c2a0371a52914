/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Interrupt handlers. A handler runs with interrupts off, must not sleep, and returns
 * whether the interrupt was its own (lines may be shared; vectors are not). */

#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include <stdbool.h>
#include <stdint.h>

struct irq_handler {
	bool (*handle)(void *context);
	void *context;
	const char *name;
	uint64_t count;		  /* times it claimed an interrupt; for statistics */
	struct irq_handler *next; /* irq.c's: others on the same line */
};

/* A message an MSI-capable device writes to raise an interrupt. */
struct msi_message {
	uint64_t address;
	uint32_t data;
};

/* Takes a free vector for an MSI/MSI-X source. -ENOSPC when there is none left. */
int irq_msi_attach(struct irq_handler *handler, struct msi_message *message);
/* Joins a level-triggered line (global system interrupt). A line whose interrupts
 * nobody claims 1000 times in a row is masked, with a log line. */
int irq_line_attach(unsigned gsi, struct irq_handler *handler);
/* After return the handler is not running and will not be called. */
void irq_detach(struct irq_handler *handler);

/* From arch: runs what is attached to `vector`. */
void irq_dispatch(unsigned vector);

#endif
