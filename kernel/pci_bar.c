/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* PCI base address registers: sizing and mapping, and what lets a device decode them. */

#include <arch/mmu.h>
#include <kernel/boot_info.h>
#include <kernel/pci.h>

#pragma weak pci_map_once

#define COMMAND		   0x04
#define COMMAND_IO	   0x1
#define COMMAND_MEMORY	   0x2
#define COMMAND_BUS_MASTER 0x4
#define COMMAND_DECODE	   (COMMAND_IO | COMMAND_MEMORY)

#define BAR(index)     (0x10 + 4 * (index))
#define BAR_IO	       0x1
#define BAR_KIND       0x7 /* ports or memory, and how wide */
#define BAR_WIDE       0x4
#define BARS_OF_BRIDGE 2

/* A BAR up to this size is mapped as a whole, a larger one where it is used. */
#define MAP_WHOLE_BYTES (64 * 1024)

/* [PCI-23] */
void pci_enable(struct pci_device *device)
{
	uint16_t command = pci_read16(device, COMMAND);

	pci_write16(device, COMMAND, command | COMMAND_DECODE | COMMAND_BUS_MASTER);
}

void pci_disable(struct pci_device *device)
{
	uint16_t command = pci_read16(device, COMMAND);

	if (command & COMMAND_BUS_MASTER)
		pci_write16(device, COMMAND, command & ~COMMAND_BUS_MASTER);
}

/* Writes ones, sees which bits stick, puts the address back (PCI 3.0 §6.2.5.1) [PCI-23]. */
static uint32_t sizing_mask(const struct pci_device *device, unsigned bar, uint32_t value)
{
	uint32_t mask;

	pci_write32(device, BAR(bar), UINT32_MAX);
	mask = pci_read32(device, BAR(bar));
	pci_write32(device, BAR(bar), value);
	return mask;
}

static bool is_wide(uint32_t low)
{
	return (low & BAR_KIND) == BAR_WIDE;
}

/* Whether the register is the upper half of the one before it. */
static bool is_upper_half(const struct pci_device *device, unsigned index)
{
	for (unsigned i = 0; i < index; i++)
		if (is_wide(pci_read32(device, BAR(i))) && ++i == index)
			return true;
	return false;
}

/* The lowest bit that sticks is how many bytes it decodes. What would lie across its size,
 * or in RAM, does not exist. */
static void size(struct pci_device *device, unsigned index)
{
	struct pci_bar *bar = &device->bars[index];
	uint32_t low = pci_read32(device, BAR(index));
	bool wide = is_wide(low) && index < 5;
	uint32_t high = wide ? pci_read32(device, BAR(index + 1)) : 0;
	uint16_t command = pci_read16(device, COMMAND);
	uint64_t address = low & BAR_IO ? ~UINT64_C(3) : ~UINT64_C(15), mask;

	if (low == UINT32_MAX) /* the device is gone [PCI-30] */
		return;
	if (is_upper_half(device, index))
		return;
	/* While the register holds ones the device must not answer there. */
	pci_write16(device, COMMAND, command & ~COMMAND_DECODE);
	mask = sizing_mask(device, index, low);
	if (mask && wide)
		mask |= (uint64_t)sizing_mask(device, index + 1, high) << 32;
	pci_write16(device, COMMAND, command);

	mask &= address;
	bar->io = low & BAR_IO;
	bar->base = ((uint64_t)high << 32 | low) & address;
	bar->bytes = mask & -mask;
	if (bar->base & (bar->bytes - 1) ||
	    (bar->base && !bar->io &&
	     boot_ram_within(bar->base, bar->base + bar->bytes - 1)))
		bar->bytes = bar->base = 0;
}

const struct pci_bar *pci_bar(struct pci_device *device, unsigned index)
{
	static const struct pci_bar none;

	if (index >= (device->header_type == 1 ? BARS_OF_BRIDGE : 6))
		return &none;
	if (!device->bars[index].sized) {
		size(device, index);
		device->bars[index].sized = true;
	}
	return &device->bars[index];
}

static volatile void *map(uint64_t phys, size_t bytes)
{
	return pci_map_once ? pci_map_once(phys, bytes) : arch_map_device(phys, bytes);
}

volatile void *pci_bar_map(struct pci_device *device, unsigned index, uint64_t offset,
			   uint64_t bytes)
{
	const struct pci_bar *known = pci_bar(device, index);
	struct pci_bar *bar;

	if (known->io || !known->base || bytes == 0 || offset > known->bytes ||
	    bytes > known->bytes - offset)
		return NULL;
	bar = &device->bars[index];
	if (bar->bytes > MAP_WHOLE_BYTES) {
		volatile uint8_t *page;
		uint64_t start = (bar->base + offset) & ~(uint64_t)(PAGE_BYTES - 1);
		uint64_t skip = bar->base + offset - start;

		page = map(start, skip + bytes);
		return page ? page + skip : NULL;
	}
	if (!bar->mapped)
		bar->mapped = map(bar->base, bar->bytes);
	return bar->mapped ? (volatile uint8_t *)bar->mapped + offset : NULL;
}
