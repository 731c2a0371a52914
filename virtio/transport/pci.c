/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Discovery of virtio devices on PCI (VIRTIO 1.3 §4.1.2). Modern wherever the device has
 * the capabilities for it, legacy else. */

#include <errno.h>
#include <arch/irqflags.h>
#include <kernel/format.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <virtio/transport/pci.h>

#pragma weak virtio_pci_removed
#pragma weak virtio_pci_window_find

/* §4.1.2.1: transitional devices, whose type is the subsystem id; then 0x1040 + type. Neither
 * revision nor a modern one's subsystem means anything [PCI-01] [PCI-02]. */
#define DEVICE_TRANSITIONAL 0x1000
#define DEVICE_MODERN	    0x1040
#define DEVICE_END	    0x1080

static bool matches(const struct pci_device *pci)
{
	return pci->vendor == VIRTIO_PCI_VENDOR && pci->device >= DEVICE_TRANSITIONAL &&
	       pci->device < DEVICE_END;
}

static bool transitional(const struct pci_device *pci)
{
	return pci->device < DEVICE_MODERN;
}

int virtio_pci_reset_wait(struct virtio_device *device)
{
	uint64_t deadline = clock_ns() + VIRTIO_PCI_RESET_NS;
	uint8_t status;

	while ((status = device->transport->status_get(device)) != 0) {
		if (status == 0xff) /* it was taken away */
			return -ENODEV;
		if (clock_ns() >= deadline) {
			pci_disable(virtio_pci(device)->pci);
			return -ETIMEDOUT;
		}
		arch_relax();
	}
	return 0;
}

/* Modern, whatever way it is reached, goes before legacy [PCI-27]. */
static const struct virtio_transport *find_transport(struct virtio_pci *self)
{
	const struct virtio_transport *transport = NULL;

	if (virtio_pci_modern_find(self))
		return &virtio_pci_modern;
	if (virtio_pci_window_find)
		transport = virtio_pci_window_find(self);
	if (!transport && transitional(self->pci) && virtio_pci_legacy_find(self))
		transport = &virtio_pci_legacy;
	return transport;
}

static int probe(struct pci_device *pci)
{
	struct virtio_pci *self = kzalloc(sizeof(*self));

	if (!self)
		return -ENOMEM;
	self->pci = pci;
	self->device.id = transitional(pci) ? pci->subsystem
					    : pci->device - DEVICE_MODERN;
	self->device.interrupts = "none";
	self->device.transport = &virtio_pci_modern;
	format(self->device.where, sizeof(self->device.where), "pci %x:%02x.%u",
	       pci->address.bus, pci->address.device, pci->address.function);
	pci->driver_data = self;
	if (!virtio_driver_linked(self->device.id)) {
		/* Whatever the firmware made it do must not reach our memory. */
		pci_disable(pci);
		return virtio_device_add(&self->device);
	}
	pci_enable(pci);
	self->device.transport = find_transport(self);
	if (!self->device.transport) { /* [PCI-28] */
		log_error("virtio: %s: neither modern nor legacy registers",
			  self->device.where);
		pci_disable(pci);
		kfree(self);
		pci->driver_data = NULL;
		return -ENODEV;
	}
	return virtio_device_add(&self->device);
}

const struct pci_driver virtio_pci_driver = {
	.name = "virtio",
	.matches = matches,
	.probe = probe,
	.removed = virtio_pci_removed,
};
PCI_DRIVER(virtio_pci_driver);
