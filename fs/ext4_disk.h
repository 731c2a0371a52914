/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The disk under an ext4: metadata through the page cache for libext2fs (which reaches it
 * as an io_manager), file data past it. */

#ifndef FS_EXT4_DISK_H
#define FS_EXT4_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h> /* ext2fs.h wants them */
#include <ext2fs/ext2fs.h>
#include <ferrule/block.h>
#include <fs/cache.h>

#define EXT4_RUN_PAGES 32 /* pages moved by one request at most */

struct ext4_disk {
	struct ferrule_block *block;
	uint64_t bytes;
	bool read_only;
	int block_size;		    /* of the channel, as libext2fs last set it */
	struct fs_page_owner pages; /* all of the disk, FS_PAGE_BYTES each */
	/* Metadata not yet written, with a reference on each page. Under the mount's
	 * mutex, as all calls of libext2fs. */
	struct fs_page **dirty;
	unsigned dirty_count, dirty_room;
	bool in_step; /* pages that are not dirty are as on the disk; as above */
};

/* For ext2fs_open2(): its name is the disk's. */
extern struct struct_io_manager ext4_io_manager;
struct ext4_disk *ext4_disk_of(ext2_filsys ext2);

/* Fills pages from `bytes` consecutive bytes at `offset`, with one request. The first page
 * is filled from `skip` on. All are multiples of the disk's block. 0 or -EIO. */
int ext4_disk_read_pages(struct ext4_disk *disk, uint64_t offset, size_t bytes,
			 struct fs_page **pages, size_t skip);
/* The same for writing. */
int ext4_disk_write_pages(struct ext4_disk *disk, uint64_t offset, size_t bytes,
			  struct fs_page **pages, size_t skip);
/* Through the cache of the disk's pages, where what libext2fs wrote is seen at once. Under
 * the mount's mutex. */
int ext4_disk_read(struct ext4_disk *disk, uint64_t offset, size_t bytes, void *out);
/* What libext2fs reads and writes, with its errors. Under the mount's mutex. */
errcode_t ext4_disk_read_range(struct ext4_disk *disk, uint64_t offset, size_t bytes,
			       char *out);
errcode_t ext4_disk_write_range(struct ext4_disk *disk, uint64_t offset, size_t bytes,
				const char *in);
/* Blocks that held metadata may hold file contents now: what of them is cached is brought
 * up to date. Under the mount's mutex. */
void ext4_disk_refresh(struct ext4_disk *disk, uint64_t offset, size_t bytes,
		       struct fs_page **pages, size_t skip);
/* Writes the dirty metadata; then, if the disk has a cache, has it written as well. */
int ext4_disk_flush(struct ext4_disk *disk);

#endif
