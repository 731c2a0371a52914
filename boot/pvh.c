/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The PVH door (Xen public header arch-x86/hvm/start_info.h). */

#include <boot/doors.h>
#include <kernel/boot_info.h>

#define START_INFO_MAGIC 0x336ec578

struct hvm_start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, command_line, rsdp;
	uint64_t map; /* version 1 on */
	uint32_t map_entries, reserved;
};

struct hvm_module {
	uint64_t base, bytes, command_line, reserved;
};

struct hvm_range {
	uint64_t base, bytes;
	uint32_t type, reserved;
};

void pvh_read(uint32_t information)
{
	const struct hvm_start_info *info = boot_reach(information, sizeof(*info));
	const struct hvm_module *module;
	const struct hvm_range *range;

	boot_info.door = "PVH";
	if (info->magic != START_INFO_MAGIC)
		return;
	boot_info.rsdp = info->rsdp;
	boot_info.command_line = boot_string(info->command_line);
	if (info->version >= 1) {
		range = boot_reach(info->map, info->map_entries * sizeof(*range));
		for (uint32_t i = 0; i < info->map_entries; i++, range++)
			boot_add_range(range->base, range->bytes, range->type);
	}
	module = boot_reach(info->modules, info->module_count * sizeof(*module));
	for (uint32_t i = 0; i < info->module_count; i++, module++)
		boot_add_module(module->base, module->bytes,
				boot_string(module->command_line));
}
