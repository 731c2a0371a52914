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
	base &= ~(LARGE_BYTES - 1);
	for (uint64_t *entry = &directory[base >> 21 & 511]; base < end;
	     entry++, base += LARGE_BYTES)
		if (!*entry)
			*entry = base | RAM_BITS;
	return 0;
}

int arch_map_ram(uint64_t base, uint64_t end)
{
	if (end < base || end > MMIO_BASE - DIRECT_MAP_BASE)
		return -ENOMEM; /* the direct map ends there */
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

/* The boot stack's guard keeps a hole, so that an overflow is seen. */
static void unmap_guard(uint64_t *image)
{
	image[image_phys(boot_stack_guard) >> PAGE_SHIFT & (TABLE_ENTRIES - 1)] = 0;
}

/* Entries for the part of [from, to) that lies in the piece, the page number as index. */
static void fill(uint64_t *table, uint64_t piece, uint64_t from, uint64_t to,
		 uint64_t bits)
{
	uint64_t end = piece + LARGE_BYTES;

	from = from > piece ? from : piece;
	end = to < end ? to : end;
	for (uint64_t *entry = &table[from >> PAGE_SHIFT & (TABLE_ENTRIES - 1)];
	     from < end; from += PAGE_BYTES)
		*entry++ = from | bits;
}

#define READ_ONLY  (PTE_PRESENT | PTE_GLOBAL | PTE_NO_EXECUTE)
#define READ_WRITE (READ_ONLY | PTE_WRITE)
#define EXECUTABLE (PTE_PRESENT | PTE_GLOBAL)

/* Maps one 2 MiB piece of the image in 4 KiB pages, and lets the direct map write no text
 * or read-only data of it either. */
static void protect_piece(uint64_t piece)
{
	uint64_t start = image_phys(image_start), data = image_phys(data_start);
	uint64_t text = (image_phys(text_end) + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	uint64_t end = image_phys(image_end);
	uint64_t image_entry = 0, direct_entry = 0;
	uint64_t *image = mmu_table_below(&image_entry);
	uint64_t *direct = mmu_table_below(&direct_entry);

	if (!image || !direct)
		panic_with(EXIT_CODE_BOOT, "no memory for the image's page tables");
	fill(direct, piece, piece, start, READ_WRITE);
	fill(direct, piece, start, data, READ_ONLY);
	fill(direct, piece, data, piece + LARGE_BYTES, READ_WRITE);
	fill(image, piece, start, text, EXECUTABLE);
	fill(image, piece, text, data, READ_ONLY);
	fill(image, piece, data, end, READ_WRITE);
	if (image_phys(boot_stack_guard) / LARGE_BYTES == piece / LARGE_BYTES)
		unmap_guard(image);
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
