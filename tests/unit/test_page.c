/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/page.c kernel/page_region.c tests/unit/host/log.c tests/unit/host/panic.c */

/* The page allocator on address space of our own. Each test runs in a process of its own,
 * as regions are added at boot only. */

#include <death.h>
#include <sys/mman.h>
#include <kernel/page.h>
#include "host/host.h"

#define MIB  (UINT64_C(1) << 20)
#define BASE (256 * MIB) /* where the sanitizer lets us map */
#define SPAN (1024 * MIB)

static void map(uint64_t base, uint64_t bytes)
{
	void *memory = mmap(
		(void *)base, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	assert_ptr_equal(memory, (void *)base);
}

static void add(uint64_t base, uint64_t bytes)
{
	map(base, bytes);
	page_add_region(base, base + bytes);
}

static uint64_t free_bytes(void)
{
	struct page_stats stats;

	page_stats(&stats);
	return stats.free_bytes;
}

/* Takes all memory in the largest blocks there are; counts by order. */
static void take_all(unsigned counts[31], bool give_back)
{
	static uint64_t blocks[1 << 20];
	static uint8_t orders[1 << 20];
	unsigned count = 0;

	for (int order = 18; order >= 0; order--) {
		uint64_t phys;

		counts[order] = 0;
		while ((phys = page_alloc((unsigned)order))) {
			blocks[count] = phys;
			orders[count++] = (uint8_t)order;
			counts[order]++;
		}
	}
	assert_int_equal(free_bytes(), 0);
	while (give_back && count--)
		page_free(blocks[count], orders[count]);
}

static void run_boot_touches_nothing(void)
{
	/* Not even mapped: a touch would fault. */
	page_add_region(BASE, BASE + SPAN);
	assert_int_equal(free_bytes(), SPAN - SPAN / 256 - PAGE_BYTES);
}

static void run_small_region(void)
{
	unsigned count = 0;
	uint64_t phys;

	add(BASE + MIB, MIB);
	while ((phys = page_alloc(0))) {
		memset((void *)phys, 0xff, PAGE_BYTES);
		count++;
	}
	assert_int_equal(count, 254); /* 256 less what describes them */
}

static void run_odd_regions(void)
{
	page_add_region(BASE + 10, BASE + PAGE_BYTES);
	page_add_region(BASE, BASE);
	page_add_region(BASE + PAGE_BYTES, BASE);
	page_add_region(BASE, BASE + PAGE_BYTES);
	assert_int_equal(free_bytes(), 0);
	assert_int_equal(page_alloc(0), 0);
	add(BASE, 64 * PAGE_BYTES);
	page_add_region(BASE + 32 * PAGE_BYTES, BASE + 96 * PAGE_BYTES);
	assert_int_equal(host_log_counts[1], 1); /* it overlaps */
	page_add_region(BASE - 32 * PAGE_BYTES, BASE + PAGE_BYTES);
	assert_int_equal(host_log_counts[1],
			 2); /* and so it does, if only what describes */
	assert_int_equal(free_bytes(), 63 * PAGE_BYTES);
	page_add_region(UINT64_C(1) << 45, (UINT64_C(1) << 45) + SPAN); /* too high */
	assert_int_equal(free_bytes(), 63 * PAGE_BYTES);
}

static void run_too_many_regions(void)
{
	for (unsigned i = 0; i < 1000; i++)
		page_add_region(BASE + i * MIB, BASE + i * MIB + 64 * PAGE_BYTES);
	assert_true(host_log_counts[1] > 0);
	assert_true(free_bytes() >= 128 * 63 * PAGE_BYTES);
}

struct block {
	uint64_t phys;
	unsigned order;
	uint32_t mark;
};

static void mark(struct block *block, uint32_t value)
{
	block->mark = value;
	for (uint64_t i = 0; i < UINT64_C(1) << block->order; i++)
		*(uint32_t *)(block->phys + i * PAGE_BYTES + 64) = value;
}

static void check(const struct block *block)
{
	for (uint64_t i = 0; i < UINT64_C(1) << block->order; i++)
		assert_int_equal(*(uint32_t *)(block->phys + i * PAGE_BYTES + 64),
				 block->mark);
}

static void run_random_use(void)
{
	static struct block blocks[600];
	unsigned before[31], after[31];
	uint64_t start, used = 0;

	/* Holes, and regions that begin and end at odd pages. */
	add(BASE + 3 * PAGE_BYTES, 155 * PAGE_BYTES);
	add(BASE + 1 * MIB, 31 * MIB + 7 * PAGE_BYTES);
	add(BASE + 64 * MIB, 9 * MIB);
	start = free_bytes();
	srand(1);
	for (unsigned step = 0; step < 60000; step++) {
		struct block *block = &blocks[rand() % array_count(blocks)];

		if (block->phys) {
			check(block);
			page_free(block->phys, block->order);
			used -= PAGE_BYTES << block->order;
			block->phys = 0;
		} else {
			block->order = (unsigned)__builtin_ctz((unsigned)rand() | 1 << 9);
			if (rand() % 4 == 0)
				block->phys = page_alloc_below(block->order,
							       BASE + 40 * MIB);
			else
				block->phys = page_alloc(block->order);
			if (!block->phys)
				continue;
			assert_int_equal(block->phys % (PAGE_BYTES << block->order), 0);
			mark(block, step);
			used += PAGE_BYTES << block->order;
		}
		assert_int_equal(free_bytes(), start - used);
	}
	for (unsigned i = 0; i < array_count(blocks); i++)
		if (blocks[i].phys)
			page_free(blocks[i].phys, blocks[i].order);
	assert_int_equal(free_bytes(), start);
	take_all(before, true);
	/* Once more, in single pages, freed in a scrambled order. */
	{
		static uint64_t pages[65536];
		unsigned count = 0;

		while ((pages[count] = page_alloc(0)))
			count++;
		assert_int_equal(count, start / PAGE_BYTES);
		for (unsigned i = 0; i < count; i++) {
			unsigned other = (unsigned)rand() % count;
			uint64_t swap = pages[i];

			pages[i] = pages[other];
			pages[other] = swap;
		}
		for (unsigned i = 0; i < count; i++)
			page_free(pages[i], 0);
	}
	take_all(after, true);
	assert_memory_equal(before, after, sizeof(unsigned) * 19);
	assert_true(before[11] >= 1); /* 8 MiB come back in one piece */
}

static unsigned asked, reclaimable;
static uint64_t kept[16];

static size_t reclaim(size_t pages)
{
	asked++;
	assert_true(pages >= 1);
	if (!reclaimable)
		return 0;
	page_free(kept[--reclaimable], 0);
	return 1;
}

static void run_exhaustion(void)
{
	static struct page_reclaimer reclaimer = { .reclaim = reclaim };
	struct page_stats stats;

	add(BASE, MIB);
	for (; reclaimable < 3; reclaimable++)
		kept[reclaimable] = page_alloc(0);
	page_reclaimer_add(&reclaimer);
	while (page_alloc(0))
		;
	assert_int_equal(reclaimable, 0);
	assert_int_equal(asked, 4);
	page_stats(&stats);
	assert_int_equal(stats.failures, 1);
	assert_int_equal(stats.free_bytes, 0);
	assert_int_equal(stats.total_bytes, MIB);
	assert_int_equal(page_alloc(5), 0);
	assert_int_equal(page_alloc(31), 0);
	assert_int_equal(page_alloc(63), 0);
}

static void run_below(void)
{
	uint64_t limit = BASE + 8 * MIB, phys;
	unsigned count = 0;

	add(BASE, 8 * MIB);
	add(BASE + 32 * MIB, 64 * MIB);
	phys = page_alloc(0);
	assert_true(phys >=
		    BASE + 32 * MIB); /* low memory is kept for those who need it */
	page_free(phys, 0);
	assert_int_equal(page_alloc_below(0, BASE), 0);
	assert_int_equal(page_alloc_below(0, 0), 0);
	while ((phys = page_alloc_below(1, limit - PAGE_BYTES))) {
		assert_true(phys + 2 * PAGE_BYTES <= limit - PAGE_BYTES);
		count++;
	}
	assert_true(count >= 1015);
	assert_true(page_alloc_below(0, limit) >= BASE);
	assert_true(page_alloc(0) != 0);
}

static void run_large(void)
{
	uint64_t phys;

	add(BASE, SPAN);
	phys = page_alloc(17); /* 512 MiB */
	assert_true(phys && phys % (512 * MIB) == 0);
	assert_int_equal(page_alloc(17), 0);
	page_free(phys, 17);
	assert_int_equal(page_alloc(17), phys);
}

static void die_double_free(void)
{
	uint64_t phys;

	add(BASE, MIB);
	phys = page_alloc(2);
	page_free(phys, 2);
	page_free(phys, 2);
}

static void die_double_free_of_page(void)
{
	uint64_t phys;

	add(BASE, MIB);
	phys = page_alloc(0);
	page_free(phys, 0);
	page_free(phys, 0);
}

static void die_wrong_order(void)
{
	add(BASE, MIB);
	page_free(page_alloc(2), 1);
}

static void die_inside(void)
{
	add(BASE, MIB);
	page_free(page_alloc(2) + PAGE_BYTES, 0);
}

static void die_not_carved(void)
{
	add(BASE, MIB);
	page_free(BASE + MIB / 2, 0);
}

static void die_not_memory(void)
{
	page_free(UINT64_C(1) << 50, 0);
}

static void orders(void **state)
{
	(void)state;
	assert_int_equal(page_order(0), 0);
	assert_int_equal(page_order(1), 0);
	assert_int_equal(page_order(4096), 0);
	assert_int_equal(page_order(4097), 1);
	assert_int_equal(page_order(8192), 1);
	assert_int_equal(page_order(3 * 4096), 2);
	assert_int_equal(page_order(2 * MIB), 9);
	assert_int_equal(page_order(SIZE_MAX), 52);
}

#define LIVES(name)                       \
	static void name(void **state)    \
	{                                 \
		(void)state;              \
		assert_lives(run_##name); \
	}
LIVES(boot_touches_nothing)
LIVES(small_region)
LIVES(odd_regions)
LIVES(too_many_regions)
LIVES(random_use)
LIVES(exhaustion)
LIVES(below)
LIVES(large)

static void bad_frees_panic(void **state)
{
	(void)state;
	assert_dies(die_double_free);
	assert_dies(die_double_free_of_page);
	assert_dies(die_wrong_order);
	assert_dies(die_inside);
	assert_dies(die_not_carved);
	assert_dies(die_not_memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders),
		cmocka_unit_test(boot_touches_nothing),
		cmocka_unit_test(small_region),
		cmocka_unit_test(odd_regions),
		cmocka_unit_test(too_many_regions),
		cmocka_unit_test(random_use),
		cmocka_unit_test(exhaustion),
		cmocka_unit_test(below),
		cmocka_unit_test(large),
		cmocka_unit_test(bad_frees_panic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
