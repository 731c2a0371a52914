/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The PCI scan: which functions there are, and which driver takes them. It reads as
 * little as it can, since each read is an exit to the hypervisor. */

#include <kernel/heap.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/pci.h>
#include <string.h>

LINKSET_DECLARE(pci_drivers, const struct pci_driver);

#define ID		   0x00
#define CLASS		   0x08
#define HEADER		   0x0c
#define HEADER_MULTI	   0x80 /* in the type's byte */
#define HEADER_BRIDGE	   1
#define BUSES		   0x18 /* of a bridge: primary, secondary, subordinate */
#define SUBSYSTEM	   0x2c
#define INTERRUPT	   0x3c
#define CAPABILITY_MSIX	   0x11
#define MSIX_CONTROL	   2
#define MSIX_VECTORS(word) (((word)&0x7ff) + 1)

struct pci_device *pci_devices;

/* Buses that bridges lead to. Each is scanned once, however the bridges are set up
 * [PCI-24]. */
enum { BUS_UNKNOWN, BUS_WANTED, BUS_SCANNED };
static uint8_t buses[256];

static const struct pci_driver *find_driver(const struct pci_device *device)
{
	LINKSET_EACH(pci_drivers, entry)
	if ((*entry)->matches(device))
		return *entry;
	return NULL;
}

/* What only a driver wants to know. */
static void read_details(struct pci_device *device)
{
	uint32_t subsystem = pci_read32(device, SUBSYSTEM);
	uint16_t interrupt = pci_read16(device, INTERRUPT);

	if (device->header_type == 0) {
		device->subsystem_vendor = (uint16_t)subsystem;
		device->subsystem = (uint16_t)(subsystem >> 16);
	}
	device->interrupt_line = (uint8_t)interrupt;
	device->interrupt_pin = (uint8_t)(interrupt >> 8);
	device->msix_capability = (uint8_t)pci_capability(device, CAPABILITY_MSIX, 0);
	if (device->msix_capability)
		device->msix_vectors = MSIX_VECTORS(
			pci_read16(device, device->msix_capability + MSIX_CONTROL));
}

static void found(const struct pci_device *probed)
{
	struct pci_device *device = kmalloc(sizeof(*device)), **link = &pci_devices;
	uint32_t class;
	int error;

	if (!device) {
		log_error("pci: no memory for a device");
		return;
	}
	*device = *probed;
	class = pci_read32(device, CLASS);
	device->revision = (uint8_t) class;
	device->interface = (uint8_t)(class >> 8);
	device->subclass = (uint8_t)(class >> 16);
	device->class_code = (uint8_t)(class >> 24);
	while (*link)
		link = &(*link)->next;
	*link = device;

	device->driver = find_driver(device);
	if (!device->driver)
		return;
	read_details(device);
	error = device->driver->probe(device);
	if (error) {
		log_error("pci: %x:%02x.%u: %s failed (error %d)", device->address.bus,
			  device->address.device, device->address.function,
			  device->driver->name, -error);
		if (!device->driver_data)
			device->driver = NULL;
	}
}

/* Looks for one function; returns whether it is there, with its header's type byte. */
static bool probe(struct pci_device *device, uint8_t *type)
{
	uint32_t id = pci_read32(device, ID);

	if ((id & 0xffff) == 0xffff || id == 0)
		return false;
	device->vendor = (uint16_t)id;
	device->device = (uint16_t)(id >> 16);
	*type = (uint8_t)(pci_read32(device, HEADER) >> 16);
	device->header_type = *type & (HEADER_MULTI - 1);
	return true;
}

static void scan_function(struct pci_device *device)
{
	uint8_t secondary;

	if (device->header_type == HEADER_BRIDGE) {
		secondary = (uint8_t)(pci_read32(device, BUSES) >> 8);
		if (buses[secondary] == BUS_UNKNOWN) { /* 0, nothing set up, is known */
			buses[secondary] = BUS_WANTED;
			device->secondary = secondary;
		}
	}
	found(device);
}

static void scan_slot(const struct pci_address *place)
{
	struct pci_device first = { .address = *place };
	uint8_t type;

	if (!probe(&first, &type))
		return;
	scan_function(&first);
	for (unsigned f = 1; f < 8 && type & HEADER_MULTI; f++) {
		struct pci_device other = { .address = *place };
		uint8_t ignored;

		other.address.function = (uint8_t)f;
		if (probe(&other, &ignored))
			scan_function(&other);
	}
}

static void scan_bus(unsigned bus)
{
	buses[bus] = BUS_SCANNED;
	for (unsigned slot = 0; slot < 32; slot++)
		scan_slot(&(struct pci_address){ .bus = (uint8_t)bus,
						 .device = (uint8_t)slot });
}

void pci_scan_slot(const struct pci_address *place)
{
	scan_slot(place);
}

int pci_bus_next(void)
{
	uint8_t *next = memchr(buses, BUS_WANTED, sizeof(buses));

	if (!next)
		return -1;
	*next = BUS_SCANNED;
	return (int)(next - buses);
}

bool pci_bus_known(uint8_t bus)
{
	return buses[bus] != BUS_UNKNOWN;
}

void pci_bus_forget(uint8_t bus)
{
	buses[bus] = BUS_UNKNOWN;
}

void pci_free(struct pci_device *device)
{
	kfree(device);
}

static void scan_wanted(void)
{
	for (const uint8_t *next; (next = memchr(buses, BUS_WANTED, sizeof(buses)));)
		scan_bus((unsigned)(next - buses));
}

void pci_scan_root(uint8_t bus)
{
	if (buses[bus] == BUS_SCANNED)
		return;
	buses[bus] = BUS_WANTED;
	scan_wanted();
}

void pci_scan(void)
{
	memset(buses, BUS_UNKNOWN, sizeof(buses));
	buses[0] = BUS_WANTED;
	scan_wanted();
}
INIT_CALL(INIT_BUS, pci_scan);
