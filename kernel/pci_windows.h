/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The ranges of addresses that a PCI bus has, and free places in them: between
 * pci_windows.c, pci_assign.c (BARs) and pci_bridge.c (bridges). */

#ifndef KERNEL_PCI_WINDOWS_H
#define KERNEL_PCI_WINDOWS_H

#include <kernel/pci.h>

/* Registers of a bridge. */
#define PCI_IO_WINDOW	       0x1c
#define PCI_MEMORY_WINDOW      0x20
#define PCI_PREFETCH_WINDOW    0x24
#define PCI_PREFETCH_BASE_HIGH 0x28
#define PCI_PREFETCH_END_HIGH  0x2c

enum pci_window { PCI_MEMORY, PCI_PREFETCHABLE, PCI_PORTS };
struct pci_range {
	enum pci_window kind;
	uint64_t first, last;
};

#define PCI_RANGES_MAX 16
struct pci_ranges {
	struct pci_range each[PCI_RANGES_MAX];
	unsigned count; /* more are left unused, which the log says */
};

/* Of a bus: what its bridge passes on, or what ACPI says of the host bridge. */
void pci_windows(uint8_t bus, struct pci_ranges *out);
/* Adds what the bridge passes on. */
void pci_bridge_windows(const struct pci_device *bridge, struct pci_ranges *out);

/* The first free place in the window for `bytes`, a power of two, of the function `self`,
 * which is not on the list yet; own[]: address and size of each place that it has so far. 0:
 * there is none. */
#define PCI_OWN_PLACES 6
uint64_t pci_find_place(const struct pci_range *window, uint64_t bytes,
			const struct pci_device *self, const uint64_t *own);

/* Whether that function of the same device is there, and is another one; fills in what there
 * is to know before it is on the list. */
bool pci_sibling(const struct pci_device *self, unsigned function,
		 struct pci_device *sibling);

/* pci_bridge.c: bus numbers, and windows, for a bridge that the firmware never saw. Where
 * there is no room, the log says so. */
void pci_assign_bridge(const struct pci_device *self, const uint64_t *own);

#endif
