/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Page table entries, for mmu.c and direct_map.c (Intel SDM volume 3 §4.5). */

#ifndef TABLES_H
#define TABLES_H

#include <stdint.h>

#define TABLE_ENTRIES 512
#define LARGE_BYTES   0x200000ul
#define HUGE_BYTES    0x40000000ul

#define PTE_PRESENT	  UINT64_C(0x1)
#define PTE_WRITE	  UINT64_C(0x2)
#define PTE_WRITE_THROUGH UINT64_C(0x8)
#define PTE_CACHE_DISABLE UINT64_C(0x10)
#define PTE_LARGE	  UINT64_C(0x80)
#define PTE_GLOBAL	  UINT64_C(0x100)
#define PTE_KEPT	  UINT64_C(0x200) /* ours: not present, but the address is a page */
#define PTE_NO_EXECUTE	  (UINT64_C(1) << 63)
#define PTE_ADDRESS	  UINT64_C(0x000ffffffffff000)

extern uint64_t boot_pml4[TABLE_ENTRIES], boot_pdpt[TABLE_ENTRIES],
	boot_pd[TABLE_ENTRIES];

void direct_map_init(void); /* what page sizes the CPU has */

/* The table an entry points to, made if there is none; NULL without memory. */
uint64_t *mmu_table_below(uint64_t *entry);

#endif
