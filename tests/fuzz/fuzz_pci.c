/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: pci */

/* PCI functions whose configuration space lies: capabilities that loop or overlap, base
 * addresses, tables of vectors, and virtio structures outside of what they are in
 * (requirements PCI). */

#include <kernel/pci.h>
#include <kernel/time.h>
#include "fuzz.h"
#include "mock/pci.h"

#define ID 5

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

	return virtio_find_queues(device, wanted, 2, queues);
}

static const struct virtio_driver driver = {
	.name = "fuzz",
	.device_id = ID,
	.probe = probe,
};
VIRTIO_DRIVER(driver);

static void scramble(struct mock_pci *pci, struct mock_chaos *chaos)
{
	for (unsigned left = mock_chaos_byte(chaos) % 32; left; left--) {
		uint8_t at = mock_chaos_byte(chaos);

		pci->config[at] = mock_chaos_byte(chaos);
	}
}

static void traffic(struct mock *mock, struct mock_chaos *chaos)
{
	static uint8_t memory[64];
	struct virtio_piece piece = { (uintptr_t)memory, sizeof(memory) };

	for (unsigned i = 0; i < 32 && !mock_chaos_over(chaos); i++) {
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

void fuzz_one(const uint8_t *data, size_t bytes)
{
	struct mock_chaos chaos;
	struct mock_pci *pci;
	struct mock *mock;
	uint8_t kind;

	mock_chaos_bytes(&chaos, data, bytes);
	mock_pci_reset();
	mock_pci_lenient = true;
	host_irq_storms = true;
	host_clock_step_ns = NS_PER_MS;
	kind = mock_chaos_byte(&chaos);
	scramble(mock_pci_bridge(0, 1, 1), &chaos);
	mock = mock_new(ID);
	mock->lenient = true;
	mock->serve = mock_chaos_serve;
	mock->vectors = mock_chaos_byte(&chaos) % 18;
	mock->queue_max[0] = mock->queue_max[1] = 16;
	mock->config_bytes = 16;
	mock_layout(mock, kind >> 4 & 3);
	if (kind & 4)
		mock->shared[1].bytes = 12288;
	if (kind & 8)
		mock_offer(mock, VIRTIO_F_RING_RESET);
	pci = mock_pci_virtio(mock, kind >> 6 & 1, 2, 1 + kind % 3);
	scramble(pci, &chaos);
	mock->chaos = &chaos;
	pci_scan();
	if (mock->device.queues || queues[1])
		traffic(mock, &chaos);
	fuzz_check_leaks();
	mock->chaos = NULL;
	mock_pci_end();
	mock_chaos_end(&chaos);
	host_threads_forget();
}
