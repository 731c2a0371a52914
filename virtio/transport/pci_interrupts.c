/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Interrupts of a virtio PCI device (VIRTIO 1.3 §4.1.5.1.2): a vector a queue and one for
 * the configuration; if that many cannot be had, one for all queues beside it, or one for
 * everything; else the line. */

#include <errno.h>
#include <kernel/format.h>
#include <kernel/heap.h>
#include <virtio/ring/ring.h>
#include <virtio/transport/pci.h>

#pragma weak virtio_pci_handle_all

/* Table entries: the configuration's, then the queues'. */
#define ENTRY_CONFIG 0
#define ENTRY_QUEUES 1

static bool handle_config(void *context)
{
	virtio_interrupt_config(context);
	return true;
}

static bool handle_queue(void *context)
{
	return virtio_interrupt_queue(context);
}

static bool handle_queues(void *context)
{
	virtio_interrupt_queues(context);
	return true;
}

/* §4.1.5.5: reading the ISR lowers the line; 0: another device on it wants something
 * [PCI-18] [PCI-19]; it may mean both [CFG-08]. */
static bool handle_line(void *context)
{
	struct virtio_pci *self = context;
	uint8_t isr = self->registers->isr(self);

	/* All ones: the device is gone. Bits without meaning are nobody's. */
	if (!(isr & (VIRTIO_PCI_ISR_QUEUES | VIRTIO_PCI_ISR_CONFIG)) || isr == 0xff)
		return false;
	if (isr & VIRTIO_PCI_ISR_QUEUES)
		virtio_interrupt_queues(&self->device);
	if (isr & VIRTIO_PCI_ISR_CONFIG)
		virtio_interrupt_config(&self->device);
	return true;
}

/* Attaches the next table entry. */
static bool attach(struct virtio_pci *self, bool (*handle)(void *), void *context)
{
	struct irq_handler *handler = &self->handlers[self->vectors];

	*handler = (struct irq_handler){
		.handle = handle,
		.context = context,
		.name = self->device.where,
	};
	if (pci_msix_attach(self->pci, self->vectors, handler))
		return false;
	self->vectors++;
	return true;
}

static void detach_vectors(struct virtio_pci *self)
{
	while (self->vectors) {
		self->vectors--;
		pci_msix_detach(self->pci, self->vectors, &self->handlers[self->vectors]);
	}
	pci_msix_enable(self->pci, false);
	self->msix_on = false;
	kfree(self->handlers);
	self->handlers = NULL;
}

/* Binds the configuration and every queue, each with its own vector, or all queues with the
 * entry `shared`, if that is not negative. A queue without callback gets none [PCI-16]. What
 * the device took it reads back, by which time the write has arrived [PCI-14] [PCI-29]. */
static bool bind(struct virtio_pci *self, unsigned count, int shared)
{
	const struct virtio_pci_registers *registers = self->registers;

	if (!attach(self, shared == ENTRY_CONFIG ? virtio_pci_handle_all : handle_config,
		    &self->device) ||
	    !registers->config_vector(self, ENTRY_CONFIG))
		return false;
	if (shared == ENTRY_QUEUES && !attach(self, handle_queues, &self->device))
		return false;
	for (unsigned i = 0; i < count; i++) {
		struct virtqueue *vq = self->device.queues[i];
		uint16_t vector = shared < 0 ? (uint16_t)self->vectors : (uint16_t)shared;

		if (!vq->callback)
			vector = VIRTIO_PCI_NO_VECTOR;
		else if (shared < 0 && !attach(self, handle_queue, vq))
			return false;
		if (!registers->queue_vector(self, vq->index, vector))
			return false;
	}
	return true;
}

static bool attach_vectors(struct virtio_pci *self, unsigned count, unsigned vectors,
			   int shared)
{
	if (vectors > self->pci->msix_vectors)
		return false;
	self->handlers = kzalloc(vectors * sizeof(*self->handlers));
	if (!self->handlers)
		return false;
	pci_msix_enable(self->pci, true);
	self->msix_on = true;
	if (bind(self, count, shared))
		return true;
	detach_vectors(self);
	return false;
}

static int attach_line(struct virtio_pci *self)
{
	struct irq_handler *handler = kzalloc(sizeof(*handler));
	int error;

	if (!handler)
		return -ENOMEM;
	*handler = (struct irq_handler){
		.handle = handle_line,
		.context = self,
		.name = self->device.where,
	};
	error = pci_intx_attach(self->pci, handler);
	if (error) {
		kfree(handler);
		return error;
	}
	self->handlers = handler;
	return 0;
}

int virtio_pci_interrupts_attach(struct virtio_device *device, unsigned count)
{
	struct virtio_pci *self = virtio_pci(device);
	unsigned own = ENTRY_QUEUES;
	int error;

	for (unsigned i = 0; i < count; i++)
		own += device->queues[i]->callback != NULL;
	/* [PCI-15] */
	if (!attach_vectors(self, count, own, -1) &&
	    !attach_vectors(self, count, ENTRY_QUEUES + 1, ENTRY_QUEUES) &&
	    (!virtio_pci_handle_all || device->transport->legacy ||
	     !attach_vectors(self, count, ENTRY_CONFIG + 1, ENTRY_CONFIG))) {
		error = attach_line(self);
		if (error)
			return error;
	}
	format(self->interrupts, sizeof(self->interrupts),
	       self->vectors ? "MSI-X ×%u" : "INTx %u",
	       self->vectors ? self->vectors : self->pci->interrupt_line);
	device->interrupts = self->interrupts;
	return 0;
}

void virtio_pci_interrupts_detach(struct virtio_device *device)
{
	struct virtio_pci *self = virtio_pci(device);

	if (!self->handlers)
		return;
	if (self->vectors) {
		detach_vectors(self);
	} else {
		pci_intx_detach(self->pci, self->handlers);
		kfree(self->handlers);
		self->handlers = NULL;
	}
	device->interrupts = "none";
}
