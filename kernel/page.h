/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Physical pages: a buddy allocator over the boot map. Memory is carved from each
 * region's frontier only when it is needed, so boot touches none of it.
 *
 * All RAM is mapped once at DIRECT_MAP_BASE (<arch/mmu.h>): a page's virtual address
 * there is phys_to_virt(). Pages are not zeroed.
 *
 * Context: any, also interrupt; never sleeps. Returns 0 when memory has run out. */

#ifndef KERNEL_PAGE_H
#define KERNEL_PAGE_H

#include <stddef.h>
#include <stdint.h>
#include <arch/mmu.h>

/* Hands [base, end) to the allocator; boot only. Parts that are no whole page are lost. */
void page_add_region(uint64_t base, uint64_t end);

/* 2^order contiguous pages, aligned to their size; the physical address, or 0. */
uint64_t page_alloc(unsigned order);
/* The same, wholly below `limit` (for devices that address less). */
uint64_t page_alloc_below(unsigned order, uint64_t limit);
void page_free(uint64_t phys, unsigned order);

/* The smallest order whose block holds `bytes`. */
unsigned page_order(size_t bytes);

/* For telling the host of memory that lies idle: takes a block of 2^order_min to 2^order_max
 * pages out of the largest free one that is not known to be reported, and gives it back with
 * that mark, which it loses when a part of it is handed out, when what lies beside it is
 * freed, or when memory is short. 0: none. */
uint64_t page_take_unreported(unsigned order_min, unsigned order_max, unsigned *order);
void page_give_reported(uint64_t phys, unsigned order);

/* When memory runs out each registered reclaimer is asked once to give pages back. */
struct page_reclaimer {
	size_t (*reclaim)(size_t pages); /* returns pages freed; must not sleep */
	struct page_reclaimer *next;	 /* page.c's */
};
void page_reclaimer_add(struct page_reclaimer *reclaimer);
/* Asks them beforehand, until about so many pages were freed; returns how many were. */
size_t page_reclaim(size_t pages);

struct page_stats {
	uint64_t total_bytes; /* handed over by page_add_region */
	uint64_t free_bytes;  /* never carved, or free in the buddy */
	uint64_t failures;    /* requests answered with 0 */
};
void page_stats(struct page_stats *out);

#endif
