/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The page allocator on the host. Physical addresses are the process's own; blocks
 * wanted below a limit come from the low 2 GiB. */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <kernel/page.h>
#include "host.h"

long host_page_budget = -1;
long host_page_live;

#define HOST_ADDRESS_TOP (UINT64_C(1) << 47)
#define LOW_TOP		 (UINT64_C(1) << 31)

static bool spend(void)
{
	if (host_page_budget == 0)
		return false;
	if (host_page_budget > 0)
		host_page_budget--;
	return true;
}

uint64_t page_alloc(unsigned order)
{
	return page_alloc_below(order, UINT64_MAX);
}

uint64_t page_alloc_below(unsigned order, uint64_t limit)
{
	size_t bytes = PAGE_BYTES << order;
	void *memory;

	if (limit < LOW_TOP || !spend())
		return 0;
	if (limit >= HOST_ADDRESS_TOP) {
		memory = aligned_alloc(bytes, bytes);
		if (!memory)
			return 0;
	} else {
		char *wide = mmap(NULL, 2 * bytes, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		uintptr_t aligned;

		if ((void *)wide == MAP_FAILED)
			return 0;
		aligned = ((uintptr_t)wide + bytes - 1) & ~(bytes - 1);
		if (aligned > (uintptr_t)wide)
			munmap(wide, aligned - (uintptr_t)wide);
		munmap((char *)aligned + bytes, (uintptr_t)wide + bytes - aligned);
		memory = (void *)aligned;
	}
	memset(memory, 0xa5, bytes); /* pages are not zeroed */
	host_page_live++;
	return (uintptr_t)memory;
}

void page_free(uint64_t phys, unsigned order)
{
	if (!phys)
		return;
	host_page_live--;
	if (phys < LOW_TOP)
		munmap((void *)(uintptr_t)phys, PAGE_BYTES << order);
	else
		free((void *)(uintptr_t)phys);
}

unsigned page_order(size_t bytes)
{
	unsigned order = 0;

	while ((PAGE_BYTES << order) < bytes)
		order++;
	return order;
}

void page_add_region(uint64_t base, uint64_t end)
{
	(void)base;
	(void)end;
}

void page_reclaimer_add(struct page_reclaimer *reclaimer)
{
	(void)reclaimer;
}

size_t page_reclaim(size_t pages)
{
	(void)pages;
	return 0;
}

void page_stats(struct page_stats *out)
{
	*out = (struct page_stats){ 0 };
}
