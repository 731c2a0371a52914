/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The kernel heap: size classes over pages. Memory lies in the direct map, so
 * virt_to_phys() of it is an arithmetic operation and it is physically contiguous.
 *
 * Context: any, also interrupt; never sleeps. NULL when memory has run out.
 * Alignment: 16 bytes; a size that is a power of two is aligned to itself (up to a page). */

#ifndef KERNEL_HEAP_H
#define KERNEL_HEAP_H

#include <stddef.h>

void *kmalloc(size_t bytes) __attribute__((malloc));
void *kzalloc(size_t bytes) __attribute__((malloc)); /* zeroed */
void *krealloc(void *old, size_t bytes);
void kfree(void *memory); /* NULL is allowed */

struct heap_stats {
	size_t used_bytes; /* handed out, rounded up to size classes */
	size_t page_bytes; /* taken from the page allocator */
};
void heap_stats(struct heap_stats *out);

#endif
