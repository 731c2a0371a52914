/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What a door (Multiboot 1, Multiboot 2, PVH) found, in one form. boot/ fills it in
 * before the page allocator exists; the rest of the kernel reads it. */

#ifndef KERNEL_BOOT_INFO_H
#define KERNEL_BOOT_INFO_H

#include <stdbool.h>
#include <stdint.h>

#define BOOT_RANGES_MAX	  128 /* more are reported and left unused */
#define BOOT_MODULES_MAX  16
#define BOOT_RESERVED_MAX 64

struct boot_range {
	uint64_t base, bytes; /* usable RAM */
};

struct boot_module {
	uint64_t base, bytes;
	const char *name; /* its command line, "" if it has none */
};

struct boot_info {
	const char *door;   /* "Multiboot 1", … */
	const char *loader; /* the loader's name, "" if it gave none */
	const char *command_line;
	struct boot_range ranges[BOOT_RANGES_MAX];
	unsigned range_count, ranges_lost;
	struct boot_module modules[BOOT_MODULES_MAX];
	unsigned module_count, modules_lost;
	/* Physical memory that is in use although a range holds it: the image, modules, what
	 * the strings above point to. */
	struct boot_range reserved[BOOT_RESERVED_MAX];
	unsigned reserved_count, reserved_lost;
	uint64_t rsdp; /* physical; 0: not said */
};

extern struct boot_info boot_info;

/* Whether any of [first, last] is RAM: a device that says its registers or its memory lie
 * there would have us write over our own. */
static inline bool boot_ram_within(uint64_t first, uint64_t last)
{
	for (unsigned i = 0; i < boot_info.range_count; i++) {
		const struct boot_range *ram = &boot_info.ranges[i];

		if (first < ram->base + ram->bytes && ram->base <= last)
			return true;
	}
	return false;
}

#endif
