/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The registers of VIRTIO 1.3 §4.2.2, and those of version 1 (§4.2.4). */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <kernel/heap.h>
#include <virtio/ring/ring.h>
#include "host/host.h"
#include "mock/chaos.h"
#include "mock/mmio.h"

static struct mock_mmio *devices;

/* The driver accesses what is not there: a mistake, whatever the device said. */
static _Noreturn void wrong(const char *what)
{
	fprintf(stderr, "mock MMIO: %s\n", what);
	abort();
}

/* NULL: nobody's, for a driver that was lied to. */
static struct mock_mmio *find(const volatile void *address, unsigned *offset)
{
	for (struct mock_mmio *each = devices; each; each = each->next) {
		*offset = (unsigned)((uintptr_t)address - each->address);
		if ((uintptr_t)address >= each->address && *offset < MOCK_MMIO_BYTES)
			return each;
	}
	if (!devices || !devices->mock || !devices->mock->lenient)
		wrong("nobody's register");
	return NULL;
}

static struct mock_queue *selected(struct mock_mmio *mmio)
{
	static struct mock_queue none;

	return mmio->queue_select < MOCK_QUEUES ? &mmio->mock->queues[mmio->queue_select]
						: &none;
}

static uint32_t features_read(struct mock_mmio *mmio)
{
	uint32_t select = mmio->feature_select;

	if (!mmio->feature_selected)
		mock_violation(mmio->mock, "features read without selecting");
	mmio->feature_selected = false;
	if (select >= (mmio->version == 1 ? 1 : 4))
		return 0;
	return (uint32_t)(mmio->mock->offered.words[select / 2] >> select % 2 * 32);
}

static uint64_t shared(struct mock_mmio *mmio, bool length)
{
	mmio->shm_accesses++;
	if (mmio->shm_select > 3 || !mmio->mock->shared[mmio->shm_select].bytes)
		return UINT64_MAX;
	return length ? mmio->mock->shared[mmio->shm_select].bytes
		      : mmio->mock->shared[mmio->shm_select].phys;
}

static uint32_t modern_read(struct mock_mmio *mmio, unsigned offset)
{
	struct mock *mock = mmio->mock;

	switch (offset) {
	case MMIO_QUEUE_READY:
		return mmio->queue_select < MOCK_QUEUES && !mmio->never_ready &&
		       mmio->ready[mmio->queue_select];
	case MMIO_SHM_LEN:
		return (uint32_t)shared(mmio, true);
	case MMIO_SHM_LEN + 4:
		return (uint32_t)(shared(mmio, true) >> 32);
	case MMIO_SHM_BASE:
		return (uint32_t)shared(mmio, false);
	case MMIO_SHM_BASE + 4:
		return (uint32_t)(shared(mmio, false) >> 32);
	case MMIO_QUEUE_RESET:
		return mock_queue_resetting(mock, mmio->queue_select % MOCK_QUEUES);
	case MMIO_CONFIG_GENERATION:
		return mock->generation_runs ? ++mock->generation : mock->generation;
	default:
		mock_violation(mock, "read of register %#x", offset);
		return 0;
	}
}

static uint32_t read_register(struct mock_mmio *mmio, unsigned offset)
{
	struct mock *mock = mmio->mock;

	switch (offset) {
	case MMIO_MAGIC:
		return mmio->magic;
	case MMIO_VERSION:
		return mmio->version;
	case MMIO_DEVICE_ID:
		return mock ? mock->id : 0;
	default:
		break;
	}
	if (!mock)
		wrong("more than an identity read of an empty slot"); /* [MMI-01] */
	switch (offset) {
	case MMIO_DEVICE_FEATURES:
		return features_read(mmio);
	case MMIO_QUEUE_SIZE_MAX:
		return mmio->queue_select < MOCK_QUEUES
			       ? mock->queue_max[mmio->queue_select]
			       : 0;
	case MMIO_INTERRUPT_STATUS:
		return mock->isr | mmio->isr_extra;
	case MMIO_STATUS:
		return mock_status_read(mock);
	case MMIO_QUEUE_PFN:
		if (mmio->version == 1)
			return (uint32_t)(selected(mmio)->desc / 4096);
		break;
	default:
		break;
	}
	if (mmio->version == 2)
		return modern_read(mmio, offset);
	mock_violation(mock, "read of version 1 register %#x", offset);
	return 0;
}

static void features_write(struct mock_mmio *mmio, uint32_t value)
{
	unsigned select = mmio->driver_feature_select;
	uint64_t *word = &mmio->driver_features.words[select / 2];

	if (!mmio->driver_feature_selected || select >= (mmio->version == 1 ? 1 : 4)) {
		mock_violation(mmio->mock, "features written without selecting");
		return;
	}
	mmio->driver_feature_selected = false;
	*word &= ~((uint64_t)UINT32_MAX << select % 2 * 32);
	*word |= (uint64_t)value << select % 2 * 32;
	mock_features_write(mmio->mock, &mmio->driver_features);
}

/* A queue's size and addresses: not while it is ready [MMI-05]. */
static void queue_write(struct mock_mmio *mmio, unsigned offset, uint32_t value)
{
	struct mock_queue *queue = selected(mmio);
	uint64_t *field = offset < MMIO_QUEUE_DRIVER   ? &queue->desc
			  : offset < MMIO_QUEUE_DEVICE ? &queue->avail
						       : &queue->used;

	if (mmio->queue_select < MOCK_QUEUES && mmio->ready[mmio->queue_select])
		mock_violation(mmio->mock, "register %#x of a queue that is ready",
			       offset);
	if (offset == MMIO_QUEUE_SIZE)
		queue->size = (uint16_t)value;
	else if (offset % 8)
		*field = (*field & UINT32_MAX) | (uint64_t)value << 32;
	else
		*field = (*field & ~(uint64_t)UINT32_MAX) | value;
}

static void ready_write(struct mock_mmio *mmio, uint32_t value)
{
	bool *ready = &mmio->ready[mmio->queue_select % MOCK_QUEUES];

	if (value == 1 && !*ready)
		mock_queue_enable(mmio->mock, mmio->queue_select);
	else if (value != 0)
		mock_violation(mmio->mock, "QueueReady written with %u", value);
	*ready = value;
}

static void pfn_write(struct mock_mmio *mmio, uint32_t frame)
{
	struct mock_queue *queue = selected(mmio);

	if (mmio->page_size != 4096 || mmio->align != 4096)
		mock_violation(mmio->mock, "QueuePFN before page size and alignment");
	queue->desc = (uint64_t)frame * 4096;
	queue->avail = queue->desc + 16ull * queue->size;
	queue->used = (queue->avail + 6 + 2ull * queue->size + 4095) & ~4095ull;
	queue->legacy_layout = true;
	mock_queue_enable(mmio->mock, mmio->queue_select);
}

static void doorbell(struct mock_mmio *mmio, uint32_t value)
{
	struct mock *mock = mmio->mock;
	bool data = mock_has(mock, VIRTIO_F_NOTIFICATION_DATA);

	mmio->doorbells++;
	mock_doorbell(mock, value & 0xffff, data ? 4 : 2, value);
}

static void status_write(struct mock_mmio *mmio, uint32_t value)
{
	if (value == 0) {
		memset(mmio->ready, 0, sizeof(mmio->ready));
		mmio->page_size = mmio->align = 0;
	}
	mock_status_write(mmio->mock, (uint8_t)value);
}

static void ack(struct mock_mmio *mmio, uint32_t value)
{
	mmio->acks++;
	if (mmio->before_ack)
		mmio->before_ack(mmio);
	if (value & ~mmio->mock->isr)
		mock_violation(mmio->mock, "bits %#x acknowledged of %#x", value,
			       mmio->mock->isr);
	mmio->mock->isr &= (uint8_t)~value;
}

static void legacy_write(struct mock_mmio *mmio, unsigned offset, uint32_t value)
{
	if (offset == MMIO_GUEST_PAGE_SIZE)
		mmio->page_size = value;
	else if (offset == MMIO_QUEUE_ALIGN)
		mmio->align = value;
	else if (offset == MMIO_QUEUE_PFN)
		pfn_write(mmio, value);
	else
		mock_violation(mmio->mock, "write to version 1 register %#x", offset);
}

static void modern_write(struct mock_mmio *mmio, unsigned offset, uint32_t value)
{
	if (offset == MMIO_QUEUE_READY) {
		ready_write(mmio, value);
	} else if (offset == MMIO_SHM_SEL) {
		mmio->shm_select = value;
		mmio->shm_accesses++;
	} else if (offset == MMIO_QUEUE_RESET && value == 1) {
		mock_queue_reset(mmio->mock, mmio->queue_select);
		mmio->ready[mmio->queue_select % MOCK_QUEUES] = mmio->stays_ready;
	} else if ((offset & ~0x24u) == MMIO_QUEUE_DESC ||
		   (offset & ~4u) == MMIO_QUEUE_DRIVER) {
		queue_write(mmio, offset, value);
	} else {
		mock_violation(mmio->mock, "write to register %#x", offset);
	}
}

static void write_register(struct mock_mmio *mmio, unsigned offset, uint32_t value)
{
	if (!mmio->mock)
		wrong("an empty slot written"); /* [MMI-01] */
	switch (offset) {
	case MMIO_DEVICE_FEATURES_SEL:
		mmio->feature_select = value;
		mmio->feature_selected = true;
		break;
	case MMIO_DRIVER_FEATURES_SEL:
		mmio->driver_feature_select = value;
		mmio->driver_feature_selected = true;
		break;
	case MMIO_DRIVER_FEATURES:
		features_write(mmio, value);
		break;
	case MMIO_QUEUE_SEL:
		mmio->queue_select = value;
		break;
	case MMIO_QUEUE_SIZE:
		queue_write(mmio, offset, value);
		break;
	case MMIO_QUEUE_NOTIFY:
		doorbell(mmio, value);
		break;
	case MMIO_INTERRUPT_ACK:
		ack(mmio, value);
		break;
	case MMIO_STATUS:
		status_write(mmio, value);
		break;
	default:
		if (mmio->version == 1)
			legacy_write(mmio, offset, value);
		else
			modern_write(mmio, offset, value);
	}
}

static uint32_t mmio_read(const volatile void *address, unsigned width)
{
	unsigned offset;
	struct mock_mmio *mmio = find(address, &offset);
	uint32_t value;

	if (!mmio)
		return UINT32_MAX >> 8 * (4 - width);
	mmio->reads++;
	if (offset >= MMIO_CONFIG)
		return mock_config_read(mmio->mock, offset - MMIO_CONFIG, width);
	if (width != 4 || offset % 4)
		wrong("a register accessed by parts"); /* [MMI-02] */
	value = read_register(mmio, offset);
	return mmio->mock ? mock_chaos_register(mmio->mock, value, 4) : value;
}

static void mmio_write(volatile void *address, unsigned width, uint32_t value)
{
	unsigned offset;
	struct mock_mmio *mmio = find(address, &offset);

	if (!mmio)
		return;
	mmio->writes++;
	if (offset >= MMIO_CONFIG) {
		mock_config_write(mmio->mock, offset - MMIO_CONFIG, width, value);
		return;
	}
	if (width != 4 || offset % 4)
		wrong("a register accessed by parts"); /* [MMI-02] */
	write_register(mmio, offset, value);
}

static void raise(struct mock *mock, unsigned queue)
{
	(void)queue;
	host_irq_line(((struct mock_mmio *)mock->transport)->gsi);
}

static void raise_config(struct mock *mock)
{
	raise(mock, 0);
}

void mock_mmio_reset(void)
{
	host_io = (struct host_io){ .mmio_read = mmio_read, .mmio_write = mmio_write };
	mock_raise_queue = raise;
	mock_raise_config = raise_config;
}

struct mock_mmio *mock_mmio_new(struct mock *mock, uint32_t version, unsigned gsi)
{
	struct mock_mmio *mmio = calloc(1, sizeof(*mmio));

	*mmio = (struct mock_mmio){
		.mock = mock,
		.address = (uintptr_t)mmap(NULL, 4096, PROT_NONE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		.magic = MMIO_MAGIC_VALUE,
		.version = version,
		.gsi = gsi,
		.next = devices,
	};
	devices = mmio;
	if (mock) {
		mock->transport = mmio;
		mock->legacy = version == 1;
	}
	return mmio;
}

/* Undoes what the kernel keeps for ever, so that a test can see leaks. */
static void forget_devices(void)
{
	virtio_shutdown();
	while (virtio_mmio_devices) {
		struct virtio_mmio *each = virtio_mmio_devices;

		virtio_mmio_devices = each->next;
		timer_cancel(&each->device.recovery);
		virtio_mmio_detach(&each->device);
		for (unsigned i = 0; i < each->device.queue_count; i++)
			virtqueue_destroy(each->device.queues[i]);
		kfree(each->device.queues);
		kfree(each);
	}
	virtio_devices = NULL;
}

void mock_mmio_end(void)
{
	forget_devices();
	while (devices) {
		struct mock_mmio *mmio = devices;

		devices = mmio->next;
		if (mmio->mock) {
			if (mmio->mock->status & VIRTIO_STATUS_DRIVER_OK)
				mock_violation(mmio->mock, "live after the shutdown");
			mock_free(mmio->mock);
		}
		munmap((void *)(uintptr_t)mmio->address, 4096);
		free(mmio);
	}
}
