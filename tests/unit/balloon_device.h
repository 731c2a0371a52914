/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The device's side of the balloon, for its tests. The driver's thread runs the test:
 * whenever it sleeps and the device has nothing to do, the next step of the test's script
 * is taken. */

#ifndef UNIT_BALLOON_DEVICE_H
#define UNIT_BALLOON_DEVICE_H

#include <sys/mman.h>
#include <kernel/cmdline.h>
#include <unit.h>
#include "host/host.h"
#include "mock/mock.h"
#include <virtio/device/balloon.h>

#define MIB  (UINT64_C(1) << 20)
#define BASE (256 * MIB) /* where the sanitizer lets us map */
#define RAM  (64 * MIB)

enum { INFLATE, DEFLATE };

static struct mock *mock;
static void (*const *script)(void);
static bool held[RAM / PAGE_BYTES]; /* what the device was given, by page */
static unsigned stats_queue, hint_queue, report_queue; /* 0: there is none */
static uint64_t reported, hinted;
static unsigned commands[8], command_count;
static unsigned stats_seen;
static bool silent, time_passes;
static bool twice; /* it may be told again of what it heard */
static void (*while_reported)(
	void); /* called while the device has such blocks; or NULL */

static inline void put32(unsigned offset, uint32_t value)
{
	memcpy(mock->config + offset, &value, sizeof(value));
}

static inline uint32_t get32(unsigned offset)
{
	uint32_t value;

	memcpy(&value, mock->config + offset, sizeof(value));
	return value;
}

/* Each page goes in once and comes out once [BAL-01] [BAL-02] [BAL-03]. */
static inline void take_pages(const struct mock_chain *chain, bool in)
{
	uint32_t page;

	assert_int_equal(chain->writable, 0);
	assert_in_range(chain->readable, 4, 4 * BALLOON_BATCH);
	for (uint32_t at = 0; at < chain->readable; at += 4) {
		assert_int_equal(mock_read(chain, at, &page, 4), 4);
		page -= BASE / PAGE_BYTES;
		assert_in_range(page, 0, RAM / PAGE_BYTES - 1);
		assert_true(twice || held[page] == !in);
		held[page] = in;
		if (in) /* it is the device's now */
			memset((char *)BASE + page * PAGE_BYTES, 0xba, PAGE_BYTES);
	}
}

static inline void take_hint(const struct mock_chain *chain)
{
	uint32_t command;

	if (chain->writable) {
		hinted += chain->writable;
		return;
	}
	assert_int_equal(chain->readable, 4); /* [BAL-08] */
	mock_read(chain, 0, &command, 4);
	assert_true(command_count < 8);
	commands[command_count++] = command;
}

static inline void take_stats(const struct mock_chain *chain)
{
	uint8_t bytes[30];

	assert_int_equal(chain->readable, sizeof(bytes)); /* [BAL-07] */
	mock_read(chain, 0, bytes, sizeof(bytes));
	assert_int_equal(bytes[0], 4); /* MEMFREE, MEMTOT, AVAIL */
	assert_int_equal(bytes[10], 5);
	assert_int_equal(bytes[20], 6);
	stats_seen++;
}

static inline void serve(struct mock *device, unsigned queue)
{
	struct mock_chain chain;

	/* The statistics stay with the device until it wants others. */
	while (!silent && (queue != stats_queue || !stats_queue) &&
	       mock_pop(device, queue, &chain)) {
		if (queue <= DEFLATE) {
			take_pages(&chain, queue == INFLATE);
		} else if (queue == hint_queue) {
			take_hint(&chain);
		} else {
			assert_int_equal(queue, report_queue);
			assert_int_equal(chain.readable, 0);
			reported += chain.writable;
			if (while_reported)
				while_reported();
		}
		mock_push(device, queue, &chain, 0);
	}
	mock_interrupt(device, queue);
}

static inline bool world(void)
{
	if (mock_run_all())
		return true;
	if (time_passes) {
		time_passes = false; /* to the next deadline */
		return false;
	}
	if (!*script)
		return false;
	(*script++)();
	return true;
}

static inline void offer(uint64_t bits)
{
	static unsigned next;
	static bool mapped;

	if (!mapped) {
		void *memory = mmap((void *)BASE, RAM, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
				    0);

		assert_ptr_equal(memory, (void *)BASE);
		page_add_region(BASE, BASE + RAM);
		mapped = true;
	}
	mock = mock_new(VIRTIO_ID_BALLOON);
	next = 2;
	stats_queue = bits & VIRTIO_BIT(VIRTIO_BALLOON_F_STATS_VQ) ? next++ : 0;
	hint_queue = bits & VIRTIO_BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT) ? next++ : 0;
	report_queue = bits & VIRTIO_BIT(VIRTIO_BALLOON_F_PAGE_REPORTING) ? next++ : 0;
	for (unsigned i = 0; i < next; i++)
		mock->queue_max[i] = 64;
	for (unsigned i = 0; i < 6; i++)
		if (bits >> i & 1)
			mock_offer(mock, i);
	mock->config_bytes = 16;
	memset(mock->config_writable + BALLOON_CONFIG_ACTUAL, true, 4);
	memset(mock->config_writable + BALLOON_CONFIG_POISON, true, 4);
	mock->serve = serve;
	silent = time_passes = twice = false;
	while_reported = NULL;
	reported = hinted = 0;
	command_count = stats_seen = 0;
	host_world = world;
}

static inline void ask(uint32_t pages)
{
	put32(BALLOON_CONFIG_NUM_PAGES, pages);
	mock_config_changed(mock);
}

static inline unsigned count_held(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < RAM / PAGE_BYTES; i++)
		count += held[i];
	return count;
}

static inline uint64_t free_bytes(void)
{
	struct page_stats stats;

	page_stats(&stats);
	return stats.free_bytes;
}

static inline void unplug(void)
{
	mock_unplug(mock);
}

static inline void run(void (*const *steps)(void))
{
	script = steps;
	host_threads_run();
	assert_null(*script);
	mock_remove(mock);
}

#endif
