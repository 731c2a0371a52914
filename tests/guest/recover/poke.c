/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <string.h>
#include <arch/barrier.h>
#include <arch/irqflags.h>
#include <virtio/ring/ring.h>
#include <virtio/virtio.h>
#include "poke.h"

#define LIE 0x4000 /* so many buffers more were used */

static struct virtqueue *find(const char *name, unsigned queue)
{
	struct virtio_device *device = virtio_devices;

	while (device && strcmp(device->name, name))
		device = device->next;
	return device && device->live && queue < device->queue_count
		       ? device->queues[queue]
		       : NULL;
}

/* A head that lies beyond the queue. */
static void poke_split(struct virtqueue *vq)
{
	volatile uint16_t *index = &vq->avail->index;

	vq->avail->heads[*index & vq->mask] = 0xffff;
	barrier_write();
	*index = (uint16_t)(*index + 1);
}

/* A buffer without a header to read; where there are no headers, an indirect table of seven
 * bytes. */
static void poke_packed(struct virtqueue *vq)
{
	struct packed_desc *next = &vq->ring[vq->published & 0x7fff];
	uint32_t id = vq->device->id;
	bool headers = id == VIRTIO_ID_NET || id == VIRTIO_ID_BLOCK ||
		       id == VIRTIO_ID_SCSI;
	unsigned flags = vq->published & 0x8000 ? 0x0080 : 0x8000;

	next->address = 0x1000;
	next->bytes = headers ? 1 : 7;
	next->id = 0;
	barrier_write();
	*(volatile uint16_t *)&next->flags =
		(uint16_t)(flags | (headers ? RING_DESC_WRITE : RING_DESC_INDIRECT));
}

/* With interrupts off until the device has seen it: else the driver's next buffer takes the
 * place of ours. */
bool poke_device(const char *name, unsigned queue)
{
	struct virtqueue *vq = find(name, queue);
	uint64_t deadline = clock_ns() + 2 * NS_PER_SEC;
	struct virtio_device *device;
	unsigned long flags;
	bool seen = false;

	if (!vq)
		return false;
	device = vq->device;
	flags = arch_irq_save();
	if (vq->inner >= VIRTQUEUE_PACKED)
		poke_packed(vq);
	else
		poke_split(vq);
	barrier_full();
	virtqueue_notify(vq);
	while (!seen && clock_ns() < deadline)
		seen = device->transport->status_get(device) & VIRTIO_STATUS_NEEDS_RESET;
	arch_irq_restore(flags);
	return seen;
}

bool poke_queue(const char *name, unsigned queue)
{
	struct virtqueue *vq = find(name, queue);
	unsigned long flags;

	if (!vq)
		return false;
	arch_stack_probe(); /* for its locks: <kernel/lock.h> */
	flags = arch_irq_save();
	if (vq->inner < VIRTQUEUE_PACKED) {
		*(volatile uint16_t *)&vq->used->index += LIE;
		virtio_interrupt_queue(vq);
	}
	if (!virtqueue_broken(vq))
		virtio_queue_break(vq, "a test says so");
	arch_irq_restore(flags);
	return true;
}
