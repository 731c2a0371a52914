/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A queue's life, seen by the device: enabled, kicked, served, reset. */

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <virtio/ring/ring.h>
#include <virtio/virtio.h>
#include "mock/chaos.h"
#include "mock/mock.h"
#include "mock/ring.h"
#include "mock/thread.h"

/* Tests of the mock itself have no driver. */
#pragma weak virtio_devices

void mock_queue_forget(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];
	struct mock_queue fresh = {
		.vector = 0xffff,
		.kicks = queue->kicks,
		.interrupts = queue->interrupts,
		.popped = queue->popped,
		.pushed = queue->pushed,
		.indirect = queue->indirect,
		.resets = queue->resets,
		.used_written = queue->used_written,
		.reads = queue->reads,
		.writes = queue->writes,
		.lines_read = queue->lines_read,
		.lines_written = queue->lines_written,
	};

	if (mock->chaos) {
		mock_chaos_undo(mock);
		mock->chaos->epochs[index]++;
	}
	free(queue->out);
	free(queue->held);
	free(queue->order);
	free(queue->slots);
	*queue = fresh;
}

static bool memory_good(uint64_t address, unsigned alignment)
{
	return address && address % alignment == 0;
}

static struct virtio_device *devices(void)
{
	return &virtio_devices ? virtio_devices : NULL;
}

/* The driver's own queue that this is, if it is one. */
static const struct virtqueue *known(const struct mock_queue *queue)
{
	for (struct virtio_device *each = devices(); each; each = each->next) {
		for (unsigned i = 0; i < each->queue_count; i++) {
			const struct virtqueue *vq = each->queues[i];

			if (queue->desc == vq->desc_phys &&
			    queue->avail == vq->driver_phys &&
			    queue->used == vq->device_phys && queue->size == vq->size &&
			    queue->packed == (vq->inner >= VIRTQUEUE_PACKED))
				return vq;
		}
	}
	return NULL;
}

static bool agreed(const struct mock_queue *queue)
{
	const struct virtqueue *vq = known(queue);

	return vq && vq->device->counters.resets == queue->driver_resets;
}

static void forget_all(struct mock *mock)
{
	if (mock->chaos)
		mock->chaos->memory_count = 0; /* that memory is something else now */
	for (unsigned i = 0; i < MOCK_QUEUES; i++)
		mock->queues[i].enabled = false;
	for (unsigned i = 0; i < MOCK_QUEUES; i++)
		mock_queue_forget(mock, i);
}

void mock_queues_agree(struct mock *mock)
{
	if (!mock->registers_lie)
		return;
	for (unsigned i = 0; i < MOCK_QUEUES; i++) {
		if (mock->queues[i].enabled && !agreed(&mock->queues[i])) {
			forget_all(mock);
			return;
		}
	}
}

bool mock_queue_usable(struct mock *mock, unsigned index)
{
	mock_queues_agree(mock);
	return mock->queues[index].enabled;
}

static bool zeroed(uint64_t address, size_t bytes)
{
	const unsigned char *memory = (const unsigned char *)(uintptr_t)address;

	while (bytes && !memory[bytes - 1])
		bytes--;
	return bytes == 0;
}

/* §2.7, §2.8.10.1: sizes, alignments; a new ring holds nothing yet. */
static void check_layout(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];
	unsigned size = queue->size;

	if (size == 0 || size > mock->queue_max[index] || size > 32768 ||
	    (!queue->packed && size & (size - 1)))
		mock_violation(mock, "queue %u: size %u of at most %u", index, size,
			       mock->queue_max[index]);
	if (!memory_good(queue->desc, 16) ||
	    !memory_good(queue->avail, queue->packed ? 4 : 2) ||
	    !memory_good(queue->used, 4)) {
		mock_violation(mock, "queue %u: misaligned ring", index);
		return;
	}
	if (mock->lenient)
		return;
	if (queue->packed
		    ? !zeroed(queue->desc, 16 * size) || !zeroed(queue->used, 4)
		    : !zeroed(queue->desc, 16 * size) || !zeroed(queue->avail + 2, 2) ||
			      !zeroed(queue->used, 4 + 8 * size))
		mock_violation(mock, "queue %u: the new ring is not zeroed", index);
}

/* §4.1.5.1.3: a queue is enabled once, whole, and before DRIVER_OK, or after a reset of
 * its own (§2.6.1.2). */
void mock_queue_enable(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index % MOCK_QUEUES];
	const struct virtqueue *vq;

	if (index >= MOCK_QUEUES || !mock->queue_max[index]) {
		mock_violation(mock, "queue %u does not exist", index);
		return;
	}
	if (queue->enabled)
		mock_violation(mock, "queue %u enabled twice", index);
	if (queue->resetting)
		mock_violation(mock, "queue %u enabled during its reset", index);
	if (!mock->legacy && !(mock->status & VIRTIO_STATUS_FEATURES_OK))
		mock_violation(mock, "queue %u enabled before FEATURES_OK", index);
	if (mock->status & VIRTIO_STATUS_DRIVER_OK && !queue->was_reset)
		mock_violation(mock, "queue %u enabled after DRIVER_OK", index);
	queue->packed = mock_has(mock, VIRTIO_F_RING_PACKED);
	queue->in_order = mock_has(mock, VIRTIO_F_IN_ORDER);
	check_layout(mock, index);
	if (queue->size == 0 || queue->enabled) /* a lenient mock */
		return;
	vq = known(queue);
	if (mock->registers_lie && !vq)
		return;
	queue->driver_resets = vq ? vq->device->counters.resets : 0;
	queue->take = queue->give = queue->scan = (struct mock_place){ 0, true };
	queue->out = calloc(queue->size, sizeof(*queue->out));
	queue->held = calloc(queue->size, sizeof(*queue->held));
	queue->order = calloc(queue->size, sizeof(*queue->order));
	queue->slots = calloc(queue->size, sizeof(*queue->slots));
	queue->was_reset = false;
	queue->used_ns = mock_ns(mock);
	queue->enabled = true;
}

void mock_queue_reset(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index % MOCK_QUEUES];

	if (!mock_has(mock, VIRTIO_F_RING_RESET))
		mock_violation(mock, "queue %u reset, which was not negotiated", index);
	if (index >= MOCK_QUEUES || !queue->enabled) {
		mock_violation(mock, "queue %u reset, but it is not enabled", index);
		return;
	}
	mock_queue_forget(mock, index);
	queue->resets++;
	queue->resetting = mock->queue_reset_reads;
	queue->was_reset = true;
}

bool mock_queue_resetting(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];

	if (queue->resetting && queue->resetting != UINT_MAX)
		queue->resetting--;
	return queue->resetting;
}

/* §2.9: what the doorbell's value says of the queue. */
static unsigned name_of(const struct mock *mock, unsigned index)
{
	return mock_has(mock, VIRTIO_F_NOTIF_CONFIG_DATA) ? mock->notify_data[index]
							  : index;
}

int mock_doorbell_queue(struct mock *mock, uint32_t value)
{
	for (unsigned i = 0; i < MOCK_QUEUES; i++)
		if (name_of(mock, i) == (value & 0xffff))
			return (int)i;
	return -1;
}

/* §2.9, §4.1.5.2: 16 bits that name the queue, or 32 that also say how far it is. */
static void check_value(struct mock *mock, unsigned index, unsigned width, uint32_t value)
{
	struct mock_queue *queue = &mock->queues[index];
	bool data = mock_has(mock, VIRTIO_F_NOTIFICATION_DATA);

	if (width != (data ? 4 : 2))
		mock_violation(mock, "doorbell of queue %u written with width %u", index,
			       width);
	if ((value & 0xffff) != name_of(mock, index))
		mock_violation(mock, "doorbell of queue %u: %#x written", index, value);
	if (data && value >> 16 != mock_ring_position(mock, queue))
		mock_violation(mock, "doorbell of queue %u: position %#x, but it is %#x",
			       index, value >> 16, mock_ring_position(mock, queue));
}

/* A doorbell tells of something new, or reminds us, who used nothing for a second. */
static bool has_reason(struct mock *mock, unsigned index)
{
	return mock_ring_news(mock, index) ||
	       mock_ns(mock) - mock->queues[index].used_ns >= NS_PER_SEC;
}

void mock_doorbell(struct mock *mock, unsigned index, unsigned width, uint32_t value)
{
	struct mock_queue *queue = &mock->queues[index % MOCK_QUEUES];

	mock_thread_lock(mock);
	mock->counts.kicks++;
	if (index >= MOCK_QUEUES || !mock_queue_usable(mock, index)) {
		mock_violation(mock, "kick of queue %u, which is not enabled", index);
		mock_thread_unlock(mock);
		return;
	}
	if (!(mock->status & VIRTIO_STATUS_DRIVER_OK))
		mock_violation(mock, "kick before DRIVER_OK");
	if (!has_reason(mock, index))
		mock_violation(mock, "kick of queue %u without news", index);
	check_value(mock, index, width, value);
	queue->kicks++;
	queue->kicked = true;
	if (mock->kicked)
		mock->kicked(mock, index);
	mock_thread_wake(mock);
	mock_thread_unlock(mock);
}

bool mock_run(struct mock *mock)
{
	bool any = false;

	if (mock->thread)
		return mock_thread_deliver(mock);
	for (unsigned i = 0; i < MOCK_QUEUES; i++) {
		if (!mock->queues[i].kicked)
			continue;
		mock->queues[i].kicked = false;
		if (mock->chaos)
			mock_chaos_strike(mock, i);
		if (mock->serve) {
			mock->serve(mock, i);
			mock_flush(mock, i);
			any = true;
		}
	}
	return any;
}

bool mock_run_all(void)
{
	bool any = false;

	for (struct mock *each = mocks; each; each = each->next)
		any |= mock_run(each);
	return any;
}
