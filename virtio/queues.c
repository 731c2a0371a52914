/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A device's virtqueues (VIRTIO 1.3 §2.6): set up together in probe, gone together
 * after a reset. */

#include <errno.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <virtio/core.h>
#include <virtio/ring/ring.h>

#pragma weak virtio_queues_again

static unsigned power_of_two_below(unsigned value)
{
	unsigned power = 1;

	while (power <= value / 2)
		power *= 2;
	return power;
}

/* At most 32768 and at most what the device allows; of a split queue a power of two
 * [VQ-02], of a packed one any number [PQ-01]. The legacy interface cannot tell the device
 * a smaller size (§2.7.2). 0: not usable. */
static unsigned choose_size(struct virtio_device *device,
			    const struct virtqueue_wanted *wanted)
{
	unsigned most = device->transport->queue_size(device, wanted->index);
	bool any = virtio_has(device, VIRTIO_F_RING_PACKED);

	if (most == 0 || most > VIRTQUEUE_SIZE_MAX || (!any && (most & (most - 1)))) {
		log_error("virtio: %s: queue %u (%s) has an unusable size of %u",
			  device->where, wanted->index, wanted->name, most);
		return 0;
	}
	if (device->transport->legacy || wanted->size_max == 0 ||
	    wanted->size_max >= most)
		return most;
	return any ? wanted->size_max : power_of_two_below(wanted->size_max);
}

static enum virtqueue_layout choose_layout(const struct virtio_device *device)
{
	if (virtio_has(device, VIRTIO_F_RING_PACKED))
		return virtio_has(device, VIRTIO_F_IN_ORDER) ? VIRTQUEUE_PACKED_IN_ORDER
							     : VIRTQUEUE_PACKED;
	return virtio_has(device, VIRTIO_F_IN_ORDER) ? VIRTQUEUE_SPLIT_IN_ORDER
						     : VIRTQUEUE_SPLIT;
}

static int create_all(struct virtio_device *device, const struct virtqueue_wanted *wanted,
		      unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct virtqueue_geometry geometry = {
			.device = device,
			.name = wanted[i].name,
			.index = wanted[i].index,
			.size = choose_size(device, &wanted[i]),
			.layout = choose_layout(device),
			.callback = wanted[i].callback,
			.pieces_max = wanted[i].pieces_max,
			.legacy = device->transport->legacy,
			.indirect = virtio_has(device, VIRTIO_F_INDIRECT_DESC),
			.event_idx = virtio_has(device, VIRTIO_F_EVENT_IDX),
			.order_platform = virtio_has(device, VIRTIO_F_ORDER_PLATFORM),
			.notification_data = virtio_has(device,
							VIRTIO_F_NOTIFICATION_DATA),
		};

		if (geometry.size == 0)
			return -ENOENT;
		device->queues[i] = virtqueue_create(&geometry);
		if (!device->queues[i])
			return -ENOMEM;
		device->queue_count = i + 1;
	}
	return 0;
}

/* §4.1.5.1: interrupts first, as a queue that is enabled may use its vector at once. */
static int enable_all(struct virtio_device *device)
{
	int error = device->transport->interrupts_attach(device, device->queue_count);

	for (unsigned i = 0; i < device->queue_count && !error; i++)
		error = device->transport->queue_enable(device, device->queues[i]);
	return error;
}

static int create(struct virtio_device *device, const struct virtqueue_wanted *wanted,
		  unsigned count)
{
	device->queues = kzalloc(count * sizeof(*device->queues));
	if (!device->queues)
		return -ENOMEM;
	return create_all(device, wanted, count);
}

/* On error what was made stays until the device was reset: it may know of it. */
int virtio_find_queues(struct virtio_device *device,
		       const struct virtqueue_wanted *wanted, unsigned count,
		       struct virtqueue **queues)
{
	int error = -EBUSY;

	if (!device->queues)
		error = create(device, wanted, count);
	else if (virtio_queues_again)
		error = virtio_queues_again(device, wanted, count);
	if (!error)
		error = enable_all(device);
	if (error) {
		log_error("virtio: %s: its queues cannot be set up (error %d)",
			  device->where, -error);
		virtio_queues_block(device);
		return error;
	}
	for (unsigned i = 0; i < count; i++)
		queues[i] = device->queues[i];
	return 0;
}

uint64_t virtio_queues_used(const struct virtio_device *device, unsigned first)
{
	uint64_t sum = 0;

	for (unsigned i = first; i < device->queue_count; i++)
		sum += virtqueue_counters(device->queues[i])->used;
	return sum;
}

void virtio_queues_live(struct virtio_device *device)
{
	for (unsigned i = 0; i < device->queue_count; i++)
		virtqueue_live(device->queues[i]);
}

void virtio_queues_block(struct virtio_device *device)
{
	for (unsigned i = 0; i < device->queue_count; i++)
		virtqueue_block(device->queues[i]);
}
