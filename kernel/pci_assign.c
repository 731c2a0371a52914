/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Addresses and a line for a PCI function that came after the firmware had given those: in
 * the windows that its bus has, where nobody else is (PCI 3.0 §6.2.5, PCI-to-PCI Bridge 1.2
 * §3.2.5). */

#include <kernel/log.h>
#include <kernel/pci_hotplug.h>
#include <kernel/pci_windows.h>

#define BAR(index)	 0x10 + 4 * (index)
#define BAR_KIND	 0x7 /* ports or memory, and how wide */
#define BAR_WIDE	 0x4
#define BAR_PREFETCHABLE 0x8
#define HEADER_TYPE	 0x0e
#define INTERRUPT_LINE	 0x3c
#define INTERRUPT_PIN	 0x3d
#define LINE_NONE	 0xff
#define CLASS_BRIDGE	 0x06

/* As pci_bar() sees it. */
static bool is_wide(unsigned bar, uint32_t low)
{
	return (low & BAR_KIND) == BAR_WIDE && bar < 5;
}

/* A place for one BAR: a prefetchable one may also lie in a window that is not, the other
 * way round it may not; beyond 4 GiB only one that is 64 bits wide. */
static uint64_t place(const struct pci_ranges *windows, const struct pci_device *self,
		      unsigned bar, uint32_t low, const uint64_t *own)
{
	uint64_t bytes = self->bars[bar].bytes;
	bool io = low & 1, wide = is_wide(bar, low);
	bool prefetchable = !io && low & BAR_PREFETCHABLE;

	for (unsigned pass = !prefetchable; pass < 2; pass++) {
		for (unsigned i = 0; i < windows->count; i++) {
			struct pci_range window = windows->each[i];
			uint64_t at;

			if (window.kind != (io	   ? PCI_PORTS
					    : pass ? PCI_MEMORY
						   : PCI_PREFETCHABLE))
				continue;
			if (!wide && window.last > UINT32_MAX)
				window.last = UINT32_MAX;
			at = pci_find_place(&window, bytes, self, own);
			if (at)
				return at;
		}
	}
	return 0;
}

/* Where the two chipsets of PCs keep which line a wire is on (82371SB §3.2.5, ICH9 §13.1.17):
 * the wire of slot 0's pin INTA is the `first` of four. */
static const struct {
	uint32_t id;
	uint8_t registers, first;
} routers[] = { { 0x70008086, 0x60, 3 }, { 0x29188086, 0x68, 0 } };
#define ROUTE_NONE 0x80

static uint8_t routed_line(const struct pci_device *device, unsigned wire)
{
	uint32_t id = (uint32_t)device->device << 16 | device->vendor;

	for (unsigned i = 0; i < sizeof(routers) / sizeof(routers[0]); i++) {
		uint8_t route;

		if (id != routers[i].id)
			continue;
		route = pci_read8(device,
				  routers[i].registers + (routers[i].first + wire) % 4);
		return route & ROUTE_NONE ? LINE_NONE : route;
	}
	return LINE_NONE;
}

/* The line of a function on the root bus with the same slot and pin, modulo four: so lines
 * are wired on PCs. A bridge turns the pins of what is behind it the same way. */
static uint8_t find_line(const struct pci_device *self)
{
	unsigned turn = self->address.device + pci_read8(self, INTERRUPT_PIN);
	uint8_t bus = self->address.bus;
	const struct pci_device *bridge;

	for (unsigned depth = 0; (bridge = pci_bridge_to(bus)) && depth < 32; depth++) {
		turn = (turn - 1) % 4 + 1 + bridge->address.device;
		bus = bridge->address.bus;
	}
	for (struct pci_device *each = pci_devices; each; each = each->next) {
		uint8_t pin = pci_read8(each, INTERRUPT_PIN);
		uint8_t line = pci_read8(each, INTERRUPT_LINE);

		if (each->address.bus == bus && pin && line && line != LINE_NONE &&
		    (each->class_code != CLASS_BRIDGE || each->header_type == 1) &&
		    (each->address.device + pin) % 4 == turn % 4)
			return line;
	}
	for (struct pci_device *each = pci_devices; each; each = each->next) {
		uint8_t line = routed_line(each, turn - 1);

		if (line != LINE_NONE)
			return line;
	}
	return LINE_NONE;
}

static void open_bridges(uint8_t bus)
{
	struct pci_device *bridge;

	for (unsigned depth = 0; (bridge = pci_bridge_to(bus)) && depth < 32; depth++) {
		pci_enable(bridge);
		bus = bridge->address.bus;
	}
}

bool pci_assign(const struct pci_address *address)
{
	struct pci_device self = { .address = *address };
	struct pci_ranges windows;
	uint64_t own[2 * PCI_OWN_PLACES] = { 0 };
	bool good = true;

	self.header_type = pci_read8(&self, HEADER_TYPE) & 0x7f;
	if (self.header_type > 1) {
		log_warn("pci: %x:%02x.%u: not a kind of function that can be plugged in",
			 address->bus, address->device, address->function);
		return true;
	}
	pci_windows(address->bus, &windows);
	for (unsigned i = 0; i < 6; i++) {
		uint32_t low = pci_read32(&self, BAR(i));
		const struct pci_bar *bar = pci_bar(&self, i);

		if (!bar->bytes)
			continue;
		own[2 * i] = place(&windows, &self, i, low, own);
		if (own[2 * i])
			own[2 * i + 1] = bar->bytes;
		else
			good = false;
		pci_write32(&self, BAR(i), (uint32_t)own[2 * i]);
		if (is_wide(i, low))
			pci_write32(&self, BAR(i + 1), (uint32_t)(own[2 * i] >> 32));
	}
	if (pci_read8(&self, INTERRUPT_PIN))
		pci_write8(&self, INTERRUPT_LINE, find_line(&self));
	open_bridges(address->bus);
	if (self.header_type == 1)
		pci_assign_bridge(&self, own);
	return good;
}
