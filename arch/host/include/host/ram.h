/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The machine's memory, as a back end is told of it. */

#ifndef HOST_RAM_H
#define HOST_RAM_H

#include <stdbool.h>
#include <stdint.h>

/* A stretch of physical memory: [offset, offset + bytes) of the file, mapped at `address`. */
struct host_ram_region {
	int fd;
	uint64_t phys, bytes, offset;
	const void *address;
};

/* RAM of that size, and the program's data behind it. Once, before anything else of the
 * machine; false: Linux refuses, and errno says why. */
bool host_ram_init(uint64_t bytes);

/* Between ram.c and who has the file: memfd.c, or a test's machine. [first, bytes) of it is
 * RAM to be given out; the program's data comes behind, in that many more bytes. */
bool host_ram_map(int fd, uint64_t first, uint64_t bytes);
uint64_t host_ram_data_bytes(void);

/* The index-th region; false past the last. */
bool host_ram_region(unsigned index, struct host_ram_region *out);

#endif
