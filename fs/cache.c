/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The page cache: a hash table, a clock for eviction, a list for each owner.
 *
 * Everything is under one spinlock, held for a lookup's few dozen instructions; pages are
 * allocated and freed outside it. */

#include <fs/cache.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/page.h>

#define SHARE	    4  /* the cache takes at most 1/SHARE of memory */
#define LEAST_PAGES 32 /* on the smallest machines */

static struct spinlock lock;
static struct fs_page **buckets;   /* set once, under lock */
static unsigned bucket_mask;	   /* as well */
static struct fs_page *clock_hand; /* any page of the ring; NULL: empty */
static struct fs_cache_stats stats;

static unsigned bucket_of(const struct fs_page_owner *owner, uint64_t index)
{
	uint64_t hash = ((uintptr_t)owner >> 4) + index;

	hash *= UINT64_C(
		0x9e3779b97f4a7c15); /* 2^64 / golden ratio: spreads neighbours */
	return (unsigned)(hash >> 40) & bucket_mask;
}

/* Under lock. */
static struct fs_page *find(const struct fs_page_owner *owner, uint64_t index)
{
	struct fs_page *page = buckets ? buckets[bucket_of(owner, index)] : NULL;

	while (page && (page->owner != owner || page->index != index))
		page = page->hash_next;
	return page;
}

struct fs_page *fs_page_get(struct fs_page_owner *owner, uint64_t index)
{
	unsigned long flags = spin_lock(&lock);
	struct fs_page *page = find(owner, index);

	if (page) {
		page->references++;
		page->recent = true;
		stats.hits++;
	} else {
		stats.misses++;
	}
	spin_unlock(&lock, flags);
	return page;
}

/* Takes a page out of the table, its owner's list and the clock. Under lock. */
static void unlink_page(struct fs_page *page)
{
	struct fs_page **link = &buckets[bucket_of(page->owner, page->index)];

	while (*link != page)
		link = &(*link)->hash_next;
	*link = page->hash_next;
	*page->owner_link = page->owner_next;
	if (page->owner_next)
		page->owner_next->owner_link = page->owner_link;
	if (page->clock_next == page) {
		clock_hand = NULL;
	} else {
		page->clock_next->clock_previous = page->clock_previous;
		page->clock_previous->clock_next = page->clock_next;
		if (clock_hand == page)
			clock_hand = page->clock_next;
	}
	page->gone = true;
	stats.pages--;
}

static void free_page(struct fs_page *page)
{
	page_free(virt_to_phys(page->data), 0);
	kfree(page);
}

/* A page nobody holds and nobody used since the hand last passed; unlinked. Under lock. */
static struct fs_page *evict(void)
{
	for (size_t turns = 2 * stats.pages; turns; turns--) {
		struct fs_page *page = clock_hand;

		clock_hand = page->clock_next;
		if (page->references)
			continue;
		if (page->recent) {
			page->recent = false;
			continue;
		}
		unlink_page(page);
		stats.evictions++;
		return page;
	}
	return NULL;
}

/* Memory has run out somewhere: any context. */
static size_t reclaim(size_t pages)
{
	struct fs_page *page = NULL;
	unsigned long flags;
	size_t freed = 0;

	while (freed < pages) {
		flags = spin_lock(&lock);
		page = evict();
		spin_unlock(&lock, flags);
		if (!page)
			break;
		free_page(page);
		freed++;
	}
	return freed;
}

static struct page_reclaimer reclaimer = { .reclaim = reclaim };

/* The first page's user sets the cache up, to measure. */
static bool ready(void)
{
	struct page_stats memory;
	struct fs_page **table;
	unsigned long flags;
	unsigned count = 16;
	size_t limit;

	if (__atomic_load_n(&buckets, __ATOMIC_ACQUIRE))
		return true;
	page_stats(&memory);
	limit = memory.total_bytes / SHARE / FS_PAGE_BYTES;
	if (limit < LEAST_PAGES)
		limit = LEAST_PAGES;
	while (count < limit / 2 && count < 1u << 20)
		count *= 2;
	table = kzalloc(count * sizeof(struct fs_page *));
	if (!table)
		return false;
	flags = spin_lock(&lock);
	if (!buckets) {
		bucket_mask = count - 1;
		stats.limit = limit;
		__atomic_store_n(&buckets, table, __ATOMIC_RELEASE);
		table = NULL;
	}
	spin_unlock(&lock, flags);
	if (table)
		kfree(table);
	else
		page_reclaimer_add(&reclaimer);
	return true;
}

struct fs_page *fs_page_new(struct fs_page_owner *owner, uint64_t index)
{
	struct fs_page *page, *old = NULL;
	unsigned long flags;
	uint64_t phys;

	if (!ready())
		return NULL;
	flags = spin_lock(&lock);
	if (stats.pages >= stats.limit)
		old = evict();
	spin_unlock(&lock, flags);
	if (old)
		free_page(old);
	page = kzalloc(sizeof(*page));
	if (!page)
		return NULL;
	phys = page_alloc(0);
	if (!phys) {
		kfree(page);
		return NULL;
	}
	page->data = phys_to_virt(phys);
	page->owner = owner;
	page->index = index;
	page->references = 1;
	page->gone = true;
	return page;
}

struct fs_page *fs_page_add(struct fs_page *page)
{
	unsigned long flags = spin_lock(&lock);
	struct fs_page *other = find(page->owner, page->index), **bucket;

	if (other) {
		other->references++;
		spin_unlock(&lock, flags);
		free_page(page);
		return other;
	}
	bucket = &buckets[bucket_of(page->owner, page->index)];
	page->hash_next = *bucket;
	*bucket = page;
	page->owner_next = page->owner->first;
	page->owner_link = &page->owner->first;
	if (page->owner_next)
		page->owner_next->owner_link = &page->owner_next;
	page->owner->first = page;
	if (clock_hand) { /* behind the hand: the last it comes to */
		page->clock_next = clock_hand;
		page->clock_previous = clock_hand->clock_previous;
		page->clock_previous->clock_next = page;
		clock_hand->clock_previous = page;
	} else {
		clock_hand = page->clock_next = page->clock_previous = page;
	}
	page->gone = false;
	stats.pages++;
	spin_unlock(&lock, flags);
	return page;
}

void fs_page_put(struct fs_page *page)
{
	unsigned long flags = spin_lock(&lock);
	bool last = !--page->references && page->gone;

	spin_unlock(&lock, flags);
	if (last)
		free_page(page);
}

void fs_cache_drop(struct fs_page_owner *owner, uint64_t index)
{
	struct fs_page *page, *next, *dead = NULL;
	unsigned long flags = spin_lock(&lock);

	for (page = owner->first; page; page = next) {
		next = page->owner_next;
		if (page->index < index)
			continue;
		unlink_page(page);
		if (page->references)
			continue;
		page->owner_next = dead;
		dead = page;
	}
	spin_unlock(&lock, flags);
	for (page = dead; page; page = next) {
		next = page->owner_next;
		free_page(page);
	}
}

void fs_cache_stats(struct fs_cache_stats *out)
{
	unsigned long flags = spin_lock(&lock);
	struct fs_cache_stats copy = stats;

	spin_unlock(&lock, flags);
	*out = copy;
}
