/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A driver with three queues, the last polled, for tests of the transports. Included by
 * one test file each, as it defines that driver. */

#ifndef MOCK_THREE_QUEUES_H
#define MOCK_THREE_QUEUES_H

#include <unit.h>
#include "host/host.h"
#include "mock/pci.h"

#define THREE_QUEUES_ID 5 /* has a transitional id: 0x1005, here by its subsystem id */

static struct virtqueue *queues[3];
static unsigned callbacks[3], config_calls, broken_calls, queue_restored_calls;
static struct virtio_device *found;

static void count_callback(struct virtqueue *vq)
{
	callbacks[virtqueue_index(vq)]++;
	while (virtqueue_get(vq, NULL))
		;
	virtqueue_enable_cb(vq);
}

static int three_probe(struct virtio_device *device)
{
	static const struct virtqueue_wanted wanted[3] = {
		{ .name = "a", .index = 0, .callback = count_callback },
		{ .name = "b", .index = 1, .callback = count_callback },
		{ .name = "c", .index = 2 },
	};

	found = device;
	return virtio_find_queues(device, wanted, 3, queues);
}

static void three_config(struct virtio_device *device)
{
	(void)device;
	config_calls++;
}

static void three_broken(struct virtio_device *device)
{
	(void)device;
	broken_calls++;
}

static void three_queue_broken(struct virtqueue *vq)
{
	while (virtqueue_detach(vq))
		;
}

static void three_queue_restored(struct virtqueue *vq)
{
	(void)vq;
	queue_restored_calls++;
}

/* So that a device that was unplugged is freed. */
static void three_removed(struct virtio_device *device)
{
	(void)device;
}

static const struct virtio_driver three_driver = {
	.name = "three",
	.device_id = THREE_QUEUES_ID,
	.wanted = VIRTIO_FEATURES(VIRTIO_BIT(3)),
	.probe = three_probe,
	.config_changed = three_config,
	.broken = three_broken,
	.removed = three_removed,
	.queue_broken = three_queue_broken,
	.queue_restored = three_queue_restored,
};
VIRTIO_DRIVER(three_driver);

static void serve_all(struct mock *mock, unsigned queue)
{
	struct mock_chain chain;

	while (mock_pop(mock, queue, &chain))
		mock_push(mock, queue, &chain, 0);
	mock_interrupt(mock, queue);
}

static struct mock *three_mock(unsigned vectors)
{
	struct mock *mock = mock_new(THREE_QUEUES_ID);

	mock->vectors = vectors;
	for (unsigned i = 0; i < 3; i++)
		mock->queue_max[i] = 16;
	mock->config_bytes = 16;
	mock->serve = serve_all;
	memset(callbacks, 0, sizeof(callbacks));
	config_calls = broken_calls = queue_restored_calls = 0;
	found = NULL;
	return mock;
}

/* One buffer through each queue, one configuration change. */
static __attribute__((unused)) void traffic(struct mock *mock)
{
	static char memory[64];
	struct virtio_piece piece = { (uintptr_t)memory, sizeof(memory) };
	struct mock_pci *pci = mock->transport;

	for (unsigned i = 0; i < 3; i++) {
		uint64_t doorbells = pci->doorbells;
		uint64_t writes = mock->counts.register_writes;
		uint64_t reads = mock->counts.register_reads;

		assert_int_equal(virtqueue_add(queues[i], &piece, 0, 1, memory), 0);
		virtqueue_kick(queues[i]);
		assert_int_equal(pci->doorbells - doorbells, 1);
		assert_int_equal(mock->counts.register_writes - writes, 1); /* PCI-12 */
		assert_int_equal(mock->counts.register_reads - reads, 0);
	}
	mock_run(mock);
	assert_ptr_equal(virtqueue_get(queues[2], NULL), memory);
	assert_int_equal(callbacks[0], 1);
	assert_int_equal(callbacks[1], 1);
	assert_int_equal(callbacks[2], 0);
	mock_config_changed(mock);
	assert_int_equal(config_calls, 1);
}

static int three_begin(void **state)
{
	(void)state;
	mock_pci_reset();
	return 0;
}

static int three_end(void **state)
{
	(void)state;
	mock_pci_end();
	host_irq_vectors = 192;
	return host_heap_live || host_page_live || host_irq_attached();
}

#define transport_test(function) \
	cmocka_unit_test_setup_teardown(function, three_begin, three_end)

#endif
