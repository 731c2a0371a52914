/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Memory that back ends share: one memory file. RAM is its beginning; the program's own
 * data and BSS, which applications hand to devices as well, are moved to its end. */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <arch/mmu.h>
#include <host/ram.h>
#include <kernel/page.h>

/* By the linker: the program's writable data. */
extern char __data_start[], end[];

static int ram_fd = -1;
static uint64_t ram_bytes, data_bytes;
static char *data_base; /* page of __data_start */

/* The file gets the data as it is, then takes its place. Nothing is written in between:
 * this is the process's only thread, and its stack is not there. (The gaps between the
 * variables, which the address sanitizer guards, are copied too.) */
static __attribute__((no_sanitize_address)) bool share_data(void)
{
	uintptr_t first = (uintptr_t)__data_start & ~(PAGE_BYTES - 1);
	uintptr_t last = ((uintptr_t)end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	size_t bytes = last - first;
	void *copy;

	data_base = (char *)first;
	data_bytes = bytes;
	copy = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ram_fd,
		    (off_t)ram_bytes);
	if (copy == MAP_FAILED)
		return false;
	for (size_t i = 0; i < bytes / sizeof(uint64_t); i++)
		((volatile uint64_t *)copy)[i] = ((volatile uint64_t *)first)[i];
	munmap(copy, bytes);
	return mmap((void *)first, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		    ram_fd, (off_t)ram_bytes) != MAP_FAILED;
}

/* The first page given is not page 0: a physical address of 0 means "none". */
bool host_ram_map(int fd, uint64_t first, uint64_t bytes)
{
	ram_fd = fd;
	ram_bytes = bytes & ~(uint64_t)(PAGE_BYTES - 1);
	if (mmap((void *)DIRECT_MAP_BASE, ram_bytes, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED_NOREPLACE, ram_fd, 0) != (void *)DIRECT_MAP_BASE)
		return false;
	if (!share_data())
		return false;
	page_add_region(first, ram_bytes);
	return true;
}

uint64_t host_ram_data_bytes(void)
{
	return (((uintptr_t)end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1)) -
	       ((uintptr_t)__data_start & ~(PAGE_BYTES - 1));
}

bool host_ram_region(unsigned index, struct host_ram_region *out)
{
	if (index == 0)
		*out = (struct host_ram_region){ ram_fd, 0, ram_bytes, 0,
						 phys_to_virt(0) };
	else if (index == 1)
		*out = (struct host_ram_region){ ram_fd, ram_bytes, data_bytes, ram_bytes,
						 data_base };
	return index < 2;
}

uint64_t virt_to_phys(const void *address)
{
	uint64_t offset = (uint64_t)(uintptr_t)address - DIRECT_MAP_BASE;

	if (offset < ram_bytes)
		return offset;
	offset = (uint64_t)((uintptr_t)address - (uintptr_t)data_base);
	return offset < data_bytes ? ram_bytes + offset : 0;
}

int arch_direct_map(uint64_t phys, uint64_t bytes)
{
	return phys <= ram_bytes && bytes <= ram_bytes - phys ? 0 : -ENOMEM;
}
