/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The list of devices and what their queues have cost: <ferrule/device.h>. */

#include <string.h>
#include <ferrule/device.h>
#include <virtio/virtio.h>

static const struct virtio_device *device_at(unsigned index)
{
	const struct virtio_device *device = virtio_devices;

	while (device && index--)
		device = device->next;
	return device;
}

/* Copies a name that may be longer than there is room. */
static void copy_name(char *out, size_t size, const char *name)
{
	size_t length = strnlen(name, size - 1);

	memcpy(out, name, length);
	out[length] = '\0';
}

bool ferrule_device_info(unsigned index, struct ferrule_device_info *out)
{
	const struct virtio_device *device = device_at(index);

	if (!device)
		return false;
	*out = (struct ferrule_device_info){
		.transport = device->transport->name,
		.interrupts = device->interrupts ? device->interrupts : "none",
		.offered = { device->offered.words[0], device->offered.words[1] },
		.negotiated = { device->negotiated.words[0],
				device->negotiated.words[1] },
		.live = device->live,
		.broken = device->broken,
		.config_interrupts = device->counters.config_interrupts,
		.spurious_interrupts = device->counters.spurious_interrupts,
		.resets = device->counters.resets,
		.recoveries = device->counters.recoveries,
		.queue_resets = device->counters.queue_resets,
		.violations = device->counters.violations,
		.queues = device->queue_count,
	};
	copy_name(out->name, sizeof(out->name), device->name);
	copy_name(out->where, sizeof(out->where), device->where);
	return true;
}

bool ferrule_queue_info(unsigned device_index, unsigned queue_index,
			struct ferrule_queue_info *out)
{
	const struct virtio_device *device = device_at(device_index);
	const struct virtqueue_counters *counters;
	const struct virtqueue *queue;

	if (!device || queue_index >= device->queue_count)
		return false;
	queue = device->queues[queue_index];
	counters = virtqueue_counters(queue);
	*out = (struct ferrule_queue_info){
		.size = virtqueue_size(queue),
		.free = virtqueue_free(queue),
		.added = counters->added,
		.used = counters->used,
		.kicks = counters->kicks,
		.kicks_saved = counters->kicks_saved,
		.interrupts = counters->interrupts,
		.full = counters->full,
		.length_clamped = counters->length_clamped,
	};
	copy_name(out->name, sizeof(out->name), virtqueue_name(queue));
	return true;
}
