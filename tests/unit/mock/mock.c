/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The mock's life: status, features, configuration, as VIRTIO 1.3 §2 has them. */

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host/host.h"
#include "mock/mock.h"

/* A test that wants the whole core links virtio/complete.c. */
__attribute__((weak)) const void *const virtio_complete[1];

static struct mock *mocks;

void (*mock_raise_queue)(struct mock *mock, unsigned queue);
void (*mock_raise_config)(struct mock *mock);

struct mock *mock_new(uint32_t device_id)
{
	struct mock *mock = calloc(1, sizeof(*mock));

	mock->id = device_id;
	mock->vectors = MOCK_QUEUES + 1;
	mock_offer(mock, VIRTIO_F_INDIRECT_DESC);
	mock_offer(mock, VIRTIO_F_EVENT_IDX);
	mock_offer(mock, VIRTIO_F_VERSION_1);
	mock->next = mocks;
	mocks = mock;
	host_world = mock_run_all;
	return mock;
}

void mock_free(struct mock *mock)
{
	struct mock **link = &mocks;

	while (*link != mock)
		link = &(*link)->next;
	*link = mock->next;
	free(mock);
}

void mock_offer(struct mock *mock, unsigned feature)
{
	virtio_features_set(&mock->offered, feature);
}

void mock_withhold(struct mock *mock, unsigned feature)
{
	virtio_features_clear(&mock->offered, feature);
}

void mock_violation(const struct mock *mock, const char *fmt, ...)
{
	va_list args;

	if (mock->lenient)
		return;
	fprintf(stderr, "mock device %u: the driver broke a rule: ", mock->id);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	abort();
}

uint8_t mock_status_read(struct mock *mock)
{
	mock->counts.status_reads++;
	if (mock->reset_pending) {
		if (mock->reset_pending != UINT_MAX)
			mock->reset_pending--;
		return mock->reset_pending ? 0x0f : 0;
	}
	return mock->status;
}

static void do_reset(struct mock *mock)
{
	mock->counts.resets++;
	mock->status = 0;
	mock->accepted = (struct virtio_features){ 0 };
	mock->accepted_written = false;
	mock->isr = 0;
	for (unsigned i = 0; i < MOCK_QUEUES; i++) {
		struct mock_queue *queue = &mock->queues[i];
		struct mock_queue fresh = {
			.vector = 0xffff,
			.kicks = queue->kicks,
			.interrupts = queue->interrupts,
			.popped = queue->popped,
			.pushed = queue->pushed,
			.indirect = queue->indirect,
		};

		*queue = fresh;
	}
	mock->reset_pending = mock->reset_reads;
}

/* §2.2.1: what the driver accepts must have been offered, and the bits that depend on
 * each other must fit; VERSION_1 must be accepted when offered (§6.1). */
static void check_features(struct mock *mock)
{
	for (unsigned i = 0; i < 2; i++)
		if (mock->accepted.words[i] & ~mock->offered.words[i])
			mock_violation(mock, "features %#llx of word %u were not offered",
				       (unsigned long long)(mock->accepted.words[i] &
							    ~mock->offered.words[i]),
				       i);
	if (!mock->legacy && virtio_features_has(&mock->offered, VIRTIO_F_VERSION_1) &&
	    !mock_has(mock, VIRTIO_F_VERSION_1))
		mock_violation(mock, "VERSION_1 is offered but not accepted");
}

void mock_status_write(struct mock *mock, uint8_t status)
{
	uint8_t added = status & ~mock->status;

	mock->counts.status_writes++;
	if (mock->status_trace_count < sizeof(mock->status_trace))
		mock->status_trace[mock->status_trace_count++] = status;
	if (status == 0) {
		do_reset(mock);
		return;
	}
	if (mock->reset_pending && mock->reset_pending != UINT_MAX)
		mock_violation(mock, "status %#x while a reset is going on", status);
	if (mock->status & ~status & ~VIRTIO_STATUS_NEEDS_RESET)
		mock_violation(mock, "status bits dropped: %#x to %#x", mock->status,
			       status);
	if (added & VIRTIO_STATUS_DRIVER && !(status & VIRTIO_STATUS_ACKNOWLEDGE))
		mock_violation(mock, "DRIVER without ACKNOWLEDGE");
	if (added & VIRTIO_STATUS_FEATURES_OK) {
		if (mock->legacy)
			mock_violation(mock, "FEATURES_OK on a legacy device");
		if (!(status & VIRTIO_STATUS_DRIVER) || !mock->accepted_written)
			mock_violation(mock, "FEATURES_OK before features were written");
		if (added & VIRTIO_STATUS_DRIVER_OK)
			mock_violation(mock, "FEATURES_OK and DRIVER_OK at once");
		check_features(mock);
		if (mock->no_features_ok)
			status &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
	}
	if (added & VIRTIO_STATUS_DRIVER_OK) {
		if (!mock->legacy && !(status & VIRTIO_STATUS_FEATURES_OK))
			mock_violation(mock, "DRIVER_OK without FEATURES_OK");
		if (mock->legacy)
			check_features(mock);
		if (status & VIRTIO_STATUS_FAILED)
			mock_violation(mock, "DRIVER_OK after FAILED");
	}
	mock->status = status;
}

void mock_features_write(struct mock *mock, const struct virtio_features *accepted)
{
	mock->counts.features_writes++;
	if (mock->status & VIRTIO_STATUS_FEATURES_OK)
		mock_violation(mock, "features written after FEATURES_OK");
	if (!(mock->status & VIRTIO_STATUS_DRIVER))
		mock_violation(mock, "features written before DRIVER");
	mock->accepted = *accepted;
	mock->accepted_written = true;
}

static bool config_access_good(struct mock *mock, unsigned offset, unsigned width,
			       const char *what)
{
	if (width != 1 && width != 2 && width != 4)
		mock_violation(mock, "configuration %s of width %u", what, width);
	if (offset % width)
		mock_violation(mock, "configuration %s of width %u at %u", what, width,
			       offset);
	if (mock->reset_pending)
		mock_violation(mock, "configuration %s during a reset", what);
	return offset + width <= MOCK_CONFIG_BYTES &&
	       offset + width <= mock->config_bytes;
}

uint32_t mock_config_read(struct mock *mock, unsigned offset, unsigned width)
{
	uint32_t value = 0;

	mock->counts.config_reads++;
	if (!config_access_good(mock, offset, width, "read"))
		return UINT32_MAX >> 8 * (4 - width); /* what QEMU answers */
	memcpy(&value, mock->config + offset, width);
	if (mock->config_race)
		mock->config_race(mock);
	return value;
}

void mock_config_write(struct mock *mock, unsigned offset, unsigned width, uint32_t value)
{
	mock->counts.config_writes++;
	if (!config_access_good(mock, offset, width, "write")) {
		mock_violation(mock, "configuration write past the end, at %u", offset);
		return;
	}
	for (unsigned i = 0; i < width; i++)
		if (!mock->config_writable[offset + i])
			mock_violation(mock, "byte %u of the configuration is read-only",
				       offset + i);
	if (!mock->legacy && !(mock->status & VIRTIO_STATUS_FEATURES_OK))
		mock_violation(mock, "configuration written before FEATURES_OK");
	memcpy(mock->config + offset, &value, width);
}

void mock_config_changed(struct mock *mock)
{
	mock->generation++;
	mock->counts.interrupts++;
	mock->isr |= 2;
	mock_raise_config(mock);
}

static bool memory_good(uint64_t address, unsigned alignment)
{
	return address && address % alignment == 0;
}

/* §2.7.1, §4.1.5.1.3: a queue is enabled once, whole, and before DRIVER_OK. */
void mock_queue_enable(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];

	if (index >= MOCK_QUEUES || !mock->queue_max[index]) {
		mock_violation(mock, "queue %u does not exist", index);
		return;
	}
	if (queue->enabled)
		mock_violation(mock, "queue %u enabled twice", index);
	if (!mock->legacy && !(mock->status & VIRTIO_STATUS_FEATURES_OK))
		mock_violation(mock, "queue %u enabled before FEATURES_OK", index);
	if (mock->status & VIRTIO_STATUS_DRIVER_OK)
		mock_violation(mock, "queue %u enabled after DRIVER_OK", index);
	if (queue->size == 0 || queue->size & (queue->size - 1) ||
	    queue->size > mock->queue_max[index])
		mock_violation(mock, "queue %u: size %u of at most %u", index,
			       queue->size, mock->queue_max[index]);
	if (!memory_good(queue->desc, 16) || !memory_good(queue->avail, 2) ||
	    !memory_good(queue->used, 4))
		mock_violation(mock, "queue %u: misaligned ring", index);
	queue->enabled = true;
}

void mock_doorbell(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];

	mock->counts.kicks++;
	if (index >= MOCK_QUEUES || !queue->enabled) {
		mock_violation(mock, "kick of queue %u, which is not enabled", index);
		return;
	}
	if (!(mock->status & VIRTIO_STATUS_DRIVER_OK))
		mock_violation(mock, "kick before DRIVER_OK");
	if (mock_available(mock, index) == 0 || queue->last_idx == queue->kick_idx)
		mock_violation(mock, "kick of queue %u without news", index);
	queue->kick_idx = queue->last_idx;
	queue->kicks++;
	queue->kicked = true;
	if (mock->kicked)
		mock->kicked(mock, index);
}

bool mock_run(struct mock *mock)
{
	bool any = false;

	for (unsigned i = 0; i < MOCK_QUEUES; i++) {
		if (!mock->queues[i].kicked)
			continue;
		mock->queues[i].kicked = false;
		if (mock->serve) {
			mock->serve(mock, i);
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
