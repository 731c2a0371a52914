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

/* virtio-balloon against the mock (requirements BAL): pages that go and come back, over
 * the real page allocator. */

#include "balloon_device.h"
#include <string.h>
#include <virtio/dma.h>

/* --- the balloon follows the host ------------------------------------------------------ */

static void ask_300(void)
{
	ask(300);
}

static void see_300(void)
{
	assert_int_equal(count_held(), 300);
	assert_int_equal(get32(BALLOON_CONFIG_ACTUAL), 300);
	ask(7);
}

static void see_7(void)
{
	assert_int_equal(count_held(), 7);
	assert_int_equal(get32(BALLOON_CONFIG_ACTUAL), 7); /* [BAL-04] */
	ask(0);
}

static void see_none(void)
{
	assert_int_equal(count_held(), 0);
}

/* [BAL-01] [BAL-02] [BAL-03] The mock overwrites what it was given. */
static void follows_the_host(void **state)
{
	void (*const steps[])(void) = { ask_300, see_300, see_7, see_none, unplug, NULL };
	uint64_t before;

	(void)state;
	offer(VIRTIO_BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST));
	before = free_bytes();
	assert_int_equal(mock_add(mock), 0);
	run(steps);
	assert_int_equal(free_bytes(), before);
}

/* --- it does not starve the program ---------------------------------------------------- */

static void ask_all(void)
{
	ask(UINT32_MAX);
}

static void see_floor(void)
{
	assert_in_range(free_bytes(), RAM / 8 - MIB, RAM / 8 + MIB);
	ask(0);
}

/* [BAL-05] */
static void leaves_the_floor(void **state)
{
	void (*const steps[])(void) = { ask_all, see_floor, see_none, unplug, NULL };

	(void)state;
	offer(0);
	assert_int_equal(mock_add(mock), 0);
	run(steps);
}

/* --- memory runs out ------------------------------------------------------------------- */

static uint64_t taken[RAM / PAGE_BYTES];
static unsigned taken_count;

static void exhaust(void)
{
	uint64_t phys;

	assert_int_equal(count_held(), 2048);
	host_clock_step_ns = NS_PER_MS; /* waits end */
	while ((phys = page_alloc(0)))
		taken[taken_count++] = phys;
	host_clock_step_ns = 0;
	while (taken_count)
		page_free(taken[--taken_count], 0);
}

static void at_once(struct mock *device, unsigned queue)
{
	if (queue == DEFLATE)
		serve(device, queue);
}

static void ask_2048(void)
{
	ask(2048);
}

static void see_reclaimed(void)
{
	struct ferrule_balloon_info info;

	assert_true(ferrule_balloon_info(&info));
	assert_int_equal(info.reclaimed_bytes, 2048 * PAGE_BYTES);
	ask(0);
}

/* [BAL-06] A device that answers while its caller polls gives all of it back. */
static void deflates_on_oom(void **state)
{
	void (*const steps[])(void) = { ask_2048, exhaust, see_reclaimed,
					see_none, unplug,  NULL };

	(void)state;
	offer(VIRTIO_BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM));
	mock->kicked = at_once;
	assert_int_equal(mock_add(mock), 0);
	run(steps);
}

/* --- silence -------------------------------------------------------------------------- */

static void fall_silent(void)
{
	silent = time_passes = true;
	ask(100);
}

static void see_broken(void)
{
	host_clock_advance(1);
	assert_true(mock->device.broken);
}

/* A device that never answers is broken; its pages are ours again after the reset. */
static void silence_breaks_it(void **state)
{
	void (*const steps[])(void) = { fall_silent, see_broken, unplug, NULL };
	uint64_t before;

	(void)state;
	offer(0);
	before = free_bytes();
	assert_int_equal(mock_add(mock), 0);
	run(steps);
	assert_int_equal(free_bytes(), before);
}

/* --- no room to map a buffer ------------------------------------------------------------ */

LINKSET_DECLARE(cmdline_keys, const struct cmdline_key);

static struct virtio_mapping mappings[64];
static unsigned mapped;
static uint64_t before;

static void fill_the_arena(void)
{
	struct virtio_piece piece;

	for (uint32_t bytes = 256 << 10; bytes >= 256; bytes /= 2) {
		mappings[mapped] = (struct virtio_mapping){ .readable = bytes };
		piece = (struct virtio_piece){ BASE, bytes };
		while (!virtio_dma()->map(&mappings[mapped], &piece, 1, 0)) {
			mapped++;
			assert_true(mapped < 64);
			mappings[mapped].readable = bytes;
		}
	}
	before = free_bytes();
}

static void ask_100(void)
{
	fill_the_arena();
	ask(100);
}

/* What the device was not told of is ours. */
static void see_nothing_lost(void)
{
	assert_int_equal(count_held(), 0);
	assert_in_range(free_bytes(), before - 4 * PAGE_BYTES, before);
	time_passes = true;
}

static void empty_the_arena(void)
{
	while (mapped)
		virtio_dma()->unmap(&mappings[--mapped], NULL, 0, 0);
	time_passes = true;
}

static void see_100(void)
{
	assert_int_equal(count_held(), 100);
	fill_the_arena();
	ask(0);
}

static void see_100_still(void)
{
	assert_int_equal(count_held(), 100);
	time_passes = true;
}

/* Last: the arena stays. */
static void no_room(void **state)
{
	void (*const steps[])(void) = { ask_100,	  see_nothing_lost,
					see_nothing_lost, empty_the_arena,
					see_100,	  see_100_still,
					empty_the_arena,  see_none,
					unplug,		  NULL };

	(void)state;
	LINKSET_EACH(cmdline_keys, entry)
	if (!strcmp((*entry)->name, "bounce"))
		(*entry)->apply("1M");
	offer(0);
	mock_offer(mock, VIRTIO_F_ACCESS_PLATFORM);
	assert_int_equal(mock_add(mock), 0);
	run(steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_host), cmocka_unit_test(leaves_the_floor),
		cmocka_unit_test(deflates_on_oom),  cmocka_unit_test(silence_breaks_it),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
