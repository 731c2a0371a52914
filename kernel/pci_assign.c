/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Addresses and a line for a PCI function that came after the firmware had given those: in
 * the windows that its bus has, where nobody else is (PCI 3.0 §6.2.5, PCI-to-PCI Bridge 1.2
 * §3.2.5). */

#include <arch/irqflags.h>
#include <kernel/aml.h>
#include <kernel/log.h>
#include <kernel/pci_hotplug.h>

#define BAR(index)	 0x10 + 4 * (index)
#define BAR_KIND	 0x7 /* ports or memory, and how wide */
#define BAR_WIDE	 0x4
#define BAR_PREFETCHABLE 0x8
#define INTERRUPT_LINE	 0x3c
#define INTERRUPT_PIN	 0x3d
#define LINE_NONE	 0xff
#define CLASS_BRIDGE	 0x06

/* Of a bridge. */
#define IO_WINDOW	   0x1c
#define MEMORY_WINDOW	   0x20
#define PREFETCH_WINDOW	   0x24
#define PREFETCH_BASE_HIGH 0x28
#define PREFETCH_END_HIGH  0x2c

/* Ports below belong to what a PC always had; the address 0 means that there is none. */
#define FIRST_PLACE 0x1000

enum kind { MEMORY, PREFETCHABLE, PORTS };
struct range {
	enum kind kind;
	uint64_t first, last;
};

#define RANGES_MAX 16
struct ranges {
	struct range each[RANGES_MAX];
	unsigned count; /* more are left unused */
};

static void add(struct ranges *ranges, enum kind kind, uint64_t first, uint64_t last)
{
	if (first < FIRST_PLACE)
		first = FIRST_PLACE;
	if (first <= last && ranges->count < RANGES_MAX)
		ranges->each[ranges->count++] = (struct range){ kind, first, last };
}

/* What the bridge passes on; a window whose end is before its start is closed. */
static void bridge_windows(const struct pci_device *bridge, struct ranges *out)
{
	uint32_t io = pci_read16(bridge, IO_WINDOW);
	uint32_t memory = pci_read32(bridge, MEMORY_WINDOW);
	uint32_t prefetch = pci_read32(bridge, PREFETCH_WINDOW);
	uint64_t high = pci_read32(bridge, PREFETCH_BASE_HIGH);
	uint64_t end_high = pci_read32(bridge, PREFETCH_END_HIGH);

	if ((prefetch & 0xf) != 1) /* 32 bits */
		high = end_high = 0;
	if (io & 0xf0f0)
		add(out, PORTS, (io & 0xf0) << 8, (io & 0xf000) | 0xfff);
	add(out, MEMORY, (memory & 0xfff0) << 16, (memory & 0xfff00000) | 0xfffff);
	add(out, PREFETCHABLE, high << 32 | (prefetch & 0xfff0) << 16,
	    end_high << 32 | (prefetch & 0xfff00000) | 0xfffff);
}

static void take_resource(const struct aml_resource *resource, void *context)
{
	uint64_t first = resource->first;

	if (resource->kind == AML_PORTS)
		add(context, PORTS, first, resource->last);
	else if (resource->kind == AML_MEMORY && first >= 1 << 20)
		add(context, MEMORY, first, resource->last);
	else if (resource->kind == AML_PREFETCHABLE)
		add(context, PREFETCHABLE, first, resource->last);
}

/* What ACPI says of the host bridge with that root bus. */
static void host_windows(uint8_t bus, struct ranges *out)
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
		struct ranges windows = { .count = 0 };

		bridge_windows(device, &windows);
		for (unsigned i = 0; i < windows.count; i++)
			if ((windows.each[i].kind == PORTS) == io)
				moved |= dodge(at, bytes, windows.each[i].first,
					       windows.each[i].last);
	}
	return moved;
}

/* The first free place in the window, 0: there is none. Each round goes past something, or
 * beyond the last address, which is before the window: so the rounds end. */
static uint64_t find_place(const struct range *window, uint64_t bytes,
			   const struct pci_device *self, const uint64_t *own)
{
	uint64_t at = window->first;
	bool io = window->kind == PORTS, moved;

	do {
		moved = false;
		at = (at + bytes - 1) & ~(bytes - 1);
		if (at < window->first || at > window->last ||
		    bytes - 1 > window->last - at)
			return 0;
		for (unsigned i = 0; i < 6; i++)
			if (own[2 * i + 1])
				moved |= dodge(&at, bytes, own[2 * i],
					       own[2 * i] + own[2 * i + 1] - 1);
		for (struct pci_device *each = pci_devices; each; each = each->next)
			if (each->address.bus == self->address.bus)
				moved |= dodge_device(&at, bytes, io, each);
	} while (moved);
	return at;
}

/* As pci_bar() sees it. */
static bool is_wide(unsigned bar, uint32_t low)
{
	return (low & BAR_KIND) == BAR_WIDE && bar < 5;
}

/* A place for one BAR: a prefetchable one may also lie in a window that is not, the other
 * way round it may not; beyond 4 GiB only one that is 64 bits wide. */
static uint64_t place(const struct ranges *windows, const struct pci_device *self,
		      unsigned bar, uint32_t low, const uint64_t *own)
{
	uint64_t bytes = self->bars[bar].bytes;
	bool io = low & 1, wide = is_wide(bar, low);
	bool prefetchable = !io && low & BAR_PREFETCHABLE;

	for (unsigned pass = !prefetchable; pass < 2; pass++) {
		for (unsigned i = 0; i < windows->count; i++) {
			struct range window = windows->each[i];
			uint64_t at;

			if (window.kind != (io ? PORTS : pass ? MEMORY : PREFETCHABLE))
				continue;
			if (!wide && window.last > UINT32_MAX)
				window.last = UINT32_MAX;
			at = find_place(&window, bytes, self, own);
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
	const struct pci_device *bridge = pci_bridge_to(address->bus);
	struct ranges windows = { .count = 0 };
	uint64_t own[12] = { 0 }; /* address and size of each BAR */
	bool good = true;

	self.header_type = pci_read8(&self, 0x0e) & 0x7f;
	if (self.header_type) {
		log_warn("pci: %x:%02x.%u: a bridge that came late gets no buses: what "
			 "is behind it is not found",
			 address->bus, address->device, address->function);
		return true;
	}
	if (bridge)
		bridge_windows(bridge, &windows);
	else
		host_windows(address->bus, &windows);
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
	return good;
}
