/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* PCI configuration space: two ways to reach it, and the capability list. */

#include <arch/io.h>
#include <arch/mmu.h>
#include <kernel/acpi.h>
#include <kernel/cmdline.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/pci.h>
#include <string.h>

/* Configuration mechanism 1 (PCI 3.0 §3.2.2.3.2): an address port and a data port. */
#define ADDRESS_PORT   0xcf8
#define DATA_PORT      0xcfc
#define ADDRESS_ENABLE 0x80000000u

#define BUS_ECAM_BYTES (UINT64_C(1) << 20) /* 4 KiB a function (PCIe 5.0 §7.2.2) */

/* The address port and the data port go together: under the lock. */
static struct spinlock port_lock;

/* ECAM windows, one a bus, mapped when the bus is first looked at: at boot, or when
 * something is plugged in. The list only grows, so readers need no lock. */
struct ecam_bus {
	uint16_t segment;
	uint8_t bus;
	volatile uint8_t *registers; /* NULL: no window covers that bus */
	struct ecam_bus *next;
};
static struct ecam_bus *ecam_buses;

static enum { UNKNOWN, PORTS, ECAM } preferred;

CMDLINE_KEY(pci, "pci=ecam: configuration space through ECAM, not through ports");

static void prefer(void)
{
	const char *value = cmdline_value("pci", 0);
	uint32_t before = port_read32(ADDRESS_PORT);
	struct acpi_ecam first;

	/* The address port reads back what was written, where there is one. */
	port_write32(ADDRESS_PORT, ADDRESS_ENABLE);
	preferred = port_read32(ADDRESS_PORT) == ADDRESS_ENABLE ? PORTS : ECAM;
	port_write32(ADDRESS_PORT, before);
	if (value && strcmp(value, "ecam") == 0 && acpi_ecam(0, &first))
		preferred = ECAM;
}

static volatile uint8_t *ecam_find(uint16_t segment, uint8_t bus)
{
	struct acpi_ecam window;

	for (unsigned i = 0; acpi_ecam(i, &window); i++)
		if (window.segment == segment && bus >= window.first_bus &&
		    bus <= window.last_bus)
			return arch_map_device(window.address + bus * BUS_ECAM_BYTES,
					       BUS_ECAM_BYTES);
	return NULL;
}

static volatile uint8_t *ecam(const struct pci_address *address, unsigned offset)
{
	struct ecam_bus *each = ecam_buses;

	while (each && (each->segment != address->segment || each->bus != address->bus))
		each = each->next;
	if (!each) {
		each = kmalloc(sizeof(*each));
		if (!each)
			return NULL;
		*each = (struct ecam_bus){ address->segment, address->bus,
					   ecam_find(address->segment, address->bus),
					   ecam_buses };
		__atomic_store_n(&ecam_buses, each, __ATOMIC_RELEASE);
	}
	if (!each->registers)
		return NULL;
	return each->registers +
	       ((unsigned)address->device << 15 | (unsigned)address->function << 12) +
	       offset;
}

/* True if the ports reach that register. */
static bool by_port(const struct pci_address *address, unsigned offset)
{
	if (preferred == UNKNOWN)
		prefer();
	return preferred == PORTS && address->segment == 0 && offset < 256;
}

static uint32_t port_address(const struct pci_address *address, unsigned offset)
{
	return ADDRESS_ENABLE | (uint32_t)address->bus << 16 |
	       (uint32_t)address->device << 11 | (uint32_t)address->function << 8 |
	       (offset & 0xfc);
}

static uint32_t read(const struct pci_device *device, unsigned offset, unsigned width)
{
	const struct pci_address *address = &device->address;
	uint16_t data = (uint16_t)(DATA_PORT + offset % 4);
	const volatile uint8_t *registers;
	unsigned long flags;
	uint32_t value;

	if (by_port(address, offset)) {
		flags = spin_lock(&port_lock);
		port_write32(ADDRESS_PORT, port_address(address, offset));
		value = width == 4   ? port_read32(data)
			: width == 2 ? port_read16(data)
				     : port_read8(data);
		spin_unlock(&port_lock, flags);
		return value;
	}
	registers = offset < 4096 ? ecam(address, offset) : NULL;
	if (!registers)
		return UINT32_MAX;
	return width == 4   ? mmio_read32(registers)
	       : width == 2 ? mmio_read16(registers)
			    : mmio_read8(registers);
}

static void write(const struct pci_device *device, unsigned offset, unsigned width,
		  uint32_t value)
{
	const struct pci_address *address = &device->address;
	uint16_t data = (uint16_t)(DATA_PORT + offset % 4);
	volatile uint8_t *registers;
	unsigned long flags;

	if (by_port(address, offset)) {
		flags = spin_lock(&port_lock);
		port_write32(ADDRESS_PORT, port_address(address, offset));
		if (width == 4)
			port_write32(data, value);
		else if (width == 2)
			port_write16(data, (uint16_t)value);
		else
			port_write8(data, (uint8_t)value);
		spin_unlock(&port_lock, flags);
		return;
	}
	registers = offset < 4096 ? ecam(address, offset) : NULL;
	if (!registers)
		return;
	if (width == 4)
		mmio_write32(registers, value);
	else if (width == 2)
		mmio_write16(registers, (uint16_t)value);
	else
		mmio_write8(registers, (uint8_t)value);
}

uint8_t pci_read8(const struct pci_device *device, unsigned offset)
{
	return (uint8_t)read(device, offset, 1);
}

uint16_t pci_read16(const struct pci_device *device, unsigned offset)
{
	return (uint16_t)read(device, offset, 2);
}

uint32_t pci_read32(const struct pci_device *device, unsigned offset)
{
	return read(device, offset, 4);
}

void pci_write8(const struct pci_device *device, unsigned offset, uint8_t value)
{
	write(device, offset, 1, value);
}

void pci_write16(const struct pci_device *device, unsigned offset, uint16_t value)
{
	write(device, offset, 2, value);
}

void pci_write32(const struct pci_device *device, unsigned offset, uint32_t value)
{
	write(device, offset, 4, value);
}

#define STATUS		    0x06
#define STATUS_CAPABILITIES 0x10
#define CAPABILITIES	    0x34

unsigned pci_capability(const struct pci_device *device, uint8_t id, unsigned from)
{
	unsigned at;

	if (from)
		at = pci_read8(device, from + 1);
	else if (pci_read16(device, STATUS) & STATUS_CAPABILITIES)
		at = pci_read8(device, CAPABILITIES);
	else
		return 0;
	for (unsigned step = 0; step < PCI_CAPABILITIES_MAX; step++) {
		uint16_t header;

		at &= 0xfc; /* the low two bits are reserved (PCI 3.0 §6.7) */
		if (at < 0x40)
			return 0;
		header = pci_read16(device, at);
		if (header == 0xffff) /* the device is gone [PCI-30] */
			return 0;
		if ((header & 0xff) == id)
			return at;
		at = header >> 8;
	}
	return 0;
}
