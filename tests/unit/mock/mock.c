/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The mock's life: status, features, configuration, as VIRTIO 1.3 §2 has them. */

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host/host.h"
#include "mock/chaos.h"
#include "mock/mock.h"
#include "mock/thread.h"

/* A test that wants the whole core links virtio/complete.c. */
__attribute__((weak)) const void *const virtio_complete[1];
__attribute__((weak)) const void *const virtio_transports_complete[1];

struct mock *mocks;

const char *const mock_layout_names[MOCK_LAYOUTS] = {
	[MOCK_SPLIT] = "split",
	[MOCK_SPLIT_IN_ORDER] = "split-in-order",
	[MOCK_PACKED] = "packed",
	[MOCK_PACKED_IN_ORDER] = "packed-in-order",
};

void (*mock_raise_queue)(struct mock *mock, unsigned queue);
void (*mock_raise_config)(struct mock *mock);

void mock_layout(struct mock *mock, enum mock_layout layout)
{
	bool packed = layout == MOCK_PACKED || layout == MOCK_PACKED_IN_ORDER;
	bool in_order = layout == MOCK_SPLIT_IN_ORDER || layout == MOCK_PACKED_IN_ORDER;

	(packed ? mock_offer : mock_withhold)(mock, VIRTIO_F_RING_PACKED);
	(in_order ? mock_offer : mock_withhold)(mock, VIRTIO_F_IN_ORDER);
}

static void layout_from_environment(struct mock *mock)
{
	const char *name = getenv("FERRULE_TEST_RING");

	if (!name || !*name)
		return;
	for (unsigned i = 0; i < MOCK_LAYOUTS; i++) {
		if (strcmp(name, mock_layout_names[i]) == 0) {
			mock_layout(mock, i);
			mock->batch = true; /* where there is an order */
			return;
		}
	}
	fprintf(stderr, "FERRULE_TEST_RING=%s: there is no such layout\n", name);
	abort();
}

struct mock *mock_new(uint32_t device_id)
{
	struct mock *mock = calloc(1, sizeof(*mock));

	mock->id = device_id;
	mock->vectors = MOCK_QUEUES + 1;
	mock_offer(mock, VIRTIO_F_INDIRECT_DESC);
	mock_offer(mock, VIRTIO_F_EVENT_IDX);
	mock_offer(mock, VIRTIO_F_VERSION_1);
	layout_from_environment(mock);
	for (unsigned i = 0; i < MOCK_QUEUES; i++)
		mock->notify_data[i] = (uint16_t)(0x4000 + 3 * i);
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
	for (unsigned i = 0; i < MOCK_QUEUES; i++)
		mock_queue_forget(mock, i);
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
	uint8_t status;

	mock_thread_lock(mock);
	mock->counts.status_reads++;
	status = mock->status;
	if (mock->reset_pending) {
		if (mock->reset_pending != UINT_MAX)
			mock->reset_pending--;
		status = mock->reset_pending ? 0x0f : 0;
	}
	mock_thread_unlock(mock);
	status = (uint8_t)mock_chaos_register(mock, status, 1);
	/* That is how a device that was pulled out reads: it writes to nothing any more. */
	for (unsigned i = 0; status == 0xff && i < MOCK_QUEUES; i++)
		mock_queue_forget(mock, i);
	return status;
}

static void do_reset(struct mock *mock)
{
	mock->counts.resets++;
	mock->status = 0;
	mock->accepted = (struct virtio_features){ 0 };
	mock->accepted_written = false;
	mock->isr = 0;
	for (unsigned i = 0; i < MOCK_QUEUES; i++)
		mock_queue_forget(mock, i);
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
	if (mock_has(mock, VIRTIO_F_SR_IOV)) /* there is no such capability */
		mock_violation(mock, "SR_IOV is accepted");
	if (mock_has(mock, VIRTIO_F_ADMIN_VQ))
		mock_violation(mock, "ADMIN_VQ is accepted");
	if (mock_has(mock, VIRTIO_F_NOTIFY_ON_EMPTY) &&
	    mock_has(mock, VIRTIO_F_VERSION_1))
		mock_violation(mock, "NOTIFY_ON_EMPTY, which is legacy, is accepted");
}

static void set_status(struct mock *mock, uint8_t status)
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

void mock_status_write(struct mock *mock, uint8_t status)
{
	mock_thread_lock(mock);
	set_status(mock, status);
	mock_thread_unlock(mock);
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
	mock_thread_lock(mock);
	memcpy(&value, mock->config + offset, width);
	mock_thread_unlock(mock);
	if (mock->config_race)
		mock->config_race(mock);
	return mock_chaos_register(mock, value, width);
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
	mock_thread_lock(mock);
	memcpy(mock->config + offset, &value, width);
	mock_thread_unlock(mock);
}

void mock_config_changed(struct mock *mock)
{
	mock_thread_lock(mock);
	mock->generation++;
	mock->counts.interrupts++;
	mock->isr |= 2;
	mock_thread_unlock(mock);
	if (mock->thread)
		mock_thread_post(mock, MOCK_QUEUES);
	else
		mock_raise_config(mock);
}

/* §2.1.2: the status says so, and a configuration interrupt tells of it. */
void mock_needs_reset(struct mock *mock)
{
	mock->status |= VIRTIO_STATUS_NEEDS_RESET;
	mock_config_changed(mock);
}
