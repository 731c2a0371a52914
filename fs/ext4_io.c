/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* libext2fs's view of a disk: the io_manager that it reaches fs/ext4_disk.c by. */

#include <errno.h>
#include <string.h>
#include <fs/ext4_disk.h>
#include <kernel/heap.h>

struct ext4_disk *ext4_disk_of(ext2_filsys ext2)
{
	return ext2->io->private_data;
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
	return ext4_disk_read_range(disk, offset, length_of(disk, count), out);
}

static errcode_t io_write_blk64(io_channel channel, unsigned long long block, int count,
				const void *in)
{
	struct ext4_disk *disk = channel->private_data;
	uint64_t offset;

	if (!block_offset(disk, block, &offset))
		return EXT2_ET_SHORT_WRITE;
	return ext4_disk_write_range(disk, offset, length_of(disk, count), in);
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
	return ext4_disk_write_range(channel->private_data, offset, (size_t)count, in);
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
	ferrule_block_release(disk->block);
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
		ferrule_block_release(block);
		return EXT2_ET_NO_MEMORY;
	}
	memcpy(channel->name, name, strlen(name));
	ferrule_block_info(block, &info);
	disk->block = block;
	disk->bytes = info.sectors * FERRULE_SECTOR_BYTES;
	disk->read_only = info.read_only || !(flags & IO_FLAG_RW);
	disk->in_step = true;
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
