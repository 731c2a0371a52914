/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A driver without a device behind it: one queue, for tests of the ring alone. Included
 * by one test file each, as it defines that driver. */

#ifndef MOCK_ONE_QUEUE_H
#define MOCK_ONE_QUEUE_H

#include <unit.h>
#include "host/host.h"
#include "mock/mock.h"

#define ONE_QUEUE_ID 98

static struct virtqueue *vq;
static bool one_queue_polled;
static unsigned one_queue_pieces;
static unsigned callbacks, broken_calls;

static void one_queue_callback(struct virtqueue *queue)
{
	assert_ptr_equal(queue, vq);
	callbacks++;
}

static int one_queue_probe(struct virtio_device *device)
{
	struct virtqueue_wanted wanted = {
		.name = "one",
		.callback = one_queue_polled ? NULL : one_queue_callback,
		.pieces_max = one_queue_pieces,
	};

	return virtio_find_queues(device, &wanted, 1, &vq);
}

static void one_queue_broken(struct virtio_device *device)
{
	(void)device;
	broken_calls++;
}

static const struct virtio_driver one_queue_driver = {
	.name = "one",
	.device_id = ONE_QUEUE_ID,
	.probe = one_queue_probe,
	.broken = one_queue_broken,
};
VIRTIO_DRIVER(one_queue_driver);

enum { WITHOUT = 0, WITH_INDIRECT = 1, WITH_EVENT = 2 };

static inline struct mock *one_queue_new(unsigned size, unsigned with)
{
	struct mock *mock = mock_new(ONE_QUEUE_ID);

	if (!(with & WITH_INDIRECT))
		mock_withhold(mock, VIRTIO_F_INDIRECT_DESC);
	if (!(with & WITH_EVENT))
		mock_withhold(mock, VIRTIO_F_EVENT_IDX);
	mock->queue_max[0] = (uint16_t)size;
	callbacks = broken_calls = 0;
	return mock;
}

static inline struct mock *one_queue(unsigned size, unsigned with)
{
	struct mock *mock = one_queue_new(size, with);

	assert_int_equal(mock_add(mock), 0);
	return mock;
}

static int one_queue_nothing_left(void **state)
{
	(void)state;
	one_queue_polled = false;
	one_queue_pieces = 0;
	return host_heap_live || host_page_live || virtio_devices;
}

#define ring_test(function) cmocka_unit_test_teardown(function, one_queue_nothing_left)

#endif
