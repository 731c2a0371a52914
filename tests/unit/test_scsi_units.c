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

/* virtio-scsi: units that share a queue, change, and have a cache that can be switched. */

#include "scsi_device.h"

enum { HOG = 120 };
static struct ferrule_block_request requests[HOG + 1], *batch[HOG + 1];
static struct ferrule_block_segment segments[HOG + 1];

static void fill(unsigned index)
{
	segments[index] = (struct ferrule_block_segment){ buffer + index * 4096, 4096 };
	requests[index] = (struct ferrule_block_request){
		.operation = FERRULE_BLOCK_READ,
		.sector = index * 8,
		.segments = &segments[index],
		.segment_count = 1,
	};
	batch[index] = &requests[index];
}

/* The device ends the oldest command it was given; while it "ignores", no other. */
static bool serve_one(struct mock *mock)
{
	static struct mock_chain chain;

	mock_run(mock);
	if (!mock_pop(mock, 2, &chain))
		return false;
	serve_request(mock, 2, &chain);
	mock_interrupt(mock, 2);
	return true;
}

/* One unit has more requests than the queue has room for: the other one's still comes to
 * its turn, as soon as what was in the queue before it is over. */
static void share(unsigned busy)
{
	struct mock *mock = fresh();
	struct ferrule_block *disks[2];
	unsigned served = 0;

	give(0, 0, 0, 512);
	give(1, 0, 1, 512);
	put(mock, 12, 1000, 4); /* commands a unit */
	start(mock);
	disks[0] = disk;
	disks[1] = ferrule_block_at(1);
	device.ignore = true;
	for (unsigned i = 0; i <= HOG; i++)
		fill(i);
	ferrule_block_submit(disks[busy], batch, HOG);
	mock_run(mock);
	assert_true(mock_available(mock, 2) < HOG);
	ferrule_block_submit(disks[!busy], &batch[HOG], 1);
	while (requests[HOG].status == -EINPROGRESS && serve_one(mock))
		served++;
	assert_int_equal(requests[HOG].status, 0);
	assert_true(served <= 64 + 2);
	assert_int_equal(requests[HOG - 1].status, -EINPROGRESS);
	while (serve_one(mock))
		;
	for (unsigned i = 0; i < HOG; i++)
		assert_int_equal(requests[i].status, 0);
	device.ignore = false;
	ferrule_block_release(disks[1]);
	finish(mock);
}

static void units_take_turns(void **state)
{
	(void)state;
	share(0);
	share(1);
}

/* A unit goes while it would have been its turn. */
static void a_turn_that_is_gone(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block *second;

	(void)state;
	give(0, 0, 0, 512);
	give(1, 0, 1, 512);
	start(mock);
	for (unsigned gone = 0; gone < 2; gone++) {
		second = ferrule_block_at(1);
		for (unsigned i = 0; i < HOG; i++)
			fill(i);
		device.ignore = true;
		ferrule_block_submit(gone ? disk : second, batch, HOG);
		device.ignore = false;
		units[1].there = false;
		event(mock, 1, 0, 1, 2);
		work();
		ferrule_block_release(second);
		for (unsigned i = 0; i < HOG && gone; i++)
			assert_int_equal(ferrule_block_wait(&requests[i]), 0);
		units[1].there = true;
		event(mock, 1, 0, 1, 1);
		work();
		assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	}
	finish(mock);
}

static bool flushable(void)
{
	struct ferrule_block_info info;

	ferrule_block_info(disk, &info);
	return info.flushable;
}

/* Off and on; switched off, what it held is written. */
static void cache_is_switched(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_info info;

	(void)state;
	give(0, 0, 0, 512);
	start(mock);
	ferrule_block_info(disk, &info);
	assert_true(info.flushable && info.cache_switchable);
	assert_int_equal(ferrule_block_write_cache(disk, false), 0);
	assert_true(units[0].no_cache);
	assert_int_equal(units[0].flushes, 1);
	assert_false(flushable());
	assert_int_equal(ferrule_block_write_cache(disk, true), 0);
	assert_false(units[0].no_cache);
	assert_true(flushable());
	units[0].cache_stuck = true;
	assert_int_equal(ferrule_block_write_cache(disk, false), -EIO);
	assert_true(flushable());
	finish(mock);

	mock = fresh();
	give(0, 0, 0, 512)->cache_fixed = true;
	start(mock);
	ferrule_block_info(disk, &info);
	assert_true(info.flushable && !info.cache_switchable);
	assert_int_equal(ferrule_block_write_cache(disk, false), -ENOTSUP);
	assert_int_equal(device.selects, 0);
	finish(mock);
}

/* A reset of the unit, or of the device, makes the cache what it was; who switched it off
 * relies on that. */
static void cache_after_a_reset(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	give(0, 0, 0, 512);
	start(mock);
	units[0].no_cache = true; /* by somebody else: that is how it is now */
	event(mock, 3, 0, 0, 0x012a);
	work();
	assert_false(flushable());
	units[0].no_cache = false;
	event(mock, 3, 0, 0, 0x012a);
	work();
	assert_true(flushable());

	assert_int_equal(ferrule_block_write_cache(disk, false), 0);
	units[0].no_cache = false;
	units[0].attentions = 1;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	work();
	assert_true(units[0].no_cache);
	assert_false(flushable());

	virtio_device_break(&mock->device, "a test");
	units[0].no_cache = false;
	work();
	assert_true(mock->device.live);
	assert_true(units[0].no_cache);
	assert_false(flushable());

	units[0].no_cache = false;
	units[0].cache_stuck = true;
	units[0].attentions = 1;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	work();
	assert_true(flushable()); /* it is told */
	finish(mock);
}

/* Pages that are cut, too long or others: no cache that can be switched, nothing else. */
static void absurd_pages(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i += 5) {
		struct mock *mock = fresh();
		struct ferrule_block_info info;

		give(0, 0, 0, 512);
		device.mode_lie = true;
		device.mode_at = i % 2 ? 3 : 13;
		device.mode_value = (uint8_t)i;
		start(mock);
		ferrule_block_info(disk, &info);
		assert_true(info.flushable);
		ferrule_block_write_cache(disk, true);
		finish(mock);
	}
}

/* [VQ-26] A queue that nothing is in is reset alone, and that of the events, after which
 * is looked for what they would have told; with commands in it the device is. */
static void queues_alone(void **state)
{
	struct mock *mock = fresh();
	const struct virtio_counters *counters = &mock->device.counters;
	struct ferrule_block *second;

	(void)state;
	mock_offer(mock, VIRTIO_F_RING_RESET);
	give(0, 0, 0, 512);
	start(mock);
	work();
	for (unsigned queue = 0; queue < 3; queue += 2) {
		virtio_queue_break(mock->device.queues[queue], "a test");
		work();
		assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
		assert_memory_equal(buffer, units[0].data, 4096);
	}
	assert_int_equal(counters->queue_resets, 2);
	assert_int_equal(counters->recoveries, 0);

	virtio_queue_break(mock->device.queues[1], "a test");
	give(1, 1, 0, 512); /* nobody hears of it */
	work();
	assert_int_equal(counters->queue_resets, 3);
	assert_int_equal(counters->recoveries, 0);
	second = ferrule_block_find("sdb");
	assert_non_null(second);
	ferrule_block_release(second);
	event(mock, 1, 0, 0, 1);
	device.ignore = true;
	fill(0);
	ferrule_block_submit(disk, batch, 1);
	device.ignore = false;
	virtio_queue_break(mock->device.queues[2], "a test");
	work();
	assert_int_equal(counters->recoveries, 1);
	assert_int_equal(counters->queue_resets, 3);
	assert_int_equal(ferrule_block_wait(batch[0]), 0);
	event(mock, 1, 0, 0, 1); /* the device has its buffers */
	finish(mock);
}

static struct scsi_unit *leaver;

static bool break_while_it_leaves(void)
{
	if (!leaver->dead || virtio_devices->counters.violations)
		return everything();
	virtio_device_break(virtio_devices, "a test");
	host_clock_advance(1); /* it was reset, and is not back yet */
	return true;
}

/* A unit that goes waits for its commands; what is lost with the device is not kept for it. */
static void gone_with_the_device(void **state)
{
	static struct mock_chain held;
	struct mock *mock = fresh();

	(void)state;
	give(0, 0, 0, 512);
	give(1, 1, 0, 512);
	start(mock);
	leaver = scsi_unit_of(ferrule_block_find("sdb"));
	fill(0);
	ferrule_block_submit(&leaver->disk, batch, 1);
	assert_true(mock_pop(mock, 2, &held));
	units[1].there = false;
	event(mock, 1, 1, 0, 2);
	host_world = break_while_it_leaves;
	work();
	host_world = everything;
	work();
	assert_int_equal(mock->device.counters.recoveries, 1);
	assert_int_equal(requests[0].status, -ENODEV);
	ferrule_block_release(&leaver->disk);
	finish(mock);
}

/* Another medium: it has another size, and what was asked for is read from it. */
static void medium_changes(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	give(0, 0, 0, 2048)->type = 5;
	start(mock);
	assert_int_equal(disk->sectors, BYTES / 512);
	units[0].blocks /= 4;
	units[0].attentions = 1;
	units[0].attention = 0x28;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	work();
	assert_int_equal(disk->sectors, BYTES / 512 / 4);

	units[0].key = 2; /* none */
	units[0].asc = 0x3a;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), -ENOMEDIUM);
	units[0].key = 0;
	units[0].blocks *= 2;
	units[0].attentions = 1;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	work();
	assert_int_equal(disk->sectors, BYTES / 512 / 2);
	finish(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scsi_test(units_take_turns),  scsi_test(a_turn_that_is_gone),
		scsi_test(cache_is_switched), scsi_test(cache_after_a_reset),
		scsi_test(absurd_pages),      scsi_test(medium_changes),
		scsi_test(queues_alone),      scsi_test(gone_with_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
