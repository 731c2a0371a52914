/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The Multiboot 2 door (Multiboot2 Specification 2.0 §3.6): a list of tags. */

#include <boot/doors.h>
#include <kernel/boot_info.h>

enum multiboot2_tag_type {
	TAG_END = 0,
	TAG_COMMAND_LINE = 1,
	TAG_LOADER_NAME = 2,
	TAG_MODULE = 3,
	TAG_MEMORY_MAP = 6,
	TAG_ACPI_OLD = 14,
	TAG_ACPI_NEW = 15,
};

struct multiboot2_tag {
	uint32_t type, size;
};

struct multiboot2_module {
	struct multiboot2_tag tag;
	uint32_t start, end;
	char name[];
};

struct multiboot2_map {
	struct multiboot2_tag tag;
	uint32_t entry_size, entry_version;
};

struct multiboot2_range {
	uint64_t base, bytes;
	uint32_t type, reserved;
};

static void read_map(const struct multiboot2_map *map)
{
	const uint8_t *at = (const uint8_t *)(map + 1);
	const uint8_t *end = (const uint8_t *)map + map->tag.size;

	if (map->entry_size < sizeof(struct multiboot2_range))
		return;
	for (; end - at >= (long)map->entry_size; at += map->entry_size) {
		const struct multiboot2_range *range = (const void *)at;

		boot_add_range(range->base, range->bytes, range->type);
	}
}

static void read_tag(const struct multiboot2_tag *tag, uint64_t phys)
{
	const struct multiboot2_module *module = (const void *)tag;

	switch (tag->type) {
	case TAG_COMMAND_LINE:
		boot_info.command_line = (const char *)(tag + 1);
		break;
	case TAG_LOADER_NAME:
		boot_info.loader = (const char *)(tag + 1);
		break;
	case TAG_MODULE:
		boot_add_module(module->start, module->end - module->start, module->name);
		break;
	case TAG_MEMORY_MAP:
		read_map((const void *)tag);
		break;
	case TAG_ACPI_OLD:
		if (!boot_info.rsdp)
			boot_info.rsdp = phys + sizeof(*tag);
		break;
	case TAG_ACPI_NEW:
		boot_info.rsdp = phys + sizeof(*tag);
		break;
	default:
		break;
	}
}

void multiboot2_read(uint32_t information)
{
	uint32_t total = *(const uint32_t *)boot_reach(information, 8), at = 8;
	const uint8_t *base = boot_reach(information, total);

	boot_info.door = "Multiboot 2";
	boot_reserve(information, total); /* strings and the RSDP copy stay in place */
	while (at + sizeof(struct multiboot2_tag) <= total) {
		const struct multiboot2_tag *tag = (const void *)(base + at);

		if (tag->type == TAG_END || tag->size < sizeof(*tag) ||
		    tag->size > total - at)
			break;
		read_tag(tag, (uint64_t)information + at);
		at += (tag->size + 7) & ~7u;
	}
}
