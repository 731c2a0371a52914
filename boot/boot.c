/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The common path behind the doors: boot_info is filled in, then the kernel starts. */

#include <arch/boot.h>
#include <boot/doors.h>
#include <kernel/boot_info.h>
#include <kernel/init.h>

#define STRING_MAX_BYTES 65536

struct boot_info boot_info;

const void *boot_reach(uint64_t phys, uint64_t bytes)
{
	arch_direct_map(phys, bytes);
	return phys_to_virt(phys);
}

const char *boot_string(uint64_t phys)
{
	const char *text;
	uint64_t bytes = 0;

	if (!phys)
		return "";
	text = boot_reach(phys, STRING_MAX_BYTES);
	while (bytes < STRING_MAX_BYTES && text[bytes])
		bytes++;
	if (bytes == STRING_MAX_BYTES)
		return "";
	boot_reserve(phys, bytes + 1);
	return text;
}

void boot_reserve(uint64_t base, uint64_t bytes)
{
	if (boot_info.reserved_count == BOOT_RESERVED_MAX)
		boot_info.reserved_lost++;
	else
		boot_info.reserved[boot_info.reserved_count++] = (struct boot_range){
			base, bytes
		};
}

void boot_add_range(uint64_t base, uint64_t bytes, uint32_t type)
{
	if (type != E820_RAM)
		return;
	if (boot_info.range_count == BOOT_RANGES_MAX)
		boot_info.ranges_lost++;
	else
		boot_info.ranges[boot_info.range_count++] = (struct boot_range){ base,
										 bytes };
}

void boot_add_module(uint64_t base, uint64_t bytes, const char *name)
{
	if (boot_info.module_count == BOOT_MODULES_MAX) {
		boot_info.modules_lost++;
		return;
	}
	boot_reserve(base, bytes);
	boot_info.modules[boot_info.module_count++] = (struct boot_module){ base, bytes,
									    name };
}

/* From doors.S, on the boot stack, with the image mapped and nothing else. */
_Noreturn void boot_main(uint32_t door, uint32_t information)
{
	arch_boot_cpu();
	boot_info.loader = boot_info.command_line = "";
	if (door == DOOR_MULTIBOOT1)
		multiboot1_read(information);
	else if (door == DOOR_MULTIBOOT2)
		multiboot2_read(information);
	else
		pvh_read(information);
	kernel_main();
}
