/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/page.c kernel/page_region.c tests/unit/host/log.c tests/unit/host/panic.c */

/* The page allocator: free memory that the host is told of. */

#include <death.h>
#include <sys/mman.h>
#include <kernel/page.h>
#include "host/host.h"

#define MIB  (UINT64_C(1) << 20)
#define BASE (256 * MIB) /* where the sanitizer lets us map */

static void add(void)
{
	void *memory = mmap(
		(void *)BASE, 16 * MIB, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	assert_ptr_equal(memory, (void *)BASE);
	page_add_region(BASE, BASE + 16 * MIB);
}

static void blocks_keep_their_mark(void)
{
	uint64_t blocks[2], block;
	unsigned order = 0;

	add();
	blocks[0] = page_alloc(7);
	blocks[1] = page_alloc(7);
	page_free(blocks[0], 7);
	block = page_take_unreported(7, 20, &order);
	assert_true(block && order >= 7);
	page_give_reported(block, order);
	assert_int_equal(page_take_unreported(7, 20, &order), 0);
	page_free(page_alloc(order), order); /* used again: the mark is gone */
	assert_int_equal(page_take_unreported(7, 20, &order), block);
	page_free(block, order);
	page_free(blocks[1], 7);
}

/* In slices: the mark goes from one to the next, and all is one block again at the end, as
 * it is when somebody wants it meanwhile. */
static void a_block_goes_in_slices(void)
{
	uint64_t whole, slices[8];
	unsigned order = 0;

	add();
	whole = page_alloc(11);
	assert_true(whole);
	for (unsigned left = 11; left-- > 0;) /* nothing else is free */
		while (page_alloc(left))
			;
	page_free(whole, 11);
	for (unsigned i = 0; i < 8; i++) {
		slices[i] = page_take_unreported(6, 8, &order);
		assert_in_range(slices[i], whole, whole + 8 * MIB - 1);
		assert_int_equal(order, 8);
		page_give_reported(slices[i], 8);
		for (unsigned k = 0; k < i; k++)
			assert_true(slices[k] != slices[i]);
	}
	assert_int_equal(page_take_unreported(0, 8, &order), 0);
	assert_int_equal(page_alloc(11), whole);
	page_free(whole, 11);

	for (unsigned i = 0; i < 3; i++)
		slices[i] = page_take_unreported(6, 8, &order);
	for (unsigned i = 0; i < 3; i++)
		page_give_reported(slices[i], 8);
	assert_int_equal(page_alloc(11), whole);
	assert_int_equal(page_alloc(0), 0);
	page_free(whole, 11);
	assert_int_equal(page_take_unreported(11, 11, &order), whole);
	page_free(whole, 11);
}

static void reporting(void **state)
{
	(void)state;
	assert_lives(blocks_keep_their_mark);
	assert_lives(a_block_goes_in_slices);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reporting) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
