/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Writing file contents: into the cached pages and to the disk in the same call, so that
 * cached pages are never newer than the disk. What changes in inodes and maps is metadata,
 * written back later (fs/ext4_io.c). */

#include <errno.h>
#include <string.h>
#include <fs/ext4_private.h>
#include <kernel/time.h>

static void touch(struct ext4_inode *node)
{
	node->raw.i_mtime = node->raw.i_ctime = (__u32)(clock_realtime_ns() /
							(int64_t)NS_PER_SEC);
	node->raw.i_mtime_extra = node->raw.i_ctime_extra = 0;
}

/* The page a write goes to, with what is not overwritten in it. Under node->data. */
static int page_for_write(struct ext4_inode *node, uint64_t index, bool whole,
			  struct fs_page **out)
{
	if (!whole && index * FS_PAGE_BYTES < ext4_size(node))
		return ext4_fill(node, index, 1, out);
	*out = fs_page_get(&node->pages, index);
	if (*out)
		return 0;
	*out = fs_page_new(&node->pages, index);
	if (!*out)
		return -ENOMEM;
	memset((*out)->data, 0, FS_PAGE_BYTES);
	*out = fs_page_add(*out);
	return 0;
}

/* A new block that is larger than what is written of it starts as zeroes. */
static int zero_block(struct ext4 *ext4, uint64_t block, struct fs_page *zeroes)
{
	uint64_t start = block * ext4->block_bytes;
	int error = 0;

	for (uint32_t at = 0; !error && at < ext4->block_bytes; at += FS_PAGE_BYTES) {
		error = ext4_disk_write_pages(ext4->disk, start + at, FS_PAGE_BYTES,
					      &zeroes, 0);
		ext4_disk_refresh(ext4->disk, start + at, FS_PAGE_BYTES, &zeroes, 0);
	}
	return error;
}

static int allocate_block(struct ext4 *ext4, struct ext4_inode *node, uint64_t block)
{
	ext2_ino_t number = (ext2_ino_t)node->inode.number;
	blk64_t physical = 0;
	struct fs_page *zeroes;
	errcode_t error;
	int flags = 0, result;

	error = ext2fs_bmap2(ext4->ext2, number, ext4_raw(node), NULL, 0, block, &flags,
			     &physical);
	if (!error && physical && flags & BMAP_RET_UNINIT) /* reserved, not yet written */
		error = ext2fs_bmap2(ext4->ext2, number, ext4_raw(node), NULL, BMAP_SET,
				     block, NULL, &physical);
	else if (!error && !physical)
		error = ext2fs_bmap2(ext4->ext2, number, ext4_raw(node), NULL, BMAP_ALLOC,
				     block, NULL, &physical);
	else
		return ext4_errno(error);
	if (error || ext4->block_bytes <= FS_PAGE_BYTES)
		return ext4_errno(error);
	zeroes = fs_page_new(&node->pages, UINT64_MAX);
	if (!zeroes)
		return -ENOMEM;
	memset(zeroes->data, 0, FS_PAGE_BYTES);
	result = zero_block(ext4, physical, zeroes);
	fs_page_put(zeroes);
	return result;
}

/* Gives every block of [start, end) a place on the disk; up to *placed all have one. */
static int allocate(struct ext4 *ext4, struct ext4_inode *node, uint64_t start,
		    uint64_t end, uint64_t *placed)
{
	uint64_t last = (end - 1) / ext4->block_bytes;
	struct ext4_run run;
	int error = 0;

	mutex_lock(&ext4->mutex);
	for (uint64_t block = start / ext4->block_bytes; block <= last;) {
		*placed = block * ext4->block_bytes;
		error = ext4_find_run(ext4, node, block, &run);
		if (error)
			break;
		if (!run.hole) {
			block += run.blocks;
			continue;
		}
		error = allocate_block(ext4, node, block++);
		node->run.blocks = 0;
		if (error)
			break;
	}
	mutex_unlock(&ext4->mutex);
	return error;
}

/* Writes [start, end) of the file out of its pages; all of it has its place. */
static int write_out(struct ext4_inode *node, struct fs_page **pages, uint64_t start,
		     uint64_t end)
{
	struct ext4 *ext4 = ext4_of(&node->inode);
	uint64_t base = start - start % FS_PAGE_BYTES, place, bytes;
	bool hole, share = ext4->block_bytes < FS_PAGE_BYTES;
	int error = 0;

	for (uint64_t at = start; at < end; at += bytes) {
		struct fs_page **first = pages + (at - base) / FS_PAGE_BYTES;

		error = ext4_locate(ext4, node, at, &place, &bytes, &hole);
		if (error)
			return error;
		if (hole)
			return -EIO;
		if (bytes > end - at)
			bytes = end - at;
		mutex_lock(&ext4->mutex);
		ext4_disk_refresh(ext4->disk, place, bytes, first, at % FS_PAGE_BYTES);
		/* Small blocks share a page of the disk with metadata: nobody may read
		 * and write that page back before this is on the disk. */
		if (!share)
			mutex_unlock(&ext4->mutex);
		error = ext4_disk_write_pages(ext4->disk, place, bytes, first,
					      at % FS_PAGE_BYTES);
		if (share)
			mutex_unlock(&ext4->mutex);
		if (error)
			return error;
	}
	return 0;
}

static int set_size(struct ext4 *ext4, struct ext4_inode *node, uint64_t size)
{
	errcode_t error;
	int result;

	mutex_lock(&ext4->mutex);
	error = ext2fs_inode_size_set(ext4->ext2, ext4_raw(node), (ext2_off64_t)size);
	touch(node);
	result = error ? ext4_errno(error) : ext4_store(ext4, node);
	if (!error)
		__atomic_store_n(&node->size, size, __ATOMIC_RELEASE);
	mutex_unlock(&ext4->mutex);
	return result;
}

/* After a write that failed: blocks behind the file's end are nobody's. */
static void drop_behind_end(struct ext4_inode *node)
{
	struct ext4 *ext4 = ext4_of(&node->inode);
	uint64_t blocks = (ext4_size(node) + ext4->block_bytes - 1) / ext4->block_bytes;

	mutex_lock(&ext4->mutex);
	if (!ext4_punch(ext4, node, blocks))
		ext4_store(ext4, node);
	mutex_unlock(&ext4->mutex);
}

/* Part of a write, of at most EXT4_RUN_PAGES pages: bytes written, fewer than asked for
 * when the disk is full. Under node->data. */
static ssize_t write_piece(struct ext4_inode *node, const char *in, size_t bytes,
			   uint64_t offset)
{
	struct ext4 *ext4 = ext4_of(&node->inode);
	struct fs_page *pages[EXT4_RUN_PAGES];
	uint64_t unit = ext4->block_bytes < FS_PAGE_BYTES ? ext4->block_bytes
							  : FS_PAGE_BYTES;
	uint64_t end = offset + bytes, first = offset / FS_PAGE_BYTES, placed = 0;
	unsigned count = (unsigned)((end - 1) / FS_PAGE_BYTES - first) + 1, have;
	int error = 0;

	for (have = 0; have < count; have++) {
		uint64_t start = (first + have) * FS_PAGE_BYTES;

		error = page_for_write(node, first + have,
				       offset <= start && end >= start + FS_PAGE_BYTES,
				       &pages[have]);
		if (error)
			break;
	}
	if (!error)
		error = allocate(ext4, node, offset - offset % unit,
				 (end + unit - 1) / unit * unit, &placed);
	if (error == -ENOSPC && placed > offset) {
		end = placed;
		bytes = (size_t)(end - offset);
		error = 0;
	}
	for (size_t done = 0, part; !error && done < bytes; done += part) {
		size_t skip = (offset + done) % FS_PAGE_BYTES;

		part = FS_PAGE_BYTES - skip < bytes - done ? FS_PAGE_BYTES - skip
							   : bytes - done;
		memcpy((char *)pages[(offset + done) / FS_PAGE_BYTES - first]->data +
			       skip,
		       in + done, part);
	}
	if (!error)
		error = write_out(node, pages, offset - offset % unit,
				  (end + unit - 1) / unit * unit);
	while (have)
		fs_page_put(pages[--have]);
	if (!error)
		error = set_size(ext4, node,
				 end > ext4_size(node) ? end : ext4_size(node));
	if (!error)
		return (ssize_t)bytes;
	fs_cache_drop(&node->pages, first); /* whatever they hold, the disk decides */
	if (end > ext4_size(node))
		drop_behind_end(node);
	return error;
}

ssize_t ext4_write(struct inode *inode, const void *in, size_t bytes, uint64_t offset)
{
	struct ext4_inode *node = ext4_node(inode);
	size_t done = 0, part;
	ssize_t written;
	int error;

	if (offset > INT64_MAX || bytes > INT64_MAX - offset)
		return -EFBIG;
	error = ext4_begin_change(ext4_of(inode));
	if (error)
		return error;
	mutex_lock(&node->data);
	while (done < bytes && !error) {
		part = EXT4_RUN_PAGES * FS_PAGE_BYTES - (offset + done) % FS_PAGE_BYTES;
		if (part > bytes - done)
			part = bytes - done;
		written = write_piece(node, (const char *)in + done, part, offset + done);
		if (written < 0)
			error = (int)written;
		else
			done += (size_t)written;
	}
	mutex_unlock(&node->data);
	return done ? (ssize_t)done : error;
}

/* Zeroes what lies behind the new end in its last page, for when the file grows again. */
static int zero_tail(struct ext4_inode *node, uint64_t size)
{
	struct ext4 *ext4 = ext4_of(&node->inode);
	uint64_t start = size - size % FS_PAGE_BYTES, unit, place, bytes, at;
	struct fs_page *page;
	bool hole;
	int error;

	if (size == start)
		return 0;
	error = ext4_fill(node, size / FS_PAGE_BYTES, 1, &page);
	if (error)
		return error;
	memset((char *)page->data + (size - start), 0, FS_PAGE_BYTES - (size - start));
	unit = ext4->block_bytes < FS_PAGE_BYTES ? ext4->block_bytes : FS_PAGE_BYTES;
	at = size - size % unit;
	if (size % unit) {
		error = ext4_locate(ext4, node, at, &place, &bytes, &hole);
		if (!error && !hole)
			error = write_out(node, &page, at, at + unit);
	}
	fs_page_put(page);
	return error;
}

int ext4_punch(struct ext4 *ext4, struct ext4_inode *node, uint64_t first)
{
	struct ext2_super_block *super = ext4->ext2->super;
	blk64_t blocks = ext2fs_blocks_count(super);
	errcode_t error;

	/* ext2fs_punch() of e2fsprogs 1.47.0 takes the file system's last block for one
	 * behind its end; for the time of the call there is one more. */
	ext2fs_blocks_count_set(super, blocks + 1);
	error = ext2fs_punch(ext4->ext2, (ext2_ino_t)node->inode.number, ext4_raw(node),
			     NULL, first, ~UINT64_C(0));
	ext2fs_blocks_count_set(super, blocks);
	node->run.blocks = 0;
	return ext4_errno(error);
}

/* Whether the file's map has no place for the last of so many bytes (ext4 disk layout,
 * "The Contents of inode.i_block"). */
static bool too_long(struct ext4_inode *node, uint64_t bytes)
{
	uint32_t block_bytes = ext4_of(&node->inode)->block_bytes;
	uint64_t block = (bytes - 1) / block_bytes, most = UINT32_MAX;
	uint64_t map = block_bytes / sizeof(uint32_t); /* places in an indirect block */

	map = EXT2_NDIR_BLOCKS + map + map * map + map * map * map;
	if (!(node->raw.i_flags & EXT4_EXTENTS_FL) && map < most)
		most = map;
	return block >= most;
}

int ext4_truncate(struct inode *inode, uint64_t bytes)
{
	struct ext4 *ext4 = ext4_of(inode);
	struct ext4_inode *node = ext4_node(inode);
	uint64_t first = (bytes + ext4->block_bytes - 1) / ext4->block_bytes;
	uint64_t old = ext4_size(node);
	int error = ext4_begin_change(ext4);

	if (error)
		return error;
	mutex_lock(&node->data);
	if (bytes < old)
		error = zero_tail(node, bytes);
	else if (bytes && too_long(node, bytes))
		error = -EFBIG;
	if (!error)
		error = set_size(ext4, node, bytes);
	if (!error && bytes < old) {
		fs_cache_drop(&node->pages, (bytes + FS_PAGE_BYTES - 1) / FS_PAGE_BYTES);
		mutex_lock(&ext4->mutex);
		error = ext4_punch(ext4, node, first);
		if (!error)
			error = ext4_store(ext4, node);
		mutex_unlock(&ext4->mutex);
	}
	mutex_unlock(&node->data);
	return error;
}
