/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The modern PCI transport: the reset of one queue (VIRTIO 1.3 §2.6.1, §4.1.4.3). Linked in
 * with what can make use of it. */

#include <errno.h>
#include <arch/irqflags.h>
#include <arch/io.h>
#include <virtio/ring/ring.h>
#include <virtio/transport/pci.h>
#include <virtio/transport/pci_common.h>

#define RESET_NS (100 * NS_PER_MS) /* from a timer interrupt, so not for long */

/* [VQ-26] Over when both read 0; [VQ-27] bounded. */
static bool let_go(volatile uint8_t *common)
{
	uint64_t deadline = clock_ns() + RESET_NS;

	while (mmio_read16(common + QUEUE_RESET) || mmio_read16(common + QUEUE_ENABLE)) {
		if (clock_ns() >= deadline)
			return false;
		arch_relax();
	}
	return true;
}

/* The reset took the queue's vector as well (§2.6.1.1); the rest is queue_enable()'s. */
int virtio_pci_queue_reset(struct virtio_device *device, struct virtqueue *vq)
{
	struct virtio_pci *self = virtio_pci(device);
	volatile uint8_t *common = self->common;
	uint16_t vector = 0;

	if (self->common_bytes < QUEUE_RESET_BYTES)
		return -ENOTSUP;
	mmio_write16(common + QUEUE_SELECT, vq->index);
	if (self->msix_on)
		vector = mmio_read16(common + QUEUE_VECTOR);
	mmio_write16(common + QUEUE_RESET, 1);
	if (!let_go(common))
		return -ETIMEDOUT;
	if (self->msix_on && !self->registers->queue_vector(self, vq->index, vector))
		return -EIO;
	return 0;
}
