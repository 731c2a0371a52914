/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A driver that comes back, with one buffer out in each of two queues, for tests of
 * recovery and unplugging. Included by one test file each, as it defines that driver. */

#ifndef MOCK_PHOENIX_H
#define MOCK_PHOENIX_H

#include <errno.h>
#include <limits.h>
#include <kernel/heap.h>
#include <kernel/init.h>
#include <unit.h>
#include "host/host.h"
#include "mock/mock.h"

#define ID	 97
#define BUFFERS	 2
#define ATTEMPTS 8

static struct virtqueue *queues[BUFFERS];
static struct virtio_features agreed;
static unsigned taken_back, callbacks, broken_calls, restore_calls, restored_calls,
	removed_calls, queue_broken_calls, queue_restored_calls;
static unsigned unquiet;	  /* how often the driver still is in a call */
static unsigned restore_failures; /* how many restore() still fail */
static bool gone_in_probe, break_in_probe, break_in_ready;
static bool break_in_restore, gone_in_restore, gone_in_restored;
static char buffers[BUFFERS][64];

static void callback(struct virtqueue *vq)
{
	while (virtqueue_get(vq, NULL))
		callbacks++;
	virtqueue_enable_cb(vq);
}

static const struct virtqueue_wanted wanted[BUFFERS] = {
	{ .name = "first", .index = 0, .callback = callback },
	{ .name = "second", .index = 1, .size_max = 4, .callback = callback },
};

static void post(unsigned index)
{
	struct virtio_piece piece = { (uintptr_t)buffers[index], 64 };

	assert_int_equal(virtqueue_add(queues[index], &piece, 0, 1, buffers[index]), 0);
}

static int probe(struct virtio_device *device)
{
	int error = virtio_find_queues(device, wanted, BUFFERS, queues);

	if (gone_in_probe) {
		virtio_device_gone(device);
		host_clock_advance(10 * NS_PER_MS);
		assert_int_equal(host_threads_run(), 0);
	}
	if (break_in_probe)
		virtio_device_break(device, "while it is set up");
	if (!error)
		device->driver_data = kzalloc(16);
	return error;
}

static void kick_all(struct virtio_device *device)
{
	if (device->broken)
		return;
	for (unsigned i = 0; i < BUFFERS; i++) {
		post(i);
		virtqueue_kick(queues[i]);
	}
}

/* Breaks while the driver is not through with making itself known. */
static void ready(struct virtio_device *device)
{
	kick_all(device);
	if (!break_in_ready)
		return;
	virtio_device_break(device, "a test");
	for (unsigned i = 0; i < 10; i++) {
		host_clock_advance(NS_PER_MS);
		host_threads_run();
	}
	assert_int_equal(broken_calls, 1);
	assert_int_equal(restore_calls, 0);
}

/* The device confirmed the reset before this [INI-09]. */
static void broken(struct virtio_device *device)
{
	struct mock *mock = (struct mock *)device;

	assert_true(device->broken);
	assert_false(device->live);
	assert_true(device->gone || mock->status == 0 || mock->reset_reads == UINT_MAX);
	assert_int_equal(host_cpu.interrupt_depth, 1);
	broken_calls++;
	for (unsigned i = 0; i < BUFFERS; i++)
		while (virtqueue_detach(queues[i]))
			taken_back++;
}

static bool quiet(struct virtio_device *device)
{
	(void)device;
	return !unquiet || !unquiet--;
}

static bool queue_quiet(const struct virtqueue *vq)
{
	return quiet(virtqueue_device(vq));
}

static int restore(struct virtio_device *device)
{
	int error;

	assert_int_equal(unquiet, 0);
	assert_int_equal(host_cpu.interrupt_depth, 0); /* it may sleep */
	restore_calls++;
	if (restore_failures) {
		restore_failures--;
		return -ENOMEM;
	}
	error = virtio_find_queues(device, wanted, BUFFERS, queues);
	if (break_in_restore)
		virtio_device_break(device, "while it is restored");
	if (gone_in_restore)
		virtio_device_gone(device);
	break_in_restore = gone_in_restore = false;
	return error;
}

static void restored(struct virtio_device *device)
{
	restored_calls++;
	kick_all(device);
	if (gone_in_restored) {
		gone_in_restored = false;
		virtio_device_gone(device);
		host_clock_advance(1); /* must wait until we are through */
		assert_int_equal(removed_calls, 0);
	}
}

static void queue_broken(struct virtqueue *vq)
{
	assert_int_equal(unquiet, 0);
	queue_broken_calls++;
	while (virtqueue_detach(vq))
		taken_back++;
}

static void queue_restored(struct virtqueue *vq)
{
	queue_restored_calls++;
	post(virtqueue_index(vq));
	virtqueue_kick(vq);
}

static void removed(struct virtio_device *device)
{
	assert_true(device->gone);
	removed_calls++;
	device->leftover = device->driver_data;
}

static const struct virtio_driver driver = {
	.name = "phoenix",
	.device_id = ID,
	.wanted = VIRTIO_FEATURES(VIRTIO_BIT(3)),
	.probe = probe,
	.ready = ready,
	.broken = broken,
	.quiet = quiet,
	.restore = restore,
	.restored = restored,
	.queue_broken = queue_broken,
	.queue_restored = queue_restored,
	.queue_quiet = queue_quiet,
	.removed = removed,
};
VIRTIO_DRIVER(driver);

static void serve(struct mock *mock, unsigned queue)
{
	struct mock_chain chain;

	while (mock_pop(mock, queue, &chain)) {
		mock_write(&chain, 0, "answered", 8);
		mock_push(mock, queue, &chain, 8);
	}
	mock_interrupt(mock, queue);
}

static struct mock *fresh(void)
{
	struct mock *mock = mock_new(ID);

	mock->queue_max[0] = 8;
	mock->queue_max[1] = 256;
	mock->serve = serve;
	mock_offer(mock, 3);
	taken_back = callbacks = broken_calls = restore_calls = restored_calls = 0;
	removed_calls = queue_broken_calls = queue_restored_calls = 0;
	restore_failures = 0;
	host_clock_advance(120 * NS_PER_SEC);
	assert_int_equal(mock_add(mock), 0);
	agreed = mock->accepted;
	return mock;
}

/* Timers and threads, until nothing is left to do at this moment. */
static void settle(void)
{
	do
		host_clock_advance(1);
	while (host_threads_run());
}

/* Everything, with the pauses between attempts. */
static void settle_long(void)
{
	for (unsigned i = 0; i < 1000; i++) {
		host_clock_advance(20 * NS_PER_MS);
		host_threads_run();
	}
}

static void end(struct mock *mock)
{
	if (!mock->device.recovering.unlisted)
		mock_unplug(mock);
	assert_int_equal(removed_calls, 1);
	mock_remove(mock);
}

static int nothing_left(void **state)
{
	(void)state;
	return host_heap_live || host_page_live || virtio_devices;
}

static void works(struct mock *mock)
{
	callbacks = 0;
	assert_true(mock->device.live);
	assert_false(mock->device.broken);
	while (mock_run(mock))
		;
	assert_int_equal(callbacks, BUFFERS);
	assert_memory_equal(buffers[0], "answered", 8);
}

#define recovery_test(function) cmocka_unit_test_teardown(function, nothing_left)

#endif
