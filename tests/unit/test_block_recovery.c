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

/* virtio-blk: devices that break, and come back or do not. */

#include "block_device.h"

enum { COUNT = 100 };
static struct ferrule_block_request requests[COUNT], *batch[COUNT];
static struct ferrule_block_segment segments[COUNT];

/* Reads and writes by turns, more than the ring holds. */
static void submit_many(void)
{
	done_count = 0;
	for (unsigned i = 0; i < COUNT; i++) {
		memset(buffer + i * 4096, (int)i, 4096);
		segments[i] = (struct ferrule_block_segment){ buffer + i * 4096, 4096 };
		requests[i] = (struct ferrule_block_request){
			.operation = i % 2 ? FERRULE_BLOCK_WRITE : FERRULE_BLOCK_READ,
			.sector = i * 8,
			.segments = &segments[i],
			.segment_count = 1,
			.done = done,
			.context = &done_count
		};
		batch[i] = &requests[i];
	}
	ferrule_block_submit(disk, batch, COUNT);
}

static void settle(void)
{
	for (unsigned i = 0; i < 30; i++) {
		while (world())
			;
		host_clock_advance(100 * NS_PER_MS);
	}
}

static void expect_all_done(void)
{
	assert_int_equal(done_count, COUNT);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(requests[i].status, 0);
		assert_memory_equal(buffer + i * 4096, medium + i * 4096, 4096);
	}
	assert_int_equal(block->queues->base.in_flight, 0);
}

/* [BLK-24] A device that breaks while requests are in flight comes back, and they are
 * issued again: nobody sees more than a delay. */
static void requests_survive(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	submit_many();
	device.limit = 10;
	mock_run(mock);
	assert_in_range(done_count, 1, COUNT - 1);
	virtio_device_break(&mock->device, "a test");
	assert_in_range(done_count, 1, COUNT - 1);
	settle();
	assert_true(mock->device.live);
	expect_all_done();
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	finish(mock);
}

static struct mock *two_queues(void)
{
	struct mock *mock = fresh();

	host_cmdline[0][0] = "disk_queues";
	host_cmdline[0][1] = "2";
	mock_offer(mock, VIRTIO_F_RING_RESET);
	mock_offer(mock, VIRTIO_BLK_F_MQ);
	put(mock, 34, 2, 2);
	mock->queue_max[1] = 64;
	start(mock);
	host_cmdline[0][0] = NULL;
	return mock;
}

/* [VQ-26] One queue of several is reset alone while nothing is in it; requests in the other
 * one do not notice, and those that come meanwhile wait. */
static void idle_queue_comes_back(void **state)
{
	struct mock *mock = two_queues();

	(void)state;
	for (unsigned i = 1; i <= 4; i++) {
		unsigned busy = block->next_queue % 2;

		submit_many();
		assert_true(block->queues[busy].base.in_flight > 0);
		virtio_queue_break(block->vqs[!busy], "a test");
		assert_true(virtqueue_broken(block->vqs[!busy]));
		assert_false(virtqueue_broken(block->vqs[busy]));
		assert_int_equal(ferrule_block_read(disk, 0, buffer + (1 << 20), 4096),
				 0);
		settle();
		assert_int_equal(mock->device.counters.queue_resets, i);
		expect_all_done();
	}
	assert_int_equal(mock->device.counters.recoveries, 0);
	finish(mock);
}

/* [BLK-24] One with requests: the device is reset, as it may hold on to them. */
static void queue_comes_back(void **state)
{
	struct mock *mock = two_queues();

	(void)state;
	submit_many();
	virtio_queue_break(block->vqs[0], "a test");
	assert_int_equal(done_count, 0);
	settle();
	assert_int_equal(mock->device.counters.queue_resets, 0);
	assert_int_equal(mock->device.counters.recoveries, 1);
	expect_all_done();
	finish(mock);
}

/* A device that breaks each time: the requests have three more tries and then fail. */
static void tries_are_counted(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	device.ignore = true;
	submit_many();
	for (unsigned i = 0; i < 5; i++) {
		if (mock->device.live)
			virtio_device_break(&mock->device, "a test");
		settle();
	}
	assert_in_range(done_count, 1, COUNT); /* those that were in flight */
	assert_int_equal(requests[0].status, -EIO);
	device.ignore = false;
	settle();
	assert_int_equal(ferrule_block_read(disk, 8, buffer, 4096), 0);
	assert_int_equal(done_count, COUNT);
	finish(mock);
}

/* A device that does not even reset: everything ends, and what comes later at once. */
static void given_up(void **state)
{
	struct mock *mock = fresh();
	uint64_t before;

	(void)state;
	start(mock);
	device.ignore = true;
	submit_many();
	mock->reset_reads = UINT32_MAX;
	virtio_device_break(&mock->device, "a test");
	settle();
	host_clock_advance(60 * NS_PER_SEC);
	assert_int_equal(done_count, COUNT);
	assert_int_equal(done_status, -EIO);
	assert_int_equal(block->queues->base.in_flight, 0);
	before = host_clock_ns;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), -EIO);
	assert_int_equal(ferrule_block_flush(disk), -EIO);
	assert_int_equal(ferrule_block_write_cache(disk, true), -ENOTSUP);
	assert_int_equal(host_clock_ns, before);
	finish(mock);
}

static void serve_unheard(struct mock *mock, unsigned queue)
{
	static struct mock_chain chain;

	while (mock_pop(mock, queue, &chain))
		serve_one(mock, queue, &chain);
}

/* A notification that gets lost, either way, costs a second. */
static void lost_notifications(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	device.ignore = true;
	submit_many();
	mock_run(mock);
	device.ignore = false;
	assert_false(mock_run(mock));
	host_clock_advance(NS_PER_SEC);
	while (world())
		;
	expect_all_done();

	mock->serve = serve_unheard;
	submit_many();
	mock_run(mock);
	assert_int_equal(done_count, 0);
	for (unsigned i = 0; i < 3; i++)
		settle(); /* a second for each time that the ring is full */
	expect_all_done();
	assert_int_equal(mock->device.counters.resets, 1);
	mock->serve = serve;
	finish(mock);
}

/* [BLK-24] A device that never answers is reset after a minute of silence, not before,
 * and its request fails after the last try. Till then its memory is the device's. */
static void silent_device(void **state)
{
	struct mock *mock = fresh();
	uint64_t start_ns = host_clock_ns;

	(void)state;
	start(mock);
	device.ignore = true;
	assert_int_equal(ferrule_block_write(disk, 0, buffer, 512), -EIO);
	assert_in_range(host_clock_ns - start_ns, 240 * NS_PER_SEC, 500 * NS_PER_SEC);
	assert_int_equal(mock->device.counters.resets, 1 + 4);
	finish(mock);
}

/* [BLK-24] One that comes back from each reset, but never answers: it is given up, and
 * then requests fail at once. */
static void silent_for_ever(void **state)
{
	struct mock *mock = fresh();
	uint64_t before;

	(void)state;
	start(mock);
	assert_int_equal(ferrule_block_write(disk, 0, buffer, 512), 0);
	device.ignore = true;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(ferrule_block_write(disk, 0, buffer, 512), -EIO);
	assert_int_equal(mock->device.counters.resets, 1 + 9);
	assert_false(mock->device.live);
	before = host_clock_ns;
	assert_int_equal(ferrule_block_write(disk, 0, buffer, 512), -EIO);
	assert_int_equal(host_clock_ns, before);
	finish(mock);
}

static void (*status_set)(struct virtio_device *, uint8_t);

/* As if where devices see only part of memory room were made just when this one is live. */
static void status_set_and_room(struct virtio_device *back, uint8_t status)
{
	status_set(back, status);
	if (status & VIRTIO_STATUS_DRIVER_OK)
		block_used(block->vqs[0]);
}

/* [BLK-24] Its silence is noticed, whoever was first to issue a request to it. */
static void silent_once_it_is_back(void **state)
{
	struct mock *mock = fresh();
	struct virtio_transport transport;

	(void)state;
	start(mock);
	transport = *mock->device.transport;
	status_set = transport.status_set;
	transport.status_set = status_set_and_room;
	mock->device.transport = &transport;
	device.ignore = true;
	submit_many();
	virtio_device_break(&mock->device, "a test");
	settle();
	assert_int_equal(mock->device.counters.recoveries, 1);
	host_clock_advance(62 * NS_PER_SEC);
	settle();
	assert_int_equal(mock->device.counters.recoveries, 2);
	device.ignore = false;
	host_clock_advance(62 * NS_PER_SEC);
	settle();
	expect_all_done();
	finish(mock);
}

/* The cache is as it was before the reset. */
static void cache_is_kept(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock_offer(mock, VIRTIO_BLK_F_CONFIG_WCE);
	mock->config[32] = 1;
	mock->config_writable[32] = true;
	start(mock);
	assert_int_equal(ferrule_block_write_cache(disk, false), 0);
	mock->config[32] = 1;
	virtio_device_break(&mock->device, "a test");
	settle();
	assert_int_equal(mock->config[32], 0);
	finish(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		block_test(requests_survive),
		block_test(queue_comes_back),
		block_test(idle_queue_comes_back),
		block_test(tries_are_counted),
		block_test(given_up),
		block_test(lost_notifications),
		block_test(silent_device),
		block_test(cache_is_kept),
		block_test(silent_for_ever),
		block_test(silent_once_it_is_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
