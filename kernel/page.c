/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A buddy allocator. Each region has a frontier: pages beyond it were never used and have
 * no valid struct page_info. When the free lists cannot serve a request, a chunk is
 * carved from a frontier. Freed single pages rest on a short list first, so that the
 * usual pair of page_alloc(0) and page_free() neither splits nor merges. */

#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/page_info.h>
#include <kernel/page_region.h>
#include <kernel/panic.h>
#include <string.h>

#define ORDER_MAX   30 /* 4 TiB */
#define CHUNK_ORDER 4  /* carved at once, if the request is not larger */
#define RESTING_MAX 32

/* page_info.state: what a block's first page is, and its order in the low bits. */
enum {
	STATE_INSIDE = 0x00, /* not the first page of a block */
	STATE_USED = 0x40,
	STATE_FREE = 0x80,
	STATE_RESTING = 0xc0,
	STATE_ORDER = 0x3f,
};

static struct spinlock lock;		    /* for all below */
static uint32_t free_blocks[ORDER_MAX + 1]; /* first of each order, 0: none */
static uint32_t free_orders;		    /* bit n: free_blocks[n] is not empty */
static uint32_t resting;		    /* single pages, linked by `next` */
static unsigned resting_count;
static uint64_t free_pages, total_bytes, failures;
static struct page_reclaimer *reclaimers;
static bool apart; /* reported blocks may lie beside others that are free */

unsigned page_info_order(const struct page_info *info)
{
	return info->state & STATE_ORDER;
}

static void list_push(uint32_t page, struct page_info *info, unsigned order)
{
	uint32_t head = free_blocks[order];

	info->state = (uint8_t)(STATE_FREE | order);
	info->prev = 0;
	info->next = head;
	if (head)
		page_info_of(head)->prev = page;
	free_blocks[order] = page;
	free_orders |= UINT32_C(1) << order;
}

static void list_remove(struct page_info *info, unsigned order)
{
	if (info->next)
		page_info_of(info->next)->prev = info->prev;
	if (info->prev)
		page_info_of(info->prev)->next = info->next;
	else
		free_blocks[order] = info->next;
	if (!free_blocks[order])
		free_orders &= ~(UINT32_C(1) << order);
	info->state = STATE_INSIDE;
	info->owner = PAGE_OWNER_NONE;
}

/* Merges a block with its free buddies, a reported one with such, and lists the result. */
static inline __attribute__((always_inline)) struct page_info *
merge(struct page_region *r, uint32_t page, unsigned order, bool reported)
{
	struct page_info *info = &r->info[page - r->first];

	for (; order < ORDER_MAX; order++) {
		uint32_t buddy = page ^ UINT32_C(1) << order;
		struct page_info *other = &r->info[buddy - r->first];

		if (buddy - r->first >= r->carved || other->state != (STATE_FREE | order))
			break;
		if (reported && other->owner != PAGE_OWNER_REPORTED) {
			apart = true;
			break;
		}
		list_remove(other, order);
		if (buddy < page) {
			info->state = STATE_INSIDE;
			info = other;
			page = buddy;
		}
	}
	list_push(page, info, order);
	return info;
}

static void give(struct page_region *r, uint32_t page, unsigned order)
{
	merge(r, page, order, false);
}

/* Cuts a listed block down to the wanted order. */
static uint32_t take(uint32_t page, struct page_info *info, unsigned from, unsigned order)
{
	list_remove(info, from);
	while (from > order) {
		from--;
		list_push(page + (UINT32_C(1) << from), info + (UINT32_C(1) << from),
			  from);
	}
	info->state = (uint8_t)(STATE_USED | order);
	return page;
}

/* Moves the frontier of one region by one aligned block towards a block of `order` that
 * ends below page number `limit`. False: this region cannot have one. */
static bool carve(struct page_region *r, unsigned order, uint64_t limit)
{
	uint64_t size = UINT64_C(1) << order;
	uint64_t at = (uint64_t)r->first + r->carved;
	uint64_t end = (uint64_t)r->first + r->pages;
	uint64_t needed = (at & ~(size - 1)) + size;
	unsigned step = order > CHUNK_ORDER ? order : CHUNK_ORDER;

	/* A single page at the very end may still be had where a chunk may not. */
	if (at == end || needed > end || needed > limit)
		return false;
	if ((unsigned)__builtin_ctzll(at) < step)
		step = (unsigned)__builtin_ctzll(at);
	while (at + (UINT64_C(1) << step) > end)
		step--;
	memset(&r->info[r->carved], 0, sizeof(*r->info) << step);
	r->carved += UINT32_C(1) << step;
	give(r, (uint32_t)at, step);
	return true;
}

/* Gives the resting pages to the buddies, who may merge them. */
static bool settle(void)
{
	uint32_t page = resting;

	if (!page)
		return false;
	resting = 0;
	resting_count = 0;
	while (page) {
		struct page_region *r = page_region_of(page);
		uint32_t next = r->info[page - r->first].next;

		give(r, page, 0);
		page = next;
	}
	return true;
}

static uint32_t find(unsigned order)
{
	uint32_t fitting = free_orders >> order << order;
	unsigned from;

	if (!fitting)
		return 0;
	from = (unsigned)__builtin_ctz(fitting);
	return take(free_blocks[from], page_info_of(free_blocks[from]), from, order);
}

/* The same below a limit: a search, as this is rare. */
static uint32_t find_below(unsigned order, uint64_t limit)
{
	uint64_t size = UINT64_C(1) << order;

	for (unsigned from = order; from <= ORDER_MAX; from++) {
		struct page_info *info;

		for (uint32_t page = free_blocks[from]; page; page = info->next) {
			info = page_info_of(page);
			if (page + size <= limit)
				return take(page, info, from, order);
		}
	}
	return 0;
}

static uint32_t find_or_carve(unsigned order, uint64_t limit)
{
	uint32_t page;

	do {
		page = limit < PAGES_END ? find_below(order, limit) : find(order);
		for (struct page_region *r = page_regions;
		     !page && r < page_regions + page_region_count; r++) {
			while (!page && carve(r, order, limit))
				page = limit < PAGES_END ? find_below(order, limit)
							 : find(order);
		}
	} while (!page && settle());
	if (page)
		free_pages -= UINT64_C(1) << order;
	return page;
}

static uint64_t alloc(unsigned order, uint64_t limit)
{
	unsigned long flags = spin_lock(&lock);
	uint32_t page = 0;

	if (order == 0 && limit == PAGES_END && resting) {
		struct page_info *info = page_info_of(resting);

		page = resting;
		resting = info->next;
		resting_count--;
		free_pages--;
		info->state = STATE_USED;
	} else if (order <= ORDER_MAX) {
		page = find_or_carve(order, limit);
	}
	spin_unlock(&lock, flags);
	return (uint64_t)page << PAGE_SHIFT;
}

/* Asks the reclaimers one after the other, without the lock: they free pages. */
static uint64_t reclaim_and_alloc(unsigned order, uint64_t limit)
{
	unsigned long flags;

	for (struct page_reclaimer *each = reclaimers; each; each = each->next) {
		uint64_t phys;

		if (each->reclaim((size_t)1 << order) && (phys = alloc(order, limit)))
			return phys;
	}
	flags = spin_lock(&lock);
	failures++;
	spin_unlock(&lock, flags);
	return 0;
}

size_t page_reclaim(size_t pages)
{
	size_t freed = 0;

	for (struct page_reclaimer *each = reclaimers; each && freed < pages;
	     each = each->next)
		freed += each->reclaim(pages - freed);
	return freed;
}

uint64_t page_alloc(unsigned order)
{
	uint64_t phys = alloc(order, PAGES_END);

	return phys ? phys : reclaim_and_alloc(order, PAGES_END);
}

uint64_t page_alloc_below(unsigned order, uint64_t limit)
{
	uint64_t pages = limit >> PAGE_SHIFT;
	uint64_t phys;

	if (pages > PAGES_END)
		pages = PAGES_END;
	phys = alloc(order, pages);
	return phys ? phys : reclaim_and_alloc(order, pages);
}

static _Noreturn void bad_free(uint64_t phys, unsigned order,
			       const struct page_info *info)
{
	unsigned state = info ? info->state : 0;

	if ((state & ~STATE_ORDER) == STATE_FREE || state == STATE_RESTING)
		panic("page: double free of %#llx", (unsigned long long)phys);
	panic("page: free of %#llx, order %u, which was not allocated like this",
	      (unsigned long long)phys, order);
}

void page_free(uint64_t phys, unsigned order)
{
	uint32_t page = (uint32_t)(phys >> PAGE_SHIFT);
	unsigned long flags = spin_lock(&lock);
	struct page_region *r = phys >> PAGE_SHIFT < PAGES_END ? page_region_of(page)
							       : NULL;
	struct page_info *info = r ? &r->info[page - r->first] : NULL;

	if (!info || info->state != (STATE_USED | order) || phys % PAGE_BYTES)
		bad_free(phys, order, info);
	info->owner = PAGE_OWNER_NONE;
	free_pages += UINT64_C(1) << order;
	if (order == 0 && resting_count < RESTING_MAX) {
		info->state = STATE_RESTING;
		info->next = resting;
		resting = page;
		resting_count++;
	} else {
		give(r, page, order);
	}
	spin_unlock(&lock, flags);
}

/* Memory is short: reported blocks lose their mark, so that all merge. */
static size_t merge_reported(size_t pages)
{
	unsigned long flags = spin_lock(&lock);
	uint32_t page, next, taken = 0;
	bool any = apart && pages;

	for (unsigned order = 0; order <= ORDER_MAX && any; order++) {
		for (page = free_blocks[order]; page; page = next) {
			struct page_info *info = page_info_of(page);

			next = info->next;
			if (info->owner != PAGE_OWNER_REPORTED)
				continue;
			list_remove(info, order);
			info->state = (uint8_t)(STATE_INSIDE | order);
			info->next = taken;
			taken = page;
		}
	}
	for (page = taken; page; page = next) {
		next = page_info_of(page)->next;
		give(page_region_of(page), page, page_info_order(page_info_of(page)));
	}
	apart = false;
	spin_unlock(&lock, flags);
	return any;
}

uint64_t page_take_unreported(unsigned order_min, unsigned order_max, unsigned *order)
{
	static struct page_reclaimer merger = { .reclaim = merge_reported };
	static bool added;
	unsigned long flags;
	uint32_t page = 0;

	if (!__atomic_exchange_n(&added, true, __ATOMIC_ACQ_REL))
		page_reclaimer_add(&merger);
	flags = spin_lock(&lock);
	settle();
	for (unsigned from = ORDER_MAX + 1; from-- > order_min && !page;) {
		struct page_info *info = NULL;

		for (page = free_blocks[from]; page; page = info->next) {
			info = page_info_of(page);
			if (info->owner != PAGE_OWNER_REPORTED)
				break;
		}
		if (page) {
			*order = from < order_max ? from : order_max;
			take(page, info, from, *order);
			free_pages -= UINT64_C(1) << *order;
		}
	}
	spin_unlock(&lock, flags);
	return (uint64_t)page << PAGE_SHIFT;
}

void page_give_reported(uint64_t phys, unsigned order)
{
	unsigned long flags = spin_lock(&lock);
	uint32_t page = (uint32_t)(phys >> PAGE_SHIFT);

	free_pages += UINT64_C(1) << order;
	merge(page_region_of(page), page, order, true)->owner = PAGE_OWNER_REPORTED;
	spin_unlock(&lock, flags);
}

unsigned page_order(size_t bytes)
{
	size_t pages = bytes / PAGE_BYTES + !!(bytes % PAGE_BYTES);

	return pages <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(pages - 1);
}

void page_region_added(uint64_t pages, uint64_t usable)
{
	total_bytes += pages << PAGE_SHIFT;
	free_pages += usable;
}

void page_reclaimer_add(struct page_reclaimer *reclaimer)
{
	unsigned long flags = spin_lock(&lock);

	reclaimer->next = reclaimers;
	__atomic_store_n(&reclaimers, reclaimer, __ATOMIC_RELEASE);
	spin_unlock(&lock, flags);
}

void page_stats(struct page_stats *out)
{
	unsigned long flags = spin_lock(&lock);

	out->total_bytes = total_bytes;
	out->free_bytes = free_pages << PAGE_SHIFT;
	out->failures = failures;
	spin_unlock(&lock, flags);
}
