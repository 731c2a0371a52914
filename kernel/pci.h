/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* PCI: enumeration through bridges and functions, BARs, capabilities, MSI-X.
 *
 * Configuration space is reached by ECAM where ACPI's MCFG names one, else by the
 * configuration ports. All walks are bounded; all-ones reads (no device, or one that
 * went away) end them. */

#ifndef KERNEL_PCI_H
#define KERNEL_PCI_H

#include <stdbool.h>
#include <stdint.h>
#include <kernel/irq.h>
#include <kernel/linkset.h>

struct pci_address {
	uint16_t segment;
	uint8_t bus, device, function;
};

struct pci_bar {
	uint64_t base;	/* bus address; 0: not there or not assigned */
	uint64_t bytes; /* 0: not there */
	bool io;
	volatile void *mapped; /* memory BARs: set by pci_bar_map() */
};

struct pci_device {
	struct pci_address address;
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint8_t class_code, subclass, interface, revision;
	uint8_t interrupt_pin;	/* 0: none; 1..4: INTA..INTD */
	uint8_t interrupt_line; /* the firmware's routing: a global system interrupt */
	struct pci_bar bars[6];
	uint8_t msix_capability;	 /* offset in configuration space, 0: none */
	uint16_t msix_vectors;		 /* table size */
	const struct pci_driver *driver; /* NULL: listed and left alone */
	void *driver_data;
	struct pci_device *next;
};

struct pci_driver {
	const char *name;
	bool (*matches)(const struct pci_device *device);
	int (*probe)(struct pci_device *device); /* 0, or -errno: left alone */
};
#define PCI_DRIVER(object) LINKSET_ENTRY(pci_drivers, object)

uint8_t pci_read8(const struct pci_device *device, unsigned offset);
uint16_t pci_read16(const struct pci_device *device, unsigned offset);
uint32_t pci_read32(const struct pci_device *device, unsigned offset);
void pci_write8(const struct pci_device *device, unsigned offset, uint8_t value);
void pci_write16(const struct pci_device *device, unsigned offset, uint16_t value);
void pci_write32(const struct pci_device *device, unsigned offset, uint32_t value);

/* The next capability `id` after offset `from` (0: the first); 0 when there is none. At
 * most 48 steps; pointers below 0x40 or odd end the walk (VIRTIO 1.3 §4.1.4). */
unsigned pci_capability(const struct pci_device *device, uint8_t id, unsigned from);

/* Memory (or I/O) decoding and bus mastering on. */
void pci_enable(struct pci_device *device);

/* Maps a memory BAR uncached; NULL if it is not a memory BAR or has no address. */
volatile void *pci_bar_map(struct pci_device *device, unsigned bar);

/* Binds table entry `entry` to the handler and unmasks it. -errno when refused. */
int pci_msix_attach(struct pci_device *device, unsigned entry,
		    struct irq_handler *handler);
void pci_msix_detach(struct pci_device *device, unsigned entry,
		     struct irq_handler *handler);
/* Switches the device between MSI-X and INTx. */
void pci_msix_enable(struct pci_device *device, bool on);
/* Joins the device's INTx line. */
int pci_intx_attach(struct pci_device *device, struct irq_handler *handler);

/* All devices found, in bus order. */
extern struct pci_device *pci_devices;

/* Finds all devices and offers each to the drivers that are linked in. */
void pci_scan(void);

#endif
