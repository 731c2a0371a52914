/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Bus numbers and windows for a bridge that came after the firmware had given those
 * (PCI-to-PCI Bridge 1.2 §3.2.5): out of what its own bus has, which behind another bridge is
 * what the firmware reserved there. Bridges that come together share that, and each leaves
 * something for what else there may be [PCI-24]. */

#include <kernel/log.h>
#include <kernel/pci_hotplug.h>
#include <kernel/pci_windows.h>

#define ID	       0x00
#define BUSES	       0x18 /* primary, secondary, subordinate, latency */
#define ALL_BUSES      256
#define ROOT_SHARE_MAX 16 /* numbers for a bridge on a root bus */

#define MEMORY_GRANULE 0x100000
#define PORTS_GRANULE  0x1000
#define WINDOW_MAX     (UINT64_C(16) << 20)

static uint8_t secondary(uint32_t buses)
{
	return (uint8_t)(buses >> 8);
}

static uint8_t subordinate(uint32_t buses)
{
	return (uint8_t)(buses >> 16);
}

static bool leads_to(const struct pci_device *bridge, uint8_t bus)
{
	for (unsigned depth = 0; bus && depth < ALL_BUSES; depth++) {
		const struct pci_device *above = pci_bridge_to(bus);

		if (!above || above == bridge)
			return above == bridge;
		bus = above->address.bus;
	}
	return false;
}

static void take(bool *taken, const struct pci_device *bridge)
{
	uint32_t buses = pci_read32(bridge, BUSES);

	for (unsigned i = secondary(buses); i && i <= subordinate(buses); i++)
		taken[i] = true;
}

/* Numbers where somebody is, and those reserved for bridges that do not lead to us. */
static void find_taken(const struct pci_device *self, bool *taken)
{
	struct pci_device sibling;

	for (unsigned i = 0; i < ALL_BUSES; i++)
		taken[i] = pci_bus_known((uint8_t)i);
	for (struct pci_device *each = pci_devices; each; each = each->next)
		if (each->header_type == 1 && !leads_to(each, self->address.bus))
			take(taken, each);
	for (unsigned f = 0; f < 8; f++)
		if (pci_sibling(self, f, &sibling) && sibling.header_type == 1)
			take(taken, &sibling);
}

/* The first run of free numbers below this bus; its length. Behind the number of another
 * root bus they are that one's. */
static unsigned free_buses(const struct pci_device *self, unsigned *first)
{
	uint8_t bus = self->address.bus;
	const struct pci_device *above = pci_bridge_to(bus);
	unsigned end = above ? subordinate(pci_read32(above, BUSES)) + 1u : ALL_BUSES;
	unsigned at = bus + 1u, count = 0;
	bool taken[ALL_BUSES];

	find_taken(self, taken);
	for (; at < end && taken[at]; at++)
		if (!above && pci_bus_known((uint8_t)at) && !pci_bridge_to((uint8_t)at))
			return 0;
	*first = at;
	while (at + count < end && !taken[at + count])
		count++;
	return count;
}

/* The bridges on the bus that have no numbers yet, ours among them. */
static unsigned count_new(const struct pci_device *self)
{
	unsigned count = 0;

	for (unsigned slot = 0; slot < 32; slot++) {
		struct pci_device place = { .address = self->address };

		place.address.device = (uint8_t)slot;
		place.address.function = 8; /* a sibling to all */
		for (unsigned f = 0; f < 8; f++) {
			struct pci_device each;

			count += pci_sibling(&place, f, &each) && each.header_type == 1 &&
				 !secondary(pci_read32(&each, BUSES));
		}
	}
	return count ? count : 1;
}

static bool assign_buses(const struct pci_device *self, unsigned sharers)
{
	unsigned first = 0, count = free_buses(self, &first), share = count / sharers;

	if (count && !share)
		share = 1;
	if (!pci_bridge_to(self->address.bus) && share > ROOT_SHARE_MAX)
		share = ROOT_SHARE_MAX;
	pci_write32(self, BUSES,
		    count ? self->address.bus | first << 8 | (first + share - 1) << 16
			  : self->address.bus);
	return count;
}

/* The largest part of the bus's window that is free and that the others can spare. */
static struct pci_range window_place(const struct pci_ranges *windows,
				     const struct pci_range *wanted, uint64_t granule,
				     const struct pci_device *self, const uint64_t *own,
				     unsigned sharers)
{
	for (unsigned i = 0; i < windows->count; i++) {
		struct pci_range window = windows->each[i];
		uint64_t part, size = WINDOW_MAX;

		if (window.kind != wanted->kind)
			continue;
		if (window.last > wanted->last)
			window.last = wanted->last;
		part = window.last < window.first
			       ? 0
			       : (window.last - window.first) / (sharers + 1) + 1;
		while (size > granule && size > part)
			size /= 2;
		for (; size >= granule; size /= 2) {
			uint64_t at = pci_find_place(&window, size, self, own);

			if (at)
				return (struct pci_range){ wanted->kind, at,
							   at + size - 1 };
		}
	}
	return (struct pci_range){ wanted->kind, granule, 0 }; /* closed */
}

static void set_window(const struct pci_device *self, const struct pci_range *window)
{
	uint32_t first = (uint32_t)window->first, last = (uint32_t)window->last;
	uint32_t both = (first >> 16 & 0xfff0) | (last & 0xfff00000);

	switch (window->kind) {
	case PCI_PORTS:
		pci_write16(self, PCI_IO_WINDOW,
			    (uint16_t)((first >> 8 & 0xf0) | (last & 0xf000)));
		break;
	case PCI_MEMORY:
		pci_write32(self, PCI_MEMORY_WINDOW, both);
		break;
	case PCI_PREFETCHABLE:
		pci_write32(self, PCI_PREFETCH_WINDOW, both);
		pci_write32(self, PCI_PREFETCH_BASE_HIGH,
			    (uint32_t)(window->first >> 32));
		pci_write32(self, PCI_PREFETCH_END_HIGH, (uint32_t)(window->last >> 32));
		break;
	}
}

/* Ports, and memory that may be prefetched, are as may be: what is behind can do without. */
static bool assign_windows(const struct pci_device *self, const uint64_t *own,
			   unsigned sharers)
{
	bool wide = (pci_read32(self, PCI_PREFETCH_WINDOW) & 0xf) == 1;
	const struct pci_range wanted[] = {
		{ PCI_PORTS, 0, UINT16_MAX },
		{ PCI_PREFETCHABLE, 0, wide ? UINT64_MAX : UINT32_MAX },
		{ PCI_MEMORY, 0, UINT32_MAX },
	};
	struct pci_range window = { .first = 1 };
	struct pci_ranges windows;

	pci_windows(self->address.bus, &windows);
	for (unsigned i = 0; i < 3; i++) {
		window = window_place(&windows, &wanted[i],
				      wanted[i].kind == PCI_PORTS ? PORTS_GRANULE
								  : MEMORY_GRANULE,
				      self, own, sharers);
		set_window(self, &window);
	}
	return window.first < window.last;
}

void pci_assign_bridge(const struct pci_device *self, const uint64_t *own)
{
	const struct pci_address *at = &self->address;
	unsigned sharers = count_new(self);

	if (!assign_buses(self, sharers))
		log_warn("pci: %x:%02x.%u: a bridge, but its bus has no number left for "
			 "what is behind it: that is not found",
			 at->bus, at->device, at->function);
	else if (!assign_windows(self, own, sharers))
		log_warn(
			"pci: %x:%02x.%u: a bridge, but its bus has no memory window left "
			"for what is behind it",
			at->bus, at->device, at->function);
}
