/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What of the PCI transport a console alone does without: unplugging, shared memory
 * (VIRTIO 1.3 §4.1.4.7). */

#include <kernel/heap.h>
#include <virtio/transport/pci.h>
#include <virtio/transport/pci_common.h>

/* struct virtio_pci_cap64 (§4.1.4.7). */
#define CAP_ID		   5
#define CAP_OFFSET_HIGH	   16
#define CAP_BYTES_HIGH	   20
#define CAP64_SIZE	   24
#define TYPE_SHARED_MEMORY 8

/* One that is still there is cut off from memory first; then it may be taken out. */
void virtio_pci_removed(struct pci_device *pci)
{
	struct virtio_pci *self = pci->driver_data;

	if (!pci->gone)
		pci_disable(pci);
	pci->gone = true;
	if (self)
		virtio_device_gone(&self->device);
}

/* One that fell silent without being unplugged is in its slot's list still: it goes with the
 * slot. */
void virtio_pci_release(struct virtio_device *device)
{
	struct virtio_pci *self = virtio_pci(device);

	if (self->pci->gone) {
		pci_free(self->pci);
	} else {
		self->pci->driver = NULL;
		self->pci->driver_data = NULL;
	}
	kfree(self->window);
	kfree(self);
}

static uint64_t wide(struct pci_device *pci, unsigned at, unsigned low, unsigned high)
{
	return pci_read32(pci, at + low) | (uint64_t)pci_read32(pci, at + high) << 32;
}

/* Of several with the same id the first counts; one that does not fit its BAR is none
 * [PCI-21]. */
bool virtio_pci_shared_memory(struct virtio_device *device, uint8_t id,
			      struct virtio_shared_memory *out)
{
	struct pci_device *pci = virtio_pci(device)->pci;
	unsigned at = 0;

	for (unsigned i = 0; i < PCI_CAPABILITIES_MAX; i++) {
		uint32_t head;
		const struct pci_bar *bar;
		uint64_t offset, bytes;

		at = pci_capability(pci, CAPABILITY_VENDOR, at);
		if (!at)
			break;
		head = pci_read32(pci, at + CAP_LEN_TYPE);
		if (head >> 24 != TYPE_SHARED_MEMORY ||
		    (head >> 16 & 0xff) < CAP64_SIZE || pci_read8(pci, at + CAP_ID) != id)
			continue;
		bar = pci_bar(pci, pci_read8(pci, at + CAP_BAR));
		offset = wide(pci, at, CAP_OFFSET, CAP_OFFSET_HIGH);
		bytes = wide(pci, at, CAP_BYTES, CAP_BYTES_HIGH);
		if (bar->io || !bar->base || !bytes || offset > bar->bytes ||
		    bytes > bar->bytes - offset)
			return false;
		*out = (struct virtio_shared_memory){ bar->base + offset, bytes };
		return true;
	}
	return false;
}
