/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Making files and directories. */

#include <errno.h>
#include <string.h>
#include <fs/ext4_names.h>

int ext4_lock_directory(struct inode *directory)
{
	int error = ext4_begin_change(ext4_of(directory));

	if (error)
		return error;
	mutex_lock(&ext4_node(directory)->data);
	mutex_lock(&ext4_of(directory)->mutex);
	return 0;
}

/* The directory was changed by libext2fs: what we know of it is old. */
void ext4_directory_changed(struct inode *directory)
{
	struct ext4_inode *node = ext4_node(directory);
	struct ext4 *ext4 = ext4_of(directory);

	if (!ext4_reload(ext4, node)) {
		node->raw.i_mtime = node->raw.i_ctime = ext4_seconds_now();
		node->raw.i_mtime_extra = node->raw.i_ctime_extra = 0;
		ext4_store(ext4, node);
		__atomic_store_n(&node->size, EXT2_I_SIZE(ext4_raw(node)),
				 __ATOMIC_RELEASE);
	}
	fs_cache_drop(&node->pages, 0);
}

void ext4_unlock_directory(struct inode *directory)
{
	ext4_directory_changed(directory);
	mutex_unlock(&ext4_of(directory)->mutex);
	mutex_unlock(&ext4_node(directory)->data);
}

int ext4_find_entry(struct inode *directory, const char *name, size_t length,
		    ext2_ino_t *out)
{
	return ext4_errno(ext2fs_lookup(ext4_of(directory)->ext2, ext4_number(directory),
					name, (int)length, NULL, out));
}

unsigned ext4_entry_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return EXT2_FT_REG_FILE;
	case S_IFDIR:
		return EXT2_FT_DIR;
	case S_IFLNK:
		return EXT2_FT_SYMLINK;
	case S_IFCHR:
		return EXT2_FT_CHRDEV;
	case S_IFBLK:
		return EXT2_FT_BLKDEV;
	case S_IFIFO:
		return EXT2_FT_FIFO;
	case S_IFSOCK:
		return EXT2_FT_SOCK;
	}
	return EXT2_FT_UNKNOWN;
}

int ext4_add_entry(struct inode *directory, const char *name, ext2_ino_t number,
		   mode_t mode)
{
	ext2_filsys ext2 = ext4_of(directory)->ext2;
	ext2_ino_t parent = ext4_number(directory);
	int type = (int)ext4_entry_type(mode);
	errcode_t error = ext2fs_link(ext2, parent, name, number, type);

	if (error == EXT2_ET_DIR_NO_SPACE) {
		error = ext2fs_expand_dir(ext2, parent);
		if (!error)
			error = ext2fs_link(ext2, parent, name, number, type);
	}
	return ext4_errno(error);
}

/* Writes a fresh inode with an empty map. */
static int write_new(struct ext4 *ext4, ext2_ino_t number, mode_t mode)
{
	struct ext2_inode_large raw;
	struct ext2_inode *inode = (struct ext2_inode *)&raw;
	ext2_extent_handle_t handle;
	errcode_t error = 0;

	memset(&raw, 0, sizeof(raw));
	raw.i_mode = (__u16)mode;
	raw.i_links_count = 1;
	raw.i_atime = raw.i_ctime = raw.i_mtime = ext4_seconds_now();
	if (ext2fs_has_feature_extents(ext4->ext2->super)) {
		raw.i_flags = EXT4_EXTENTS_FL;
		error = ext2fs_extent_open2(ext4->ext2, number, inode, &handle);
		if (!error)
			ext2fs_extent_free(handle);
	}
	if (!error)
		error = ext2fs_write_new_inode(ext4->ext2, number, inode);
	return ext4_errno(error);
}

static int create(struct inode *directory, const char *name, size_t length, mode_t mode,
		  struct inode **out)
{
	struct ext4 *ext4 = ext4_of(directory);
	ext2_ino_t number;
	int error;

	if (ext4_node(directory)->removed)
		return -ENOENT;
	error = ext4_find_entry(directory, name, length, &number);
	if (error != -ENOENT)
		return error ? error : -EEXIST;
	error = ext4_errno(ext2fs_new_inode(ext4->ext2, ext4_number(directory), (int)mode,
					    NULL, &number));
	if (error)
		return error;
	error = write_new(ext4, number, mode);
	if (!error)
		error = ext4_add_entry(directory, name, number, mode);
	if (error)
		return error;
	ext2fs_inode_alloc_stats2(ext4->ext2, number, +1, 0);
	return ext4_get(ext4, number, out);
}

int ext4_create(struct inode *directory, const char *name, size_t length, mode_t mode,
		struct inode **out)
{
	int error = ext4_lock_directory(directory);

	if (error)
		return error;
	error = create(directory, name, length, mode, out);
	ext4_unlock_directory(directory);
	return error;
}

static int make_directory(struct inode *directory, const char *name, size_t length,
			  mode_t mode)
{
	struct ext4 *ext4 = ext4_of(directory);
	struct ext2_inode raw;
	ext2_ino_t number;
	errcode_t error;
	int result;

	if (ext4_node(directory)->removed)
		return -ENOENT;
	result = ext4_find_entry(directory, name, length, &number);
	if (result != -ENOENT)
		return result ? result : -EEXIST;
	error = ext2fs_mkdir(ext4->ext2, ext4_number(directory), 0, name);
	if (error == EXT2_ET_DIR_NO_SPACE) {
		error = ext2fs_expand_dir(ext4->ext2, ext4_number(directory));
		if (!error)
			error = ext2fs_mkdir(ext4->ext2, ext4_number(directory), 0, name);
	}
	if (error)
		return ext4_errno(error);
	result = ext4_find_entry(directory, name, length, &number);
	if (result)
		return result;
	error = ext2fs_read_inode(ext4->ext2, number, &raw);
	if (error)
		return ext4_errno(error);
	raw.i_mode = (__u16)(S_IFDIR | (mode & 07777));
	raw.i_atime = raw.i_ctime = raw.i_mtime = ext4_seconds_now();
	return ext4_errno(ext2fs_write_inode(ext4->ext2, number, &raw));
}

int ext4_mkdir(struct inode *directory, const char *name, size_t length, mode_t mode)
{
	int error = ext4_lock_directory(directory);

	if (error)
		return error;
	error = make_directory(directory, name, length, mode);
	ext4_unlock_directory(directory);
	return error;
}
