/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The address space.
 *
 *	0                   .. 0x00007fffffffffff  free for mappings (page 0 never mapped)
 *	DIRECT_MAP_BASE     ..                     all physical RAM, read-write, no execute
 *	MMIO_BASE           ..                     device registers, uncached
 *	STACK_BASE          ..                     kernel thread stacks, guard pages between
 *	KERNEL_BASE + 1 MiB ..                     the image: text r-x, rodata r--, data rw-
 */

#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT	12
#define PAGE_BYTES	4096ul
#define DIRECT_MAP_BASE 0xffff800000000000ul
#define MMIO_BASE	0xffffc00000000000ul
#define STACK_BASE	0xffffd00000000000ul
#define KERNEL_BASE	0xffffffff80000000ul
#define USER_END	0x0000800000000000ul

static inline void *phys_to_virt(uint64_t phys)
{
	return (void *)(phys + DIRECT_MAP_BASE);
}

/* The physical address of any mapped address: direct map and image by arithmetic, others
 * by a walk of the page tables. A lower-half address that is reserved but not yet
 * populated is populated first (may fail: 0). Context: thread for the lower half. */
uint64_t virt_to_phys(const void *address);

enum map_flags {
	MAP_NONE = 0, /* reserved: no access */
	MAP_READ = 1,
	MAP_WRITE = 2,
	MAP_EXECUTE = 4,  /* never together with MAP_WRITE */
	MAP_UNCACHED = 8, /* device registers */
};

/* Maps, remaps or unmaps whole 4 KiB pages. Context: any; locks inside.
 * arch_map: -ENOMEM when a page table cannot be had (nothing is mapped then). */
int arch_map(uintptr_t virt, uint64_t phys, size_t bytes, unsigned flags);
void arch_protect(uintptr_t virt, size_t bytes, unsigned flags); /* present pages only */
/* Unmaps; calls release for each page that was present (NULL: nothing is released). */
void arch_unmap(uintptr_t virt, size_t bytes, void (*release)(uint64_t phys));
/* The physical address mapped at virt, 0 if none; *flags (may be NULL) as MAP_…. */
uint64_t arch_translate(uintptr_t virt, unsigned *flags);

/* Makes physical memory that is no RAM of ours (firmware tables, the loader's data)
 * reachable at phys_to_virt(). RAM of the boot map already is. -ENOMEM without memory. */
int arch_direct_map(uint64_t phys, uint64_t bytes);

/* Maps device registers; NULL without memory. Never unmapped. */
volatile void *arch_map_device(uint64_t phys, size_t bytes);

/* A lower-half page fault: true if it was resolved (the page is there now). Set by the
 * layer that owns the lower half (posix/mem.c). Runs with interrupts off on a stack of its
 * own of 8 KiB, must not sleep or fault; the faulting code holds no spinlock. */
extern bool (*arch_user_fault)(uintptr_t address, bool write, bool execute);

#endif
