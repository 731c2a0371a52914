/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <arch/barrier.h>
#include "device.h"

static void serve_split(struct device *device)
{
	const struct ring_desc *desc = device->desc;
	volatile struct ring_avail *avail = device->driver;
	volatile struct ring_used *used = device->device;
	volatile struct ring_used_element *element =
		&used->elements[device->taken % device->size];
	bool in_order = device->layout == VIRTQUEUE_SPLIT_IN_ORDER;
	uint16_t end = avail->index;

	barrier_read();
	for (; device->taken != end; device->taken++) {
		uint16_t head = avail->heads[device->taken % device->size];

		if (!in_order)
			element = &used->elements[device->taken % device->size];
		device->sum += desc[head].address;
		element->id = head;
		element->bytes = (uint32_t)desc[head].rest;
	}
	barrier_write();
	used->index = end;
	if (device->event_idx)
		*(volatile uint16_t *)&used->elements[device->size] = end;
}

/* Offset and lap in one word, as §2.8.14 has them. */
static uint16_t place(const struct device *device)
{
	return (uint16_t)(device->at | (device->wrap ? PACKED_WRAP : 0));
}

static void serve_packed(struct device *device)
{
	volatile struct packed_desc *ring = device->desc;
	volatile struct packed_event *event = device->device;
	bool in_order = device->layout == VIRTQUEUE_PACKED_IN_ORDER;
	volatile struct packed_desc *first = NULL;
	uint16_t first_flags = 0, id = 0;
	uint32_t bytes = 0;

	for (;;) {
		volatile struct packed_desc *desc = &ring[device->at];
		uint16_t flags = desc->flags;
		uint16_t used = device->wrap ? PACKED_DESC_AVAIL | PACKED_DESC_USED : 0;

		if (!(flags & PACKED_DESC_AVAIL) == device->wrap ||
		    !(flags & PACKED_DESC_USED) != device->wrap)
			break;
		barrier_read();
		device->sum += desc->address;
		id = desc->id;
		bytes = desc->bytes;
		used |= RING_DESC_WRITE;
		if (!in_order) {
			desc->id = id;
			desc->bytes = bytes;
			barrier_write();
			desc->flags = used;
		} else if (!first) {
			first = desc;
			first_flags = used;
		}
		if (++device->at == device->size) {
			device->at = 0;
			device->wrap = !device->wrap;
		}
	}
	if (first) {
		first->id = id;
		first->bytes = bytes;
		barrier_write();
		first->flags = first_flags;
	}
	event->position = place(device);
	event->flags = PACKED_EVENT_DESC;
}

void device_serve(struct device *device)
{
	if (device->layout >= VIRTQUEUE_PACKED)
		serve_packed(device);
	else
		serve_split(device);
}

/* The driver of this measurement waits for the next used buffer or for none, so that there
 * is no place to compare. */
bool device_interrupts(struct device *device)
{
	if (device->layout >= VIRTQUEUE_PACKED) {
		volatile struct packed_event *event = device->driver;

		return event->flags != PACKED_EVENT_DISABLE;
	} else {
		volatile struct ring_avail *avail = device->driver;
		uint16_t now = device->taken, before = device->told;

		device->told = now;
		if (!device->event_idx)
			return !(avail->flags & RING_AVAIL_NO_INTERRUPT);
		return (uint16_t)(now - avail->heads[device->size] - 1) <
		       (uint16_t)(now - before);
	}
}
