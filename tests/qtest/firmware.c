/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What a PC's firmware leaves behind: on bus 0 every BAR has an address, and functions know
 * the line that the chip set routes their pin to (QEMU's pc: 440FX and PIIX3). */

#include <kernel/pci.h>
#include "qtest.h"

#define COMMAND	     0x04
#define BAR(i)	     (0x10 + 4 * (i))
#define HEADER	     0x0e
#define LINE	     0x3c
#define PIN	     0x3d
#define PIIX_ROUTES  0x60 /* four of them, a byte each */
#define PIIX_SLOT    1
#define MEMORY_FIRST 0xc0000000u /* the PC's hole for PCI */
#define PORTS_FIRST  0xc000u

static const uint8_t routes[4] = { 10, 10, 11, 11 };
static uint32_t next_memory = MEMORY_FIRST, next_port = PORTS_FIRST;

static uint32_t place(uint32_t *next, uint32_t bytes)
{
	uint32_t at = (*next + bytes - 1) & ~(bytes - 1);

	*next = at + bytes;
	return at;
}

static void assign(struct pci_device *device)
{
	for (unsigned i = 0; i < 6; i++) {
		uint32_t mask;
		bool wide;

		pci_write32(device, BAR(i), UINT32_MAX);
		mask = pci_read32(device, BAR(i));
		if (!mask)
			continue;
		wide = !(mask & 1) && (mask & 6) == 4;
		if (mask & 1)
			pci_write32(device, BAR(i),
				    place(&next_port, (~(mask & ~3u) + 1) & 0xffff));
		else
			pci_write32(device, BAR(i),
				    place(&next_memory, ~(mask & ~15u) + 1));
		if (wide)
			pci_write32(device, BAR(++i), 0);
	}
}

void qtest_firmware(void)
{
	struct pci_device piix = { .address = { .device = PIIX_SLOT } };

	for (unsigned i = 0; i < 4; i++)
		pci_write8(&piix, PIIX_ROUTES + i, routes[i]);
	for (unsigned slot = 0; slot < 32; slot++) {
		struct pci_device device = { .address = { .device = (uint8_t)slot } };
		uint8_t pin;

		if (pci_read16(&device, 0) == 0xffff)
			continue;
		if (pci_read8(&device, HEADER) & 0x7f)
			continue;
		assign(&device);
		pin = pci_read8(&device, PIN);
		if (pin)
			pci_write8(&device, LINE, routes[(slot + pin - 2) & 3]);
		pci_write16(&device, COMMAND, 3);
	}
}
