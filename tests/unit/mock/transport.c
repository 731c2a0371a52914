/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The mock as a transport of its own: registers are function calls, the doorbell is a
 * 16-bit MMIO register behind the host's I/O hooks. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <kernel/heap.h>
#include <kernel/time.h>
#include <virtio/ring/ring.h>
#include "host/host.h"
#include "mock/chaos.h"
#include "mock/mock.h"
#include "mock/thread.h"

const void *const virtio_transports[] = { NULL };

static struct mock *of(struct virtio_device *device)
{
	return (struct mock *)device;
}

static void features_get(struct virtio_device *device, struct virtio_features *offered)
{
	struct mock *mock = of(device);

	mock->counts.features_reads++;
	*offered = mock->offered;
	for (unsigned i = 0; mock->chaos && i < 4; i++)
		offered->words[i / 2] ^= (uint64_t)mock_chaos_register(mock, 0, 4)
					 << i % 2 * 32;
	if (mock->legacy)
		*offered = (struct virtio_features){ { (uint32_t)offered->words[0] } };
}

static void features_set(struct virtio_device *device,
			 const struct virtio_features *accepted)
{
	mock_features_write(of(device), accepted);
}

static uint8_t status_get(struct virtio_device *device)
{
	return mock_status_read(of(device));
}

static void status_set(struct virtio_device *device, uint8_t status)
{
	mock_status_write(of(device), status);
}

static int reset(struct virtio_device *device)
{
	uint64_t deadline = clock_ns() + NS_PER_SEC;

	mock_status_write(of(device), 0);
	while (mock_status_read(of(device))) {
		if (clock_ns() >= deadline)
			return -ETIMEDOUT;
		host_clock_ns += NS_PER_MS;
	}
	return 0;
}

static uint32_t config_read(struct virtio_device *device, unsigned offset, unsigned width)
{
	return mock_config_read(of(device), offset, width);
}

static void config_write(struct virtio_device *device, unsigned offset, unsigned width,
			 uint32_t value)
{
	mock_config_write(of(device), offset, width, value);
}

static uint32_t config_generation(struct virtio_device *device)
{
	struct mock *mock = of(device);

	return mock_chaos_register(
		mock, mock->generation_runs ? ++mock->generation : mock->generation, 4);
}

static unsigned queue_size(struct virtio_device *device, unsigned index)
{
	unsigned size = index < MOCK_QUEUES ? of(device)->queue_max[index] : 0;

	return mock_chaos_register(of(device), size, 2);
}

/* Doorbells of all mocks, by address. */
static struct mock *belled[8];

static void mmio_write(volatile void *address, unsigned width, uint32_t value)
{
	for (unsigned i = 0; i < 8; i++) {
		struct mock *mock = belled[i];
		volatile uint32_t *bell = address;

		if (!mock || bell < mock->doorbells ||
		    bell >= mock->doorbells + MOCK_QUEUES)
			continue;
		mock_doorbell(mock, (unsigned)(bell - mock->doorbells), width, value);
		return;
	}
	fprintf(stderr, "a write to a register that is nobody's\n");
	abort();
}

static int queue_enable(struct virtio_device *device, struct virtqueue *vq)
{
	struct mock *mock = of(device);
	struct mock_queue *queue = &mock->queues[vq->index % MOCK_QUEUES];

	if (vq->index >= MOCK_QUEUES) { /* we lied about its size */
		mock_violation(mock, "queue %u does not exist", vq->index);
		return -ENOENT;
	}
	queue->size = vq->size;
	queue->desc = vq->desc_phys;
	queue->avail = vq->driver_phys;
	queue->used = vq->device_phys;
	queue->legacy_layout = mock->legacy;
	if (mock->legacy &&
	    queue->used != ((queue->avail + 6 + 2ull * queue->size + 4095) & ~4095ull))
		mock_violation(mock, "legacy queue %u: the used ring is misplaced",
			       vq->index);
	mock_queue_enable(mock, vq->index);
	vq->doorbell = (void *)&mock->doorbells[vq->index];
	if (mock_has(mock, VIRTIO_F_NOTIF_CONFIG_DATA))
		vq->notify_id = mock->notify_data[vq->index];
	return 0;
}

static int queue_reset(struct virtio_device *device, struct virtqueue *vq)
{
	struct mock *mock = of(device);
	uint64_t deadline = clock_ns() + NS_PER_SEC;

	mock_queue_reset(mock, vq->index);
	while (mock_queue_resetting(mock, vq->index)) {
		if (clock_ns() >= deadline)
			return -ETIMEDOUT;
		host_clock_ns += NS_PER_MS;
	}
	return 0;
}

static bool shared_memory(struct virtio_device *device, uint8_t id,
			  struct virtio_shared_memory *out)
{
	const struct mock *mock = of(device);

	if (id >= sizeof(mock->shared) / sizeof(*mock->shared) || !mock->shared[id].bytes)
		return false;
	*out = mock->shared[id];
	return true;
}

static int interrupts_attach(struct virtio_device *device, unsigned count)
{
	(void)count;
	device->interrupts = "mock";
	return 0;
}

static void interrupts_detach(struct virtio_device *device)
{
	device->interrupts = "none";
}

/* Interrupt context: interrupts off, depth counted. */
static void in_interrupt(void (*handle)(struct mock *mock, unsigned queue),
			 struct mock *mock, unsigned queue)
{
	unsigned long flags = arch_irq_save();

	host_cpu.interrupt_depth++;
	handle(mock, queue);
	host_cpu.interrupt_depth--;
	arch_irq_restore(flags);
}

static void deliver_queue(struct mock *mock, unsigned index)
{
	for (unsigned i = 0; i < mock->device.queue_count; i++)
		if (mock->device.queues[i]->index == index)
			virtio_interrupt_queue(mock->device.queues[i]);
}

static void deliver_config(struct mock *mock, unsigned queue)
{
	(void)queue;
	virtio_interrupt_config(&mock->device);
}

static void raise_queue(struct mock *mock, unsigned index)
{
	in_interrupt(deliver_queue, mock, index);
}

static void raise_config(struct mock *mock)
{
	in_interrupt(deliver_config, mock, 0);
}

static const struct virtio_transport modern = {
	.name = "mock",
	.features_get = features_get,
	.features_set = features_set,
	.status_get = status_get,
	.status_set = status_set,
	.reset = reset,
	.config_read = config_read,
	.config_write = config_write,
	.config_generation = config_generation,
	.queue_size = queue_size,
	.queue_enable = queue_enable,
	.queue_reset = queue_reset,
	.shared_memory = shared_memory,
	.interrupts_attach = interrupts_attach,
	.interrupts_detach = interrupts_detach,
};
static struct virtio_transport legacy;

void mock_unplug(struct mock *mock)
{
	virtio_device_gone(&mock->device);
	/* What is left of the device says nothing, and sees no memory. */
	mock->status = 0;
	for (unsigned i = 0; i < MOCK_QUEUES; i++)
		mock_queue_forget(mock, i);
	host_clock_advance(1);
	host_threads_run();
	host_clock_advance(2 * NS_PER_SEC);
	host_threads_run();
}

int mock_add(struct mock *mock)
{
	unsigned i = 0;

	legacy = modern;
	legacy.legacy = true;
	mock->device.transport = mock->legacy ? &legacy : &modern;
	mock->device.id = mock->id;
	mock->device.interrupts = "none";
	snprintf(mock->device.where, sizeof(mock->device.where), "mock %u", mock->id);
	while (i < 8 && belled[i])
		i++;
	if (i == 8)
		abort(); /* a limit of the mock */
	belled[i] = mock;
	host_io.mmio_write = mmio_write;
	mock_raise_queue = raise_queue;
	mock_raise_config = raise_config;
	return virtio_device_add(&mock->device);
}

void mock_remove(struct mock *mock)
{
	struct virtio_device **link = &virtio_devices;

	if (mock->device.recovering
		    .busy) /* in the hand of a thread that did not run yet */
		host_threads_run();
	virtio_shutdown();
	if (mock->chaos)
		mock_chaos_undo(mock);
	timer_cancel(&mock->device.recovery);
	timer_cancel(&mock->device.queue_recovery);
	if (mock->status & VIRTIO_STATUS_DRIVER_OK)
		mock_violation(mock, "still live after the shutdown");
	while (*link && *link != &mock->device)
		link = &(*link)->next;
	if (*link)
		*link = mock->device.next;
	if (mock->thread)
		abort(); /* a mistake of the test */
	for (unsigned i = 0; i < mock->device.queue_count; i++)
		virtqueue_destroy(mock->device.queues[i]);
	if (mock->device.queues)
		kfree(mock->device.queues);
	for (unsigned i = 0; i < 8; i++)
		if (belled[i] == mock)
			belled[i] = NULL;
	mock_free(mock);
}
