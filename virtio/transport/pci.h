/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Virtio over PCI (VIRTIO 1.3 §4.1), between the files of that transport:
 *
 *	pci.c		    discovery
 *	pci_modern.c	    the registers, mapped; pci_common.h has their layout
 *	pci_legacy.c	    the registers of a legacy device
 *	pci_interrupts.c    vectors and lines
 *
 * and, each linked in only with a driver other than the console's:
 *
 *	pci_window.c	    the modern registers where they cannot be mapped
 *	pci_one_vector.c    one vector for everything
 *	pci_queue_reset.c   the reset of one queue
 *	pci_complete.c	    unplugging, shared memory */

#ifndef VIRTIO_TRANSPORT_PCI_H
#define VIRTIO_TRANSPORT_PCI_H

#include <stdbool.h>
#include <stdint.h>
#include <kernel/pci.h>
#include <virtio/virtio.h>

#define VIRTIO_PCI_VENDOR     0x1af4
#define VIRTIO_PCI_NO_VECTOR  0xffff /* §4.1.5.1.2 */
#define VIRTIO_PCI_RESET_NS   NS_PER_SEC
#define VIRTIO_PCI_ISR_QUEUES 1 /* §4.1.4.5 */
#define VIRTIO_PCI_ISR_CONFIG 2

struct virtio_pci;

/* Where modern and legacy differ in what pci_interrupts.c needs. Vector functions return
 * whether the device took the vector (§4.1.5.1.2.2: it reads back). */
struct virtio_pci_registers {
	bool (*config_vector)(struct virtio_pci *self, uint16_t vector);
	bool (*queue_vector)(struct virtio_pci *self, unsigned queue, uint16_t vector);
	uint8_t (*isr)(struct virtio_pci *self); /* reading clears it */
};

struct virtio_pci {
	struct virtio_device device; /* first: transports get a pointer to it */
	struct pci_device *pci;
	const struct virtio_pci_registers *registers;

	/* Modern: mapped structures (§4.1.4), and where doorbells are. */
	volatile uint8_t *common, *isr, *config;
	uint32_t common_bytes, config_bytes;
	uint8_t notify_bar;
	uint32_t notify_offset, notify_bytes, notify_multiplier;

	struct virtio_pci_window *window; /* pci_window.c's */

	/* Legacy: the I/O ports of §4.1.4.10. */
	uint16_t port;
	uint16_t port_bytes;
	bool msix_on; /* shifts the configuration by four bytes */

	/* Interrupts: one handler a table entry in use, or one for the line. */
	struct irq_handler *handlers;
	unsigned vectors;    /* entries in use; 0 with handlers: the line */
	uint32_t generation; /* with one vector for everything: the configuration's */
	char interrupts[24];
};

static inline struct virtio_pci *virtio_pci(struct virtio_device *device)
{
	return (struct virtio_pci *)device;
}

/* Fills in what the flavour needs; false: the device does not have it. */
bool virtio_pci_modern_find(struct virtio_pci *self);
bool virtio_pci_legacy_find(struct virtio_pci *self);

/* pci_window.c: the same for structures that cannot be mapped; NULL: it does not have it.
 * Who refers to it declares it weak. */
const struct virtio_transport *virtio_pci_window_find(struct virtio_pci *self);

/* status reads 0 within VIRTIO_PCI_RESET_NS of having been written 0, or the device is
 * cut off from memory: -ETIMEDOUT. */
int virtio_pci_reset_wait(struct virtio_device *device);

int virtio_pci_interrupts_attach(struct virtio_device *device, unsigned count);
void virtio_pci_interrupts_detach(struct virtio_device *device);

/* pci_queue_reset.c, by way of transports_complete.c. */
int virtio_pci_queue_reset(struct virtio_device *device, struct virtqueue *vq);

/* pci_one_vector.c, likewise: the handler of a vector for everything. Not for legacy devices,
 * whose configuration has no generation. */
bool virtio_pci_handle_all(void *context);

/* pci_complete.c, likewise: who refers to these declares them weak. */
void virtio_pci_removed(struct pci_device *pci);
void virtio_pci_release(struct virtio_device *device);
bool virtio_pci_shared_memory(struct virtio_device *device, uint8_t id,
			      struct virtio_shared_memory *out);

extern const struct virtio_transport virtio_pci_modern, virtio_pci_legacy;
extern const struct pci_driver virtio_pci_driver;

#endif
