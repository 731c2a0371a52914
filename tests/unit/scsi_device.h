/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A virtio-scsi device in memory with a few units, strict, and able to lie. Included by
 * one test file each. */

#ifndef SCSI_DEVICE_H
#define SCSI_DEVICE_H

#include <errno.h>
#include <unit.h>
#include <virtio/device/scsi.h>
#include "host/host.h"
#include "mock/mock.h"
#include "scsi_unit.h"

const void *const disk_drivers[] = { NULL };

static void serve_request(struct mock *mock, unsigned queue,
			  const struct mock_chain *chain)
{
	struct scsi_request request;
	struct scsi_answer answer = { .response = VIRTIO_SCSI_S_OK };
	struct unit *unit;

	assert_true(chain->readable >= 51 && chain->writable >= 108);
	assert_true(chain->readable == 51 || chain->writable == 108); /* [SCS-09] */
	mock_read(chain, 0, &request, sizeof(request));
	assert_int_equal(request.task_attr | request.prio | request.crn,
			 0);		     /* [SCS-04] */
	assert_int_equal(request.lun[0], 1); /* [SCS-03] */
	assert_int_equal(request.lun[2] >> 6, 1);
	assert_int_equal(
		request.lun[4] | request.lun[5] | request.lun[6] | request.lun[7], 0);
	memcpy(device.last_lun, request.lun, 8);
	unit = unit_at(request.lun);
	if (request.cdb[0] == 0xa0 && target_there(request.lun[1])) {
		uint8_t out[4096] = { 0 };
		uint32_t length = report_luns(request.lun[1], out);

		mock_write(chain, 108, out, length);
		answer.residual = chain->writable - 108 - length;
	} else if (!unit) {
		answer.response = VIRTIO_SCSI_S_BAD_TARGET;
	} else {
		run(unit, chain, request.cdb, &answer);
	}
	if (device.response)
		answer.response = device.response;
	if (device.status)
		answer.status = device.status;
	if (device.residual)
		answer.residual = device.residual;
	if (device.sense_len)
		answer.sense_len = device.sense_len;
	if (!device.unwritten)
		mock_write(chain, 0, &answer, sizeof(answer));
	mock_push(mock, queue, chain, chain->writable);
}

static void serve_task(struct mock *mock, const struct mock_chain *chain)
{
	uint32_t type[2];
	uint8_t answer = 0;

	assert_int_equal(chain->readable, 24);
	assert_int_equal(chain->writable, 1);
	mock_read(chain, 0, type, 8);
	assert_int_equal(type[0], 0);
	device.task_types[device.tasks++ % 16] = type[1];
	mock_write(chain, 0, &answer, 1);
	mock_push(mock, 0, chain, 1);
}

static void serve(struct mock *mock, unsigned queue)
{
	static struct mock_chain chain;

	if (queue == 1 || (device.ignore && queue > 1))
		return;
	if (queue > 1 && mock_available(mock, queue) > units[0].most)
		units[0].most = mock_available(mock, queue);
	while (mock_pop(mock, queue, &chain)) {
		if (queue == 0)
			serve_task(mock, &chain);
		else
			serve_request(mock, queue, &chain);
	}
	mock_interrupt(mock, queue);
}

static inline void event(struct mock *mock, uint32_t kind, unsigned target,
			 unsigned number, uint32_t reason)
{
	static struct mock_chain chain;
	uint8_t bytes[16] = { 0 };

	memcpy(bytes, &kind, 4);
	scsi_lun(bytes + 4, target, number);
	memcpy(bytes + 12, &reason, 4);
	assert_true(mock_pop(mock, 1, &chain)); /* [SCS-07] there is always one */
	assert_true(chain.writable >= 16);
	mock_write(&chain, 0, bytes, 16);
	mock_push(mock, 1, &chain, 16);
	mock_interrupt(mock, 1);
}

static inline void put(struct mock *mock, unsigned offset, uint64_t value, unsigned width)
{
	memcpy(mock->config + offset, &value, width);
}

static struct unit *give(unsigned index, unsigned target, unsigned number, uint32_t block)
{
	struct unit *unit = &units[index];

	memset(unit, 0, sizeof(*unit));
	unit->there = true;
	unit->target = target;
	unit->number = number;
	unit->block = block;
	unit->blocks = BYTES / block;
	for (unsigned i = 0; i < BYTES; i++)
		unit->data[i] = (uint8_t)(i / 512 * 3 + i + index);
	return unit;
}

/* While one sleeps, the device and the scanning thread go on. */
static bool everything(void)
{
	bool any = mock_run_all();

	return host_threads_run() || any;
}

static struct mock *fresh(void)
{
	struct mock *mock = mock_new(VIRTIO_ID_SCSI);

	host_world = everything;
	memset(&device, 0, sizeof(device));
	memset(units, 0, sizeof(units));
	for (unsigned i = 0; i < 3; i++)
		mock->queue_max[i] = 64;
	mock->serve = serve;
	mock->config_bytes = 36;
	put(mock, 0, 1, 4);
	put(mock, 4, 60, 4);
	put(mock, 8, 0xffff, 4);
	put(mock, 12, 32, 4);
	put(mock, 16, 16, 4);
	put(mock, 20, 96, 4);
	put(mock, 24, 32, 4);
	put(mock, 30, 7, 2);
	put(mock, 32, 16383, 4);
	for (unsigned i = 0; i < 4; i++)
		mock_offer(mock, i);
	return mock;
}

static struct ferrule_block *disk;

static inline struct ferrule_block *start(struct mock *mock)
{
	assert_int_equal(mock_add(mock), 0);
	disk = ferrule_block_at(0);
	return disk;
}

/* Lets the thread look into what the events said. */
static inline void work(void)
{
	do
		host_clock_advance(1);
	while (host_threads_run());
}

static inline void finish(struct mock *mock)
{
	work();
	if (disk)
		ferrule_block_release(disk);
	disk = NULL;
	mock_unplug(mock);
	mock_remove(mock);
	assert_null(ferrule_block_at(0));
}

static uint8_t buffer[1 << 20] __attribute__((aligned(4096)));

static int nothing_left(void **state)
{
	(void)state;
	return host_heap_live || host_page_live || virtio_devices;
}
#define scsi_test(function) cmocka_unit_test_teardown(function, nothing_left)

#endif
