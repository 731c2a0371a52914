/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Inodes of ext2, ext3, ext4: found, checked, written back; attributes. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <fs/ext4_private.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/time.h>

/* What an inode must be to be of use. */
static int check_inode(struct ext4_inode *node)
{
	const struct ext2_inode_large *raw = &node->raw;
	uint64_t size = EXT2_I_SIZE(ext4_raw(node));

	if (!raw->i_links_count || raw->i_dtime)
		return -EIO; /* an entry leads to a free inode */
	if (raw->i_flags & EXT4_INLINE_DATA_FL || size > INT64_MAX)
		return -EIO;
	if (raw->i_flags & EXT4_ENCRYPT_FL)
		return -ENOKEY;
	if (!fs_is_kind(raw->i_mode))
		return -EIO;
	node->size = size;
	return 0;
}

int ext4_reload(struct ext4 *ext4, struct ext4_inode *node)
{
	errcode_t error = ext2fs_read_inode_full(ext4->ext2,
						 (ext2_ino_t)node->inode.number,
						 ext4_raw(node), sizeof(node->raw));

	node->run.blocks = 0;
	return ext4_errno(error);
}

int ext4_store(struct ext4 *ext4, struct ext4_inode *node)
{
	return ext4_errno(ext2fs_write_inode_full(ext4->ext2,
						  (ext2_ino_t)node->inode.number,
						  ext4_raw(node), sizeof(node->raw)));
}

int ext4_get(struct ext4 *ext4, ext2_ino_t number, struct inode **out)
{
	const struct ext2_super_block *super = ext4->ext2->super;
	struct ext4_inode *node;
	int error;

	*out = fs_inode_find(&ext4->fs, number);
	if (*out)
		return 0;
	if (number > super->s_inodes_count ||
	    (number != EXT2_ROOT_INO && number < EXT2_FIRST_INO(super)))
		return -EIO;
	node = kzalloc(sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->inode.fs = &ext4->fs;
	node->inode.number = number;
	error = ext4_reload(ext4, node);
	if (!error)
		error = check_inode(node);
	if (error) {
		log_warn("ext4: %s: inode %u is damaged (%d)", ext4->fs.source, number,
			 -error);
		kfree(node);
		return error;
	}
	node->inode.mode = node->raw.i_mode;
	fs_inode_add(&node->inode);
	ext4->inodes++;
	*out = &node->inode;
	return 0;
}

struct inode *ext4_root(struct fs *fs)
{
	struct ext4 *ext4 = (struct ext4 *)fs;
	struct inode *root = NULL;

	mutex_lock(&ext4->mutex);
	if (!ext4_get(ext4, EXT2_ROOT_INO, &root) && !S_ISDIR(root->mode)) {
		mutex_unlock(&ext4->mutex);
		fs_inode_put(root);
		return NULL;
	}
	mutex_unlock(&ext4->mutex);
	return root;
}

void ext4_forget(struct inode *inode)
{
	struct ext4 *ext4 = ext4_of(inode);
	struct ext4_inode *node = ext4_node(inode);

	fs_cache_drop(&node->pages, 0);
	mutex_lock(&ext4->mutex);
	if (ext4_release_inode(ext4, node))
		log_warn("ext4: %s: inode %llu could not be freed", ext4->fs.source,
			 (unsigned long long)inode->number);
	ext4->inodes--;
	mutex_unlock(&ext4->mutex);
	kfree(node);
}

/* Seconds have two more bits where the inode has room for them (ext4 disk layout, "Inode
 * Timestamps"). */
static struct timespec time_of(const struct ext4_inode *node, uint32_t seconds,
			       uint32_t extra)
{
	bool has_extra = node->raw.i_extra_isize >= 24;
	struct timespec time = { .tv_sec = (int32_t)seconds };

	if (has_extra) {
		time.tv_sec += (int64_t)(extra & 3) << 32;
		time.tv_nsec = extra >> 2 < NS_PER_SEC ? extra >> 2 : 0;
	}
	return time;
}

static uint64_t device_of(const struct ext2_inode_large *raw)
{
	uint32_t new = raw->i_block[1];

	if (raw->i_block[0]) /* the old form: 8 bits each */
		return (uint64_t)(raw->i_block[0] & 0xffff);
	return (new & 0xfff00) | (new & 0xff) | (new >> 12 & 0xfff00) << 12;
}

int ext4_stat(struct inode *inode, struct stat *out)
{
	struct ext4 *ext4 = ext4_of(inode);
	struct ext4_inode *node = ext4_node(inode);
	const struct ext2_inode_large *raw = &node->raw;
	struct stat stat = { .st_dev = (uintptr_t)ext4 >> 4 & 0xffffff,
			     .st_ino = inode->number,
			     .st_mode = inode->mode,
			     .st_blksize = ext4->block_bytes };

	mutex_lock(&ext4->mutex);
	stat.st_nlink = raw->i_links_count;
	stat.st_uid = inode_uid(*raw);
	stat.st_gid = inode_gid(*raw);
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		stat.st_rdev = device_of(raw);
	stat.st_size = (off_t)ext4_size(node);
	stat.st_blocks = (blkcnt_t)ext2fs_get_stat_i_blocks(ext4->ext2, ext4_raw(node));
	stat.st_atim = time_of(node, raw->i_atime, raw->i_atime_extra);
	stat.st_mtim = time_of(node, raw->i_mtime, raw->i_mtime_extra);
	stat.st_ctim = time_of(node, raw->i_ctime, raw->i_ctime_extra);
	mutex_unlock(&ext4->mutex);
	*out = stat;
	return 0;
}

ssize_t ext4_readlink(struct inode *inode, char *out, size_t bytes)
{
	struct ext4_inode *node = ext4_node(inode);
	uint64_t size = ext4_size(node);

	if (!S_ISLNK(inode->mode))
		return -EINVAL;
	if (!ext2fs_is_fast_symlink(ext4_raw(node)))
		return ext4_read(inode, out, bytes, 0);
	if (size > sizeof(node->raw.i_block))
		return -EIO;
	if (bytes > size)
		bytes = size;
	memcpy(out, node->raw.i_block, bytes);
	return (ssize_t)bytes;
}
