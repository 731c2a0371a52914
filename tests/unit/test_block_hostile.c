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

/* virtio-blk: devices that fail, lie, fall silent, shrink or go. */

#include "block_device.h"

/* [BLK-16] */
static void errors_are_reported(void **state)
{
	static const struct {
		unsigned status;
		int error;
	} cases[] = { { 1, -EIO },
		      { 2, -ENOTSUP },
		      { 3, -EIO },
		      { 200, -EIO },
		      { 0xff, -EIO } /* claims to be done, wrote no status */ };
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	for (unsigned i = 0; i < array_count(cases); i++) {
		device.status = cases[i].status;
		assert_int_equal(ferrule_block_read(disk, 0, buffer, 65536),
				 cases[i].error);
		assert_int_equal(ferrule_block_write(disk, 0, buffer, 4096),
				 cases[i].error);
		assert_int_equal(ferrule_block_flush(disk), cases[i].error);
	}
	device.status = 0;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	finish(mock);
}

/* [BLK-17] Status says fine, but the length says that not all was written. */
static void short_reads_are_errors(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	device.length_off = -1;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), -EIO);
	device.length_off = -4097;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), -EIO);
	device.length_off = -1;
	assert_int_equal(ferrule_block_write(disk, 0, buffer, 4096), -EIO);
	device.length_off = 0;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	finish(mock);
}

static void huge_lengths_are_cut(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->lenient = true;
	start(mock);
	device.length_off = 1000000;
	ferrule_block_read(disk, 0, buffer, 4096);
	assert_memory_equal(buffer, medium, 4096);
	assert_int_equal(block->queues->base.in_flight, 0);
	finish(mock);
}

static void slow_device_is_not_given_up(void **state)
{
	struct ferrule_block_segment segment = { buffer, 4096 };
	struct ferrule_block_request requests[20], *batch[20];
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	device.limit = 1;
	for (unsigned i = 0; i < 20; i++) {
		requests[i] = (struct ferrule_block_request){
			.operation = FERRULE_BLOCK_READ,
			.segments = &segment,
			.segment_count = 1
		};
		batch[i] = &requests[i];
	}
	ferrule_block_submit(disk, batch, 20);
	for (unsigned i = 0; i < 20; i++) {
		mock_run(mock);
		host_clock_advance(50 * NS_PER_SEC);
		assert_int_equal(requests[i].status, 0);
	}
	host_clock_advance(1000 * NS_PER_SEC);
	assert_false(mock->device.broken);
	finish(mock);
}

/* [BLK-19] */
static void capacity_changes(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_info info;

	(void)state;
	start(mock);
	put(mock, 0, 1000, 8);
	mock_config_changed(mock);
	ferrule_block_info(disk, &info);
	assert_int_equal(info.sectors, 1000);
	assert_int_equal(ferrule_block_read(disk, 1000, buffer, 512), -EINVAL);
	assert_int_equal(ferrule_block_read(disk, 999, buffer, 512), 0);
	finish(mock);
}

static unsigned reads, change_at;

static void change_early(struct mock *mock)
{
	if (!(mock->status & VIRTIO_STATUS_DRIVER_OK) && ++reads == change_at)
		put(mock, 0, 1000, 8);
}

/* [BLK-19] What changes before DRIVER_OK is not announced, but found. */
static void capacity_changes_early(void **state)
{
	struct ferrule_block_info info;

	(void)state;
	change_at = 0;
	for (unsigned i = 0; i < 2; i++) {
		struct mock *mock = fresh();

		reads = 0;
		mock->config_race = change_early;
		start(mock);
		change_at = reads; /* after the last look, next time */
		ferrule_block_info(disk, &info);
		assert_int_equal(info.sectors, i ? 1000 : SECTORS);
		finish(mock);
	}
}

/* [BLK-19] A disk that shrinks: what waits beyond its end fails without being asked of the
 * device, the rest goes on. Whoever waits for a new size is told. */
static void shrinking(void **state)
{
	enum { COUNT = 80 };
	static struct ferrule_block_request requests[COUNT], *batch[COUNT];
	struct ferrule_block_segment segment = { buffer, 512 };
	struct mock *mock = fresh();

	(void)state;
	mock->queue_max[0] = 8;
	start(mock);
	device.limit = 1;
	done_count = 0;
	for (unsigned i = 0; i < COUNT; i++) {
		requests[i] = (struct ferrule_block_request){
			.operation = FERRULE_BLOCK_READ,
			.sector = i * 50,
			.segments = &segment,
			.segment_count = 1,
			.done = done,
			.context = &done_count
		};
		batch[i] = &requests[i];
	}
	ferrule_block_submit(disk, batch, COUNT);
	mock_run(mock); /* one is done, the ring is full of others */
	device.shrunk = true;
	put(mock, 0, 10, 8);
	mock_config_changed(mock);
	assert_int_equal(ferrule_block_wait_resize(disk, SECTORS, NS_PER_SEC), 0);
	assert_int_equal(ferrule_block_wait_resize(disk, 10, NS_PER_SEC), -ETIMEDOUT);
	while (mock_run(mock))
		;
	assert_int_equal(done_count, COUNT);
	assert_in_range(device.beyond, 1, 16); /* those that the ring held */
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(requests[i].status, i ? -EIO : 0);
	finish(mock);
}

/* Unplugged: what is in flight and what comes later is -ENODEV, and the disk is found no
 * more; its name is nobody else's while it is held. */
static void unplugged(void **state)
{
	struct mock *mock = fresh(), *other = fresh();
	struct ferrule_block_segment segment = { buffer, 4096 };
	struct ferrule_block_request request = { .operation = FERRULE_BLOCK_READ,
						 .segments = &segment,
						 .segment_count = 1,
						 .done = done,
						 .context = &done_count };
	struct ferrule_block_request *batch = &request;
	struct ferrule_block *second;
	struct ferrule_block_info info;

	(void)state;
	start(mock);
	device.ignore = true;
	done_count = 0;
	ferrule_block_submit(disk, &batch, 1);
	mock_run(mock);
	mock_unplug(mock);
	assert_int_equal(done_count, 1);
	assert_int_equal(done_status, -ENODEV);
	assert_null(ferrule_block_find("vda"));
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 512), -ENODEV);
	assert_int_equal(ferrule_block_flush(disk), -ENODEV);
	assert_int_equal(ferrule_block_wait_resize(disk, SECTORS, 1), -ENODEV);
	assert_int_equal(ferrule_block_write_cache(disk, true), -ENODEV);
	assert_false(ferrule_block_poll(disk));

	device.ignore = false;
	assert_int_equal(mock_add(other), 0);
	second = ferrule_block_at(0);
	ferrule_block_info(second, &info);
	assert_string_equal(info.name, "vdb");
	assert_int_equal(ferrule_block_read(second, 0, buffer, 512), 0);
	ferrule_block_release(second);
	ferrule_block_release(disk);
	disk = NULL;
	mock_remove(mock);
	finish(other);

	mock = fresh(); /* nobody held that one: its name is free */
	start(mock);
	assert_string_equal(disk->info.name, "vda");
	finish(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		block_test(errors_are_reported),
		block_test(short_reads_are_errors),
		block_test(huge_lengths_are_cut),
		block_test(slow_device_is_not_given_up),
		block_test(capacity_changes),
		block_test(capacity_changes_early),
		block_test(shrinking),
		block_test(unplugged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
