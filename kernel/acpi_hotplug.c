/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Hot plug of PCI devices as QEMU's firmware tables declare it (docs/specs/acpi_pci_hotplug
 * there): the I/O region PCST says which slots have got a device and which are asked to give
 * one up, for the bus that was selected; a general purpose event says when to look. Without
 * that region in the tables nothing is touched. */

#include <errno.h>
#include <string.h>
#include <arch/io.h>
#include <kernel/acpi.h>
#include <kernel/aml.h>
#include <kernel/init.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/pci_hotplug.h>
#include <kernel/thread.h>
#include <kernel/time.h>

/* FADT (ACPI 6.5 §5.2.9). */
#define FADT_SCI	 46
#define FADT_SMI_COMMAND 48
#define FADT_ACPI_ENABLE 52
#define FADT_PM1_CONTROL 64
#define FADT_GPE0	 80
#define FADT_GPE0_BYTES	 92
#define PM1_SCI_ENABLE	 1
#define ENABLE_NS	 NS_PER_SEC

/* From the region on. */
#define UP     0x00 /* slots with a new device; reading forgets them */
#define DOWN   0x04 /* slots whose device is wanted back */
#define EJECT  0x08
#define SELECT 0x10

#define GPE_HOTPLUG 0x02 /* event 1, whose handler is the method _E01 */

static uint16_t region, gpe;
static struct irq_handler handler;

static bool handle(void *context)
{
	(void)context;
	if (!(port_read8(gpe) & GPE_HOTPLUG))
		return false;
	port_write8(gpe, GPE_HOTPLUG); /* writing it clears it */
	pci_hotplug_wake();
	return !(port_read8(gpe) & GPE_HOTPLUG);
}

/* The bus that a bridge declared at that address of `bus` leads to; -1: there is none. */
static int bus_behind(int bus, uint64_t address)
{
	for (struct pci_device *each = pci_devices; each; each = each->next)
		if (each->secondary && each->address.bus == bus &&
		    each->address.device == address >> 16 &&
		    each->address.function == (address & 0xffff))
			return each->secondary;
	return -1;
}

/* Which bus the declarations around a place in the block are of: those of bus 0 lie in no
 * device, or in the host bridge; others in a device for the bridge, in that for its bridge,
 * and so on. */
static int bus_at(struct aml block, const uint8_t *at)
{
	struct aml device, object;
	int bus = 0;

	while (aml_device_next(&block, &device)) {
		uint64_t value = 0;

		if (at < device.at || at >= device.end)
			continue;
		if (aml_is_a(&device, "PNP0A03") || aml_is_a(&device, "PNP0A08"))
			bus = !aml_name(&device, "_BBN", &object) ||
					      !aml_integer(object, &value)
				      ? 0
			      : value <= UINT8_MAX ? (int)value
						   : -1;
		else if (aml_name(&device, "_ADR", &object) &&
			 aml_integer(object, &value))
			bus = bus_behind(bus, value);
	}
	return bus;
}

static void work_slots(uint64_t select, uint8_t bus)
{
	uint32_t up, down;

	port_write32(region + SELECT, (uint32_t)select);
	up = port_read32(region + UP);
	down = port_read32(region + DOWN);
	if (up == UINT32_MAX || down == UINT32_MAX) /* nobody answers */
		return;
	for (uint8_t slot = 0; slot < 32; slot++) {
		if (down >> slot & 1) {
			pci_slot_unplugged(bus, slot, true);
			port_write32(region + SELECT, (uint32_t)select);
			port_write32(region + EJECT, UINT32_C(1) << slot);
		} else if (up >> slot & 1 && !pci_slot_known(bus, slot)) {
			pci_slot_plugged(bus, slot);
		}
	}
}

/* Each bus whose slots can be selected declares by which number (BSEL). */
static void work(struct pci_hotplug *self)
{
	static const char name[] = "\x08"
				   "BSEL"; /* Name (BSEL, …) */
	struct aml block;

	(void)self;
	for (unsigned i = 0; aml_block(i, &block); i++) {
		for (const uint8_t *at = block.at; block.end - at > 5; at++) {
			struct aml object = { at + 5, block.end };
			uint64_t select;
			int bus;

			if (memcmp(at, name, 5) != 0 || !aml_integer(object, &select))
				continue;
			bus = bus_at(block, at);
			if (bus >= 0)
				work_slots(select, (uint8_t)bus);
		}
	}
}

static struct pci_hotplug hotplug = { .work = work };

static uint32_t field(const struct acpi_header *table, unsigned at, unsigned bytes)
{
	uint32_t value = 0;

	if (table->length >= at + bytes)
		memcpy(&value, (const uint8_t *)table + at, bytes);
	return value;
}

/* Hands events from the firmware to us (§4.8.2.5). */
static bool acpi_mode(const struct acpi_header *fadt)
{
	uint16_t pm1 = (uint16_t)field(fadt, FADT_PM1_CONTROL, 4);
	uint16_t command = (uint16_t)field(fadt, FADT_SMI_COMMAND, 4);
	uint64_t deadline = clock_ns() + ENABLE_NS;

	if (!pm1 || !command || port_read16(pm1) & PM1_SCI_ENABLE)
		return true;
	port_write8(command, (uint8_t)field(fadt, FADT_ACPI_ENABLE, 1));
	while (!(port_read16(pm1) & PM1_SCI_ENABLE)) {
		if (clock_ns() >= deadline)
			return false;
		thread_yield();
	}
	return true;
}

void acpi_hotplug_init(void)
{
	const struct acpi_header *fadt = acpi_table("FACP");
	unsigned half;
	int error;

	region = aml_port_region("PCST");
	if (!region || !fadt)
		return;
	gpe = (uint16_t)field(fadt, FADT_GPE0, 4);
	half = field(fadt, FADT_GPE0_BYTES, 1) / 2;
	if (!gpe || !half)
		return;
	handler = (struct irq_handler){ .handle = handle, .name = "hotplug" };
	error = irq_line_attach(field(fadt, FADT_SCI, 2), &handler);
	if (!error && !acpi_mode(fadt)) {
		irq_detach(&handler);
		error = -ETIMEDOUT;
	}
	if (error) {
		log_warn("acpi: no hot plug: no events (error %d)", -error);
		return;
	}
	pci_hotplug_register(&hotplug);
	port_write8(gpe, GPE_HOTPLUG);
	port_write8((uint16_t)(gpe + half),
		    port_read8((uint16_t)(gpe + half)) | GPE_HOTPLUG);
}
INIT_CALL(INIT_SERVICE, acpi_hotplug_init);
