/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	tests/unit/host/cmdline.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 *	virtio/device/pmem.c virtio/device/pmem_disk.c virtio/device/disk.c
 *	virtio/device/disk_api.c virtio/device/disk_data.c virtio/device/disk_queue.c
 *	virtio/device/watchdog.c virtio/device/disk_more.c
 *	virtio/device/pieces.c */

/* virtio-pmem: the range, copies, flushes. */

#include <errno.h>
#include <unit.h>
#include <arch/mmu.h>
#include <ferrule/pmem.h>
#include <kernel/boot_info.h>
#include <virtio/device/pmem.h>
#include "host/host.h"
#include "mock/mock.h"

#define BYTES 65536u

const void *const disk_drivers[] = { NULL };
struct boot_info boot_info;

static uint64_t mapped_at, mapped_bytes;
static int map_error;

int arch_direct_map(uint64_t phys, uint64_t bytes)
{
	mapped_at = phys;
	mapped_bytes = bytes;
	return map_error;
}

static uint8_t memory[BYTES] __attribute__((aligned(4096)));
static uint8_t stable[BYTES]; /* what the host has on its disk */
static uint32_t result;
static uint32_t written = 4;
static bool ignore;
static unsigned flushes;

static void serve(struct mock *mock, unsigned queue)
{
	static struct mock_chain chain;
	uint32_t type;

	while (!ignore && mock_pop(mock, queue, &chain)) {
		assert_int_equal(chain.readable, 4); /* [PM-02] */
		assert_int_equal(chain.writable, 4);
		mock_read(&chain, 0, &type, 4);
		assert_int_equal(type, 0);
		memcpy(stable, memory, BYTES);
		flushes++;
		mock_write(&chain, 0, &result, written);
		mock_push(mock, queue, &chain, written);
	}
	mock_interrupt(mock, queue);
}

static struct mock *fresh(uint64_t start, uint64_t bytes)
{
	struct mock *mock = mock_new(VIRTIO_ID_PMEM);

	for (unsigned i = 0; i < BYTES; i++)
		memory[i] = (uint8_t)(i * 3 + i / 512);
	memset(stable, 0, BYTES);
	result = 0;
	written = 4;
	ignore = false;
	flushes = 0;
	mock->queue_max[0] = 8;
	mock->serve = serve;
	mock->config_bytes = 16;
	memcpy(mock->config, &start, 8);
	memcpy(mock->config + 8, &bytes, 8);
	return mock;
}

static struct ferrule_block *disk;

static void start(struct mock *mock)
{
	assert_int_equal(mock_add(mock), 0);
	disk = ferrule_block_find("pmem0");
	assert_non_null(disk);
}

static void finish(struct mock *mock)
{
	if (disk)
		ferrule_block_release(disk);
	disk = NULL;
	mock_unplug(mock);
	mock_remove(mock);
}

/* [PM-01] [PM-04] The disk; what was written is stable after a flush, not before. */
static void disk_of_memory(void **state)
{
	struct mock *mock = fresh((uintptr_t)memory, BYTES);
	static uint8_t buffer[8192];
	struct ferrule_block_info info;

	(void)state;
	start(mock);
	assert_int_equal(mapped_at, (uintptr_t)memory);
	assert_int_equal(mapped_bytes, BYTES);
	ferrule_block_info(disk, &info);
	assert_int_equal(info.sectors, BYTES / 512);
	assert_true(info.flushable);
	assert_int_equal(ferrule_block_read(disk, 3, buffer, 8192), 0);
	assert_memory_equal(buffer, memory + 1536, 8192);
	memset(buffer, 0x5c, sizeof(buffer));
	assert_int_equal(ferrule_block_write(disk, 100, buffer, 8192), 0);
	assert_memory_equal(memory + 51200, buffer, 8192);
	assert_int_equal(flushes, 0);
	assert_int_equal(ferrule_block_flush(disk), 0);
	assert_int_equal(flushes, 1);
	assert_memory_equal(stable, memory, BYTES);
	assert_int_equal(ferrule_block_range(disk, FERRULE_BLOCK_WRITE_ZEROES, 100, 8),
			 0);
	assert_int_equal(memory[51200] | memory[51200 + 4095], 0);
	assert_int_equal(memory[51200 + 4096], 0x5c);
	assert_int_equal(ferrule_block_read(disk, BYTES / 512, buffer, 512), -EINVAL);
	assert_int_equal(ferrule_block_range(disk, FERRULE_BLOCK_DISCARD, 0, 8),
			 -ENOTSUP);
	finish(mock);
}

/* Mapped: stores, and a flush. */
static void mapped(void **state)
{
	struct mock *mock = fresh((uintptr_t)memory, BYTES);
	struct ferrule_pmem pmem;

	(void)state;
	start(mock);
	assert_int_equal(ferrule_pmem_open("nobody", &pmem), -ENODEV);
	assert_int_equal(ferrule_pmem_open("pmem0", &pmem), 0);
	assert_ptr_equal(pmem.address, memory);
	assert_int_equal(pmem.bytes, BYTES);
	((char *)pmem.address)[77] = 'x';
	assert_int_equal(ferrule_pmem_flush(&pmem), 0);
	assert_int_equal(stable[77], 'x');
	ferrule_pmem_close(&pmem);
	finish(mock);
}

/* [PM-01] Region 0, and nothing of the configuration. */
static void shared_region(void **state)
{
	struct mock *mock = fresh(0x1234, 77);

	(void)state;
	mock_offer(mock, VIRTIO_PMEM_F_SHMEM_REGION);
	mock->shared[0] = (struct virtio_shared_memory){ (uintptr_t)memory, BYTES };
	start(mock);
	assert_int_equal(mapped_at, (uintptr_t)memory);
	finish(mock);

	mock = fresh((uintptr_t)memory, BYTES);
	mock_offer(mock, VIRTIO_PMEM_F_SHMEM_REGION);
	assert_int_not_equal(mock_add(mock), 0); /* there is none */
	mock_remove(mock);
}

/* [PM-03] */
static void hostile_ranges(void **state)
{
	static const struct {
		uint64_t start, bytes;
	} cases[] = {
		{ 0, 65536 },
		{ 0x200000, 0 },
		{ 0x200001, 65536 },
		{ 0x200000, 65535 },
		{ UINT64_MAX & ~UINT64_C(4095), 8192 },
		{ 0x200000, UINT64_MAX & ~UINT64_C(4095) },
		{ 0x100000000, 65536 },	      /* all of our RAM */
		{ 0x0ffff0000, 0x20000 },     /* its start */
		{ 0x10ffff000, 0x10000 },     /* its end */
		{ 0x080000000, 0x100000000 }, /* more than all */
	};

	(void)state;
	boot_info.range_count = 1;
	boot_info.ranges[0] = (struct boot_range){ 0x100000000, 0x10000000 };
	for (unsigned i = 0; i < array_count(cases); i++) {
		struct mock *mock = fresh(cases[i].start, cases[i].bytes);

		mapped_bytes = 0;
		assert_int_not_equal(mock_add(mock), 0);
		assert_int_equal(mapped_bytes, 0);
		assert_true(mock->status & VIRTIO_STATUS_FAILED);
		mock_remove(mock);
	}
	boot_info.range_count = 0;
}

/* [PM-02] Any other answer than 0 is an error, and so is none. */
static void failing_flushes(void **state)
{
	struct mock *mock = fresh((uintptr_t)memory, BYTES);

	(void)state;
	start(mock);
	result = UINT32_MAX;
	assert_int_equal(ferrule_block_flush(disk), -EIO);
	result = 1;
	assert_int_equal(ferrule_block_flush(disk), -EIO);
	result = 0;
	written = 0;
	assert_int_equal(ferrule_block_flush(disk), -EIO);
	written = 4;
	assert_int_equal(ferrule_block_flush(disk), 0);
	finish(mock);
}

static unsigned done_count;
static int done_status;

static void done(struct ferrule_block_request *request)
{
	done_status = request->status;
	done_count++;
}

static bool world(void)
{
	bool moved = mock_run_all();

	return host_threads_run() || moved;
}

/* Many flushes share a request; a device that breaks with one is asked again, one that
 * stays away fails it, and one that was unplugged too. */
static void recovery(void **state)
{
	struct ferrule_block_request requests[20], *batch[20];
	struct mock *mock = fresh((uintptr_t)memory, BYTES);

	(void)state;
	start(mock);
	host_world = world;
	for (unsigned i = 0; i < 20; i++) {
		requests[i] = (struct ferrule_block_request){
			.operation = FERRULE_BLOCK_FLUSH, .done = done
		};
		batch[i] = &requests[i];
	}
	done_count = 0;
	ferrule_block_submit(disk, batch, 20);
	ignore = true;
	mock_run(mock);
	virtio_device_break(&mock->device, "a test");
	host_clock_advance(1);
	assert_int_equal(done_count, 0);
	ignore = false;
	host_clock_advance(NS_PER_MS);
	while (world())
		;
	assert_int_equal(done_count, 20);
	assert_int_equal(done_status, 0);
	assert_int_equal(flushes, 1);

	ignore = true; /* silent for ever */
	assert_int_equal(ferrule_block_flush(disk), -EIO);
	mock->reset_reads = UINT32_MAX;
	virtio_device_break(&mock->device, "a test");
	assert_int_equal(ferrule_block_flush(disk), -EIO);
	assert_int_equal(ferrule_block_read(disk, 0, stable, 512), 0); /* it is memory */
	mock_unplug(mock);
	assert_int_equal(ferrule_block_read(disk, 0, stable, 512), -ENODEV);
	assert_int_equal(ferrule_block_flush(disk), -ENODEV);
	ferrule_block_release(disk);
	disk = NULL;
	mock_remove(mock);
}

static void settle(void)
{
	for (unsigned i = 0; i < 10; i++) {
		host_clock_advance(10 * NS_PER_MS);
		while (world())
			;
	}
}

/* [VQ-26] The queue alone, when no flush is in it; else the device, and the flush is sent
 * again. */
static void queue_alone(void **state)
{
	struct ferrule_block_request request = { .operation = FERRULE_BLOCK_FLUSH };
	struct ferrule_block_request *batch[] = { &request };
	struct mock *mock = fresh((uintptr_t)memory, BYTES);
	const struct virtio_counters *counters = &mock->device.counters;

	(void)state;
	mock_offer(mock, VIRTIO_F_RING_RESET);
	start(mock);
	host_world = world;
	virtio_queue_break(mock->device.queues[0], "a test");
	ferrule_block_submit(disk, batch, 1);
	assert_int_equal(flushes, 0);
	settle();
	assert_int_equal(ferrule_block_wait(&request), 0);
	assert_int_equal(flushes, 1);
	assert_int_equal(counters->queue_resets, 1);
	assert_int_equal(counters->recoveries, 0);

	ignore = true;
	ferrule_block_submit(disk, batch, 1);
	virtio_queue_break(mock->device.queues[0], "a test");
	ignore = false;
	settle();
	assert_int_equal(ferrule_block_wait(&request), 0);
	assert_int_equal(flushes, 2);
	assert_int_equal(counters->queue_resets, 1);
	assert_int_equal(counters->recoveries, 1);
	finish(mock);
}

static void without_memory(void **state)
{
	(void)state;
	for (long budget = 0; budget < 8; budget++) {
		struct mock *mock = fresh((uintptr_t)memory, BYTES);

		host_heap_budget = budget;
		if (mock_add(mock))
			mock_remove(mock);
		else
			finish(mock);
		host_heap_budget = -1;
	}
	map_error = -ENOMEM;
	struct mock *mock = fresh((uintptr_t)memory, BYTES);

	assert_int_not_equal(mock_add(mock), 0);
	map_error = 0;
	mock_remove(mock);
}

/* A flush would wait for ever for room in it. */
static void queue_too_small(void **state)
{
	struct mock *mock = fresh((uintptr_t)memory, BYTES);

	(void)state;
	mock->queue_max[0] = 1;
	assert_int_not_equal(mock_add(mock), 0);
	mock_remove(mock);
}

static int nothing_left(void **state)
{
	(void)state;
	return host_heap_live || host_page_live || virtio_devices;
}
#define pmem_test(function) cmocka_unit_test_teardown(function, nothing_left)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pmem_test(disk_of_memory),  pmem_test(mapped),
		pmem_test(shared_region),   pmem_test(hostile_ranges),
		pmem_test(failing_flushes), pmem_test(recovery),
		pmem_test(queue_alone),	    pmem_test(without_memory),
		pmem_test(queue_too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
