/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <stdbool.h>
#include <arch/boot.h>
#include <kernel/boot_info.h>
#include <kernel/log.h>
#include <kernel/memory.h>
#include <kernel/page.h>
#include <kernel/panic.h>

#define GIB UINT64_C(0x40000000)

/* The taken range that covers `at`, or else the first one that begins before *end (which
 * then is cut to its beginning). Its end, or 0 where nothing covers `at`. */
static uint64_t taken_end(const struct boot_range *taken, unsigned count, uint64_t at,
			  uint64_t *end)
{
	uint64_t covered_to = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t from = taken[i].base & ~(PAGE_BYTES - 1);
		uint64_t to = taken[i].base + taken[i].bytes;

		to = (to + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
		if (from <= at && at < to)
			covered_to = to > covered_to ? to : covered_to;
		else if (from > at && from < *end)
			*end = from;
	}
	return covered_to;
}

/* What is neither reserved nor in the ranges before this one: firmware's ranges should not
 * overlap, but each page is given once even if they do. */
static void add_free_parts(unsigned range, uint64_t base, uint64_t end)
{
	while (base < end) {
		uint64_t part_end = end;
		uint64_t skip = taken_end(boot_info.reserved, boot_info.reserved_count,
					  base, &part_end);

		if (!skip)
			skip = taken_end(boot_info.ranges, range, base, &part_end);

		if (!skip)
			page_add_region(base, part_end);
		base = skip ? skip : part_end;
	}
}

/* The first GiB is mapped without an allocator, and then feeds the tables of the rest. */
static bool add_range(unsigned range, uint64_t base, uint64_t end)
{
	uint64_t first = base < GIB && end > GIB ? GIB : end;

	if (arch_map_ram(base, first))
		return false;
	add_free_parts(range, base, first);
	if (first == end)
		return true;
	if (arch_map_ram(first, end))
		return false;
	add_free_parts(range, first, end);
	return true;
}

void memory_init(void)
{
	static const struct boot_range null_page = { 0, PAGE_BYTES };
	struct boot_range image = { (uintptr_t)image_start - KERNEL_BASE,
				    (uintptr_t)image_end - (uintptr_t)image_start };

	if (boot_info.reserved_lost || boot_info.reserved_count + 2 > BOOT_RESERVED_MAX)
		panic_with(EXIT_CODE_BOOT, "memory: the loader uses more than %d ranges",
			   BOOT_RESERVED_MAX - 2);
	boot_info.reserved[boot_info.reserved_count++] = null_page;
	boot_info.reserved[boot_info.reserved_count++] = image;
	for (unsigned i = 0; i < boot_info.range_count; i++) {
		const struct boot_range *range = &boot_info.ranges[i];

		if (!add_range(i, range->base, range->base + range->bytes))
			log_warn(
				"memory: no room for the page tables of %#lx bytes at %#lx",
				range->bytes, range->base);
	}
	if (boot_info.ranges_lost)
		log_warn("memory: %u ranges of the boot map are left unused",
			 boot_info.ranges_lost);
	if (boot_info.modules_lost)
		log_warn("memory: %u boot modules are ignored", boot_info.modules_lost);
}
