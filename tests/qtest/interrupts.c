/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Interrupts. A device writes its MSI-X messages to an address it was given: here words of
 * RAM, one a vector, which a timer looks at. Lines: QEMU tells what its I/O APIC hears. */

#include <errno.h>
#include <arch/interrupt.h>
#include <arch/io.h>
#include <kernel/page.h>
#include <kernel/time.h>
#include "qtest.h"

#define VECTORS	  256
#define LINES	  24
#define PERIOD_NS (200 * NS_PER_US)

static uint64_t words_phys; /* 32 bits a vector; written by devices */
static struct timer timer;
static struct line {
	unsigned vector;
	bool raised, masked;
} lines[LINES];

void arch_msi_message(unsigned vector, struct msi_message *message)
{
	*message = (struct msi_message){ words_phys + 4 * vector, 1 };
}

int arch_line_route(unsigned gsi, unsigned vector)
{
	if (gsi >= LINES)
		return -ENODEV;
	lines[gsi].vector = vector;
	return 0;
}

void arch_line_mask(unsigned gsi, bool masked)
{
	if (gsi < LINES)
		lines[gsi].masked = masked;
}

void qtest_line(unsigned gsi, bool raised)
{
	if (gsi < LINES)
		lines[gsi].raised = raised;
}

static void look(struct timer *self)
{
	uint32_t *words = phys_to_virt(words_phys);

	for (unsigned i = 0; i < VECTORS; i++)
		if (__atomic_exchange_n(&words[i], 0, __ATOMIC_ACQ_REL))
			irq_dispatch(i);
	host_port_read(0x80, 1); /* its answer comes after what the lines have to say */
	for (unsigned i = 0; i < LINES; i++)
		if (lines[i].raised && lines[i].vector && !lines[i].masked)
			irq_dispatch(lines[i].vector);
	timer_arm(self, clock_ns() + PERIOD_NS);
}

void qtest_interrupts_begin(void)
{
	words_phys = page_alloc(0);
	for (unsigned i = 0; i < VECTORS; i++)
		((uint32_t *)phys_to_virt(words_phys))[i] = 0;
	qtest_command("irq_intercept_in ioapic\n");
	timer.expired = look;
	timer_arm(&timer, clock_ns() + PERIOD_NS);
}
