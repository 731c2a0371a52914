/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The kernel's heap and pages, in place of tests/unit/host/heap.c and page.c: every block
 * is known, so that all are gone after an input; the leak checker does not see how. */

#include <malloc.h>
#include <sys/mman.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include "fuzz.h"

/* A target may have kernel/page.c itself. */
#define WEAK __attribute__((weak))

#define HIDE		UINT64_C(0x5aa5000000000000)
#define BLOCKS		65536
#define LOW_FIRST	0x60000000
#define LOW_TOP		(UINT64_C(1) << 31)
#define BLOCK_ORDER_MAX 12 /* 16 MiB: more than any device may talk us into */

long host_heap_budget = -1, host_heap_live, host_page_budget = -1, host_page_live;

static struct block {
	uint64_t hidden; /* 0: free */
	size_t low;	 /* bytes, of one in the low 2 GiB; else 0 */
} blocks[BLOCKS];
static unsigned top; /* no block is used from here on */
static uintptr_t low = LOW_FIRST;

static void remember(void *memory, size_t low)
{
	unsigned i = 0;

	while (i < top && blocks[i].hidden)
		i++;
	if (i == BLOCKS) {
		fprintf(stderr, "more than %u allocations\n", BLOCKS);
		abort();
	}
	if (i == top)
		top++;
	blocks[i] = (struct block){ (uintptr_t)memory ^ HIDE, low };
}

static void release(struct block *block)
{
	void *memory = (void *)(uintptr_t)(block->hidden ^ HIDE);

	if (block->low)
		munmap(memory, block->low);
	else
		free(memory);
	block->hidden = 0;
	while (top && !blocks[top - 1].hidden)
		top--;
}

static void forget(const void *memory)
{
	for (unsigned i = top; i-- > 0;) {
		if (blocks[i].hidden == ((uintptr_t)memory ^ HIDE)) {
			release(&blocks[i]);
			return;
		}
	}
	fprintf(stderr, "%p is freed, but was not allocated, or is free already\n",
		memory);
	abort();
}

void fuzz_memory_forget(void)
{
	while (top)
		release(&blocks[top - 1]);
	low = LOW_FIRST;
	host_heap_live = host_page_live = 0;
	host_heap_budget = host_page_budget = -1;
}

static bool spend(long *budget)
{
	if (*budget == 0)
		return false;
	if (*budget > 0)
		--*budget;
	return true;
}

void *kmalloc(size_t bytes)
{
	void *memory = NULL;
	size_t alignment = 16;

	if (!spend(&host_heap_budget))
		return NULL;
	if (bytes > 16 && bytes <= 4096 && !(bytes & (bytes - 1)))
		alignment = bytes;
	if (bytes > (PAGE_BYTES << BLOCK_ORDER_MAX) ||
	    posix_memalign(&memory, alignment, bytes ? bytes : 1))
		return NULL;
	memset(memory, 0xa5, bytes);
	remember(memory, 0);
	host_heap_live++;
	return memory;
}

void *kzalloc(size_t bytes)
{
	void *memory = kmalloc(bytes);

	return memory ? memset(memory, 0, bytes) : NULL;
}

void *krealloc(void *old, size_t bytes)
{
	void *memory = kmalloc(bytes);
	size_t had;

	if (!memory || !old)
		return memory;
	had = malloc_usable_size(old);
	memcpy(memory, old, had < bytes ? had : bytes);
	kfree(old);
	return memory;
}

void kfree(void *memory)
{
	if (!memory)
		return;
	forget(memory);
	host_heap_live--;
}

void heap_stats(struct heap_stats *out)
{
	*out = (struct heap_stats){ 0 };
}

WEAK uint64_t page_alloc(unsigned order)
{
	return page_alloc_below(order, UINT64_MAX);
}

WEAK uint64_t page_alloc_below(unsigned order, uint64_t limit)
{
	size_t bytes = PAGE_BYTES << order;
	void *memory;

	if (limit < LOW_TOP || order > BLOCK_ORDER_MAX || !spend(&host_page_budget))
		return 0;
	if (limit == UINT64_MAX) {
		memory = aligned_alloc(bytes, bytes);
	} else {
		/* Never larger than a few pages here: aligned enough. The same address in
		 * each run, if it is free, as devices lie with addresses. */
		memory = mmap((void *)low, bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		low += bytes;
		if (memory == MAP_FAILED)
			memory = NULL;
	}
	if (!memory)
		return 0;
	if (bytes <= 1 << 16)
		memset(memory, 0xa5, bytes); /* pages are not zeroed */
	remember(memory, limit == UINT64_MAX ? 0 : bytes);
	host_page_live++;
	return (uintptr_t)memory;
}

WEAK void page_free(uint64_t phys, unsigned order)
{
	(void)order;
	if (!phys)
		return;
	forget((void *)(uintptr_t)phys);
	host_page_live--;
}

WEAK unsigned page_order(size_t bytes)
{
	unsigned order = 0;

	while ((PAGE_BYTES << order) < bytes)
		order++;
	return order;
}

WEAK void page_add_region(uint64_t base, uint64_t end)
{
	(void)base;
	(void)end;
}

WEAK void page_reclaimer_add(struct page_reclaimer *reclaimer)
{
	(void)reclaimer;
}

WEAK void page_stats(struct page_stats *out)
{
	*out = (struct page_stats){ 0 };
}
