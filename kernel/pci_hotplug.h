/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Plugging and unplugging of PCI devices while the machine runs: what slots of either kind
 * (PCI Express ports in pci_port.c, ACPI in acpi_hotplug.c) have in common.
 *
 * An interrupt calls pci_hotplug_wake(); then each slot looks at its registers in a thread
 * that lasts as long as there is something to look at. */

#ifndef KERNEL_PCI_HOTPLUG_H
#define KERNEL_PCI_HOTPLUG_H

#include <stdbool.h>
#include <stdint.h>
#include <kernel/pci.h>

struct pci_hotplug {
	void (*work)(struct pci_hotplug *self); /* thread context, one at a time */
	struct pci_hotplug *next;
};

/* At boot, or from work(). */
void pci_hotplug_register(struct pci_hotplug *self);
void pci_hotplug_unregister(struct pci_hotplug *self);
/* Any context. */
void pci_hotplug_wake(void);

/* For work(). Whether a device is known at that place. */
bool pci_slot_known(uint8_t bus, uint8_t slot);
/* A device is there now: it gets addresses, a line and its drivers; so does what is behind it,
 * if it is a bridge. */
void pci_slot_plugged(uint8_t bus, uint8_t slot);
/* All functions of it: off the list, their drivers are told. `there`: it is still powered
 * and is to be let go in good order; else it is gone already. */
void pci_slot_unplugged(uint8_t bus, uint8_t slot, bool there);

/* pci_assign.c: gives a function that the firmware never saw addresses in the windows of its
 * bus, and writes its line to the interrupt line register; a bridge gets bus numbers and
 * windows, too. False: there was no room for one of its BARs; that one has no address. */
bool pci_assign(const struct pci_address *address);

/* The bridge whose secondary bus that is; NULL: a root bus. */
struct pci_device *pci_bridge_to(uint8_t bus);

/* What brings these into an image. */
extern const struct pci_driver pci_port_driver;
void acpi_hotplug_init(void);
void pci_roots_scan(void); /* pci_roots.c */

#endif
