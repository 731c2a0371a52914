/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The doors by number, for the assembler and for C. */

#ifndef BOOT_DOORS_H
#define BOOT_DOORS_H

#define DOOR_MULTIBOOT1 1
#define DOOR_MULTIBOOT2 2
#define DOOR_PVH	3

#ifndef __ASSEMBLER__
#include <stdint.h>

/* Each reads what its loader left at physical address `information` into boot_info, and
 * makes it reachable first (boot_reach). Boot only, before there is an allocator. */
void multiboot1_read(uint32_t information);
void multiboot2_read(uint32_t information);
void pvh_read(uint32_t information);

/* What the loaders' memory maps have in common: e820 types. */
#define E820_RAM 1
void boot_add_range(uint64_t base, uint64_t bytes, uint32_t type);
void boot_add_module(uint64_t base, uint64_t bytes, const char *name);
/* Memory that stays the loader's: not given to the allocator. */
void boot_reserve(uint64_t base, uint64_t bytes);
/* The loader's bytes at a physical address, mapped. */
const void *boot_reach(uint64_t phys, uint64_t bytes);
/* The same for a string: mapped, reserved, at most 64 KiB; "" for address 0. */
const char *boot_string(uint64_t phys);
#endif

#endif
