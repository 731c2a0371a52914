/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What a program does with a disk, for the target of each driver that has some. */

#ifndef FUZZ_DISK_H
#define FUZZ_DISK_H

#include <virtio/device/disk.h>
#include "fuzz.h"

/* In place of virtio/device/every_disk.c: there is the target's driver alone. */
const void *const disk_drivers[] = { NULL };

enum { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_ZERO };

static inline void disk_use(struct ferrule_block *disk, unsigned what, void *memory,
			    unsigned bytes, struct mock_chaos *chaos)
{
	switch (what) {
	case DISK_READ:
		ferrule_block_read(disk, mock_chaos_byte(chaos), memory, bytes);
		break;
	case DISK_WRITE:
		ferrule_block_write(disk, mock_chaos_byte(chaos), memory, bytes);
		break;
	case DISK_FLUSH:
		ferrule_block_flush(disk);
		break;
	default:
		ferrule_block_range(disk, FERRULE_BLOCK_WRITE_ZEROES, 0,
				    mock_chaos_byte(chaos));
	}
}

static inline struct ferrule_block_info disk_info(struct ferrule_block *disk)
{
	struct ferrule_block_info info;

	ferrule_block_info(disk, &info);
	FUZZ_ASSERT(memchr(info.serial, 0, sizeof(info.serial)));
	return info;
}

#endif
