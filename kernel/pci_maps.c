/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Mappings of BARs, which are never undone, are made once: a device that is plugged into the
 * same slot again gets the same addresses (pci_assign.c), and a queue that is set up again has
 * its doorbell where it was. Linked in with any driver but the console's. */

#include <arch/mmu.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/pci.h>

struct mapping {
	uint64_t phys, bytes;
	volatile void *at;
	struct mapping *next;
};

static struct spinlock lock; /* for the list, which only grows */
static struct mapping *mappings;

static volatile void *find(uint64_t phys, uint64_t bytes)
{
	unsigned long flags = spin_lock(&lock);
	struct mapping *each = mappings;

	while (each && (each->phys != phys || each->bytes != bytes))
		each = each->next;
	spin_unlock(&lock, flags);
	return each ? each->at : NULL;
}

static void remember(struct mapping *mapping)
{
	unsigned long flags = spin_lock(&lock);

	mapping->next = mappings;
	mappings = mapping;
	spin_unlock(&lock, flags);
}

volatile void *pci_map_once(uint64_t phys, size_t bytes)
{
	volatile void *at = find(phys, bytes);
	struct mapping *mapping;

	if (at)
		return at;
	mapping = kmalloc(sizeof(*mapping));
	if (!mapping)
		return NULL;
	at = arch_map_device(phys, bytes);
	*mapping = (struct mapping){ .phys = phys, .bytes = bytes, .at = at };
	if (at)
		remember(mapping);
	else
		kfree(mapping);
	return at;
}
