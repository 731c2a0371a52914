/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The Multiboot 1 door (Multiboot Specification 0.6.96 §3.3). */

#include <string.h>
#include <boot/doors.h>
#include <kernel/boot_info.h>

enum multiboot1_flag {
	HAS_MEMORY = 1 << 0,
	HAS_COMMAND_LINE = 1 << 2,
	HAS_MODULES = 1 << 3,
	HAS_MEMORY_MAP = 1 << 6,
	HAS_LOADER_NAME = 1 << 9,
};

struct multiboot1_information {
	uint32_t flags;
	uint32_t memory_lower_kib, memory_upper_kib;
	uint32_t boot_device;
	uint32_t command_line;
	uint32_t module_count, modules;
	uint32_t symbols[4];
	uint32_t map_bytes, map;
	uint32_t drives_bytes, drives;
	uint32_t config_table;
	uint32_t loader_name;
};

struct multiboot1_module {
	uint32_t start, end, name, reserved;
};

struct multiboot1_range {
	uint32_t size; /* of what follows */
	uint64_t base, bytes;
	uint32_t type;
} __attribute__((packed));

static void read_map(uint32_t map, uint32_t map_bytes)
{
	const uint8_t *at = boot_reach(map, map_bytes), *end = at + map_bytes;

	while (end - at >= (long)sizeof(struct multiboot1_range)) {
		const struct multiboot1_range *range = (const void *)at;

		boot_add_range(range->base, range->bytes, range->type);
		at += range->size + sizeof(range->size);
	}
}

/* QEMU puts the image's file name before the command line, as Multiboot 0.6.96 §3.3 has it;
 * GRUB does not. */
static const char *without_file_name(const char *line)
{
	if (strcmp(boot_info.loader, "qemu"))
		return line;
	while (*line && *line != ' ')
		line++;
	return line;
}

void multiboot1_read(uint32_t information)
{
	const struct multiboot1_information *info = boot_reach(information,
							       sizeof(*info));

	boot_info.door = "Multiboot 1";
	if (info->flags & HAS_MEMORY_MAP) {
		read_map(info->map, info->map_bytes);
	} else if (info->flags & HAS_MEMORY) {
		boot_add_range(0, info->memory_lower_kib * UINT64_C(1024), E820_RAM);
		boot_add_range(0x100000, info->memory_upper_kib * UINT64_C(1024),
			       E820_RAM);
	}
	if (info->flags & HAS_LOADER_NAME)
		boot_info.loader = boot_string(info->loader_name);
	if (info->flags & HAS_COMMAND_LINE)
		boot_info.command_line = without_file_name(
			boot_string(info->command_line));
	if (info->flags & HAS_MODULES) {
		const struct multiboot1_module *module = boot_reach(
			info->modules, info->module_count * sizeof(*module));

		for (uint32_t i = 0; i < info->module_count; i++, module++)
			boot_add_module(module->start, module->end - module->start,
					boot_string(module->name));
	}
}
