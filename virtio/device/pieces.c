/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Physical pieces of virtual memory. */

#include <virtio/device/pieces.h>

/* The physical address of one byte, whose page is made present. */
static uint64_t populate(const char *at)
{
	uint64_t phys = virt_to_phys(at);

	/* A stack page is committed by touching it; nothing else in the upper half may be
	 * missing. */
	if (phys || (uintptr_t)at < USER_END)
		return phys;
	(void)*(const volatile char *)at;
	return virt_to_phys(at);
}

bool pieces_populate(const void *data, size_t bytes, uint64_t *phys)
{
	const char *at = data;
	const char *end = at + bytes;
	bool contiguous = pieces_contiguous(data);
	uint64_t first;

	if (phys)
		*phys = 0;
	if (!bytes || (contiguous && !phys))
		return true;
	if (end < at)
		return false;
	first = populate(at);
	at = (const char *)(((uintptr_t)at | (PAGE_BYTES - 1)) + 1);
	if (phys && (contiguous || at >= end))
		*phys = first;
	if (contiguous || !first)
		return first != 0;
	for (; at < end; at += PAGE_BYTES)
		if (!populate(at))
			return false;
	return true;
}

/* The longest run from `data` on that needs one look at the page tables. */
static size_t run_bytes(const void *data, size_t bytes)
{
	size_t in_page = PAGE_BYTES - ((uintptr_t)data & (PAGE_BYTES - 1));

	return pieces_contiguous(data) || bytes < in_page ? bytes : in_page;
}

unsigned pieces_append(struct virtio_piece *pieces, unsigned count, unsigned room,
		       const void *data, size_t bytes, uint32_t piece_max, bool merge,
		       size_t *taken, bool *missing)
{
	const char *at = data;
	size_t left = bytes;

	*missing = false;
	while (left) {
		struct virtio_piece *last = merge ? &pieces[count - 1] : NULL;
		size_t run = run_bytes(at, left);
		uint64_t phys = virt_to_phys(at);

		if (!phys) {
			*missing = true;
			break;
		}
		if (last && last->address + last->bytes == phys &&
		    last->bytes < piece_max) {
			if (run > piece_max - last->bytes)
				run = piece_max - last->bytes;
			last->bytes += (uint32_t)run;
		} else {
			if (count == room)
				break;
			if (run > piece_max)
				run = piece_max;
			pieces[count++] = (struct virtio_piece){ phys, (uint32_t)run };
			merge = true;
		}
		at += run;
		left -= run;
	}
	*taken = bytes - left;
	return count;
}
