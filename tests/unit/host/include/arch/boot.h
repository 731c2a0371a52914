/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Boot, for the tests: the image is where a test puts it. */

#ifndef ARCH_BOOT_H
#define ARCH_BOOT_H

#include <stdint.h>
#include <arch/mmu.h>

int arch_map_ram(uint64_t base, uint64_t end);

extern char image_start[], image_end[];

#endif
