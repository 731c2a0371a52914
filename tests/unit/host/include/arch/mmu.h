/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The address space on the host: physical addresses are the process's own. */

#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT	12
#define PAGE_BYTES	4096ul
#define DIRECT_MAP_BASE 0ul
#define MMIO_BASE	0xffffc00000000000ul
#define STACK_BASE	0xffffd00000000000ul
#define KERNEL_BASE	0xffffffff80000000ul
#define USER_END	0x0000800000000000ul

/* When a test sets it, the first MiB of physical memory is there. */
__attribute__((weak)) char *host_low_memory;

static inline void *phys_to_virt(uint64_t phys)
{
	if (phys < 1 << 20 && host_low_memory)
		return host_low_memory + phys;
	return (void *)(uintptr_t)phys;
}

static inline uint64_t virt_to_phys(const void *address)
{
	return (uintptr_t)address;
}

enum map_flags {
	MAP_NONE = 0,
	MAP_READ = 1,
	MAP_WRITE = 2,
	MAP_EXECUTE = 4,
	MAP_UNCACHED = 8,
};

/* tests/unit/host/mmu.c: a table of pages for tests of what stands on top. */
int arch_map(uintptr_t virt, uint64_t phys, size_t bytes, unsigned flags);
void arch_protect(uintptr_t virt, size_t bytes, unsigned flags);
void arch_unmap(uintptr_t virt, size_t bytes, void (*release)(uint64_t phys));
uint64_t arch_translate(uintptr_t virt, unsigned *flags);
int arch_direct_map(uint64_t phys, uint64_t bytes);
/* Tests of firmware tables: says whether there is memory; NULL: above 1 MiB always. */
extern bool (*host_phys_present)(uint64_t phys, uint64_t bytes);
/* What arch_map_device() mapped, in all. */
extern uint64_t host_mapped_bytes;
volatile void *arch_map_device(uint64_t phys, size_t bytes);

extern bool (*arch_user_fault)(uintptr_t address, bool write, bool execute);

#endif
