/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/time.c
 *	tests/unit/host/thread.c tests/unit/host/panic.c
 *	kernel/page.c kernel/page_region.c kernel/sync.c kernel/format.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c virtio/device/balloon.c virtio/device/balloon_pages.c
 *	virtio/device/balloon_idle.c virtio/device/balloon_stats.c
 *	virtio/device/balloon_queue.c */

/* virtio-balloon: queues that are reset alone (requirements VQ, BAL). No page is lost, and
 * none is used that the device may have. */

#include "balloon_device.h"

static uint64_t before;

static void start(uint64_t bits)
{
	offer(bits);
	mock_offer(mock, VIRTIO_F_RING_RESET);
	host_cpu.current = thread_current(); /* so that mutexes have an owner */
	assert_int_equal(mock_add(mock), 0);
	before = free_bytes();
}

static void see_all_back(void)
{
	assert_int_equal(count_held(), 0);
	assert_in_range(free_bytes(), before - 4 * PAGE_BYTES, before);
}

static void break_it(unsigned queue)
{
	virtio_queue_break(mock->device.queues[queue], "a test");
	host_clock_advance(1);
}

static void see_queue_resets(uint64_t count)
{
	assert_int_equal(mock->device.counters.queue_resets, count);
	assert_int_equal(mock->device.counters.recoveries, 0);
	assert_false(mock->device.broken);
}

/* The thread has heard of it and lets go. */
static void see_one_reset(void)
{
	host_clock_advance(NS_PER_MS);
	see_queue_resets(1);
}

/* --- nothing is in them ----------------------------------------------------------------- */

static void break_inflate(void)
{
	break_it(INFLATE);
}

static void break_deflate(void)
{
	break_it(DEFLATE);
}

static void break_hint_and_report(void)
{
	break_it(hint_queue);
	break_it(report_queue);
}

static void ask_100(void)
{
	see_queue_resets(4);
	ask(100);
}

static void see_100(void)
{
	assert_int_equal(count_held(), 100);
	assert_int_equal(get32(BALLOON_CONFIG_ACTUAL), 100);
	ask(0);
}

/* [VQ-26] */
static void idle_queues(void **state)
{
	void (*const steps[])(
		void) = { break_inflate, break_deflate, break_hint_and_report,
			  ask_100,	 see_100,	see_all_back,
			  unplug,	 NULL };

	(void)state;
	start(VIRTIO_BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT) |
	      VIRTIO_BIT(VIRTIO_BALLOON_F_PAGE_REPORTING));
	run(steps);
}

/* --- pages on their way ----------------------------------------------------------------- */

static void ask_300_unheard(void)
{
	silent = true;
	ask(300);
}

/* It takes them, but it never says so. */
static void take_them(unsigned queue)
{
	static struct mock_chain chain;

	assert_true(mock_pop(mock, queue, &chain));
	take_pages(&chain, queue == INFLATE);
	twice = true;
}

static void take_and_break(void)
{
	take_them(INFLATE);
	break_inflate();
}

/* They are neither ours nor in the balloon, and the target is another already. */
static void see_limbo(void)
{
	see_queue_resets(0); /* the thread holds the queue just now */
	assert_true(free_bytes() <= before - BALLOON_BATCH * PAGE_BYTES);
	assert_int_equal(get32(BALLOON_CONFIG_ACTUAL), 0);
	see_one_reset();
	ask(0);
	silent = false;
}

/* [VQ-26] [BAL-02] Whether it heard of them or not, they are in the balloon in the end. */
static void inflating(void **state)
{
	void (*const unheard[])(void) = { ask_300_unheard, break_inflate, see_limbo,
					  see_all_back,	   unplug,	  NULL };
	void (*const heard[])(void) = { ask_300_unheard, take_and_break, see_limbo,
					see_all_back,	 unplug,	 NULL };

	(void)state;
	start(0);
	run(unheard);
	start(0);
	run(heard);
}

static void ask_300(void)
{
	ask(300);
}

static void ask_none_unheard(void)
{
	assert_int_equal(count_held(), 300);
	silent = true;
	ask(0);
}

static void take_back_and_break(void)
{
	take_them(DEFLATE);
	break_deflate();
}

/* None is used before the device has said so. */
static void see_none_back(void)
{
	see_queue_resets(1);
	assert_true(free_bytes() <= before - 300 * PAGE_BYTES);
	silent = false;
	mock->queues[DEFLATE].kicked = true; /* it was rung for before */
}

/* [VQ-26] [BAL-03] */
static void deflating(void **state)
{
	void (*const unheard[])(void) = { ask_300,	 ask_none_unheard, break_deflate,
					  see_none_back, see_all_back,	   unplug,
					  NULL };
	void (*const heard[])(
		void) = { ask_300,	 ask_none_unheard, take_back_and_break,
			  see_none_back, see_all_back,	   unplug,
			  NULL };

	(void)state;
	start(VIRTIO_BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST));
	run(unheard);
	start(VIRTIO_BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST));
	run(heard);
}

/* --- while memory runs out --------------------------------------------------------------- */

static void ask_2048(void)
{
	ask(2048);
}

/* The queue breaks as it is told, and is back before the caller gives up. */
static void break_first(struct mock *device, unsigned queue)
{
	if (queue != DEFLATE)
		return;
	if (!device->device.counters.queue_resets)
		break_deflate();
	else
		serve(device, queue);
}

static void exhaust(void)
{
	static uint64_t taken[RAM / PAGE_BYTES];
	unsigned count = 0;
	uint64_t phys;

	assert_int_equal(count_held(), 2048);
	mock->kicked = break_first;
	host_clock_step_ns = NS_PER_US * 100;
	while ((phys = page_alloc(0)))
		taken[count++] = phys;
	host_clock_step_ns = 0;
	assert_int_equal(count_held(), 0);
	while (count)
		page_free(taken[--count], 0);
	see_queue_resets(1);
	ask(0);
}

/* [VQ-26] [BAL-06] */
static void out_of_memory(void **state)
{
	void (*const steps[])(void) = { ask_2048, exhaust, see_all_back, unplug, NULL };

	(void)state;
	start(VIRTIO_BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM));
	run(steps);
}

/* --- idle memory, statistics --------------------------------------------------------------- */

static void fall_silent(void)
{
	silent = time_passes = true;
}

static void break_report(void)
{
	assert_true(free_bytes() <= before - MIB);
	break_it(report_queue);
}

static void see_blocks_back(void)
{
	see_one_reset();
	see_all_back();
	silent = false;
	time_passes = true;
}

static void see_reported(void)
{
	assert_true(reported >= MIB);
	see_all_back();
}

/* [VQ-26] [BAL-09] What was not acknowledged is ours, and reported again. */
static void reporting(void **state)
{
	void (*const steps[])(void) = { fall_silent,  break_report, see_blocks_back,
					see_reported, unplug,	    NULL };

	(void)state;
	page_free(page_alloc(8), 8); /* a MiB that was used once */
	start(VIRTIO_BIT(VIRTIO_BALLOON_F_PAGE_REPORTING));
	run(steps);
}

/* Between the host's command and the answer to it. */
static void cut_off(struct mock *device)
{
	if (get32(BALLOON_CONFIG_HINT_COMMAND) == 5 && !command_count) {
		device->config_race = NULL;
		break_it(hint_queue);
	}
}

static void start_hinting(void)
{
	mock->config_race = cut_off;
	put32(BALLOON_CONFIG_HINT_COMMAND, 5);
	mock_config_changed(mock);
}

static void see_hinted(void)
{
	assert_true(hinted >= RAM / 2);
	assert_int_equal(command_count, 2);
	put32(BALLOON_CONFIG_HINT_COMMAND, 1);
	mock_config_changed(mock);
}

/* [VQ-26] [BAL-08] The command is served when the queue is back. */
static void hinting(void **state)
{
	void (*const steps[])(void) = { start_hinting, see_one_reset, see_hinted,
					see_all_back,  unplug,	      NULL };

	(void)state;
	start(VIRTIO_BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT));
	run(steps);
}

static void start_unheard(void)
{
	silent = true;
	put32(BALLOON_CONFIG_HINT_COMMAND, 5);
	mock_config_changed(mock);
}

static void break_hint_in_use(void)
{
	break_it(hint_queue);
	assert_true(mock->device.broken);
}

static void see_device_reset(void)
{
	assert_int_equal(host_threads_run(), 1);
	assert_int_equal(mock->device.counters.recoveries, 1);
	assert_int_equal(mock->device.counters.queue_resets, 0);
	silent = false;
}

/* Hints that QEMU may be at just then: the device is reset, and knows of none. */
static void hinting_unheard(void **state)
{
	void (*const steps[])(
		void) = { start_unheard, break_hint_in_use, see_device_reset,
			  see_hinted,	 see_all_back,	    unplug,
			  NULL };

	(void)state;
	start(VIRTIO_BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT));
	run(steps);
}

static void break_stats(void)
{
	struct virtqueue *queue = mock->device.queues[stats_queue];
	struct mock_chain chain;

	assert_true(mock_pop(mock, stats_queue, &chain));
	mock_push(mock, stats_queue, &chain, 0);
	mock_flush(mock, stats_queue);
	assert_non_null(virtqueue_get(queue, NULL)); /* nothing is in it now */
	break_it(stats_queue);
	see_queue_resets(1);
}

static void break_stats_in_use(void)
{
	assert_int_equal(mock_available(mock, stats_queue), 1);
	break_it(stats_queue);
	assert_int_equal(host_threads_run(), 1);
	assert_int_equal(mock->device.counters.recoveries, 1);
	assert_int_equal(mock->device.counters.queue_resets, 1);
	assert_int_equal(mock_available(mock, stats_queue), 1);
}

/* QEMU goes on with the buffer that it has: then the device is reset. */
static void statistics(void **state)
{
	void (*const steps[])(void) = { break_stats, break_stats_in_use, unplug, NULL };

	(void)state;
	start(VIRTIO_BIT(VIRTIO_BALLOON_F_STATS_VQ));
	run(steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_queues),	   cmocka_unit_test(inflating),
		cmocka_unit_test(deflating),	   cmocka_unit_test(out_of_memory),
		cmocka_unit_test(reporting),	   cmocka_unit_test(hinting),
		cmocka_unit_test(hinting_unheard), cmocka_unit_test(statistics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
