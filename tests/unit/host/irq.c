/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Interrupt handlers on the host. A message's data is the vector, its address the local
 * APIC's; lines are kept as lists. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <kernel/irq.h>
#include "host.h"

#define APIC_ADDRESS 0xfee00000u
#define FIRST	     48
#define VECTORS	     192
#define LINES	     64

unsigned host_irq_vectors = VECTORS;
bool host_irq_storms;
static struct irq_handler *vectors[VECTORS];
static struct irq_handler *lines[LINES];

int irq_msi_attach(struct irq_handler *handler, struct msi_message *message)
{
	for (unsigned i = 0; i < VECTORS && host_irq_vectors; i++) {
		if (vectors[i])
			continue;
		vectors[i] = handler;
		host_irq_vectors--;
		*message = (struct msi_message){ APIC_ADDRESS, FIRST + i };
		return 0;
	}
	return -ENOSPC;
}

int irq_line_attach(unsigned gsi, struct irq_handler *handler)
{
	if (gsi >= LINES)
		return -ENODEV;
	handler->next = lines[gsi];
	lines[gsi] = handler;
	return 0;
}

void irq_detach(struct irq_handler *handler)
{
	for (unsigned i = 0; i < VECTORS; i++) {
		if (vectors[i] == handler) {
			vectors[i] = NULL;
			host_irq_vectors++;
		}
	}
	for (unsigned i = 0; i < LINES; i++) {
		struct irq_handler **link = &lines[i];

		while (*link && *link != handler)
			link = &(*link)->next;
		if (*link)
			*link = handler->next;
	}
}

unsigned host_irq_attached(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < VECTORS; i++)
		count += vectors[i] != NULL;
	for (unsigned i = 0; i < LINES; i++)
		for (struct irq_handler *each = lines[i]; each; each = each->next)
			count++;
	return count;
}

static bool run(struct irq_handler *handler)
{
	unsigned long flags = arch_irq_save();
	bool claimed;

	host_cpu.interrupt_depth++;
	claimed = handler->handle(handler->context);
	host_cpu.interrupt_depth--;
	handler->count += claimed;
	arch_irq_restore(flags);
	return claimed;
}

bool host_irq_message(uint64_t address, uint32_t data)
{
	if (address != APIC_ADDRESS || data < FIRST || data >= FIRST + VECTORS ||
	    !vectors[data - FIRST])
		return false;
	return run(vectors[data - FIRST]);
}

bool host_irq_line(unsigned gsi)
{
	bool any = false;

	if (gsi >= LINES)
		return false;
	for (unsigned round = 0; round < 100; round++) {
		bool claimed = false;

		for (struct irq_handler *each = lines[gsi]; each; each = each->next)
			claimed |= run(each);
		if (!claimed)
			return any;
		any = true;
	}
	if (host_irq_storms)
		return true;
	fprintf(stderr, "line %u never goes quiet\n", gsi);
	abort();
}

void irq_dispatch(unsigned vector)
{
	host_irq_message(APIC_ADDRESS, vector);
}
