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

/* virtio-blk: limits, sizes and ranges that a device names, sane or not. */

#include "block_device.h"

/* A request beyond every limit is cut at blocks, and its pieces obey them [BLK-04]. */
static void large_requests_are_split(void **state)
{
	static const struct {
		unsigned queue, seg_max, size_max, block;
	} cases[] = {
		{ 64, 62, 0, 512 },	 { 64, 3, 1000, 512 },
		{ 64, 1, 512, 512 },	 { 16, 1000000, 700, 512 },
		{ 64, 5, 1000, 4096 },	 { 4, 0, 0, 512 },
		{ 64, 0, 0x2000, 4096 }, { 64, UINT32_MAX, UINT32_MAX, 512 },
	};

	(void)state;
	for (unsigned i = 0; i < array_count(cases); i++) {
		struct mock *mock = fresh();
		struct ferrule_block_segment segments[3] = {
			{ buffer + 512, 512 * 8 },
			{ buffer + 16384, 1 << 20 },
			{ buffer + (1 << 20) + 32768, 4096 * 3 },
		};
		struct ferrule_block_request request = { .operation = FERRULE_BLOCK_READ,
							 .sector = 16,
							 .segments = segments,
							 .segment_count = 3 };
		struct ferrule_block_request *batch = &request;

		mock->queue_max[0] = (uint16_t)cases[i].queue;
		put(mock, 12, cases[i].seg_max, 4);
		put(mock, 8, cases[i].size_max, 4);
		put(mock, 20, cases[i].block, 4);
		mock_offer(mock, VIRTIO_BLK_F_SIZE_MAX);
		mock_offer(mock, VIRTIO_BLK_F_BLK_SIZE);
		start(mock);
		memset(buffer, 0, sizeof(buffer));
		ferrule_block_submit(disk, &batch, 1);
		assert_int_equal(ferrule_block_wait(&request), 0);
		assert_memory_equal(buffer + 512, medium + 16 * 512, 4096);
		assert_memory_equal(buffer + 16384, medium + 24 * 512, 1 << 20);
		assert_memory_equal(buffer + (1 << 20) + 32768,
				    medium + 24 * 512 + (1 << 20), 4096 * 3);
		assert_true(device.pieces_max <=
			    (cases[i].seg_max ? cases[i].seg_max : 1));
		assert_true(device.pieces_max <= cases[i].queue - 2);
		if (cases[i].size_max)
			assert_true(device.piece_bytes_max <= cases[i].size_max);
		assert_int_equal(block->queues->base.in_flight, 0);
		request.operation = FERRULE_BLOCK_WRITE;
		memset(buffer + 16384, 0x99, 1 << 20);
		ferrule_block_submit(disk, &batch, 1);
		assert_int_equal(ferrule_block_wait(&request), 0);
		assert_memory_equal(buffer + 16384, medium + 24 * 512, 1 << 20);
		finish(mock);
	}
}

static void impossible_limits_fail_the_probe(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	put(mock, 8, 100, 4); /* size_max */
	put(mock, 12, 2, 4);
	mock_offer(mock, VIRTIO_BLK_F_SIZE_MAX);
	assert_int_not_equal(mock_add(mock), 0);
	assert_true(mock->status & VIRTIO_STATUS_FAILED);
	finish(mock);
	mock = fresh();
	mock->queue_max[0] = 2; /* no room for header, data and status */
	assert_int_not_equal(mock_add(mock), 0);
	finish(mock);
}

static void absurd_configuration(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_info info;

	(void)state;
	memset(mock->config, 0xff, sizeof(mock->config));
	for (unsigned i = 0; i < 18; i++)
		if (i != VIRTIO_BLK_F_RO)
			mock_offer(mock, i);
	mock->config_writable[32] = true;
	start(mock);
	ferrule_block_info(disk, &info);
	assert_true(info.sectors <= UINT64_MAX / 512);
	assert_int_equal(info.block_bytes, 512);
	assert_true(info.physical_block_bytes >= 512);
	assert_true(info.transfer_max_bytes >= 512);
	assert_int_equal(ferrule_block_read(disk, UINT64_MAX - 10, buffer, 8192),
			 -EINVAL);
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 8192), 0);
	finish(mock);
}

/* [BLK-04] Segments that are fewer than the pieces of one block: each block that lies in
 * too many goes through a buffer. */
static void blocks_in_too_many_pieces(void **state)
{
	static const struct {
		unsigned seg_max, size_max, block;
	} cases[] = { { 1, 0, 512 },	{ 1, 512, 512 },     { 2, 256, 512 },
		      { 1, 0, 4096 },	{ 1, 65536, 65536 }, { 3, 4096, 4096 },
		      { 9, 512, 4096 }, { 0, 0, 65536 } };

	(void)state;
	for (unsigned i = 0; i < array_count(cases); i++) {
		struct mock *mock = fresh();
		struct ferrule_block_segment segments[256];
		struct ferrule_block_request request = { .operation = FERRULE_BLOCK_READ,
							 .sector = 128,
							 .segments = segments,
							 .segment_count = 256 };
		struct ferrule_block_request *batch = &request;

		put(mock, 12, cases[i].seg_max, 4);
		put(mock, 8, cases[i].size_max, 4);
		put(mock, 20, cases[i].block, 4);
		mock_offer(mock, VIRTIO_BLK_F_SIZE_MAX);
		mock_offer(mock, VIRTIO_BLK_F_BLK_SIZE);
		start(mock);
		for (unsigned k = 0; k < 256; k++) /* each sector crosses a page */
			segments[k] = (struct ferrule_block_segment){
				buffer + k * 4096 + 4096 - 256, 512
			};
		ferrule_block_submit(disk, &batch, 1);
		assert_int_equal(ferrule_block_wait(&request), 0);
		for (unsigned k = 0; k < 256; k++)
			assert_memory_equal(segments[k].data, medium + (128 + k) * 512,
					    512);
		assert_true(device.pieces_max <=
			    (cases[i].seg_max ? cases[i].seg_max : 1));
		if (cases[i].size_max)
			assert_true(device.piece_bytes_max <= cases[i].size_max);
		for (unsigned k = 0; k < 256; k++)
			memset(segments[k].data, (int)k ^ 0x5a, 512);
		request.operation = FERRULE_BLOCK_WRITE;
		ferrule_block_submit(disk, &batch, 1);
		assert_int_equal(ferrule_block_wait(&request), 0);
		for (unsigned k = 0; k < 256; k++)
			assert_memory_equal(segments[k].data, medium + (128 + k) * 512,
					    512);
		assert_null(block->queues->bounce_user);
		finish(mock);
	}
}

/* [BLK-11] */
static void ranges_are_cut(void **state)
{
	static const struct {
		enum ferrule_block_operation operation;
		unsigned feature, type, max_at, segments_at, align_at;
	} kinds[] = {
		{ FERRULE_BLOCK_DISCARD, VIRTIO_BLK_F_DISCARD, 11, 36, 40, 44 },
		{ FERRULE_BLOCK_WRITE_ZEROES, VIRTIO_BLK_F_WRITE_ZEROES, 13, 48, 52, 0 },
		{ FERRULE_BLOCK_SECURE_ERASE, VIRTIO_BLK_F_SECURE_ERASE, 14, 60, 64, 68 },
	};

	(void)state;
	for (unsigned k = 0; k < array_count(kinds); k++) {
		enum ferrule_block_operation operation = kinds[k].operation;
		struct mock *mock = fresh();
		uint64_t at = 5;

		start(mock);
		assert_int_equal(ferrule_block_range(disk, operation, 0, 8), -ENOTSUP);
		finish(mock);

		mock = fresh(); /* no segment is allowed: then it cannot be done */
		mock_offer(mock, kinds[k].feature);
		start(mock);
		assert_int_equal(ferrule_block_range(disk, operation, 0, 8), -ENOTSUP);
		finish(mock);

		mock = fresh();
		mock_offer(mock, kinds[k].feature);
		put(mock, kinds[k].max_at, 100, 4);
		put(mock, kinds[k].segments_at, 1, 4);
		if (kinds[k].align_at)
			put(mock, kinds[k].align_at, 8, 4);
		start(mock);
		assert_int_equal(ferrule_block_range(disk, operation, 0, 0), -EINVAL);
		assert_int_equal(ferrule_block_range(disk, operation, 4000, 97), -EINVAL);
		assert_int_equal(ferrule_block_range(disk, operation, UINT64_MAX, 2),
				 -EINVAL);
		assert_int_equal(ferrule_block_range(disk, operation, 5, 1000), 0);
		for (unsigned i = 0; i < device.range_count; i++) {
			assert_int_equal(device.ranges[i].type, kinds[k].type);
			assert_int_equal(device.ranges[i].sector, at);
			assert_true(device.ranges[i].sectors <= 100);
			at += device.ranges[i].sectors;
			if (kinds[k].align_at && i + 1 < device.range_count)
				assert_int_equal(at % 8, 0);
		}
		assert_int_equal(at, 1005);
		finish(mock);
	}
}

/* [BLK-12] One range of several fails: so does the whole request. */
static void failing_ranges(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock_offer(mock, VIRTIO_BLK_F_DISCARD);
	put(mock, 36, 10, 4);
	put(mock, 40, 1, 4);
	start(mock);
	device.status = VIRTIO_BLK_S_IOERR;
	assert_int_equal(ferrule_block_range(disk, FERRULE_BLOCK_DISCARD, 0, 50), -EIO);
	assert_int_equal(ferrule_block_range(disk, FERRULE_BLOCK_READ, 0, 50), -EINVAL);
	assert_int_equal(block->queues->base.in_flight, 0);
	finish(mock);
}

/* [BLK-20] */
static void topology(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_info info;

	(void)state;
	mock_offer(mock, VIRTIO_BLK_F_TOPOLOGY);
	put(mock, 24, 3, 1);
	put(mock, 25, 1, 1);
	put(mock, 26, 8, 2);
	put(mock, 28, 128, 4);
	start(mock);
	ferrule_block_info(disk, &info);
	assert_int_equal(info.block_bytes, 512);
	assert_int_equal(info.physical_block_bytes, 4096);
	assert_int_equal(info.alignment_bytes, 512);
	assert_int_equal(info.minimum_io_bytes, 4096);
	assert_int_equal(info.optimal_io_bytes, 65536);
	finish(mock);

	mock = fresh(); /* what makes no sense is not said */
	mock_offer(mock, VIRTIO_BLK_F_TOPOLOGY);
	put(mock, 24, 200, 1);
	put(mock, 25, 9, 1);
	put(mock, 28, UINT32_MAX, 4);
	start(mock);
	ferrule_block_info(disk, &info);
	assert_int_equal(info.physical_block_bytes, 512);
	assert_int_equal(info.alignment_bytes, 0);
	assert_int_equal(info.optimal_io_bytes, 0);
	finish(mock);
}

/* [BLK-14] */
static void lifetime(void **state)
{
	struct ferrule_block_lifetime got;
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	assert_int_equal(ferrule_block_lifetime(disk, &got), -ENOTSUP);
	finish(mock);

	mock = fresh();
	mock_offer(mock, VIRTIO_BLK_F_LIFETIME);
	start(mock);
	memcpy(device.lifetime, (uint16_t[]){ 3, 11, 1 }, 6);
	assert_int_equal(ferrule_block_lifetime(disk, &got), 0);
	assert_int_equal(got.reserve_used, 3);
	assert_int_equal(got.slc_used, 11);
	assert_int_equal(got.mlc_used, 1);
	memcpy(device.lifetime, (uint16_t[]){ 4, 12, 0xffff }, 6); /* reserved */
	assert_int_equal(ferrule_block_lifetime(disk, &got), 0);
	assert_int_equal(got.reserve_used + got.slc_used + got.mlc_used, 0);
	device.status = VIRTIO_BLK_S_UNSUPP;
	assert_int_equal(ferrule_block_lifetime(disk, &got), -ENOTSUP);
	finish(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		block_test(large_requests_are_split),
		block_test(impossible_limits_fail_the_probe),
		block_test(absurd_configuration),
		block_test(blocks_in_too_many_pieces),
		block_test(ranges_are_cut),
		block_test(failing_ranges),
		block_test(topology),
		block_test(lifetime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
