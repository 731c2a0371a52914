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

/* virtio-balloon against the mock (requirements BAL): idle memory, statistics, poison. */

#include "balloon_device.h"

/* --- idle memory ----------------------------------------------------------------------- */

static void let_time_pass(void)
{
	time_passes = true;
}

static void see_reported(void)
{
	assert_true(reported >= MIB);
	reported = 0;
}

static void see_nothing_new(void)
{
	assert_int_equal(reported, 0);
}

/* Without hinting offered, the reporting queue follows the statistics at once [BAL-11];
 * what was reported is not reported again while it stays free [BAL-09] [BAL-12]. */
static void reports_idle_memory(void **state)
{
	void (*const steps[])(void) = { let_time_pass,	 see_reported, let_time_pass,
					see_nothing_new, unplug,       NULL };

	(void)state;
	offer(VIRTIO_BIT(VIRTIO_BALLOON_F_STATS_VQ) |
	      VIRTIO_BIT(VIRTIO_BALLOON_F_PAGE_REPORTING));
	assert_int_equal(report_queue, 3);
	page_free(page_alloc(8), 8); /* a MiB that was used once */
	assert_int_equal(mock_add(mock), 0);
	run(steps);
}

static unsigned looks;

/* Who wants memory just then gets it, and as much as there ever is. */
static void need_memory(void)
{
	uint64_t block;

	if (looks++ >= 3)
		return;
	assert_true(free_bytes() >= RAM * 3 / 4);
	block = page_alloc(12);
	assert_true(block);
	page_free(block, 12);
	block = page_alloc(0);
	assert_true(block);
	page_free(block, 0);
}

static void see_all_reported(void)
{
	assert_true(looks > 8);
	assert_true(reported >= RAM * 3 / 4);
	assert_true(reported <= RAM * 2);
	reported = 0;
	while_reported = NULL;
}

static void see_one_block(void)
{
	uint64_t block = page_alloc(13);

	assert_true(block);
	page_free(block, 13);
}

/* Reporting never has more than a part of the free memory away, however large its blocks
 * are, and leaves them as large as they were. */
static void leaves_a_reserve(void **state)
{
	void (*const steps[])(void) = { let_time_pass, see_all_reported, see_one_block,
					unplug, NULL };
	uint64_t blocks[64];
	unsigned orders[64], count = 0;

	(void)state;
	offer(VIRTIO_BIT(VIRTIO_BALLOON_F_PAGE_REPORTING));
	for (unsigned order = 13; order >= 8; order--) /* all was used once */
		while ((blocks[count] = page_alloc(order)))
			orders[count++] = order;
	while (count--)
		page_free(blocks[count], orders[count]);
	looks = 0;
	while_reported = need_memory;
	assert_int_equal(mock_add(mock), 0);
	run(steps);
}

static void start_hinting(void)
{
	put32(BALLOON_CONFIG_HINT_COMMAND, 5);
	mock_config_changed(mock);
}

static void see_hinted(void)
{
	assert_true(hinted >= RAM / 2);
	assert_true(free_bytes() >= RAM / 8);
	assert_int_equal(command_count, 2); /* the command, then STOP */
	assert_int_equal(commands[0], 5);
	assert_int_equal(commands[1], 0);
	put32(BALLOON_CONFIG_HINT_COMMAND, 0); /* stop: nothing is released yet */
	mock_config_changed(mock);
}

static void see_still_hinted(void)
{
	assert_true(free_bytes() < RAM / 2);
	put32(BALLOON_CONFIG_HINT_COMMAND, 1);
	mock_config_changed(mock);
}

static void see_released(void)
{
	assert_true(free_bytes() > RAM * 3 / 4);
}

/* [BAL-08] */
static void hints_for_a_migration(void **state)
{
	void (*const steps[])(void) = { start_hinting, see_hinted, see_still_hinted,
					see_released,  unplug,	   NULL };
	uint64_t before;

	(void)state;
	offer(VIRTIO_BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT));
	before = free_bytes();
	assert_int_equal(mock_add(mock), 0);
	run(steps);
	assert_int_equal(free_bytes(), before);
}

/* --- statistics, poison ------------------------------------------------------- */

static void want_stats(void)
{
	struct mock_chain chain;

	assert_int_equal(mock_available(mock, stats_queue), 1);
	assert_true(mock_pop(mock, stats_queue, &chain));
	take_stats(&chain);
	mock_push(mock, stats_queue, &chain, 0);
	mock_interrupt(mock, stats_queue);
}

/* [BAL-07] One buffer is always there. */
static void tells_statistics(void **state)
{
	void (*const steps[])(void) = { want_stats, want_stats, want_stats, unplug,
					NULL };

	(void)state;
	offer(VIRTIO_BIT(VIRTIO_BALLOON_F_STATS_VQ));
	assert_int_equal(mock_add(mock), 0);
	run(steps);
	assert_int_equal(stats_seen, 3);
}

/* [BAL-10] Who fills nothing does not say so. */
static void no_poison_unasked(void **state)
{
	void (*const steps[])(void) = { unplug, NULL };

	(void)state;
	offer(VIRTIO_BIT(VIRTIO_BALLOON_F_PAGE_POISON));
	assert_int_equal(mock_add(mock), 0);
	assert_false(mock_has(mock, VIRTIO_BALLOON_F_PAGE_POISON));
	run(steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_idle_memory),
		cmocka_unit_test(leaves_a_reserve),
		cmocka_unit_test(hints_for_a_migration),
		cmocka_unit_test(tells_statistics),
		cmocka_unit_test(no_poison_unasked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
