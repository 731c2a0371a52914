/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	tests/unit/host/cmdline.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 *	virtio/device/block.c virtio/device/block_issue.c virtio/device/block_queue.c
 *	virtio/device/block_config.c
 *	virtio/device/block_request.c virtio/device/disk.c virtio/device/disk_api.c
 *	virtio/device/disk_data.c virtio/device/disk_queue.c
 *	virtio/device/watchdog.c virtio/device/disk_more.c virtio/device/pieces.c */

/* virtio-blk against a strict disk in memory: requests, names, caches. */

#include "block_device.h"

/* [BLK-03] [BLK-07] [BLK-08] */
static void reads_and_writes(void **state)
{
	struct mock *mock = fresh();
	uint64_t kicks;

	(void)state;
	start(mock);
	for (unsigned bytes = 512; bytes <= 65536; bytes *= 2) {
		memset(buffer, 0xaa, bytes + 1);
		assert_int_equal(ferrule_block_read(disk, 3, buffer, bytes), 0);
		assert_memory_equal(buffer, medium + 3 * 512, bytes);
		assert_int_equal(buffer[bytes], 0xaa);
	}
	memset(buffer, 0x42, 8192);
	assert_int_equal(ferrule_block_write(disk, 100, buffer, 8192), 0);
	assert_memory_equal(medium + 51200, buffer, 8192);
	assert_int_equal(ferrule_block_flush(disk), 0);
	assert_int_equal(device.flushes, 1);
	/* [BLK-07] What was completed before the flush was sent survives a power cut. */
	assert_memory_equal(stable + 51200, buffer, 8192);
	/* The paper's example (§5.1.1): one read is three pieces, one kick, one interrupt. */
	kicks = mock->counts.kicks;
	device.pieces_max = 0;
	assert_int_equal(ferrule_block_read(disk, 8, buffer, 4096), 0);
	assert_int_equal(device.pieces_max, 1);
	assert_int_equal(mock->counts.kicks, kicks + 1);
	assert_int_equal(mock->counts.kicks, mock->counts.interrupts);
	finish(mock);
}

/* [BLK-01] [BLK-02] */
static void bad_arguments(void **state)
{
	struct mock *mock = fresh();
	unsigned before;

	(void)state;
	put(mock, 20, 4096, 4);
	mock_offer(mock, VIRTIO_BLK_F_BLK_SIZE);
	start(mock);
	before = device.requests;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 0), 0);
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 100), -EINVAL);
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 512), -EINVAL);
	assert_int_equal(ferrule_block_read(disk, 1, buffer, 4096), -EINVAL);
	assert_int_equal(ferrule_block_read(disk, SECTORS, buffer, 4096), -EINVAL);
	assert_int_equal(ferrule_block_read(disk, SECTORS - 8, buffer, 8192), -EINVAL);
	assert_int_equal(ferrule_block_read(disk, UINT64_MAX - 7, buffer, 4096), -EINVAL);
	assert_int_equal(ferrule_block_write(disk, 0, buffer, SIZE_MAX / 512 * 512),
			 -EINVAL);
	assert_int_equal(device.requests, before);
	assert_int_equal(ferrule_block_read(disk, SECTORS - 8, buffer, 4096), 0);
	finish(mock);
}

/* More requests than slots, in one batch: none is refused, one kick starts them. */
static void many_in_flight(struct mock *mock)
{
	enum { COUNT = 500 };
	static struct ferrule_block_request requests[COUNT], *batch[COUNT];
	static struct ferrule_block_segment segments[COUNT];

	done_count = 0;
	for (unsigned i = 0; i < COUNT; i++) {
		segments[i] = (struct ferrule_block_segment){ buffer + i * 4096, 4096 };
		requests[i] = (struct ferrule_block_request){
			.operation = FERRULE_BLOCK_READ,
			.sector = i * 8,
			.segments = &segments[i],
			.segment_count = 1,
			.done = i % 2 ? done : NULL,
			.context = &done_count,
		};
		batch[i] = &requests[i];
	}
	requests[17].sector = SECTORS; /* a bad one in the middle */
	ferrule_block_submit(disk, batch, COUNT);
	assert_int_equal(mock->queues[0].kicks, 1);
	assert_int_equal(done_count, 1);
	assert_int_equal(done_status, -EINVAL);
	for (unsigned i = 0; i < COUNT; i += 2)
		assert_int_equal(ferrule_block_wait(batch[i]), 0);
	while (mock_run(mock))
		;
	assert_int_equal(done_count, COUNT / 2);
	for (unsigned i = 0; i < COUNT; i++)
		if (i != 17)
			assert_memory_equal(buffer + i * 4096, medium + i * 4096, 4096);
	assert_int_equal(block->queues->base.in_flight, 0);
}

static void many_in_flight_indirect(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	many_in_flight(mock);
	assert_true(device.most_available >= disk->info.queue_depth);
	assert_true(disk->info.queue_depth >= 40);
	finish(mock);
}

static void many_in_flight_direct(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock_withhold(mock, VIRTIO_F_INDIRECT_DESC);
	mock_withhold(mock, VIRTIO_F_EVENT_IDX);
	mock->queue_max[0] = 8;
	start(mock);
	many_in_flight(mock);
	finish(mock);
}

/* [BLK-21] [BLK-22] Lengths mean nothing; barriers and SCSI commands are not accepted. */
static void legacy(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->legacy = true;
	mock_withhold(mock, VIRTIO_F_VERSION_1);
	device.length_off = -1;
	mock_offer(mock, VIRTIO_BLK_F_BARRIER);
	mock_offer(mock, VIRTIO_BLK_F_SCSI);
	start(mock);
	assert_int_equal(ferrule_block_read(disk, 8, buffer, 4096), 0);
	assert_memory_equal(buffer, medium + 4096, 4096);
	finish(mock);
}

/* [BLK-05] */
static void read_only(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_request request = { .operation = FERRULE_BLOCK_DISCARD,
						 .sectors = 1 };
	struct ferrule_block_request *batch = &request;

	(void)state;
	mock_offer(mock, VIRTIO_BLK_F_RO);
	start(mock);
	assert_int_equal(ferrule_block_write(disk, 0, buffer, 512), -EROFS);
	ferrule_block_submit(disk, &batch, 1);
	assert_int_equal(ferrule_block_wait(&request), -EROFS);
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 512), 0);
	finish(mock);
}

/* [BLK-13] */
static void names_and_serials(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_info info;

	(void)state;
	device.id = "a-serial-of-20-bytes+++";
	start(mock);
	assert_int_equal(device.requests, 0); /* asked for only when wanted */
	ferrule_block_info(disk, &info);
	assert_string_equal(info.serial, "a-serial-of-20-bytes");
	assert_string_equal(info.name, "vda");
	assert_ptr_equal(ferrule_block_find(info.name), disk);
	ferrule_block_release(disk);
	device.requests = 0;
	assert_ptr_equal(ferrule_block_find("a-serial-of-20-bytes"), disk);
	ferrule_block_release(disk);
	assert_null(ferrule_block_find("nobody"));
	assert_null(ferrule_block_find(""));
	finish(mock);
}

/* [BLK-06] [BLK-09] */
static void caches(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_info info;

	(void)state;
	mock_withhold(mock, VIRTIO_BLK_F_FLUSH); /* neither: write-through (BLK-06) */
	start(mock);
	ferrule_block_info(disk, &info);
	assert_false(info.flushable);
	assert_int_equal(ferrule_block_flush(disk), 0);
	assert_int_equal(device.flushes, 0);
	finish(mock);

	mock = fresh(); /* a cache that cannot be flushed is switched off */
	mock_withhold(mock, VIRTIO_BLK_F_FLUSH);
	mock_offer(mock, VIRTIO_BLK_F_CONFIG_WCE);
	mock->config[32] = 1;
	mock->config_writable[32] = true;
	start(mock);
	assert_int_equal(mock->config[32], 0);
	finish(mock);

	mock = fresh();
	mock_offer(mock, VIRTIO_BLK_F_CONFIG_WCE);
	mock->config[32] = 1;
	start(mock);
	ferrule_block_info(disk, &info);
	assert_true(info.flushable);
	assert_int_equal(mock->config[32], 1);
	finish(mock);
}

/* [BLK-10] The cache is switched off and on; what it held is flushed. */
static void cache_toggle(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_info info;

	(void)state;
	start(mock);
	assert_int_equal(ferrule_block_write_cache(disk, false), -ENOTSUP);
	finish(mock);

	mock = fresh();
	mock_offer(mock, VIRTIO_BLK_F_CONFIG_WCE);
	mock->config[32] = 1;
	mock->config_writable[32] = true;
	start(mock);
	assert_int_equal(ferrule_block_write(disk, 0, buffer, 512), 0);
	assert_int_equal(ferrule_block_write_cache(disk, false), 0);
	assert_int_equal(mock->config[32], 0);
	assert_int_equal(device.flushes, 1);
	assert_memory_equal(stable, buffer, 512);
	ferrule_block_info(disk, &info);
	assert_true(info.cache_switchable);
	assert_false(info.flushable);
	assert_int_equal(ferrule_block_write_cache(disk, true), 0);
	assert_int_equal(mock->config[32], 1);
	ferrule_block_info(disk, &info);
	assert_true(info.flushable);
	finish(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		block_test(reads_and_writes),
		block_test(bad_arguments),
		block_test(many_in_flight_indirect),
		block_test(many_in_flight_direct),
		block_test(legacy),
		block_test(read_only),
		block_test(names_and_serials),
		block_test(caches),
		block_test(cache_toggle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
