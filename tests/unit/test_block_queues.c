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

/* virtio-blk: several queues, and completion without interrupts. */

#include "block_device.h"

/* [BLK-18] As many queues as asked for, offered and there. */
static void queues_are_counted(void **state)
{
	static const struct {
		const char *asked;
		unsigned offered, there, used;
	} cases[] = { { NULL, 4, 4, 1 },       { "4", 4, 4, 4 },
		      { "4", 0, 4, 1 },	       { "2", 65535, 16, 2 },
		      { "64", 65535, 16, 16 }, { "99999", 3, 3, 3 },
		      { "rubbish", 4, 4, 1 },  { "4", 4, 2, 2 } };

	(void)state;
	for (unsigned i = 0; i < array_count(cases); i++) {
		struct mock *mock = fresh();

		host_cmdline[0][0] = cases[i].asked ? "disk_queues" : NULL;
		host_cmdline[0][1] = cases[i].asked;
		mock_offer(mock, VIRTIO_BLK_F_MQ);
		put(mock, 34, cases[i].offered, 2);
		for (unsigned k = 0; k < cases[i].there && k < MOCK_QUEUES; k++)
			mock->queue_max[k] = 64;
		start(mock);
		assert_int_equal(disk->info.queues, cases[i].used);
		finish(mock);
	}
	host_cmdline[0][0] = NULL;
}

/* Batches go to the queues in turn; data is right whichever they take. */
static void batches_are_spread(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	host_cmdline[0][0] = "disk_queues";
	host_cmdline[0][1] = "3";
	mock_offer(mock, VIRTIO_BLK_F_MQ);
	put(mock, 34, 3, 2);
	for (unsigned i = 0; i < 3; i++)
		mock->queue_max[i] = 64;
	start(mock);
	for (unsigned i = 0; i < 30; i++) {
		assert_int_equal(ferrule_block_read(disk, i, buffer, 4096), 0);
		assert_memory_equal(buffer, medium + i * 512, 4096);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(device.by_queue[i], 10);
	host_cmdline[0][0] = NULL;
	finish(mock);
}

/* [BLK-23] Polled: not one interrupt; and with them again. */
static void polled(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_segment segment = { buffer + 8192, 4096 };
	struct ferrule_block_request request = { .operation = FERRULE_BLOCK_READ,
						 .sector = 80,
						 .segments = &segment,
						 .segment_count = 1,
						 .done = done,
						 .context = &done_count };
	struct ferrule_block_request *batch = &request;
	uint64_t interrupts;

	(void)state;
	start(mock);
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	interrupts = mock->counts.interrupts;
	assert_int_equal(ferrule_block_set_polled(disk, true), 0);
	for (unsigned i = 0; i < 500; i++) {
		assert_int_equal(ferrule_block_read(disk, i, buffer, 4096), 0);
		assert_memory_equal(buffer, medium + i * 512, 4096);
	}
	assert_int_equal(mock->counts.interrupts, interrupts);
	done_count = 0;
	ferrule_block_submit(disk, &batch, 1);
	assert_false(ferrule_block_poll(disk));
	mock_run(mock);
	assert_int_equal(done_count, 0);
	assert_true(ferrule_block_poll(disk));
	assert_int_equal(done_count, 1);
	assert_int_equal(mock->counts.interrupts, interrupts);

	ferrule_block_submit(disk, &batch, 1); /* one that completes in between */
	mock_run(mock);
	assert_int_equal(ferrule_block_set_polled(disk, false), 0);
	assert_int_equal(done_count, 2);
	interrupts = mock->counts.interrupts;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	assert_int_equal(mock->counts.interrupts, interrupts + 1);
	finish(mock);
}

/* [BLK-23] A batch is one kick and one interrupt, and nothing is allocated for it. */
static void cost_of_a_batch(void **state)
{
	enum { COUNT = 16 };
	struct ferrule_block_request requests[COUNT], *batch[COUNT];
	struct ferrule_block_segment segments[COUNT];
	struct mock *mock = fresh();
	uint64_t kicks, interrupts;

	(void)state;
	start(mock);
	kicks = mock->counts.kicks;
	interrupts = mock->counts.interrupts;
	for (unsigned i = 0; i < COUNT; i++) {
		segments[i] = (struct ferrule_block_segment){ buffer + i * 4096, 4096 };
		requests[i] = (struct ferrule_block_request){
			.operation = FERRULE_BLOCK_READ,
			.sector = i * 8,
			.segments = &segments[i],
			.segment_count = 1,
		};
		batch[i] = &requests[i];
	}
	host_heap_budget = host_page_budget = 0;
	ferrule_block_submit(disk, batch, COUNT);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(ferrule_block_wait(batch[i]), 0);
	host_heap_budget = host_page_budget = -1;
	assert_int_equal(mock->counts.kicks, kicks + 1);
	assert_int_equal(mock->counts.interrupts, interrupts + 1);
	finish(mock);
}

/* Memory runs out at each allocation of the probe in turn: nothing stays behind. */
static void without_memory(void **state)
{
	long budget = 0;
	bool done_once = false;

	(void)state;
	while (!done_once) {
		struct mock *mock = fresh();

		host_heap_budget = budget++;
		done_once = !mock_add(mock);
		host_heap_budget = -1;
		if (done_once)
			finish(mock);
		else
			mock_remove(mock);
		assert_true(budget < 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		block_test(queues_are_counted),
		block_test(batches_are_spread),
		block_test(polled),
		block_test(cost_of_a_batch),
		block_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
