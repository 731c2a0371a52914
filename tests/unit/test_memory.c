/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/memory.c tests/unit/host/log.c tests/unit/host/panic.c */

/* From the boot map to the page allocator: each page once, none that is in use. */

#include <death.h>
#include <string.h>
#include <arch/boot.h>
#include <kernel/boot_info.h>
#include <kernel/memory.h>
#include <kernel/page.h>
#include "host/host.h"

#define PAGE(n) ((uint64_t)(n)*PAGE_BYTES)
#define PAGES	1024

/* At the linker's place, which no range of the tests holds. */
char image_start[1], image_end[1];
struct boot_info boot_info;

static unsigned given[PAGES]; /* how often */
static bool no_tables;

int arch_map_ram(uint64_t base, uint64_t end)
{
	(void)base;
	(void)end;
	return no_tables ? -1 : 0;
}

void page_add_region(uint64_t base, uint64_t end)
{
	for (uint64_t at = base; at < end; at += PAGE_BYTES)
		given[at / PAGE_BYTES]++;
}

static int begin(void **state)
{
	(void)state;
	memset(&boot_info, 0, sizeof(boot_info));
	memset(given, 0, sizeof(given));
	no_tables = false;
	return 0;
}

static void range(unsigned first, unsigned end)
{
	boot_info.ranges[boot_info.range_count++] = (struct boot_range){
		PAGE(first), PAGE(end - first)
	};
}

static void reserve(uint64_t base, uint64_t bytes)
{
	boot_info.reserved[boot_info.reserved_count++] = (struct boot_range){ base,
									      bytes };
}

static void expect(unsigned first, unsigned end, unsigned times)
{
	for (unsigned page = first; page < end; page++)
		assert_int_equal(given[page], times);
}

static void what_is_reserved_stays(void **state)
{
	(void)state;
	range(0, 100);
	reserve(PAGE(10) + 5, 1);
	reserve(PAGE(20), PAGE(5));
	reserve(PAGE(22), PAGE(8));
	reserve(PAGE(99), PAGE(50));
	memory_init();
	expect(0, 1, 0); /* the null page */
	expect(1, 10, 1);
	expect(10, 11, 0);
	expect(11, 20, 1);
	expect(20, 30, 0);
	expect(30, 99, 1);
	expect(99, 200, 0);
}

static void overlaps_are_given_once(void **state)
{
	(void)state;
	range(50, 100);
	range(1, 51);
	range(90, 200);
	range(60, 70);
	range(1, 300);
	reserve(PAGE(120), PAGE(1));
	memory_init();
	expect(1, 120, 1);
	expect(120, 121, 0);
	expect(121, 300, 1);
	expect(300, PAGES, 0);
}

static void without_tables_it_is_left(void **state)
{
	(void)state;
	no_tables = true;
	range(1, 100);
	memory_init();
	expect(0, PAGES, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_reserved_stays, begin),
		cmocka_unit_test_setup(overlaps_are_given_once, begin),
		cmocka_unit_test_setup(without_tables_it_is_left, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
