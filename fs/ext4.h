/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* ext2, ext3 and ext4 on a block device, through libext2fs. */

#ifndef FS_EXT4_H
#define FS_EXT4_H

#include <stdbool.h>

struct ferrule_block;
struct fs_operations;

extern const struct fs_operations ext4_type;
/* Whether the disk carries the superblock's magic number; reads one block. */
bool ext4_probe(struct ferrule_block *disk);

#endif
