/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Between mem.c, madvise.c and mremap.c: the set of mapped ranges and its lock. */

#ifndef POSIX_MEM_RANGES_H
#define POSIX_MEM_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <arch/mmu.h>
#include <kernel/lock.h>
#include <posix/vma.h>

#define MMAP_BASE 0x100000000ul /* 4 GiB: low addresses stay free for those who ask */

extern struct spinlock mem_lock;
extern struct vma_set mem_ranges; /* attributes: PROT_…; under mem_lock */

/* Locks the set for one change of it; or -ENOMEM, not locked. */
int mem_change_begin(unsigned long *irq);
/* Unmaps [start, end) and gives its pages back. Under the lock, as the one change. */
void mem_discard(uintptr_t start, uintptr_t end);
/* Gives one page back; for arch_unmap(). */
void mem_release(uint64_t phys);
/* PROT_… as MAP_… of <arch/mmu.h>. */
unsigned mem_map_flags(unsigned protection);

static inline bool mem_bad_range(uintptr_t start, size_t bytes)
{
	return start & (PAGE_BYTES - 1) || start < PAGE_BYTES || start >= USER_END ||
	       bytes > USER_END - start;
}

static inline size_t mem_round_up(size_t bytes)
{
	return (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

#endif
