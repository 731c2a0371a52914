/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Pages of files and disks kept in memory, up to a share of it.
 *
 * A page belongs to an owner (a file, a disk's metadata) and has an index there. Clean
 * pages that nobody holds are given up when the share is used up, least recently used
 * first as a clock hand sees it, and when the machine runs out of memory.
 *
 * Context: threads; fs_page_get() and fs_page_put() any. */

#ifndef FS_CACHE_H
#define FS_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FS_PAGE_BYTES 4096u

/* Embedded in what owns pages; all-zero is ready. */
struct fs_page_owner {
	struct fs_page *first; /* under the cache's lock */
};

struct fs_page {
	struct fs_page_owner *owner;
	uint64_t index;
	void *data; /* FS_PAGE_BYTES, physically contiguous */
	bool dirty; /* the owner's */
	/* The rest is cache.c's, under its lock. */
	unsigned references;
	bool recent, gone;
	struct fs_page *hash_next;
	struct fs_page *owner_next, **owner_link;
	struct fs_page *clock_next, *clock_previous;
};

/* The page, with a reference, or NULL when it is not there. */
struct fs_page *fs_page_get(struct fs_page_owner *owner, uint64_t index);
/* A page to be filled that nobody else sees yet; NULL without memory. */
struct fs_page *fs_page_new(struct fs_page_owner *owner, uint64_t index);
/* Puts a filled page in. If another thread was faster, its page is returned instead. */
struct fs_page *fs_page_add(struct fs_page *page);
/* Gives a reference back; also discards a page that was not added. */
void fs_page_put(struct fs_page *page);

/* Forgets the owner's pages from `index` on; held ones live until they are given back. */
void fs_cache_drop(struct fs_page_owner *owner, uint64_t index);

struct fs_cache_stats {
	size_t pages, limit;
	uint64_t hits, misses, evictions;
};
void fs_cache_stats(struct fs_cache_stats *out);

#endif
