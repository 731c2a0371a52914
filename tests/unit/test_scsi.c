/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	tests/unit/host/cmdline.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 *	virtio/device/scsi.c virtio/device/scsi_command.c virtio/device/scsi_queue.c
 *	virtio/device/scsi_recovery.c virtio/device/scsi_disk.c
 *	virtio/device/scsi_probe.c virtio/device/scsi_mode.c virtio/device/scsi_scan.c
 *	virtio/device/scsi_event.c virtio/device/disk.c
 *	virtio/device/disk_api.c virtio/device/disk_data.c virtio/device/disk_queue.c
 *	virtio/device/watchdog.c virtio/device/disk_more.c
 *	virtio/device/pieces.c */

/* virtio-scsi: units found, read, written, plugged and unplugged. */

#include "scsi_device.h"

/* [SCS-01] [SCS-03] [SCS-09] Several targets, high unit numbers; a CD. */
static void units_are_found(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_info info;

	(void)state;
	give(0, 0, 0, 512);
	give(1, 3, 7, 4096)->attentions = 3;
	give(2, 3, 300, 512)->read_only = true;
	give(3, 5, 0, 2048)->type = 5;
	start(mock);
	assert_false(mock_has(mock, VIRTIO_SCSI_F_INOUT));
	assert_false(mock_has(mock, VIRTIO_SCSI_F_T10_PI));
	for (unsigned i = 0; i < 4; i++) {
		struct ferrule_block *each = ferrule_block_at(i);

		ferrule_block_info(each, &info);
		assert_int_equal(info.sectors, BYTES / 512);
		assert_int_equal(info.block_bytes, units[i].block);
		assert_string_equal(info.serial, "serial");
		assert_int_equal(info.read_only, i >= 2);
		assert_int_equal(info.flushable, i != 3);
		memset(buffer, 0, 65536);
		assert_int_equal(ferrule_block_read(each, 16, buffer, 65536), 0);
		assert_memory_equal(buffer, units[i].data + 8192, 65536);
		assert_int_equal(ferrule_block_write(each, 16, buffer, 4096),
				 i < 2 ? 0 : -EROFS);
		ferrule_block_release(each);
	}
	assert_null(ferrule_block_at(4));
	assert_string_equal(disk->info.name, "sda");
	finish(mock);
}

static void reads_and_writes(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	give(0, 0, 0, 512);
	start(mock);
	for (unsigned bytes = 512; bytes <= BYTES / 2; bytes *= 2) {
		for (unsigned i = 0; i < bytes; i++)
			buffer[i] = (uint8_t)(i * 5 + bytes);
		assert_int_equal(ferrule_block_write(disk, 7, buffer, bytes), 0);
		assert_memory_equal(units[0].data + 7 * 512, buffer, bytes);
		memset(buffer, 0, bytes);
		assert_int_equal(ferrule_block_read(disk, 7, buffer, bytes), 0);
		assert_memory_equal(units[0].data + 7 * 512, buffer, bytes);
	}
	assert_int_equal(ferrule_block_flush(disk), 0);
	assert_int_equal(units[0].flushes, 1);
	assert_int_equal(ferrule_block_read(disk, BYTES / 512, buffer, 512), -EINVAL);
	finish(mock);
}

/* Units of more than 2 TiB are read by commands of 16 bytes. */
static void large_units(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	give(0, 0, 0, 512)->blocks = UINT64_C(1) << 40;
	start(mock);
	assert_int_equal(disk->sectors, UINT64_C(1) << 40);
	assert_int_equal(ferrule_block_read(disk, (UINT64_C(1) << 40) - 8, buffer, 4096),
			 0);
	finish(mock);
}

/* [SCS-02] [SCS-08] Limits are kept: pieces, sectors, commands of a unit. */
static void limits(void **state)
{
	enum { COUNT = 40 };
	static struct ferrule_block_request requests[COUNT], *batch[COUNT];
	static struct ferrule_block_segment segments[COUNT];
	struct mock *mock = fresh();

	(void)state;
	give(0, 0, 0, 512);
	put(mock, 4, 2, 4);
	put(mock, 8, 16, 4);
	put(mock, 12, 3, 4);
	start(mock);
	memset(buffer, 0, sizeof(buffer));
	assert_int_equal(ferrule_block_read(disk, 0, buffer, BYTES / 2), 0);
	assert_memory_equal(buffer, units[0].data, BYTES / 2);
	assert_true(device.most_bytes <= 16 * 512);
	assert_true(device.most_pieces <= 2);
	for (unsigned i = 0; i < COUNT; i++) {
		segments[i] = (struct ferrule_block_segment){ buffer + i * 512, 512 };
		requests[i] = (struct ferrule_block_request){
			.operation = FERRULE_BLOCK_READ,
			.sector = 2 * i,
			.segments = &segments[i],
			.segment_count = 1,
		};
		batch[i] = &requests[i];
	}
	units[0].most = 0;
	ferrule_block_submit(disk, batch, COUNT);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(ferrule_block_wait(batch[i]), 0);
		assert_memory_equal(segments[i].data, units[0].data + i * 1024, 512);
	}
	assert_int_equal(units[0].most, 3);
	finish(mock);
}

/* Sectors that each cross a page, and one piece a command. */
static void too_many_pieces(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_segment segments[8];
	struct ferrule_block_request request = { .operation = FERRULE_BLOCK_READ,
						 .segments = segments,
						 .segment_count = 8 };
	struct ferrule_block_request *batch = &request;

	(void)state;
	give(0, 0, 0, 4096);
	put(mock, 4, 1, 4);
	start(mock);
	for (unsigned i = 0; i < 8; i++)
		segments[i] = (struct ferrule_block_segment){
			buffer + i * 4096 + 4096 - 256, 512
		};
	ferrule_block_submit(disk, &batch, 1);
	assert_int_equal(ferrule_block_wait(&request), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_memory_equal(segments[i].data, units[0].data + i * 512, 512);
	memset(segments[3].data, 0x99, 512);
	request.operation = FERRULE_BLOCK_WRITE;
	ferrule_block_submit(disk, &batch, 1);
	assert_int_equal(ferrule_block_wait(&request), 0);
	assert_memory_equal(segments[3].data, units[0].data + 3 * 512, 512);
	finish(mock);
}

static void ranges(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	give(0, 0, 0, 512);
	start(mock);
	assert_int_equal(ferrule_block_range(disk, FERRULE_BLOCK_DISCARD, 3, 500), 0);
	assert_in_range(device.unmaps, 5, 6);
	memset(buffer, 0, 65536);
	assert_int_equal(ferrule_block_range(disk, FERRULE_BLOCK_WRITE_ZEROES, 0, 128),
			 0);
	assert_int_equal(device.sames, 2);
	assert_memory_equal(units[0].data, buffer, 65536);
	assert_int_equal(ferrule_block_range(disk, FERRULE_BLOCK_SECURE_ERASE, 0, 8),
			 -ENOTSUP);
	finish(mock);
}

/* [SCS-07] Units come, go and change; events that were missed are made up for. */
static void events(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block *second;

	(void)state;
	give(0, 0, 0, 512);
	start(mock);

	give(1, 2, 5, 512);
	event(mock, 1, 2, 0, 1); /* rescan, told of unit 0 */
	work();
	second = ferrule_block_find("sdb");
	assert_non_null(second);
	assert_int_equal(ferrule_block_read(second, 0, buffer, 4096), 0);
	assert_memory_equal(buffer, units[1].data, 4096);

	units[1].blocks /= 2;
	event(mock, 3, 2, 5, 0x092a); /* its capacity has changed */
	work();
	assert_int_equal(second->sectors, BYTES / 512 / 2);

	units[1].there = false;
	event(mock, 1, 2, 5, 2); /* removed */
	work();
	assert_null(ferrule_block_find("sdb"));
	assert_int_equal(ferrule_block_read(second, 0, buffer, 4096), -ENODEV);
	ferrule_block_release(second);

	give(2, 6, 1, 512);
	event(mock, 0x80000000, 0, 0, 0); /* some were lost */
	work();
	second = ferrule_block_find("sdb");
	assert_non_null(second);
	ferrule_block_release(second);
	for (unsigned i = 0; i < 200; i++) /* those that say nothing, or rubbish */
		event(mock, i % 2 ? 1 : 77, i, i, 0);
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	finish(mock);
}

/* Held beyond the device's end: -ENODEV. */
static void unplugged(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block *held;

	(void)state;
	give(0, 0, 0, 512);
	start(mock);
	held = ferrule_block_at(0);
	finish(mock);
	assert_int_equal(ferrule_block_read(held, 0, buffer, 4096), -ENODEV);
	assert_int_equal(ferrule_block_flush(held), -ENODEV);
	ferrule_block_release(held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scsi_test(units_are_found), scsi_test(reads_and_writes),
		scsi_test(large_units),	    scsi_test(limits),
		scsi_test(too_many_pieces), scsi_test(ranges),
		scsi_test(events),	    scsi_test(unplugged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
