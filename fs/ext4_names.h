/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the changes of directories share: ext4_names.c makes names, ext4_remove.c takes
 * them away, ext4_rename.c does both.
 *
 * Each operation holds the data mutex of the directories it changes, so that no reader
 * fills pages from them meanwhile, and the mount's mutex for all of it, so that other
 * threads see it whole. Names come NUL-terminated from fs/change.c. */

#ifndef FS_EXT4_NAMES_H
#define FS_EXT4_NAMES_H

#include <fs/ext4_private.h>
#include <kernel/time.h>

static inline uint32_t ext4_seconds_now(void)
{
	return (uint32_t)(clock_realtime_ns() / (int64_t)NS_PER_SEC);
}

static inline ext2_ino_t ext4_number(const struct inode *inode)
{
	return (ext2_ino_t)inode->number;
}

/* Takes both mutexes, for a change; 0 or why there can be none. */
int ext4_lock_directory(struct inode *directory);
void ext4_unlock_directory(struct inode *directory);

/* The rest: under these mutexes. */

/* The directory was changed by libext2fs: what we know of it is old. */
void ext4_directory_changed(struct inode *directory);
int ext4_find_entry(struct inode *directory, const char *name, size_t length,
		    ext2_ino_t *out);
unsigned ext4_entry_type(mode_t mode); /* EXT2_FT_... */
int ext4_add_entry(struct inode *directory, const char *name, ext2_ino_t number,
		   mode_t mode);
/* 0, or -ENOTEMPTY. */
int ext4_check_empty(struct ext4 *ext4, const struct inode *directory);
/* One name less; the last one gone, the inode goes with its last user. */
int ext4_drop_link(struct ext4 *ext4, struct inode *inode);
/* A directory's ".." no longer counts as a link to its parent, or does now. */
void ext4_count_subdirectory(struct inode *parent, int change);

#endif
