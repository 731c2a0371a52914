/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The direct map and the image's own mapping: the largest pages that fit, and W^X. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <arch/boot.h>
#include <arch/registers.h>
#include <kernel/page.h>
#include <kernel/panic.h>
#include "tables.h"

extern char boot_stack_guard[];

/* The first tables, for when there is no allocator yet. They are known by their place in
 * the image, since the direct map may not reach that yet. */
static uint64_t first_pdpt[TABLE_ENTRIES] __attribute__((aligned(PAGE_BYTES)));
static uint64_t first_directories[2][TABLE_ENTRIES] __attribute__((aligned(PAGE_BYTES)));

static bool huge_pages;

static inline uint64_t image_phys(const void *symbol)
{
	return (uintptr_t)symbol - KERNEL_BASE;
}

/* The entry for the GiB of phys; NULL without memory. */
static uint64_t *gigabyte_entry(uint64_t phys)
{
	uint64_t *top = &boot_pml4[(DIRECT_MAP_BASE >> 39 & 511) + (phys >> 39)];
	uint64_t *pdpt = first_pdpt;

	if (phys >> 39)
		pdpt = mmu_table_below(top);
	else if (!*top)
		*top = image_phys(first_pdpt) | PTE_PRESENT | PTE_WRITE;
	return pdpt ? &pdpt[phys >> 30 & 511] : NULL;
}

/* The page directory for the GiB of phys; NULL without memory. */
static uint64_t *directory_of(uint64_t *gigabyte)
{
	static unsigned used;

	for (unsigned i = 0; i < used; i++)
		if ((*gigabyte & PTE_ADDRESS) == image_phys(first_directories[i]))
			return first_directories[i];
	if (*gigabyte || used == sizeof(first_directories) / sizeof(first_directories[0]))
		return mmu_table_below(gigabyte);
	*gigabyte = image_phys(first_directories[used]) | PTE_PRESENT | PTE_WRITE;
	return first_directories[used++];
}

#define RAM_BITS (PTE_PRESENT | PTE_WRITE | PTE_LARGE | PTE_GLOBAL | PTE_NO_EXECUTE)

/* Maps [base, end) within one GiB: in one entry where the CPU can and nothing smaller is
 * there yet, else in pieces of 2 MiB. */
static int map_in_gigabyte(uint64_t base, uint64_t end)
{
	uint64_t *gigabyte = gigabyte_entry(base), *directory;

	if (!gigabyte)
		return -ENOMEM;
	if (*gigabyte & PTE_LARGE)
		return 0;
	if (huge_pages && !*gigabyte && end - base == HUGE_BYTES) {
		*gigabyte = base | RAM_BITS;
		return 0;
	}
	directory = directory_of(gigabyte);
	if (!directory)
		return -ENOMEM;
	for (base &= ~(LARGE_BYTES - 1); base < end; base += LARGE_BYTES)
		if (!directory[base >> 21 & 511])
			directory[base >> 21 & 511] = base | RAM_BITS;
	return 0;
}

int arch_map_ram(uint64_t base, uint64_t end)
{
	while (base < end) {
		uint64_t next = (base & ~(HUGE_BYTES - 1)) + HUGE_BYTES;

		if (next > end)
			next = end;
		if (map_in_gigabyte(base, next))
			return -ENOMEM;
		base = next;
	}
	return 0;
}

int arch_direct_map(uint64_t phys, uint64_t bytes)
{
	return arch_map_ram(phys, phys + bytes);
}

static uint64_t *need_table(uint64_t *entry)
{
	uint64_t *table = mmu_table_below(entry);

	if (!table)
		panic_with(EXIT_CODE_BOOT, "no memory for the image's page tables");
	return table;
}

static uint64_t image_page(uint64_t phys)
{
	uintptr_t virt = phys + KERNEL_BASE;

	if (virt < (uintptr_t)text_end)
		return phys | PTE_PRESENT | PTE_GLOBAL;
	if (virt < (uintptr_t)data_start)
		return phys | PTE_PRESENT | PTE_GLOBAL | PTE_NO_EXECUTE;
	if (virt == (uintptr_t)boot_stack_guard)
		return 0;
	return phys | PTE_PRESENT | PTE_WRITE | PTE_GLOBAL | PTE_NO_EXECUTE;
}

/* Maps one 2 MiB piece of the image in 4 KiB pages, and lets the direct map write no text
 * or read-only data of it either. */
static void protect_piece(uint64_t piece)
{
	uint64_t start = image_phys(image_start), data = image_phys(data_start);
	uint64_t image_entry = 0, direct_entry = 0;
	uint64_t *image = need_table(&image_entry), *direct = need_table(&direct_entry);

	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t phys = piece + i * PAGE_BYTES;

		direct[i] = phys | PTE_PRESENT | PTE_GLOBAL | PTE_NO_EXECUTE |
			    (phys < start || phys >= data ? PTE_WRITE : 0);
		if (phys >= start && phys < image_phys(image_end))
			image[i] = image_page(phys);
	}
	boot_pd[piece >> 21] = image_entry;
	directory_of(gigabyte_entry(piece))[piece >> 21 & 511] = direct_entry;
}

void arch_protect_image(void)
{
	uint64_t end = image_phys(image_end);

	boot_pml4[0] = 0; /* the lower half is free for mappings */
	boot_pdpt[0] = 0;
	for (uint64_t piece = 0; piece < end; piece += LARGE_BYTES)
		protect_piece(piece);
	/* Leave no global entry of the old tables behind (SDM volume 3 §4.10.4.1). */
	load_cr3(image_phys(boot_pml4));
	write_cr4(read_cr4() & ~UINT64_C(0x80));
	write_cr4(read_cr4() | 0x80);
}

void direct_map_init(void)
{
	huge_pages = cpuid(0x80000000, 0).eax >= 0x80000001 &&
		     cpuid(0x80000001, 0).edx & 1u << 26;
}
