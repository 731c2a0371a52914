/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The ranges of RAM that page.c hands out, for page.c and page_region.c only. */

#ifndef KERNEL_PAGE_REGION_H
#define KERNEL_PAGE_REGION_H

#include <stddef.h>
#include <stdint.h>
#include <kernel/page_info.h>

#define PAGES_END (UINT64_C(1) << 32) /* page numbers are 32 bits wide: 16 TiB */

struct page_region {
	uint32_t first;	 /* page number of the first page that can be handed out */
	uint32_t pages;	 /* how many there are */
	uint32_t carved; /* how many lie before the frontier */
	struct page_info *info;
};

/* Written at boot only, save `carved`, which is under page.c's lock. Largest region first:
 * it is looked at first, and the small low ones are kept for page_alloc_below(). */
extern struct page_region page_regions[];
extern unsigned page_region_count;

/* The region in which that page lies before the frontier, or NULL. */
static inline struct page_region *page_region_of(uint32_t page)
{
	for (struct page_region *r = page_regions; r < page_regions + page_region_count;
	     r++)
		if (page - r->first < r->carved)
			return r;
	return NULL;
}

/* Of a page before the frontier, else NULL. */
static inline struct page_info *page_info_of(uint32_t page)
{
	struct page_region *r = page_region_of(page);

	return r ? &r->info[page - r->first] : NULL;
}

/* page.c: there are that many pages more, and of them that many to hand out. */
void page_region_added(uint64_t pages, uint64_t usable);

#endif
