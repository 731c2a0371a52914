/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Taking over RAM from the boot map, region by region. */

#include <kernel/boot_info.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/page_region.h>

/* Each module and the image can cut a range of the boot map in two. */
#define REGIONS_MAX (BOOT_RANGES_MAX + BOOT_MODULES_MAX + 16)

struct page_region page_regions[REGIONS_MAX];
unsigned page_region_count;

/* A region begins with its page_info. */
static bool overlaps(uint64_t first, uint64_t end)
{
	for (struct page_region *r = page_regions; r < page_regions + page_region_count;
	     r++) {
		uint64_t start = (uint64_t)((char *)r->info - (char *)phys_to_virt(0));

		if (first < (uint64_t)r->first + r->pages && end > start >> PAGE_SHIFT)
			return true;
	}
	return false;
}

void page_add_region(uint64_t base, uint64_t end)
{
	uint64_t first = (base + PAGE_BYTES - 1) >> PAGE_SHIFT;
	uint64_t last = end >> PAGE_SHIFT;
	uint64_t info_pages;
	unsigned at = page_region_count;

	if (first == 0)
		first = 1; /* page 0 stands for "none" */
	if (last > PAGES_END) {
		log_warn("page: RAM above 16 TiB is left unused");
		last = PAGES_END;
	}
	info_pages = 1 + (last - first) * sizeof(struct page_info) / PAGE_BYTES;
	if (first >= last || last - first <= info_pages)
		return;
	if (page_region_count == REGIONS_MAX || overlaps(first, last)) {
		log_warn("page: RAM at %#llx..%#llx is left unused: %s",
			 (unsigned long long)base, (unsigned long long)end,
			 page_region_count == REGIONS_MAX ? "too many regions"
							  : "it overlaps");
		return;
	}
	while (at > 0 && page_regions[at - 1].pages < last - first - info_pages) {
		page_regions[at] = page_regions[at - 1];
		at--;
	}
	page_regions[at] = (struct page_region){
		.first = (uint32_t)(first + info_pages),
		.pages = (uint32_t)(last - first - info_pages),
		.info = phys_to_virt(first << PAGE_SHIFT),
	};
	page_region_count++;
	page_region_added(last - first, last - first - info_pages);
}

struct page_info *page_info(uint64_t phys)
{
	uint64_t page = phys >> PAGE_SHIFT;

	return page < PAGES_END ? page_info_of((uint32_t)page) : NULL;
}
