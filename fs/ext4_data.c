/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* File contents: from the disk through the page cache, with read-ahead, or straight into
 * the caller's memory. */

#include <errno.h>
#include <string.h>
#include <fs/ext4_private.h>
#include <kernel/log.h>

#define DIRECT_BYTES (64 * 1024) /* least length of a read past the cache */
#define DIRECT_SHARE 4 /* … of files that would fill this part of the cache (1/n) */

/* What the map says is not trusted: a run must lie on the file system. */
static bool run_is_possible(const struct ext4 *ext4, const struct ext4_run *run)
{
	uint64_t total = ext2fs_blocks_count(ext4->ext2->super);

	return run->blocks &&
	       (run->hole ||
		(run->physical < total && run->blocks <= total - run->physical &&
		 run->physical >= ext4->ext2->super->s_first_data_block));
}

/* By the extent tree: one extent is one run. */
static errcode_t find_extent(struct ext4 *ext4, struct ext4_inode *node, uint64_t block,
			     struct ext4_run *out)
{
	ext2_extent_handle_t handle;
	struct ext2fs_extent extent;
	errcode_t error;

	error = ext2fs_extent_open2(ext4->ext2, (ext2_ino_t)node->inode.number,
				    ext4_raw(node), &handle);
	if (error)
		return error;
	error = ext2fs_extent_goto(handle, block);
	if (error == EXT2_ET_EXTENT_NOT_FOUND || error == EXT2_ET_EXTENT_NO_NEXT) {
		*out = (struct ext4_run){ block, 0, 1, true };
		error = 0;
	} else if (!error) {
		error = ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, &extent);
		if (!error &&
		    (block < extent.e_lblk || block - extent.e_lblk >= extent.e_len))
			error = EXT2_ET_EXTENT_INVALID_LENGTH;
		if (!error)
			*out = (struct ext4_run){ extent.e_lblk, extent.e_pblk,
						  extent.e_len,
						  extent.e_flags &
							  EXT2_EXTENT_FLAGS_UNINIT };
	}
	ext2fs_extent_free(handle);
	return error;
}

/* By the block map of ext2 and ext3, block after block while they lie together. */
static errcode_t find_mapped(struct ext4 *ext4, struct ext4_inode *node, uint64_t block,
			     struct ext4_run *out)
{
	uint64_t end = (ext4_size(node) + ext4->block_bytes - 1) / ext4->block_bytes;
	uint64_t most = EXT4_RUN_PAGES * FS_PAGE_BYTES / ext4->block_bytes;
	errcode_t error;
	blk64_t physical;

	*out = (struct ext4_run){ .logical = block };
	do {
		error = ext2fs_bmap2(ext4->ext2, (ext2_ino_t)node->inode.number,
				     ext4_raw(node), NULL, 0, block + out->blocks, NULL,
				     &physical);
		if (error)
			return error;
		if (!out->blocks) {
			out->physical = physical;
			out->hole = !physical;
		} else if (out->hole ? physical != 0
				     : physical != out->physical + out->blocks) {
			break;
		}
		out->blocks++;
	} while (out->blocks < most && block + out->blocks < end);
	return 0;
}

int ext4_find_run(struct ext4 *ext4, struct ext4_inode *node, uint64_t block,
		  struct ext4_run *out)
{
	struct ext4_run *run = &node->run;
	errcode_t error = 0;
	uint64_t skip;

	if (block < run->logical || block - run->logical >= run->blocks) {
		if (node->raw.i_flags & EXT4_EXTENTS_FL)
			error = find_extent(ext4, node, block, run);
		else
			error = find_mapped(ext4, node, block, run);
		if (!error && !run_is_possible(ext4, run))
			error = EXT2_ET_BAD_BLOCK_NUM;
		if (error) {
			run->blocks = 0;
			log_warn("ext4: %s: no place for block %llu of inode %llu (%ld)",
				 ext4->fs.source, (unsigned long long)block,
				 (unsigned long long)node->inode.number, (long)error);
			return ext4_errno(error);
		}
	}
	skip = block - run->logical;
	*out = (struct ext4_run){ block, run->hole ? 0 : run->physical + skip,
				  run->blocks - skip, run->hole };
	return 0;
}

int ext4_locate(struct ext4 *ext4, struct ext4_inode *node, uint64_t offset,
		uint64_t *place, uint64_t *bytes, bool *hole)
{
	uint32_t within = (uint32_t)(offset % ext4->block_bytes);
	struct ext4_run run;
	int error;

	mutex_lock(&ext4->mutex);
	error = ext4_find_run(ext4, node, offset / ext4->block_bytes, &run);
	mutex_unlock(&ext4->mutex);
	if (error)
		return error;
	*place = run.physical * ext4->block_bytes + within;
	*bytes = run.blocks * ext4->block_bytes - within;
	*hole = run.hole;
	return 0;
}

static void zero_pages(struct fs_page **pages, size_t skip, size_t bytes)
{
	for (size_t part; bytes; bytes -= part, skip = 0, pages++) {
		part = FS_PAGE_BYTES - skip < bytes ? FS_PAGE_BYTES - skip : bytes;
		memset((char *)(*pages)->data + skip, 0, part);
	}
}

/* Directories are what libext2fs writes: they come through the cache it writes to. */
static int read_directory_pages(struct ext4 *ext4, uint64_t place, size_t bytes,
				struct fs_page **pages, size_t skip)
{
	int error = 0;

	mutex_lock(&ext4->mutex);
	for (size_t part; bytes && !error;
	     bytes -= part, place += part, skip = 0, pages++) {
		part = FS_PAGE_BYTES - skip < bytes ? FS_PAGE_BYTES - skip : bytes;
		error = ext4_disk_read(ext4->disk, place, part,
				       (char *)(*pages)->data + skip);
	}
	mutex_unlock(&ext4->mutex);
	return error;
}

/* Fills consecutive pages of the file, with a request for each run. */
static int read_pages(struct ext4_inode *node, uint64_t index, struct fs_page **pages,
		      unsigned count)
{
	struct ext4 *ext4 = ext4_of(&node->inode);
	uint64_t start = index * FS_PAGE_BYTES, end = start + count * FS_PAGE_BYTES;
	uint64_t size = ext4_size(node), place, bytes;
	bool hole;
	int error;

	for (uint64_t at = start; at < end; at += bytes) {
		struct fs_page **first = pages + (at - start) / FS_PAGE_BYTES;

		if (at >= size) { /* blocks behind the end may exist; nobody reads them */
			zero_pages(first, at % FS_PAGE_BYTES, end - at);
			break;
		}
		error = ext4_locate(ext4, node, at, &place, &bytes, &hole);
		if (error)
			return error;
		if (bytes > end - at)
			bytes = end - at;
		if (hole)
			zero_pages(first, at % FS_PAGE_BYTES, bytes);
		else if (S_ISDIR(node->inode.mode))
			error = read_directory_pages(ext4, place, bytes, first,
						     at % FS_PAGE_BYTES);
		else
			error = ext4_disk_read_pages(ext4->disk, place, bytes, first,
						     at % FS_PAGE_BYTES);
		if (error)
			return error;
	}
	if (size > start && size < end) /* what a later, larger size would uncover */
		zero_pages(pages + (size - start) / FS_PAGE_BYTES, size % FS_PAGE_BYTES,
			   FS_PAGE_BYTES - size % FS_PAGE_BYTES);
	return 0;
}

/* How many pages to read from `index` on: what is asked for; more, and ever more, when
 * the file is read from front to back. */
static unsigned choose_count(struct ext4_inode *node, uint64_t index, uint64_t want)
{
	uint64_t size = ext4_size(node);
	uint64_t left = (size + FS_PAGE_BYTES - 1) / FS_PAGE_BYTES;
	uint64_t count = want;

	left = left > index ? left - index : 1;
	node->window = index == node->next_page ? 2 * node->window + 1 : 0;
	if (node->window > EXT4_RUN_PAGES)
		node->window = EXT4_RUN_PAGES;
	if (count < node->window)
		count = node->window;
	if (count > left)
		count = left;
	if (count > EXT4_RUN_PAGES)
		count = EXT4_RUN_PAGES;
	return count ? (unsigned)count : 1;
}

int ext4_fill(struct ext4_inode *node, uint64_t index, uint64_t want,
	      struct fs_page **out)
{
	struct fs_page *pages[EXT4_RUN_PAGES], *there;
	unsigned count, have;
	int error;

	*out = fs_page_get(&node->pages, index);
	if (*out)
		return 0;
	count = choose_count(node, index, want);
	for (have = 0; have < count; have++) {
		there = have ? fs_page_get(&node->pages, index + have) : NULL;
		if (there) {
			fs_page_put(there);
			break;
		}
		pages[have] = fs_page_new(&node->pages, index + have);
		if (!pages[have])
			break;
	}
	if (!have)
		return -ENOMEM;
	error = read_pages(node, index, pages, have);
	for (unsigned i = 0; i < have; i++) {
		if (!error)
			pages[i] = fs_page_add(pages[i]);
		if (error || i)
			fs_page_put(pages[i]);
	}
	node->next_page = index + have;
	*out = pages[0];
	return error;
}

/* A long read of a file too large to be kept: from the disk into the caller's memory, a
 * run at a time. Bytes read, 0 if this is not such a read. Under node->data. */
static ssize_t read_direct(struct ext4_inode *node, char *out, size_t bytes,
			   uint64_t offset)
{
	struct ext4 *ext4 = ext4_of(&node->inode);
	struct fs_cache_stats cache;
	uint64_t place, length;
	bool hole;
	int error;

	if (bytes < DIRECT_BYTES || offset % FS_PAGE_BYTES)
		return 0;
	fs_cache_stats(&cache);
	if (ext4_size(node) < cache.limit / DIRECT_SHARE * FS_PAGE_BYTES)
		return 0;
	error = ext4_locate(ext4, node, offset, &place, &length, &hole);
	if (error)
		return error;
	if (length > bytes)
		length = bytes;
	length -= length % FS_PAGE_BYTES;
	if (!length)
		return 0;
	if (hole)
		memset(out, 0, length);
	else if (place > ext4->disk->bytes || length > ext4->disk->bytes - place)
		return -EIO;
	else if (ferrule_block_read(ext4->disk->block, place / FERRULE_SECTOR_BYTES, out,
				    length))
		return -EIO;
	return (ssize_t)length;
}

/* The part of a read that is not in the cache. */
static ssize_t read_missing(struct ext4_inode *node, char *out, size_t bytes,
			    uint64_t offset)
{
	size_t start = offset % FS_PAGE_BYTES, part = FS_PAGE_BYTES - start;
	struct fs_page *page;
	ssize_t done;
	int error;

	mutex_lock(&node->data);
	done = read_direct(node, out, bytes, offset);
	if (!done) {
		error = ext4_fill(node, offset / FS_PAGE_BYTES,
				  (start + bytes + FS_PAGE_BYTES - 1) / FS_PAGE_BYTES,
				  &page);
		done = error;
	}
	mutex_unlock(&node->data);
	if (done)
		return done;
	if (part > bytes)
		part = bytes;
	memcpy(out, (char *)page->data + start, part);
	fs_page_put(page);
	return (ssize_t)part;
}

ssize_t ext4_read(struct inode *inode, void *out, size_t bytes, uint64_t offset)
{
	struct ext4_inode *node = ext4_node(inode);
	uint64_t size = ext4_size(node);
	size_t done = 0;

	if (offset >= size)
		return 0;
	if (bytes > size - offset)
		bytes = (size_t)(size - offset);
	while (done < bytes) {
		size_t start = offset % FS_PAGE_BYTES, part = FS_PAGE_BYTES - start;
		struct fs_page *page = fs_page_get(&node->pages, offset / FS_PAGE_BYTES);
		ssize_t got;

		if (part > bytes - done)
			part = bytes - done;
		if (page) {
			memcpy((char *)out + done, (char *)page->data + start, part);
			fs_page_put(page);
			got = (ssize_t)part;
		} else {
			got = read_missing(node, (char *)out + done, bytes - done,
					   offset);
		}
		if (got < 0)
			return done ? (ssize_t)done : got;
		done += (size_t)got;
		offset += (size_t)got;
	}
	return (ssize_t)done;
}
