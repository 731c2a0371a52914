/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* ext2, ext3, ext4: mounting, and what the disk as a whole says. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <fs/ext4.h>
#include <fs/ext4_private.h>
#include <kernel/format.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/time.h>

#define SUPERBLOCK_OFFSET 1024

int ext4_errno(errcode_t error)
{
	switch (error) {
	case 0:
		return 0;
	case EXT2_ET_NO_MEMORY:
		return -ENOMEM;
	case EXT2_ET_FILE_NOT_FOUND:
		return -ENOENT;
	case EXT2_ET_DIR_EXISTS:
	case EXT2_ET_FILE_EXISTS:
		return -EEXIST;
	case EXT2_ET_BLOCK_ALLOC_FAIL:
	case EXT2_ET_INODE_ALLOC_FAIL:
	case EXT2_ET_DIR_NO_SPACE:
		return -ENOSPC;
	case EXT2_ET_FILE_TOO_BIG:
		return -EFBIG;
	case EXT2_ET_RO_FILSYS:
	case EXT2_ET_FILE_RO:
		return -EROFS;
	case EXT2_ET_UNSUPP_FEATURE:
	case EXT2_ET_RO_UNSUPP_FEATURE:
	case EXT2_ET_REV_TOO_HIGH:
		return -ENOTSUP;
	case EXT2_ET_BAD_MAGIC:
	case EXT2_ET_CORRUPT_SUPERBLOCK:
	case EXT2_ET_SB_CSUM_INVALID:
		return -EINVAL;
	}
	if (error >= 256 || error < 0)
		log_debug("ext4: libext2fs error %ld", (long)error);
	return error > 0 && error < 256 ? -(int)error : -EIO; /* small ones are errnos */
}

static int read_superblock(struct ferrule_block *disk, struct ext2_super_block *out)
{
	struct ferrule_block_info info;
	size_t bytes = 4096;
	char *start;
	int error;

	ferrule_block_info(disk, &info);
	if (info.block_bytes > bytes)
		bytes = info.block_bytes;
	if (info.sectors * FERRULE_SECTOR_BYTES < bytes)
		return -EINVAL;
	start = kmalloc(bytes);
	if (!start)
		return -ENOMEM;
	error = ferrule_block_read(disk, 0, start, bytes);
	if (!error)
		memcpy(out, start + SUPERBLOCK_OFFSET, sizeof(*out));
	kfree(start);
	return error ? -EIO : 0;
}

bool ext4_probe(struct ferrule_block *disk)
{
	struct ext2_super_block super;

	return !read_superblock(disk, &super) &&
	       super.s_magic == ext2fs_cpu_to_le16(EXT2_SUPER_MAGIC);
}

/* What libext2fs computes with before it has checked it: sizes it allocates by, divisors.
 * Returns what is wrong, NULL: nothing. */
static const char *superblock_fault(struct ferrule_block *disk,
				    const struct ext2_super_block *super)
{
	struct ferrule_block_info info;
	uint64_t blocks, groups;

	ferrule_block_info(disk, &info);
	if (super->s_log_block_size > 6)
		return "impossible block size";
	if (info.block_bytes > 4096)
		return "the disk's own blocks are larger than 4096 bytes";
	if (!super->s_blocks_per_group || !super->s_inodes_per_group ||
	    !super->s_inodes_count ||
	    super->s_blocks_per_group > 8u * (1024u << super->s_log_block_size) * 65536u)
		return "impossible group sizes";
	if (info.block_bytes > 1024u << super->s_log_block_size)
		return "its blocks are smaller than the disk's";
	blocks = super->s_blocks_count;
	if (super->s_feature_incompat & EXT4_FEATURE_INCOMPAT_64BIT)
		blocks |= (uint64_t)super->s_blocks_count_hi << 32;
	if (blocks > (info.sectors * FERRULE_SECTOR_BYTES) >>
	    (10 + super->s_log_block_size))
		return "it is larger than the disk (cut off?)";
	groups = (blocks + super->s_blocks_per_group - 1) / super->s_blocks_per_group;
	if (!groups || super->s_inodes_count / super->s_inodes_per_group > groups)
		return "impossible number of inodes";
	if (super->s_feature_incompat & EXT4_FEATURE_INCOMPAT_INLINE_DATA)
		return "feature inline_data is not supported";
	if (super->s_feature_incompat & EXT3_FEATURE_INCOMPAT_JOURNAL_DEV)
		return "it is an external journal";
	return NULL;
}

static const char *explain(errcode_t error)
{
	switch (error) {
	case EXT2_ET_CORRUPT_SUPERBLOCK:
		return "corrupt superblock";
	case EXT2_ET_SB_CSUM_INVALID:
		return "the superblock's checksum is wrong";
	case EXT2_ET_UNSUPP_FEATURE:
	case EXT2_ET_RO_UNSUPP_FEATURE:
		return "it has features that are not supported";
	case EXT2_ET_REV_TOO_HIGH:
		return "its revision is too high";
	case EXT2_ET_SHORT_READ:
		return "its tables cannot be read";
	case EXT2_ET_NO_MEMORY:
		return "memory has run out";
	case EXT2_ET_GDESC_BAD_BLOCK_MAP:
	case EXT2_ET_GDESC_BAD_INODE_MAP:
	case EXT2_ET_GDESC_BAD_INODE_TABLE:
		return "corrupt group descriptors";
	}
	return "it cannot be opened";
}

static errcode_t open_filesystem(const char *source, bool read_only, ext2_filsys *out)
{
	int flags = EXT2_FLAG_64BITS | (read_only ? 0 : EXT2_FLAG_RW);

	return ext2fs_open2(source, NULL, flags, 0, 0, &ext4_io_manager, out);
}

/* Why a mount that was asked to be read-write must not be; NULL: it may. */
static const char *why_read_only(const struct ext2_super_block *super,
				 const struct ferrule_block_info *info)
{
	if (info->read_only)
		return "the disk is read-only";
	if (super->s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER)
		return "its journal must be replayed first (e2fsck)";
	if (super->s_state & EXT2_ERROR_FS)
		return "it is marked as having errors (e2fsck)";
	return NULL;
}

/* A file system that is being changed says so on the disk until it is unmounted in order. */
static int mark(struct ext4 *ext4, bool clean)
{
	if (clean)
		ext4->ext2->super->s_state |= EXT2_VALID_FS;
	else
		ext4->ext2->super->s_state &= (__u16)~EXT2_VALID_FS;
	ext4->ext2->super->s_mtime = (__u32)(clock_realtime_ns() / (int64_t)NS_PER_SEC);
	ext2fs_mark_super_dirty(ext4->ext2);
	return ext4_errno(ext2fs_flush(ext4->ext2));
}

int ext4_begin_change(struct ext4 *ext4)
{
	errcode_t error = 0;
	int result = 0;

	if (__atomic_load_n(&ext4->changed, __ATOMIC_ACQUIRE))
		return 0;
	mutex_lock(&ext4->mutex);
	if (!ext4->changed) {
		error = ext2fs_read_bitmaps(ext4->ext2);
		result = error ? ext4_errno(error) : mark(ext4, false);
		__atomic_store_n(&ext4->changed, !result, __ATOMIC_RELEASE);
	}
	mutex_unlock(&ext4->mutex);
	if (result)
		log_error("ext4: %s: cannot be changed: %s (%ld)", ext4->fs.source,
			  error ? "its bitmaps cannot be read or are corrupt"
				: "the disk cannot be written",
			  error ? (long)error : (long)-result);
	return result;
}

static int mount_disk(struct ferrule_block *disk, bool read_only, struct fs **out)
{
	struct ext2_super_block super;
	struct ferrule_block_info info;
	const char *fault;
	struct ext4 *ext4;
	errcode_t error;
	int result;

	ferrule_block_info(disk, &info);
	result = read_superblock(disk, &super);
	if (result)
		return result;
	if (super.s_magic != ext2fs_cpu_to_le16(EXT2_SUPER_MAGIC)) {
		log_error("ext4: %s: no ext2, ext3 or ext4 on it", info.name);
		return -EINVAL;
	}
	fault = superblock_fault(disk, &super);
	if (fault) {
		log_error("ext4: %s: %s", info.name, fault);
		return -EINVAL;
	}
	fault = read_only ? NULL : why_read_only(&super, &info);
	if (fault) {
		log_warn("ext4: %s: mounted read-only: %s", info.name, fault);
		read_only = true;
	}
	ext4 = kzalloc(sizeof(*ext4));
	if (!ext4)
		return -ENOMEM;
	error = open_filesystem(info.name, read_only, &ext4->ext2);
	if (error && !read_only) {
		log_warn("ext4: %s: mounted read-only: %s (%ld)", info.name,
			 explain(error), (long)error);
		read_only = true;
		error = open_filesystem(info.name, read_only, &ext4->ext2);
	}
	if (error) {
		log_error("ext4: %s: %s (%ld)", info.name, explain(error), (long)error);
		kfree(ext4);
		return ext4_errno(error);
	}
	ext4->fs.operations = &ext4_type;
	ext4->fs.read_only = read_only;
	format(ext4->fs.source, sizeof(ext4->fs.source), "%s", info.name);
	ext4->disk = ext4_disk_of(ext4->ext2);
	ext4->block_bytes = ext4->ext2->blocksize;
	log_info("ext4: %s: %llu MiB, %u-byte blocks, read-%s", info.name,
		 (unsigned long long)(ext2fs_blocks_count(ext4->ext2->super) *
					      ext4->block_bytes >>
				      20),
		 ext4->block_bytes, read_only ? "only" : "write");
	*out = &ext4->fs;
	return 0;
}

static int ext4_mount(const char *source, bool read_only, struct fs **out)
{
	struct ferrule_block *disk = ferrule_block_find(source);
	int error;

	if (!disk)
		return -ENODEV;
	error = mount_disk(disk, read_only, out);
	ferrule_block_release(disk); /* libext2fs holds it by its channel */
	return error;
}

/* Leaves the disk clean. The mount is given back only when no inode needs it any more; at
 * the machine's end others may still be reading. */
static void ext4_unmount(struct fs *fs)
{
	struct ext4 *ext4 = (struct ext4 *)fs;
	bool unused;

	mutex_lock(&ext4->mutex);
	fs->read_only = true;
	if (ext4->changed) {
		while (ext4->removed)
			ext4_release_inode(ext4, ext4->removed);
		if (mark(ext4, true))
			log_error("ext4: %s: not everything could be written",
				  fs->source);
	}
	unused = !ext4->inodes;
	mutex_unlock(&ext4->mutex);
	if (unused) {
		ext2fs_free(ext4->ext2);
		kfree(ext4);
	}
}

static int ext4_sync(struct fs *fs)
{
	struct ext4 *ext4 = (struct ext4 *)fs;
	int error;

	if (!__atomic_load_n(&ext4->changed, __ATOMIC_ACQUIRE))
		return 0;
	mutex_lock(&ext4->mutex);
	/* One flush of the disk's cache: without a journal there is no order to keep. */
	error = ext4_errno(ext2fs_flush2(ext4->ext2, EXT2_FLAG_FLUSH_NO_SYNC));
	if (!error)
		error = ext4_disk_flush(ext4->disk);
	mutex_unlock(&ext4->mutex);
	return error;
}

static int ext4_statfs(struct fs *fs, struct statfs *out)
{
	struct ext4 *ext4 = (struct ext4 *)fs;
	struct ext2_super_block *super = ext4->ext2->super;

	mutex_lock(&ext4->mutex);
	memset(out, 0, sizeof(*out));
	out->f_type = EXT2_SUPER_MAGIC;
	out->f_bsize = out->f_frsize = ext4->block_bytes;
	out->f_blocks = ext2fs_blocks_count(super);
	out->f_bfree = ext2fs_free_blocks_count(super);
	out->f_bavail = out->f_bfree > ext2fs_r_blocks_count(super)
				? out->f_bfree - ext2fs_r_blocks_count(super)
				: 0;
	out->f_files = super->s_inodes_count;
	out->f_ffree = super->s_free_inodes_count;
	out->f_namelen = FS_NAME_MAX;
	mutex_unlock(&ext4->mutex);
	return 0;
}

const struct fs_operations ext4_type = {
	.name = "ext4",
	.mount = ext4_mount,
	.unmount = ext4_unmount,
	.root = ext4_root,
	.lookup = ext4_lookup,
	.forget = ext4_forget,
	.stat = ext4_stat,
	.read = ext4_read,
	.write = ext4_write,
	.truncate = ext4_truncate,
	.sync = ext4_sync,
	.entries = ext4_entries,
	.readlink = ext4_readlink,
	.statfs = ext4_statfs,
	.create = ext4_create,
	.mkdir = ext4_mkdir,
	.unlink = ext4_unlink,
	.rmdir = ext4_rmdir,
	.rename = ext4_rename,
};
FS_TYPE(ext4_type);
