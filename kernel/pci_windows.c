/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The ranges of addresses that a PCI bus has, and free places in them (PCI-to-PCI Bridge 1.2
 * §3.2.5). */

#include <arch/irqflags.h>
#include <kernel/aml.h>
#include <kernel/log.h>
#include <kernel/pci_hotplug.h>
#include <kernel/pci_windows.h>

/* Ports below belong to what a PC always had; the address 0 means that there is none. */
#define FIRST_PLACE 0x1000

#define HEADER_TYPE  0x0e
#define HEADER_MULTI 0x80

static void add(struct pci_ranges *ranges, enum pci_window kind, uint64_t first,
		uint64_t last)
{
	if (first < FIRST_PLACE)
		first = FIRST_PLACE;
	if (first > last)
		return;
	if (ranges->count < PCI_RANGES_MAX)
		ranges->each[ranges->count++] = (struct pci_range){ kind, first, last };
	else
		log_warn(
			"pci: a bus with more than %u ranges of addresses: one is not used",
			PCI_RANGES_MAX);
}

/* What the bridge passes on; a window whose end is before its start is closed. */
void pci_bridge_windows(const struct pci_device *bridge, struct pci_ranges *out)
{
	uint32_t io = pci_read16(bridge, PCI_IO_WINDOW);
	uint32_t memory = pci_read32(bridge, PCI_MEMORY_WINDOW);
	uint32_t prefetch = pci_read32(bridge, PCI_PREFETCH_WINDOW);
	uint64_t high = pci_read32(bridge, PCI_PREFETCH_BASE_HIGH);
	uint64_t end_high = pci_read32(bridge, PCI_PREFETCH_END_HIGH);

	if ((prefetch & 0xf) != 1) /* 32 bits */
		high = end_high = 0;
	if (io & 0xf0f0)
		add(out, PCI_PORTS, (io & 0xf0) << 8, (io & 0xf000) | 0xfff);
	add(out, PCI_MEMORY, (memory & 0xfff0) << 16, (memory & 0xfff00000) | 0xfffff);
	add(out, PCI_PREFETCHABLE, high << 32 | (prefetch & 0xfff0) << 16,
	    end_high << 32 | (prefetch & 0xfff00000) | 0xfffff);
}

static void take_resource(const struct aml_resource *resource, void *context)
{
	uint64_t first = resource->first;

	if (resource->kind == AML_PORTS)
		add(context, PCI_PORTS, first, resource->last);
	else if (resource->kind == AML_MEMORY && first >= 1 << 20)
		add(context, PCI_MEMORY, first, resource->last);
	else if (resource->kind == AML_PREFETCHABLE)
		add(context, PCI_PREFETCHABLE, first, resource->last);
}

/* What ACPI says of the host bridge with that root bus. */
static void host_windows(uint8_t bus, struct pci_ranges *out)
{
	struct aml start, block, device, object, scopes, scope;

	for (unsigned i = 0; aml_block(i, &start); i++) {
		block = start;
		while (aml_device_next(&block, &device)) {
			uint64_t root = 0;

			if (!aml_is_a(&device, "PNP0A03") &&
			    !aml_is_a(&device, "PNP0A08"))
				continue;
			if (aml_name(&device, "_BBN", &object))
				aml_integer(object, &root);
			if (root != bus)
				continue;
			aml_resources(&device, take_resource, out);
			scopes = start;
			while (aml_scope_next(&scopes, &device, &scope))
				aml_resources(&scope, take_resource, out);
		}
	}
}

/* Moves *at past a range that [*at, *at + bytes) overlaps, or to the end of all addresses;
 * true if it did. */
static bool dodge(uint64_t *at, uint64_t bytes, uint64_t first, uint64_t last)
{
	if (*at > last || *at + bytes - 1 < first)
		return false;
	*at = last == UINT64_MAX ? last : last + 1;
	return true;
}

/* The same for all that a device on this bus answers to. */
static bool dodge_device(uint64_t *at, uint64_t bytes, bool io, struct pci_device *device)
{
	unsigned long flags = arch_irq_save(); /* sizing switches its decoding off */
	bool moved = false;

	for (unsigned i = 0; i < 6; i++) {
		const struct pci_bar *bar = pci_bar(device, i);

		if (bar->bytes && bar->base && bar->io == io)
			moved |= dodge(at, bytes, bar->base, bar->base + bar->bytes - 1);
	}
	arch_irq_restore(flags);
	if (device->header_type == 1) {
		struct pci_ranges windows = { .count = 0 };

		pci_bridge_windows(device, &windows);
		for (unsigned i = 0; i < windows.count; i++)
			if ((windows.each[i].kind == PCI_PORTS) == io)
				moved |= dodge(at, bytes, windows.each[i].first,
					       windows.each[i].last);
	}
	return moved;
}

bool pci_sibling(const struct pci_device *self, unsigned function,
		 struct pci_device *sibling)
{
	struct pci_device first = { .address = self->address };
	uint32_t id;

	first.address.function = 0;
	if (function == self->address.function ||
	    (function && !(pci_read8(&first, HEADER_TYPE) & HEADER_MULTI)))
		return false;
	*sibling = first;
	sibling->address.function = (uint8_t)function;
	id = pci_read32(sibling, 0);
	sibling->header_type = pci_read8(sibling, HEADER_TYPE) & (HEADER_MULTI - 1);
	return id && (id & 0xffff) != 0xffff;
}

/* Each round goes past something, or beyond the last address, which is before the window: so
 * the rounds end. Other functions of the same device have places, but are not listed yet. */
uint64_t pci_find_place(const struct pci_range *window, uint64_t bytes,
			const struct pci_device *self, const uint64_t *own)
{
	uint64_t at = window->first;
	bool io = window->kind == PCI_PORTS, moved;
	struct pci_device sibling;

	do {
		moved = false;
		at = (at + bytes - 1) & ~(bytes - 1);
		if (at < window->first || at > window->last ||
		    bytes - 1 > window->last - at)
			return 0;
		for (unsigned i = 0; i < PCI_OWN_PLACES; i++)
			if (own[2 * i + 1])
				moved |= dodge(&at, bytes, own[2 * i],
					       own[2 * i] + own[2 * i + 1] - 1);
		for (struct pci_device *each = pci_devices; each; each = each->next)
			if (each->address.bus == self->address.bus)
				moved |= dodge_device(&at, bytes, io, each);
		for (unsigned f = 0; f < 8; f++)
			if (pci_sibling(self, f, &sibling))
				moved |= dodge_device(&at, bytes, io, &sibling);
	} while (moved);
	return at;
}

void pci_windows(uint8_t bus, struct pci_ranges *out)
{
	const struct pci_device *bridge = pci_bridge_to(bus);

	out->count = 0;
	if (bridge)
		pci_bridge_windows(bridge, out);
	else
		host_windows(bus, out);
}
