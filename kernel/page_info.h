/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What is known about each page of RAM, for page.c and heap.c only. 16 bytes a page lie
 * at the start of each region; they are written when the frontier passes, not before. */

#ifndef KERNEL_PAGE_INFO_H
#define KERNEL_PAGE_INFO_H

#include <stdint.h>

struct page_info {
	uint32_t next, prev; /* page numbers, 0: none. The owner's list */
	uint8_t state;	     /* page.c's */
	uint8_t owner;	     /* enum page_owner; 0 on allocation. The owner's */
	uint16_t free;	     /* heap.c's: offset of the first freed object */
	uint16_t fresh;	     /* heap.c's: offset of the first object never handed out */
	uint16_t used;	     /* heap.c's: objects handed out */
};

enum page_owner {
	PAGE_OWNER_NONE,
	PAGE_OWNER_HEAP_LARGE,
	PAGE_OWNER_REPORTED,   /* free, and the host was told so */
	PAGE_OWNER_HEAP_CLASS, /* + index of the size class */
};

/* NULL: no page that was ever handed out. */
struct page_info *page_info(uint64_t phys);

/* The order of an allocated block. */
unsigned page_info_order(const struct page_info *info);

#endif
