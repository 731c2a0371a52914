/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Mappings. They are promises: a page is given at its first touch, zeroed. Only private
 * anonymous memory and private copies of files exist, so there is nothing to write back.
 *
 * One spinlock covers the set of ranges and each decision about a page in it. The fault
 * handler takes it, so nobody touches unpopulated lower-half memory while holding it. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <arch/mmu.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/panic.h>
#include <kernel/thread.h>
#include <posix/files.h>
#include <posix/mem.h>
#include <posix/mem_ranges.h>

#define BRK_BASE   0x10000000ul /* 256 MiB */
#define LOW32_BASE 0x40000000ul
#define LOW32_END  0x80000000ul /* MAP_32BIT: the first 2 GiB */

struct spinlock mem_lock;
struct vma_set mem_ranges;
static uintptr_t brk_end = BRK_BASE; /* under mem_lock */

/* x86 and its like cannot write or execute what they cannot read. */
unsigned mem_map_flags(unsigned protection)
{
	unsigned flags = 0;

	if (protection & (PROT_READ | PROT_WRITE | PROT_EXEC))
		flags |= MAP_READ;
	if (protection & PROT_WRITE)
		flags |= MAP_WRITE;
	if (protection & PROT_EXEC)
		flags |= MAP_EXECUTE;
	return flags;
}

void mem_release(uint64_t phys)
{
	page_free(phys, 0);
}

static bool allows(const struct vma *vma, bool write, bool execute)
{
	if (execute)
		return vma->attributes & PROT_EXEC;
	if (write)
		return vma->attributes & PROT_WRITE;
	return vma->attributes & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

/* Gives the page at address its frame, under lock: 0, or -ENOMEM. */
static int populate(const struct vma *vma, uintptr_t address)
{
	uint64_t phys = page_alloc(0);

	if (!phys)
		return -ENOMEM;
	memset(phys_to_virt(phys), 0, PAGE_BYTES);
	if (arch_map(address & ~(PAGE_BYTES - 1), phys, PAGE_BYTES,
		     mem_map_flags(vma->attributes))) {
		page_free(phys, 0);
		return -ENOMEM;
	}
	return 0;
}

static bool fault(uintptr_t address, bool write, bool execute)
{
	unsigned long irq = spin_lock(&mem_lock);
	const struct vma *vma = vma_find(&mem_ranges, address);
	int error = -EFAULT;

	if (vma && allows(vma, write, execute)) {
		/* Another CPU may have been here in the meantime. */
		error = arch_translate(address, NULL) ? 0 : populate(vma, address);
	}
	spin_unlock(&mem_lock, irq);
	if (error == -ENOMEM)
		panic_with(EXIT_CODE_SIGNAL,
			   "application: out of memory: no page left for address %#lx",
			   (unsigned long)address);
	return error == 0;
}

int mem_change_begin(unsigned long *irq)
{
	*irq = spin_lock(&mem_lock);
	arch_user_fault = fault;
	if (vma_reserve(&mem_ranges))
		return 0;
	spin_unlock(&mem_lock, *irq);
	return -ENOMEM;
}

void mem_discard(uintptr_t start, uintptr_t end)
{
	vma_remove(&mem_ranges, start, end);
	arch_unmap(start, end - start, mem_release);
}

/* Where a new mapping goes; 0: nowhere. */
static uintptr_t choose(uintptr_t hint, size_t bytes, int flags)
{
	const struct vma *next;

	if (flags & MAP_32BIT)
		return vma_find_hole(&mem_ranges, bytes, LOW32_BASE, LOW32_END);
	hint &= ~(PAGE_BYTES - 1);
	if (hint && !mem_bad_range(hint, bytes)) {
		next = vma_at_or_above(&mem_ranges, hint);
		if (!next || next->start >= hint + bytes)
			return hint;
	}
	return vma_find_hole(&mem_ranges, bytes, MMAP_BASE, USER_END);
}

/* A mapping that could never be filled is refused at once. What is only reserved (no
 * access, or MAP_NORESERVE) may be as large as the address space. */
static bool can_never_fit(size_t bytes, int protection, int flags)
{
	struct page_stats memory;

	if (!(protection & PROT_WRITE) || flags & MAP_NORESERVE)
		return false;
	page_stats(&memory);
	if (bytes > memory.free_bytes &&
	    page_reclaim((bytes - memory.free_bytes) / PAGE_BYTES + 1))
		page_stats(&memory);
	return bytes > memory.free_bytes;
}

static long map_anonymous(uintptr_t hint, size_t bytes, int protection, int flags)
{
	unsigned long irq;
	uintptr_t start = hint;
	long result;

	if (mem_change_begin(&irq))
		return -ENOMEM;
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
		start = choose(hint, bytes, flags);
	result = (long)start;
	if (!start) {
		result = -ENOMEM;
	} else if (flags & MAP_FIXED_NOREPLACE) {
		const struct vma *next = vma_at_or_above(&mem_ranges, start);

		if (next && next->start < start + bytes)
			result = -EEXIST;
	} else if (flags & MAP_FIXED) {
		arch_unmap(start, bytes, mem_release);
	}
	if (result > 0)
		vma_insert(&mem_ranges, start, start + bytes, (unsigned)protection);
	spin_unlock(&mem_lock, irq);
	return result;
}

/* Touches every page, for MAP_POPULATE; what memory does not suffice for is left. */
static void populate_range(uintptr_t start, size_t bytes)
{
	for (uintptr_t at = start; at < start + bytes; at += PAGE_BYTES) {
		unsigned long irq = spin_lock(&mem_lock);
		const struct vma *vma = vma_find(&mem_ranges, at);
		bool go_on = vma && vma->attributes;

		if (go_on && !arch_translate(at, NULL))
			go_on = populate(vma, at) == 0;
		spin_unlock(&mem_lock, irq);
		if (!go_on)
			return;
	}
}

/* A private mapping of a file is a copy made now: later changes of the file may or may not
 * show in one (POSIX mmap), and here they do not. */
static long copy_file(uintptr_t start, size_t bytes, int fd, off_t offset)
{
	size_t done = 0;

	while (done < bytes) {
		long count = sys_pread64(fd, (char *)start + done, bytes - done,
					 offset + (off_t)done);

		if (count < 0)
			return count;
		if (count == 0)
			break; /* zeros follow the end of the file */
		done += (size_t)count;
	}
	return 0;
}

/* How much of a mapping of `bytes` the file fills, from the offset on; or why it cannot be
 * mapped. */
static long part_in_file(int fd, size_t bytes, off_t offset)
{
	struct stat stat;
	long result = sys_fstat(fd, &stat);

	if (result)
		return result;
	result = sys_pread64(fd, NULL, 0, offset);
	if (result == -EBADF)
		return -EACCES; /* not open for reading */
	if (result)
		return -ENODEV;
	if (S_ISREG(stat.st_mode) && (off_t)bytes > stat.st_size - offset)
		return stat.st_size > offset ? stat.st_size - offset : 0;
	return (long)bytes;
}

static long map_file(uintptr_t hint, size_t bytes, int protection, int flags, int fd,
		     off_t offset)
{
	struct page_stats memory;
	long start, result, part;

	/* Others would have to see what is written: no such thing yet. */
	if ((flags & MAP_TYPE) != MAP_PRIVATE)
		return -ENODEV;
	part = part_in_file(fd, bytes, offset);
	if (part < 0)
		return part;
	page_stats(&memory);
	if ((size_t)part > memory.free_bytes)
		return -ENOMEM;
	start = map_anonymous(hint, bytes, PROT_READ | PROT_WRITE, flags);
	if (start < 0)
		return start;
	result = copy_file((uintptr_t)start, (size_t)part, fd, offset);
	if (!result && protection != (PROT_READ | PROT_WRITE))
		result = sys_mprotect((void *)start, bytes, protection);
	if (!result)
		return start;
	sys_munmap((void *)start, bytes);
	return result;
}

long sys_mmap(void *hint, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	uintptr_t address = (uintptr_t)hint;
	long start;
	int type = flags & MAP_TYPE;

	if (type == MAP_SHARED_VALIDATE)
		type = MAP_SHARED;
	if (!bytes || offset & (PAGE_BYTES - 1) ||
	    (type != MAP_PRIVATE && type != MAP_SHARED) ||
	    protection & ~(PROT_READ | PROT_WRITE | PROT_EXEC))
		return -EINVAL;
	if (protection & PROT_WRITE && protection & PROT_EXEC)
		return -EACCES; /* W^X */
	if (bytes > USER_END)
		return -ENOMEM;
	bytes = mem_round_up(bytes);
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) && mem_bad_range(address, bytes))
		return address & (PAGE_BYTES - 1) ? -EINVAL : -ENOMEM;
	if (can_never_fit(bytes, protection, flags))
		return -ENOMEM;
	if (!(flags & MAP_ANONYMOUS))
		return map_file(address, bytes, protection, flags, fd, offset);
	/* With one address space, shared anonymous memory is shared with nobody else. */
	start = map_anonymous(address, bytes, protection, flags);
	if (start > 0 && flags & MAP_POPULATE)
		populate_range((uintptr_t)start, bytes);
	return start;
}

long sys_munmap(void *start, size_t bytes)
{
	uintptr_t address = (uintptr_t)start;
	unsigned long irq;

	if (!bytes || mem_bad_range(address, bytes))
		return -EINVAL;
	if (mem_change_begin(&irq))
		return -ENOMEM;
	mem_discard(address, address + mem_round_up(bytes));
	spin_unlock(&mem_lock, irq);
	return 0;
}

long sys_mprotect(void *start, size_t bytes, int protection)
{
	uintptr_t address = (uintptr_t)start;
	unsigned long irq;
	long result = 0;

	protection &= ~(PROT_GROWSDOWN | PROT_GROWSUP);
	if (address & (PAGE_BYTES - 1) ||
	    protection & ~(PROT_READ | PROT_WRITE | PROT_EXEC))
		return -EINVAL;
	if (protection & PROT_WRITE && protection & PROT_EXEC)
		return -EACCES; /* W^X */
	if (!bytes)
		return 0;
	if (mem_bad_range(address, bytes))
		return -ENOMEM;
	bytes = mem_round_up(bytes);
	if (mem_change_begin(&irq))
		return -ENOMEM;
	if (vma_covered(&mem_ranges, address, address + bytes)) {
		vma_change(&mem_ranges, address, address + bytes, (unsigned)protection);
		arch_protect(address, bytes, mem_map_flags((unsigned)protection));
	} else {
		result = -ENOMEM;
	}
	spin_unlock(&mem_lock, irq);
	return result;
}

_Bool mem_extent(uintptr_t address, uintptr_t *start, uintptr_t *end)
{
	unsigned long irq = spin_lock(&mem_lock);
	const struct vma *vma = vma_find(&mem_ranges, address);

	if (vma) {
		*start = vma->start;
		*end = vma->end;
	}
	spin_unlock(&mem_lock, irq);
	return vma;
}

/* musl's malloc takes its first pages here. */
long sys_brk(void *end)
{
	uintptr_t wanted = mem_round_up((uintptr_t)end), old;
	unsigned long irq;

	if (mem_change_begin(&irq))
		return (long)brk_end;
	old = mem_round_up(brk_end);
	if ((uintptr_t)end >= BRK_BASE && (uintptr_t)end < LOW32_BASE) {
		const struct vma *next = vma_at_or_above(&mem_ranges, old);

		if (wanted < old)
			mem_discard(wanted, old);
		else if ((next && next->start < wanted) ||
			 can_never_fit(wanted - old, PROT_WRITE, 0))
			wanted = 0;
		else if (wanted > old)
			vma_insert(&mem_ranges, old, wanted, PROT_READ | PROT_WRITE);
		if (wanted)
			brk_end = (uintptr_t)end;
	}
	spin_unlock(&mem_lock, irq);
	return (long)brk_end;
}
