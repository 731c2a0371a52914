/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* PCI functions in memory behind the host's port and MMIO hooks, and the strict mock as a
 * virtio PCI device, modern, legacy or both: each register access is checked for width,
 * alignment and order (requirements PCI).
 *
 *	mock_pci_reset();			// empty bus, hooks set
 *	struct mock *mock = mock_new(VIRTIO_ID_BLOCK);
 *	struct mock_pci *pci = mock_pci_virtio(mock, 0, 3, MOCK_PCI_MODERN);
 *	pci_scan();
 *	…
 *	mock_pci_end();				// shuts down and frees all, mocks too */

#ifndef MOCK_PCI_H
#define MOCK_PCI_H

#include <kernel/pci.h>
#include "mock/mock.h"

enum mock_pci_flavour { MOCK_PCI_MODERN = 1, MOCK_PCI_LEGACY = 2 };

struct mock_pci_bar {
	uint64_t bytes; /* 0: none */
	bool io, wide;
	uint64_t base;	 /* ports, or the address of `memory` */
	void *mapping;	 /* what holds `memory` */
	uint8_t *memory; /* what MMIO accesses find; virtio registers never look at it */
};

struct mock_pci {
	uint8_t bus, slot, function;
	uint8_t config[4096];
	struct mock_pci_bar bars[6];
	uint8_t next_capability, last_capability; /* offsets */
	struct mock *mock;			  /* NULL: not virtio */
	enum mock_pci_flavour flavour;
	bool gone; /* surprise removal: all ones */
	/* Takes writes of its own to configuration space; false: not that one. */
	bool (*write)(struct mock_pci *pci, unsigned offset, unsigned width,
		      uint32_t value);

	/* virtio: knobs and state */
	uint32_t notify_multiplier;
	uint32_t notify_bytes;
	unsigned vectors_granted; /* vectors from this number on read back as refused */
	uint16_t config_vector;
	unsigned window; /* offset of the PCI_CFG capability; 0: none */
	uint64_t window_accesses;
	uint32_t feature_select, driver_feature_select;
	struct virtio_features driver_features;
	uint16_t queue_select;
	uint64_t isr_reads, doorbells, config_space_reads, config_space_writes;
	struct mock_pci *next;
};

void mock_pci_reset(void);
void mock_pci_end(void);
/* Where ECAM is, for acpi_ecam(); bus 0 to 3. Ports vanish with mock_pci_ports(false). */
uint64_t mock_pci_ecam(void);
void mock_pci_ports(bool there);
extern uint64_t mock_pci_config_accesses;
extern bool mock_pci_lenient; /* hostile tests: as mock->lenient */
/* Aborts, unless lenient. */
void mock_pci_violation(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct mock_pci *mock_pci_add(unsigned bus, unsigned slot, unsigned function,
			      uint16_t vendor, uint16_t device);
/* A bridge to `secondary`. */
struct mock_pci *mock_pci_bridge(unsigned bus, unsigned slot, uint8_t secondary);
void mock_pci_bar(struct mock_pci *pci, unsigned index, uint64_t bytes, bool io,
		  bool wide);
/* Appends a capability; its offset. `content` follows the two header bytes. */
unsigned mock_pci_capability(struct mock_pci *pci, uint8_t id, const void *content,
			     unsigned bytes);
struct mock_pci *mock_pci_virtio(struct mock *mock, unsigned bus, unsigned slot,
				 enum mock_pci_flavour flavour);

/* The notify structure of virtio functions made from now on; 4 and 4096 at first. */
void mock_pci_next_notify(uint32_t multiplier, uint32_t bytes);

void mock_pci_set32(struct mock_pci *pci, unsigned offset, uint32_t value);
uint32_t mock_pci_get32(const struct mock_pci *pci, unsigned offset);

/* virtio_pci.c: the registers behind a virtio function's BARs. */
uint32_t mock_pci_register_read(struct mock_pci *pci, unsigned bar, uint64_t offset,
				unsigned width);
void mock_pci_register_write(struct mock_pci *pci, unsigned bar, uint64_t offset,
			     unsigned width, uint32_t value);
/* The PCI_CFG capability: its data, or another field of it. */
void mock_pci_window_read(struct mock_pci *pci, unsigned width, uint32_t *value);
void mock_pci_window_write(struct mock_pci *pci, unsigned offset, unsigned width,
			   uint32_t value);
void mock_pci_raise_queue(struct mock *mock, unsigned queue);
void mock_pci_raise_config(struct mock *mock);

#endif
