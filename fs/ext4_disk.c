/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A disk's blocks, read and written through the page cache, and written back when somebody
 * asks for a flush.
 *
 * What libext2fs asks for comes from the disk's contents, which may be corrupt: every
 * access is checked against the disk's size. */

#include <errno.h>
#include <string.h>
#include <fs/ext4_disk.h>
#include <kernel/heap.h>

#define BATCH	  16   /* write requests in flight in a flush */
#define DIRTY_MAX 1024 /* pages: more are written without waiting for a flush */

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

errcode_t ext4_disk_read_range(struct ext4_disk *disk, uint64_t offset, size_t bytes,
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
	errcode_t error = ext4_disk_read_range(disk, offset, bytes, out);

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
	if (error)
		disk->in_step = false;
	fs_page_put(page);
	return error ? EXT2_ET_SHORT_WRITE : 0;
}

errcode_t ext4_disk_write_range(struct ext4_disk *disk, uint64_t offset, size_t bytes,
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
		if (disk->in_step && memcmp((char *)page->data + start, in, part) == 0) {
			fs_page_put(page); /* libext2fs writes much that is the same */
		} else {
			memcpy((char *)page->data + start, in, part);
			error = make_dirty(disk, page);
			if (error)
				return error;
		}
		in += part;
		offset += part;
		bytes -= part;
	}
	return 0;
}
