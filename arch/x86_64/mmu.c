/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Page tables (Intel SDM volume 3 §4.5): 4 KiB mappings for everything but the direct
 * map, which direct_map.c makes of large pages. */

#include <errno.h>
#include <string.h>
#include <arch/boot.h>
#include <arch/mmu.h>
#include <arch/registers.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/thread.h>
#include "tables.h"

/* Covers all tables below the upper two levels' entries; entries are read without it. */
static struct spinlock lock;

/* The tables every boot needs (image, registers, stacks). The loader zeroed them already,
 * at no cost to us. */
static uint64_t first_tables[8][TABLE_ENTRIES] __attribute__((aligned(PAGE_BYTES)));

static uint64_t table_alloc(void)
{
	static unsigned used; /* under lock, or at boot */
	uint64_t phys;

	if (used < sizeof(first_tables) / sizeof(first_tables[0]))
		return (uintptr_t)first_tables[used++] - KERNEL_BASE;
	phys = page_alloc(0);
	if (phys)
		memset(phys_to_virt(phys), 0, PAGE_BYTES);
	return phys;
}

uint64_t *mmu_table_below(uint64_t *entry)
{
	if (!(*entry & PTE_PRESENT)) {
		uint64_t phys = table_alloc();

		if (!phys)
			return NULL;
		*entry = phys | PTE_PRESENT | PTE_WRITE;
	}
	return phys_to_virt(*entry & PTE_ADDRESS);
}

static inline unsigned table_index(uintptr_t virt, unsigned level)
{
	return virt >> (PAGE_SHIFT + 9 * level) & (TABLE_ENTRIES - 1);
}

/* The 4 KiB entry of an address; NULL where there is none (create: without memory). */
static uint64_t *entry_of(uintptr_t virt, bool create)
{
	uint64_t *table = boot_pml4;

	for (unsigned level = 3; level > 0; level--) {
		uint64_t *entry = &table[table_index(virt, level)];

		if (create)
			table = mmu_table_below(entry);
		else if (!(*entry & PTE_PRESENT) || *entry & PTE_LARGE)
			return NULL;
		else
			table = phys_to_virt(*entry & PTE_ADDRESS);
		if (!table)
			return NULL;
	}
	return &table[table_index(virt, 0)];
}

static uint64_t entry_bits(unsigned flags)
{
	uint64_t bits = PTE_PRESENT;

	if (flags == MAP_NONE)
		return 0;
	if (flags & MAP_WRITE)
		bits |= PTE_WRITE;
	if (!(flags & MAP_EXECUTE) || flags & MAP_WRITE)
		bits |= PTE_NO_EXECUTE;
	if (flags & MAP_UNCACHED)
		bits |= PTE_CACHE_DISABLE | PTE_WRITE_THROUGH;
	return bits;
}

int arch_map(uintptr_t virt, uint64_t phys, size_t bytes, unsigned flags)
{
	uint64_t bits = entry_bits(flags);
	unsigned long irq;
	int error = 0;

	irq = spin_lock(&lock);
	for (size_t at = 0; at < bytes && !error; at += PAGE_BYTES)
		if (!entry_of(virt + at, true))
			error = -ENOMEM;
	for (size_t at = 0; at < bytes && !error; at += PAGE_BYTES) {
		uint64_t *entry = entry_of(virt + at, false);
		bool was_present = *entry & PTE_PRESENT;

		*entry = bits ? (phys + at) | bits : 0;
		if (was_present)
			invalidate_page(virt + at);
	}
	spin_unlock(&lock, irq);
	return error;
}

/* The end of the smallest table that has no entry for virt: walks skip empty regions. */
static uintptr_t next_table(uintptr_t virt, uintptr_t end)
{
	uintptr_t next = (virt & ~(LARGE_BYTES - 1)) + LARGE_BYTES;

	return next < virt || next > end ? end : next;
}

void arch_protect(uintptr_t virt, size_t bytes, unsigned flags)
{
	uint64_t bits = entry_bits(flags);
	uintptr_t end = virt + bytes;
	unsigned long irq = spin_lock(&lock);

	while (virt < end) {
		uint64_t *entry = entry_of(virt, false);

		if (!entry) {
			virt = next_table(virt, end);
			continue;
		}
		if (*entry & PTE_ADDRESS) {
			/* Without access the page stays, behind an entry that is not present. */
			*entry = (*entry & PTE_ADDRESS) | (bits ? bits : PTE_KEPT);
			invalidate_page(virt);
		}
		virt += PAGE_BYTES;
	}
	spin_unlock(&lock, irq);
}

void arch_unmap(uintptr_t virt, size_t bytes, void (*release)(uint64_t phys))
{
	uintptr_t end = virt + bytes;
	unsigned long irq = spin_lock(&lock);

	while (virt < end) {
		uint64_t *entry = entry_of(virt, false), old;

		if (!entry) {
			virt = next_table(virt, end);
			continue;
		}
		old = *entry;
		*entry = 0;
		if (old & PTE_PRESENT)
			invalidate_page(virt);
		if (old & (PTE_PRESENT | PTE_KEPT) && release)
			release(old & PTE_ADDRESS);
		virt += PAGE_BYTES;
	}
	spin_unlock(&lock, irq);
}

static unsigned flags_of(uint64_t entry)
{
	unsigned flags = MAP_READ;

	if (entry & PTE_WRITE)
		flags |= MAP_WRITE;
	if (!(entry & PTE_NO_EXECUTE))
		flags |= MAP_EXECUTE;
	if (entry & PTE_CACHE_DISABLE)
		flags |= MAP_UNCACHED;
	return flags;
}

/* The entry that maps an address, 0 if none does; *level: the size of what it maps. Inline
 * and unrolled: each transfer from or to a program's memory looks. */
static inline __attribute__((always_inline)) uint64_t leaf_of(uintptr_t virt,
							      unsigned *level)
{
	uint64_t entry, *table = boot_pml4;

#pragma GCC unroll 3
	for (*level = 3; *level > 0; --*level) {
		entry = table[table_index(virt, *level)];
		if (!(entry & PTE_PRESENT))
			return 0;
		if (entry & PTE_LARGE)
			return entry;
		table = phys_to_virt(entry & PTE_ADDRESS);
	}
	entry = table[table_index(virt, 0)];
	return entry & PTE_PRESENT ? entry : 0;
}

uint64_t arch_translate(uintptr_t virt, unsigned *flags)
{
	uint64_t entry, offset_mask;
	unsigned level;

	if (virt >= USER_END && virt < DIRECT_MAP_BASE)
		return 0; /* not canonical */
	entry = leaf_of(virt, &level);
	if (!entry)
		return 0;
	if (flags)
		*flags = flags_of(entry);
	offset_mask = (UINT64_C(1) << (PAGE_SHIFT + 9 * level)) - 1;
	return (entry & PTE_ADDRESS & ~offset_mask) | (virt & offset_mask);
}

static __attribute__((noinline)) uint64_t mapped_to_phys(uintptr_t virt)
{
	uint64_t phys = arch_translate(virt, NULL);

	if (!phys && virt >= PAGE_BYTES) {
		/* Reserved, perhaps, but not touched yet. */
		unsigned long irq;
		bool there;

		/* It may be this very stack's next page: before it is looked at. */
		arch_stack_probe();
		irq = arch_irq_save();
		there = virt >= STACK_BASE ? thread_stack_fault(virt)
					   : virt < USER_END && arch_user_fault &&
						     arch_user_fault(virt, true, false);
		arch_irq_restore(irq);
		if (there)
			phys = arch_translate(virt, NULL);
	}
	return phys;
}

uint64_t virt_to_phys(const void *address)
{
	uintptr_t virt = (uintptr_t)address;

	if (virt >= KERNEL_BASE)
		return virt - KERNEL_BASE;
	if (virt >= DIRECT_MAP_BASE && virt < MMIO_BASE)
		return virt - DIRECT_MAP_BASE;
	return mapped_to_phys(virt);
}

volatile void *arch_map_device(uint64_t phys, size_t bytes)
{
	static uintptr_t next = MMIO_BASE;
	size_t offset = phys & (PAGE_BYTES - 1);
	size_t span = (offset + bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	uintptr_t virt = __atomic_fetch_add(&next, span, __ATOMIC_RELAXED);
	/* An address that the CPU does not have would be reserved bits: a trap at its use. */
	unsigned bits = cpuid(0x80000008, 0).eax & 0xff;

	if ((phys + bytes - 1) >> bits ||
	    arch_map(virt, phys - offset, span, MAP_READ | MAP_WRITE | MAP_UNCACHED))
		return NULL;
	return (volatile void *)(virt + offset);
}
