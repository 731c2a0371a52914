/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* PCI: enumeration through bridges and functions, BARs, capabilities, MSI-X.
 *
 * Configuration space is reached by the configuration ports, and by ECAM windows (ACPI's
 * MCFG) where there are no ports or they do not reach: other segments, offsets from 256
 * on. `pci=ecam` prefers ECAM everywhere. All walks are bounded; all-ones reads (no
 * device, or one that went away) end them.
 *
 * Of a function that no driver matches only identity and class are read. */

#ifndef KERNEL_PCI_H
#define KERNEL_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <kernel/irq.h>
#include <kernel/linkset.h>

struct pci_address {
	uint16_t segment;
	uint8_t bus, device, function;
};

struct pci_bar {
	bool sized;	/* the rest is known; set by pci_bar() */
	uint64_t base;	/* bus address; 0: not there or not assigned */
	uint64_t bytes; /* 0: not there */
	bool io;
	volatile void *mapped; /* memory BARs: all of it, if it was mapped as a whole */
};

struct pci_device {
	struct pci_address address;
	uint16_t vendor, device;
	uint8_t class_code, subclass, interface, revision;
	uint8_t header_type; /* 0: a device, 1: a bridge */
	/* Of a bridge: the bus that it led to when it was found; 0: to none, or to one that
	 * another bridge leads to. What its registers say later changes nothing. */
	uint8_t secondary;

	/* From here on known only once a driver matched. */
	uint16_t subsystem_vendor, subsystem;
	uint8_t interrupt_pin;	 /* 0: none; 1..4: INTA..INTD */
	uint8_t interrupt_line;	 /* the firmware's routing: a global system interrupt */
	struct pci_bar bars[6];	 /* ask pci_bar() */
	uint8_t msix_capability; /* offset in configuration space, 0: none */
	uint16_t msix_vectors;	 /* table size */
	volatile uint8_t *msix_table; /* mapped at the first attach */
	bool gone; /* unplugged: its registers are not touched any more */
	const struct pci_driver *driver; /* NULL: listed and left alone */
	void *driver_data; /* with it the driver stays, even if its probe failed */
	struct pci_device *next;
};

struct pci_driver {
	const char *name;
	bool (*matches)(const struct pci_device *device);
	int (*probe)(struct pci_device *device); /* 0, or -errno: left alone */
	/* It was unplugged, or is about to be: `gone` says which. It is off the list; the
	 * driver calls pci_free() when it is done with it. NULL: it stays for ever. */
	void (*removed)(struct pci_device *device);
};
#define PCI_DRIVER(object) LINKSET_ENTRY(pci_drivers, object)

uint8_t pci_read8(const struct pci_device *device, unsigned offset);
uint16_t pci_read16(const struct pci_device *device, unsigned offset);
uint32_t pci_read32(const struct pci_device *device, unsigned offset);
void pci_write8(const struct pci_device *device, unsigned offset, uint8_t value);
void pci_write16(const struct pci_device *device, unsigned offset, uint16_t value);
void pci_write32(const struct pci_device *device, unsigned offset, uint32_t value);

/* The next capability `id` after offset `from` (0: the first); 0 when there is none. At
 * most PCI_CAPABILITIES_MAX steps, pointers below 0x40 end the walk. A list may be a loop:
 * a caller that goes on from what it got must not do so more often than that. */
#define PCI_CAPABILITIES_MAX 48
unsigned pci_capability(const struct pci_device *device, uint8_t id, unsigned from);

/* Memory and I/O decoding and bus mastering on. */
void pci_enable(struct pci_device *device);
/* Bus mastering off: whatever the device was told before, it reaches no memory now. */
void pci_disable(struct pci_device *device);

/* What lies behind base address register `bar`; sized at the first call, with decoding
 * off meanwhile. bytes is 0 for a register that is not there (or > 5). */
const struct pci_bar *pci_bar(struct pci_device *device, unsigned bar);
/* Maps part of a memory BAR uncached; NULL if it is no memory BAR, has no address, does
 * not hold [offset, offset + bytes), or without memory. */
volatile void *pci_bar_map(struct pci_device *device, unsigned bar, uint64_t offset,
			   uint64_t bytes);

/* pci_maps.c: as arch_map_device(), but what was mapped before is found again. Weak in
 * pci_bar.c. */
volatile void *pci_map_once(uint64_t phys, size_t bytes);

/* Binds table entry `entry` to the handler and unmasks it. -errno when refused. */
int pci_msix_attach(struct pci_device *device, unsigned entry,
		    struct irq_handler *handler);
void pci_msix_detach(struct pci_device *device, unsigned entry,
		     struct irq_handler *handler);
/* Switches the device between MSI-X and INTx. */
void pci_msix_enable(struct pci_device *device, bool on);
/* Joins the device's INTx line. */
int pci_intx_attach(struct pci_device *device, struct irq_handler *handler);

void pci_intx_detach(struct pci_device *device, struct irq_handler *handler);

/* All devices found, in bus order. */
extern struct pci_device *pci_devices;

/* Finds all devices and offers each to the drivers that are linked in. */
void pci_scan(void);
/* The same for a root bus beside bus 0, with what is behind it. Boot only. */
void pci_scan_root(uint8_t bus);
/* The same for one place that was empty: functions of a device that was plugged in. */
void pci_scan_slot(const struct pci_address *place);
/* A bus that such a bridge leads to and that nobody looked at yet, which is the caller's to
 * do; -1: none. */
int pci_bus_next(void);
/* Whether it was found, or a bridge leads to it. */
bool pci_bus_known(uint8_t bus);
/* The bus that a bridge led to, from which everything was taken, may be another's. */
void pci_bus_forget(uint8_t bus);
/* What was taken off the list and nobody uses any more. */
void pci_free(struct pci_device *device);

#endif
