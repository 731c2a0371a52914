/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <kernel/time.h>
#include "two_queues.h"

static struct virtqueue *queues[2];

static void callback(struct virtqueue *vq)
{
	virtqueue_get(vq, NULL);
	virtqueue_enable_cb(vq);
}

static int probe(struct virtio_device *device)
{
	static const struct virtqueue_wanted wanted[2] = {
		{ .name = "a", .index = 0, .callback = callback },
		{ .name = "b", .index = 1, .callback = callback },
	};
	struct virtio_shared_memory region;

	virtio_config_read64(device, 0);
	if (device->transport->shared_memory)
		device->transport->shared_memory(device, 1, &region);
	return virtio_find_queues(device, wanted, 2, queues);
}

static void removed(struct virtio_device *device)
{
	(void)device;
	queues[0] = queues[1] = NULL;
}

static const struct virtio_driver driver = {
	.name = "fuzz",
	.device_id = TWO_QUEUES_ID,
	.probe = probe,
	.removed = removed,
};
VIRTIO_DRIVER(driver);

uint8_t two_queues_begin(struct mock_chaos *chaos, const uint8_t *data, size_t bytes)
{
	mock_chaos_bytes(chaos, data, bytes);
	host_irq_storms = true;
	host_clock_step_ns = NS_PER_MS;
	return mock_chaos_byte(chaos);
}

void two_queues_end(struct mock *mock, struct mock_chaos *chaos, void (*forget)(void))
{
	fuzz_check_leaks();
	mock->chaos = NULL;
	forget();
	mock_chaos_end(chaos);
	host_threads_forget();
}

struct mock *two_queues_new(uint8_t kind)
{
	struct mock *mock = mock_new(TWO_QUEUES_ID);

	mock->lenient = true;
	mock->serve = mock_chaos_serve;
	mock->queue_max[0] = mock->queue_max[1] = 16;
	mock->config_bytes = 16;
	mock_layout(mock, kind >> 4 & 3);
	if (kind & 4)
		mock->shared[1].bytes = 12288;
	if (kind & 8)
		mock_offer(mock, VIRTIO_F_RING_RESET);
	return mock;
}

void two_queues_use(struct mock *mock, struct mock_chaos *chaos)
{
	static uint8_t memory[64];
	struct virtio_piece piece = { (uintptr_t)memory, sizeof(memory) };

	for (unsigned i = 0; i < 32 && queues[1] && !mock_chaos_over(chaos); i++) {
		unsigned what = mock_chaos_byte(chaos);

		if (what & 1)
			virtqueue_add(queues[what >> 1 & 1], &piece, 0, 1, memory);
		if (what & 4)
			virtqueue_kick(queues[what >> 1 & 1]);
		if (what & 8)
			mock_run(mock);
		if (what & 16)
			mock_config_changed(mock);
		if (what & 32)
			host_clock_advance(NS_PER_SEC);
		if (what & 64)
			host_threads_run();
	}
}
