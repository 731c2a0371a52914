/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The kernel heap on the host: malloc, so that the sanitizer sees every block. */

#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#include <kernel/heap.h>
#include "host.h"

long host_heap_budget = -1;
long host_heap_live;

static bool spend(void)
{
	if (host_heap_budget == 0)
		return false;
	if (host_heap_budget > 0)
		host_heap_budget--;
	return true;
}

void *kmalloc(size_t bytes)
{
	void *memory = NULL;
	size_t alignment = 16;

	if (!spend())
		return NULL;
	if (bytes > 16 && bytes <= 4096 && !(bytes & (bytes - 1)))
		alignment = bytes;
	if (posix_memalign(&memory, alignment, bytes ? bytes : 1))
		return NULL;
	memset(memory, 0xa5, bytes);
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
	void *memory;

	if (!old)
		return kmalloc(bytes);
	if (!spend())
		return NULL;
	memory = realloc(old, bytes ? bytes : 1);
	return memory;
}

void kfree(void *memory)
{
	if (memory)
		host_heap_live--;
	free(memory);
}

void heap_stats(struct heap_stats *out)
{
	*out = (struct heap_stats){ 0 };
}
