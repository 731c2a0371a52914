/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Growing, shrinking and moving mappings: realloc() of large blocks. Pages move by their
 * page table entries. */

#define _GNU_SOURCE /* MREMAP_... */
#include <errno.h>
#include <sys/mman.h>
#include <kernel/page.h>
#include <posix/mem.h>
#include <posix/mem_ranges.h>

#define MOVE_BATCH_PAGES 64 /* moved in one go, with interrupts off */

/* Moves the frames of up to a batch of pages; under the lock. -ENOMEM: a page table is
 * missing; what was moved so far stays moved. */
static int move_batch(uintptr_t from, uintptr_t to, size_t bytes, unsigned flags)
{
	for (size_t at = 0; at < bytes; at += PAGE_BYTES) {
		uint64_t phys = arch_translate(from + at, NULL);

		if (!phys)
			continue;
		if (arch_map(to + at, phys, PAGE_BYTES, flags))
			return -ENOMEM;
		arch_unmap(from + at, PAGE_BYTES, NULL);
	}
	return 0;
}

static int move_pages(uintptr_t from, uintptr_t to, size_t bytes, unsigned flags)
{
	int error = 0;

	for (size_t at = 0; at < bytes && !error; at += MOVE_BATCH_PAGES * PAGE_BYTES) {
		size_t batch = bytes - at;
		unsigned long irq = spin_lock(&mem_lock);

		if (batch > MOVE_BATCH_PAGES * PAGE_BYTES)
			batch = MOVE_BATCH_PAGES * PAGE_BYTES;
		error = move_batch(from + at, to + at, batch, flags);
		spin_unlock(&mem_lock, irq);
	}
	return error;
}

static long move(uintptr_t old, size_t old_bytes, size_t bytes, unsigned attributes,
		 uintptr_t fixed)
{
	size_t kept = old_bytes < bytes ? old_bytes : bytes;
	unsigned long irq;
	uintptr_t to;

	if (mem_change_begin(&irq))
		return -ENOMEM;
	if (fixed)
		arch_unmap(fixed, bytes, mem_release);
	to = fixed ? fixed : vma_find_hole(&mem_ranges, bytes, MMAP_BASE, USER_END);
	if (to)
		vma_insert(&mem_ranges, to, to + bytes, attributes);
	spin_unlock(&mem_lock, irq);
	if (!to)
		return -ENOMEM;
	if (move_pages(old, to, kept, mem_map_flags(attributes))) {
		/* The way back needs no new tables. */
		move_pages(to, old, kept, mem_map_flags(attributes));
		sys_munmap((void *)to, bytes);
		return -ENOMEM;
	}
	sys_munmap((void *)old, old_bytes);
	return (long)to;
}

/* Grows in place where the addresses behind are free. */
static bool grow(uintptr_t old, size_t old_bytes, size_t bytes, unsigned attributes)
{
	unsigned long irq;
	const struct vma *next;
	bool fits;

	if (mem_bad_range(old, bytes) || mem_change_begin(&irq))
		return false;
	next = vma_at_or_above(&mem_ranges, old + old_bytes);
	fits = !next || next->start >= old + bytes;
	if (fits)
		vma_insert(&mem_ranges, old + old_bytes, old + bytes, attributes);
	spin_unlock(&mem_lock, irq);
	return fits;
}

/* One range holds all of the old mapping: its attributes; else -EFAULT. */
static long attributes_of(uintptr_t old, size_t bytes)
{
	unsigned long irq = spin_lock(&mem_lock);
	const struct vma *vma = vma_find(&mem_ranges, old);
	long result = vma && vma->end - old >= bytes ? (long)vma->attributes : -EFAULT;

	spin_unlock(&mem_lock, irq);
	return result;
}

long sys_mremap(void *old_start, size_t old_bytes, size_t bytes, int flags, void *fixed)
{
	uintptr_t old = (uintptr_t)old_start, to = (uintptr_t)fixed;
	struct page_stats memory;
	long attributes;

	if (!bytes || !old_bytes || bytes > USER_END || mem_bad_range(old, old_bytes) ||
	    flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED))
		return -EINVAL;
	old_bytes = mem_round_up(old_bytes);
	bytes = mem_round_up(bytes);
	if (flags & MREMAP_FIXED &&
	    (!(flags & MREMAP_MAYMOVE) || mem_bad_range(to, bytes) ||
	     (to < old + old_bytes && old < to + bytes)))
		return -EINVAL;
	attributes = attributes_of(old, old_bytes);
	if (attributes < 0)
		return attributes;
	page_stats(&memory);
	if (bytes > old_bytes && bytes - old_bytes > memory.free_bytes)
		return -ENOMEM;
	if (!(flags & MREMAP_FIXED)) {
		if (bytes < old_bytes)
			sys_munmap((void *)(old + bytes), old_bytes - bytes);
		if (bytes <= old_bytes ||
		    grow(old, old_bytes, bytes, (unsigned)attributes))
			return (long)old;
		if (!(flags & MREMAP_MAYMOVE))
			return -ENOMEM;
		to = 0;
	}
	/* Pages behind entries without access cannot be seen, so they are not moved. */
	if (!attributes)
		return -EINVAL;
	return move(old, old_bytes, bytes, (unsigned)attributes, to);
}
