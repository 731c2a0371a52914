/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* libext2fs's view of a disk: blocks read and written through the page cache, and written
 * back when it asks for a flush.
 *
 * What libext2fs asks for comes from the disk's contents, which may be corrupt: every
 * access is checked against the disk's size. */

#include <errno.h>
#include <string.h>
#include <fs/ext4_disk.h>
#include <kernel/heap.h>

#define BATCH	  16   /* write requests in flight in a flush */
#define DIRTY_MAX 1024 /* pages: more are written without waiting for a flush */

struct ext4_disk *ext4_disk_of(ext2_filsys ext2)
{
	return ext2->io->private_data;
}

static bool inside(const struct ext4_disk *disk, uint64_t offset, uint64_t bytes)
{
	return offset <= disk->bytes && bytes <= disk->bytes - offset;
}

static int move_pages(struct ext4_disk *disk, enum ferrule_block_operation operation,
		      uint64_t offset, size_t bytes, struct fs_page **pages, size_t skip)
{
	struct ferrule_block_segment segments[EXT4_RUN_PAGES + 1];
	struct ferrule_block_request request = {
		.operation = operation,
		.sector = offset / FERRULE_SECTOR_BYTES,
		.segments = segments,
	}, *list = &request;
	unsigned count = 0;

	if (!inside(disk, offset, bytes))
		return -EIO;
	for (size_t done = 0, part; done < bytes; done += part, skip = 0) {
		part = FS_PAGE_BYTES - skip;
		if (part > bytes - done)
			part = bytes - done;
		segments[count].data = (char *)pages[count]->data + skip;
		segments[count++].bytes = part;
	}
	request.segment_count = count;
	ferrule_block_submit(disk->block, &list, 1);
	return ferrule_block_wait(&request) ? -EIO : 0;
}

int ext4_disk_read_pages(struct ext4_disk *disk, uint64_t offset, size_t bytes,
			 struct fs_page **pages, size_t skip)
{
	return move_pages(disk, FERRULE_BLOCK_READ, offset, bytes, pages, skip);
}

int ext4_disk_write_pages(struct ext4_disk *disk, uint64_t offset, size_t bytes,
			  struct fs_page **pages, size_t skip)
{
	return move_pages(disk, FERRULE_BLOCK_WRITE, offset, bytes, pages, skip);
}

void ext4_disk_refresh(struct ext4_disk *disk, uint64_t offset, size_t bytes,
		       struct fs_page **pages, size_t skip)
{
	while (bytes) {
		size_t to = offset % FS_PAGE_BYTES, part = FS_PAGE_BYTES - to;
		struct fs_page *page = fs_page_get(&disk->pages, offset / FS_PAGE_BYTES);

		if (part > FS_PAGE_BYTES - skip)
			part = FS_PAGE_BYTES - skip;
		if (part > bytes)
			part = bytes;
		if (page) {
			memcpy((char *)page->data + to, (char *)(*pages)->data + skip,
			       part);
			fs_page_put(page);
		}
		offset += part;
		bytes -= part;
		skip += part;
		if (skip == FS_PAGE_BYTES) {
			skip = 0;
			pages++;
		}
	}
}

/* How much of page `index` the disk has. */
static size_t page_length(const struct ext4_disk *disk, uint64_t index)
{
	uint64_t rest = disk->bytes - index * FS_PAGE_BYTES;

	return rest < FS_PAGE_BYTES ? (size_t)rest : FS_PAGE_BYTES;
}

/* Reads `count` pages that are not in the cache into it, in one request. The first is
 * returned with a reference. */
static errcode_t fetch(struct ext4_disk *disk, uint64_t index, unsigned count,
		       struct fs_page **out)
{
	struct fs_page *pages[EXT4_RUN_PAGES];
	unsigned have = 0;
	size_t bytes = 0;
	int error;

	while (have < count && page_length(disk, index + have) == FS_PAGE_BYTES) {
		pages[have] = fs_page_new(&disk->pages, index + have);
		if (!pages[have])
			break;
		have++;
		bytes += FS_PAGE_BYTES;
	}
	if (!have) { /* the disk's last, short page; or no memory */
		pages[0] = fs_page_new(&disk->pages, index);
		if (!pages[0])
			return EXT2_ET_NO_MEMORY;
		bytes = page_length(disk, index);
		memset(pages[0]->data, 0, FS_PAGE_BYTES);
		have = 1;
	}
	error = ext4_disk_read_pages(disk, index * FS_PAGE_BYTES, bytes, pages, 0);
	for (unsigned i = 0; i < have; i++) {
		if (!error)
			pages[i] = fs_page_add(pages[i]);
		if (error || i)
			fs_page_put(pages[i]);
	}
	*out = pages[0];
	return error ? EXT2_ET_SHORT_READ : 0;
}

/* The page, read if need be together with those of the `bytes` behind it. */
static errcode_t get_page(struct ext4_disk *disk, uint64_t index, size_t bytes,
			  struct fs_page **out)
{
	uint64_t last = index + (bytes ? (bytes - 1) / FS_PAGE_BYTES : 0);
	struct fs_page *page;
	unsigned count = 1;

	*out = fs_page_get(&disk->pages, index);
	if (*out)
		return 0;
	while (count < EXT4_RUN_PAGES && index + count <= last) {
		page = fs_page_get(&disk->pages, index + count);
		if (page) {
			fs_page_put(page);
			break;
		}
		count++;
	}
	return fetch(disk, index, count, out);
}

static errcode_t read_range(struct ext4_disk *disk, uint64_t offset, size_t bytes,
			    char *out)
{
	struct fs_page *page;
	errcode_t error;

	if (!inside(disk, offset, bytes))
		return EXT2_ET_SHORT_READ;
	while (bytes) {
		size_t start = offset % FS_PAGE_BYTES, part = FS_PAGE_BYTES - start;

		if (part > bytes)
			part = bytes;
		error = get_page(disk, offset / FS_PAGE_BYTES, start + bytes, &page);
		if (error)
			return error;
		memcpy(out, (char *)page->data + start, part);
		fs_page_put(page);
		out += part;
		offset += part;
		bytes -= part;
	}
	return 0;
}

int ext4_disk_read(struct ext4_disk *disk, uint64_t offset, size_t bytes, void *out)
{
	errcode_t error = read_range(disk, offset, bytes, out);

	return error == EXT2_ET_NO_MEMORY ? -ENOMEM : error ? -EIO : 0;
}

static int write_batch(struct ext4_disk *disk, struct fs_page **pages, unsigned count)
{
	struct ferrule_block_segment segments[BATCH];
	struct ferrule_block_request requests[BATCH], *list[BATCH];
	int error = 0;

	for (unsigned i = 0; i < count; i++) {
		segments[i].data = pages[i]->data;
		segments[i].bytes = page_length(disk, pages[i]->index);
		requests[i] = (struct ferrule_block_request){
			.operation = FERRULE_BLOCK_WRITE,
			.sector = pages[i]->index *
				  (FS_PAGE_BYTES / FERRULE_SECTOR_BYTES),
			.segments = &segments[i],
			.segment_count = 1,
		};
		list[i] = &requests[i];
	}
	ferrule_block_submit(disk->block, list, count);
	for (unsigned i = 0; i < count; i++)
		if (ferrule_block_wait(&requests[i]))
			error = -EIO;
	return error;
}

/* Pages that cannot be written stay dirty, for another try. */
static int write_dirty(struct ext4_disk *disk)
{
	unsigned done = 0, count;
	int error = 0;

	while (done < disk->dirty_count && !error) {
		count = disk->dirty_count - done;
		if (count > BATCH)
			count = BATCH;
		error = write_batch(disk, disk->dirty + done, count);
		for (unsigned i = done; !error && i < done + count; i++) {
			disk->dirty[i]->dirty = false;
			fs_page_put(disk->dirty[i]);
		}
		if (!error)
			done += count;
	}
	memmove(disk->dirty, disk->dirty + done,
		(disk->dirty_count - done) * sizeof(struct fs_page *));
	disk->dirty_count -= done;
	return error;
}

int ext4_disk_flush(struct ext4_disk *disk)
{
	struct ferrule_block_info info;
	int error = disk->dirty_count ? write_dirty(disk) : 0;

	ferrule_block_info(disk->block, &info);
	if (!error && info.flushable && !disk->read_only)
		error = ferrule_block_flush(disk->block) ? -EIO : 0;
	return error;
}

/* Notes that a page must be written; takes the reference. */
static errcode_t make_dirty(struct ext4_disk *disk, struct fs_page *page)
{
	struct fs_page **larger;
	int error;

	if (page->dirty) {
		fs_page_put(page);
		return 0;
	}
	if (disk->dirty_count >= DIRTY_MAX && write_dirty(disk))
		goto through;
	if (disk->dirty_count == disk->dirty_room) {
		unsigned room = disk->dirty_room ? 2 * disk->dirty_room : 64;

		larger = krealloc(disk->dirty, room * sizeof(struct fs_page *));
		if (!larger)
			goto through;
		disk->dirty = larger;
		disk->dirty_room = room;
	}
	page->dirty = true;
	disk->dirty[disk->dirty_count++] = page;
	return 0;
through:
	error = write_batch(disk, &page, 1);
	fs_page_put(page);
	return error ? EXT2_ET_SHORT_WRITE : 0;
}

static errcode_t write_range(struct ext4_disk *disk, uint64_t offset, size_t bytes,
			     const char *in)
{
	struct fs_page *page;
	errcode_t error;

	if (disk->read_only)
		return EXT2_ET_RO_FILSYS;
	if (!inside(disk, offset, bytes))
		return EXT2_ET_SHORT_WRITE;
	while (bytes) {
		size_t start = offset % FS_PAGE_BYTES, part = FS_PAGE_BYTES - start;

		if (part > bytes)
			part = bytes;
		error = get_page(disk, offset / FS_PAGE_BYTES, 0, &page);
		if (error)
			return error;
		memcpy((char *)page->data + start, in, part);
		error = make_dirty(disk, page);
		if (error)
			return error;
		in += part;
		offset += part;
		bytes -= part;
	}
	return 0;
}

/* A negative count is a number of bytes, a positive one of blocks (ext2_io.h's way). */
static size_t length_of(const struct ext4_disk *disk, int count)
{
	return count < 0 ? -(size_t)count : (size_t)count * (size_t)disk->block_size;
}

static bool block_offset(const struct ext4_disk *disk, unsigned long long block,
			 uint64_t *offset)
{
	return !__builtin_mul_overflow(block, (uint64_t)disk->block_size, offset);
}

static errcode_t io_read_blk64(io_channel channel, unsigned long long block, int count,
			       void *out)
{
	struct ext4_disk *disk = channel->private_data;
	uint64_t offset;

	if (!block_offset(disk, block, &offset))
		return EXT2_ET_SHORT_READ;
	return read_range(disk, offset, length_of(disk, count), out);
}

static errcode_t io_write_blk64(io_channel channel, unsigned long long block, int count,
				const void *in)
{
	struct ext4_disk *disk = channel->private_data;
	uint64_t offset;

	if (!block_offset(disk, block, &offset))
		return EXT2_ET_SHORT_WRITE;
	return write_range(disk, offset, length_of(disk, count), in);
}

static errcode_t io_read_blk(io_channel channel, unsigned long block, int count,
			     void *out)
{
	return io_read_blk64(channel, block, count, out);
}

static errcode_t io_write_blk(io_channel channel, unsigned long block, int count,
			      const void *in)
{
	return io_write_blk64(channel, block, count, in);
}

static errcode_t io_write_byte(io_channel channel, unsigned long offset, int count,
			       const void *in)
{
	if (count < 0)
		return EXT2_ET_INVALID_ARGUMENT;
	return write_range(channel->private_data, offset, (size_t)count, in);
}

static errcode_t io_flush(io_channel channel)
{
	return ext4_disk_flush(channel->private_data) ? EXT2_ET_SHORT_WRITE : 0;
}

static errcode_t io_set_blksize(io_channel channel, int block_size)
{
	struct ext4_disk *disk = channel->private_data;

	if (block_size < EXT2_MIN_BLOCK_SIZE || block_size > EXT2_MAX_BLOCK_SIZE)
		return EXT2_ET_INVALID_ARGUMENT;
	channel->block_size = disk->block_size = block_size;
	return 0;
}

static errcode_t io_close(io_channel channel)
{
	struct ext4_disk *disk = channel->private_data;
	errcode_t error;

	if (--channel->refcount > 0)
		return 0;
	error = io_flush(channel);
	for (unsigned i = 0; i < disk->dirty_count; i++) /* lost: the disk refused them */
		fs_page_put(disk->dirty[i]);
	fs_cache_drop(&disk->pages, 0);
	kfree(disk->dirty);
	kfree(disk);
	kfree(channel->name);
	kfree(channel);
	return error;
}

static errcode_t io_open(const char *name, int flags, io_channel *out)
{
	struct ferrule_block *block = ferrule_block_find(name);
	struct ferrule_block_info info;
	struct ext4_disk *disk;
	io_channel channel;

	if (!block)
		return ENODEV;
	channel = kzalloc(sizeof(*channel));
	disk = kzalloc(sizeof(*disk));
	if (channel)
		channel->name = kzalloc(strlen(name) + 1);
	if (!channel || !disk || !channel->name) {
		if (channel)
			kfree(channel->name);
		kfree(channel);
		kfree(disk);
		return EXT2_ET_NO_MEMORY;
	}
	memcpy(channel->name, name, strlen(name));
	ferrule_block_info(block, &info);
	disk->block = block;
	disk->bytes = info.sectors * FERRULE_SECTOR_BYTES;
	disk->read_only = info.read_only || !(flags & IO_FLAG_RW);
	disk->block_size = EXT2_MIN_BLOCK_SIZE;
	channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	channel->manager = &ext4_io_manager;
	channel->block_size = EXT2_MIN_BLOCK_SIZE;
	channel->refcount = 1;
	channel->private_data = disk;
	*out = channel;
	return 0;
}

struct struct_io_manager ext4_io_manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "Ferrule block device",
	.open = io_open,
	.close = io_close,
	.set_blksize = io_set_blksize,
	.read_blk = io_read_blk,
	.write_blk = io_write_blk,
	.flush = io_flush,
	.write_byte = io_write_byte,
	.read_blk64 = io_read_blk64,
	.write_blk64 = io_write_blk64,
};
