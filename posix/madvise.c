/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Advice about mappings: what changes nothing here is taken, as Linux does. */

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <arch/mmu.h>
#include <kernel/lock.h>
#include <posix/mem.h>
#include <posix/mem_ranges.h>

static bool may_be_ignored(int advice)
{
	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_FREE: /* the pages may be taken at any time, which never comes */
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
	case MADV_COLD:
	case MADV_PAGEOUT:
		return true;
	}
	return false;
}

long sys_madvise(void *start, size_t bytes, int advice)
{
	uintptr_t address = (uintptr_t)start;
	unsigned long irq;
	long result = 0;

	if (address & (PAGE_BYTES - 1))
		return -EINVAL;
	if (!bytes)
		return 0;
	if (mem_bad_range(address, bytes))
		return -ENOMEM;
	bytes = mem_round_up(bytes);
	irq = spin_lock(&mem_lock);
	if (!vma_covered(&mem_ranges, address, address + bytes))
		result = -ENOMEM;
	else if (advice == MADV_DONTNEED)
		arch_unmap(address, bytes, mem_release); /* zeros at the next touch */
	else if (!may_be_ignored(advice))
		result = -EINVAL;
	spin_unlock(&mem_lock, irq);
	return result;
}
