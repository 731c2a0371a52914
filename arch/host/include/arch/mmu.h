/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The address space of a Linux process that is a machine.
 *
 *	DIRECT_MAP_BASE ..  RAM: one memory file, shared with the back ends; its physical
 *			    addresses are offsets in the file
 *	anywhere else       the program as Linux loaded it. Its data and BSS are part of the
 *			    same file, behind RAM, so that devices reach them as well
 *
 * A stack that Linux made and memory of other allocators are no RAM: virt_to_phys() of
 * them is 0, and drivers answer -EFAULT. */

#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT	12
#define PAGE_BYTES	4096ul
#define DIRECT_MAP_BASE 0x200000000000ul
#define MMIO_BASE	0x300000000000ul
#define STACK_BASE	0xffffd00000000000ul /* from here on nothing exists: */
#define KERNEL_BASE	0xffffffff80000000ul /* stacks and image lie elsewhere */
#define USER_END	0x0000800000000000ul

static inline void *phys_to_virt(uint64_t phys)
{
	return (void *)(phys + DIRECT_MAP_BASE);
}

/* 0: no memory that a device could reach. */
uint64_t virt_to_phys(const void *address);

/* All memory there is is mapped; beyond it there is nothing: -ENOMEM. */
int arch_direct_map(uint64_t phys, uint64_t bytes);

#endif
