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

/* virtio-scsi: units that fail, devices that lie, break or fall silent. */

#include <kernel/cmdline.h>
#include <virtio/dma.h>
#include "scsi_device.h"

/* [SCS-04] [SCS-05] What each answer means. */
static void answers(void **state)
{
	static const struct {
		uint8_t response, status, key, asc, ascq;
		int error;
	} cases[] = {
		{ 1, 0, 0, 0, 0, -EIO },	  { 3, 0, 0, 0, 0, -ENODEV },
		{ 7, 0, 0, 0, 0, -EIO },	  { 9, 0, 0, 0, 0, -EIO },
		{ 12, 0, 0, 0, 0, -ENODEV },	  { 200, 0, 0, 0, 0, -EIO },
		{ 2, 0, 0, 0, 0, -EIO },	  { 4, 0, 0, 0, 0, -EIO },
		{ 0, 0x18, 0, 0, 0, -EBUSY },	  { 0, 0x40, 0, 0, 0, -EIO },
		{ 0, 0x77, 0, 0, 0, -EIO },	  { 0, 0, 3, 0x11, 0, -EIO },
		{ 0, 0, 2, 0x3a, 0, -ENOMEDIUM }, { 0, 0, 5, 0x20, 0, -ENOTSUP },
		{ 0, 0, 5, 0x25, 0, -ENODEV },	  { 0, 0, 7, 0x27, 0, -EROFS },
		{ 0, 0, 7, 0x27, 7, -ENOSPC },	  { 0, 0, 13, 0, 0, -ENOSPC },
		{ 0, 0, 6, 0x29, 0, -EIO },	  { 0, 0, 1, 0x17, 0, 0 },
	};
	struct mock *mock = fresh();

	(void)state;
	give(0, 0, 0, 512);
	start(mock);
	for (unsigned i = 0; i < array_count(cases); i++) {
		device.response = cases[i].response;
		device.status = cases[i].status;
		units[0].key = cases[i].key;
		units[0].asc = cases[i].asc;
		units[0].ascq = cases[i].ascq;
		assert_int_equal(ferrule_block_write(disk, 0, buffer, 4096),
				 cases[i].error);
	}
	device.response = device.status = units[0].key = 0;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	finish(mock);
}

/* Unit attentions and a busy unit are waited out. */
static void tried_again(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	give(0, 0, 0, 512);
	start(mock);
	units[0].attentions = 2;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	assert_memory_equal(buffer, units[0].data, 4096);
	units[0].busy = 20;
	assert_int_equal(ferrule_block_write(disk, 8, buffer, 4096), 0);
	units[0].busy = UINT32_MAX; /* for ever */
	assert_int_equal(ferrule_block_write(disk, 8, buffer, 4096), -EIO);
	units[0].busy = 0;
	assert_int_equal(ferrule_block_flush(disk), 0);
	finish(mock);
}

/* [SCS-05] Claims beyond what there is are cut; nothing written is an error. */
static void lies(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	give(0, 0, 0, 512);
	start(mock);
	device.residual = 1;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), -EIO);
	device.residual = UINT32_MAX;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), -EIO);
	device.residual = 0;
	units[0].key = 5;
	for (unsigned i = 0; i < 3; i++) {
		device.sense_len = i == 0 ? UINT32_MAX : i;
		assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), -EIO);
	}
	units[0].key = 0;
	device.sense_len = 0;
	device.unwritten = true;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), -EIO);
	finish(mock);
}

/* [SCS-08] Absurd limits, lists and sizes: the scan ends, and what makes no sense is no
 * disk. */
static void absurd(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	give(0, 0, 0, 512);
	device.report_length = UINT32_MAX;
	put(mock, 4, 0, 4);
	put(mock, 8, 0, 4);
	put(mock, 12, UINT32_MAX, 4);
	put(mock, 30, 0xffff, 2);
	put(mock, 32, UINT32_MAX, 4);
	start(mock);
	assert_non_null(disk);
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 65536), 0);
	finish(mock);

	for (unsigned i = 0; i < 4; i++) { /* blocks of a size that cannot be */
		mock = fresh();
		give(0, 0, 0, 512)->block = (uint32_t[]){ 0, 100, 768, 1u << 31 }[i];
		start(mock);
		assert_null(disk);
		finish(mock);
	}

	mock = fresh(); /* a reset that does not set the sizes it must */
	put(mock, 20, 1000, 4);
	assert_int_not_equal(mock_add(mock), 0);
	mock_remove(mock);

	mock = fresh();
	give(0, 0, 0, 512)->no_16 = true;
	device.last_block = UINT32_MAX;
	start(mock);
	assert_non_null(disk);
	finish(mock);
}

static bool only_devices(void)
{
	return mock_run_all();
}

/* A device that breaks with commands in flight: they are issued again. */
static void broken_device(void **state)
{
	struct ferrule_block_segment segment = { buffer, 4096 };
	struct ferrule_block_request request = { .operation = FERRULE_BLOCK_READ,
						 .sector = 16,
						 .segments = &segment,
						 .segment_count = 1 };
	struct ferrule_block_request *batch = &request;
	struct mock *mock = fresh();

	(void)state;
	give(0, 0, 0, 512);
	start(mock);
	work();
	device.ignore = true;
	ferrule_block_submit(disk, &batch, 1);
	mock_run(mock);
	virtio_device_break(&mock->device, "a test");
	host_clock_advance(1);
	assert_int_equal(request.status, -EINPROGRESS);
	device.ignore = false;
	host_world = only_devices;
	host_threads_run();
	assert_true(mock->device.live);
	assert_int_equal(ferrule_block_wait(&request), 0);
	assert_memory_equal(buffer, units[0].data + 8192, 4096);

	device.ignore = true; /* one that does not come back */
	mock->reset_reads = UINT32_MAX;
	ferrule_block_submit(disk, &batch, 1);
	virtio_device_break(&mock->device, "a test");
	assert_int_equal(ferrule_block_wait(&request), -EIO);
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 512), -EIO);
	finish(mock);
}

/* A host that does not say which units it has: boot goes on, and they are found when it does. */
static void slow_to_tell(void **state)
{
	struct mock *mock = fresh();
	uint64_t begin = clock_ns();

	(void)state;
	give(0, 0, 0, 512);
	host_world = only_devices;
	device.ignore = true;
	assert_null(start(mock));
	assert_true(clock_ns() - begin < 10 * NS_PER_SEC);
	assert_true(mock->device.live);
	device.ignore = false;
	work();
	disk = ferrule_block_at(0);
	assert_non_null(disk);
	assert_int_equal(ferrule_block_read(disk, 16, buffer, 4096), 0);
	assert_memory_equal(buffer, units[0].data + 8192, 4096);
	finish(mock);
}

LINKSET_DECLARE(cmdline_keys, const struct cmdline_key);

static void bounce(const char *value)
{
	LINKSET_EACH(cmdline_keys, entry)
	if (!strcmp((*entry)->name, "bounce"))
		(*entry)->apply(value);
}

/* [SCS-07] Event buffers that find the arena full are given to the device as soon as there is
 * room. */
static void events_in_a_full_arena(void **state)
{
	enum { MOST = 1 << 14 };
	static struct virtio_mapping mappings[MOST];
	struct virtio_piece piece;
	struct mock *mock;
	unsigned count = 0;
	long heap, pages;

	(void)state;
	bounce("1M");
	assert_non_null(virtio_dma()); /* the arena is there for good */
	heap = host_heap_live;
	pages = host_page_live;
	mock = fresh();
	mock_offer(mock, VIRTIO_F_ACCESS_PLATFORM);
	give(0, 0, 0, 512);
	do { /* somebody else has all there is for buffers that wait */
		piece = (struct virtio_piece){ (uintptr_t)buffer, 64 };
		mappings[count] = (struct virtio_mapping){ .writable = 64 };
		assert_true(count < MOST);
	} while (!virtio_dma()->map(&mappings[count], &piece, 0, 1) && ++count);
	start(mock);
	work();
	assert_int_equal(mock_available(mock, 1), 0);
	while (count--) {
		piece = (struct virtio_piece){ (uintptr_t)buffer, 64 };
		virtio_dma()->unmap(&mappings[count], &piece, 1, 0);
	}
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	work();
	assert_int_equal(mock_available(mock, 1), SCSI_EVENTS);
	finish(mock);
	assert_int_equal(host_heap_live, heap);
	assert_int_equal(host_page_live, pages);
}

/* [SCS-06] Silence: the command is aborted, the unit reset, then the device. */
static void silence(void **state)
{
	struct ferrule_block_segment segment = { buffer, 4096 };
	struct ferrule_block_request request = { .operation = FERRULE_BLOCK_READ,
						 .segments = &segment,
						 .segment_count = 1 };
	struct ferrule_block_request *batch = &request;
	struct mock *mock = fresh();

	(void)state;
	give(0, 0, 0, 512);
	start(mock);
	work();
	device.ignore = true;
	ferrule_block_submit(disk, &batch, 1);
	for (unsigned i = 0; i < 81; i++) {
		mock_run(mock);
		host_clock_advance(NS_PER_SEC);
	}
	assert_int_equal(device.tasks, 2);
	assert_int_equal(device.task_types[0], 0);
	assert_int_equal(device.task_types[1], 5);
	assert_int_equal(mock->device.counters.resets, 2);
	device.ignore = false;
	host_clock_advance(NS_PER_SEC);
	work();
	assert_int_equal(request.status, 0); /* it was kept, and done in the end */
	finish(mock);
}

/* It goes on so after each reset, while task management is answered: it is given up. */
static void silent_for_ever(void **state)
{
	struct mock *mock = fresh();
	uint64_t before;

	(void)state;
	give(0, 0, 0, 512);
	start(mock);
	work();
	device.ignore = true;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(ferrule_block_read(disk, 0, buffer, 512), -EIO);
	assert_true(device.tasks > 9);
	assert_int_equal(mock->device.counters.resets, 1 + 9);
	assert_false(mock->device.live);
	before = host_clock_ns;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 512), -EIO);
	assert_int_equal(host_clock_ns, before);
	finish(mock);
}

/* Memory runs out at each allocation in turn: nothing stays behind. */
static void without_memory(void **state)
{
	bool good = false;

	(void)state;
	for (long budget = 0; !good; budget++) {
		struct mock *mock = fresh();

		give(0, 0, 0, 512);
		host_heap_budget = budget;
		good = !mock_add(mock) && (disk = ferrule_block_at(0));
		host_heap_budget = -1;
		if (mock->device.driver_data)
			finish(mock);
		else
			mock_remove(mock);
		assert_true(budget < 200);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scsi_test(answers),
		scsi_test(tried_again),
		scsi_test(lies),
		scsi_test(absurd),
		scsi_test(broken_device),
		scsi_test(silence),
		scsi_test(silent_for_ever),
		scsi_test(without_memory),
		scsi_test(slow_to_tell),
		cmocka_unit_test(events_in_a_full_arena), /* the last: the arena stays */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
