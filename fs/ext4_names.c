/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Changing directories, and the inodes their entries lead to.
 *
 * Each operation holds the data mutex of the directories it changes, so that no reader
 * fills pages from them meanwhile, and the mount's mutex for all of it, so that other
 * threads see it whole. Names come NUL-terminated from fs/change.c. */

#include <errno.h>
#include <string.h>
#include <fs/ext4_private.h>
#include <kernel/time.h>

static uint32_t seconds_now(void)
{
	return (uint32_t)(clock_realtime_ns() / (int64_t)NS_PER_SEC);
}

static ext2_ino_t number_of(const struct inode *inode)
{
	return (ext2_ino_t)inode->number;
}

static int lock_directory(struct inode *directory)
{
	int error = ext4_begin_change(ext4_of(directory));

	if (error)
		return error;
	mutex_lock(&ext4_node(directory)->data);
	mutex_lock(&ext4_of(directory)->mutex);
	return 0;
}

/* The directory was changed by libext2fs: what we know of it is old. */
static void changed(struct inode *directory)
{
	struct ext4_inode *node = ext4_node(directory);
	struct ext4 *ext4 = ext4_of(directory);

	if (!ext4_reload(ext4, node)) {
		node->raw.i_mtime = node->raw.i_ctime = seconds_now();
		node->raw.i_mtime_extra = node->raw.i_ctime_extra = 0;
		ext4_store(ext4, node);
		__atomic_store_n(&node->size, EXT2_I_SIZE(ext4_raw(node)),
				 __ATOMIC_RELEASE);
	}
	fs_cache_drop(&node->pages, 0);
}

static void unlock_directory(struct inode *directory)
{
	changed(directory);
	mutex_unlock(&ext4_of(directory)->mutex);
	mutex_unlock(&ext4_node(directory)->data);
}

static int find(struct inode *directory, const char *name, size_t length, ext2_ino_t *out)
{
	return ext4_errno(ext2fs_lookup(ext4_of(directory)->ext2, number_of(directory),
					name, (int)length, NULL, out));
}

static unsigned entry_type(mode_t mode)
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

static int add_entry(struct inode *directory, const char *name, ext2_ino_t number,
		     mode_t mode)
{
	ext2_filsys ext2 = ext4_of(directory)->ext2;
	ext2_ino_t parent = number_of(directory);
	int type = (int)entry_type(mode);
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
	raw.i_atime = raw.i_ctime = raw.i_mtime = seconds_now();
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
	int error = find(directory, name, length, &number);

	if (error != -ENOENT)
		return error ? error : -EEXIST;
	error = ext4_errno(ext2fs_new_inode(ext4->ext2, number_of(directory), (int)mode,
					    NULL, &number));
	if (error)
		return error;
	error = write_new(ext4, number, mode);
	if (!error)
		error = add_entry(directory, name, number, mode);
	if (error)
		return error;
	ext2fs_inode_alloc_stats2(ext4->ext2, number, +1, 0);
	return ext4_get(ext4, number, out);
}

int ext4_create(struct inode *directory, const char *name, size_t length, mode_t mode,
		struct inode **out)
{
	int error = lock_directory(directory);

	if (error)
		return error;
	error = create(directory, name, length, mode, out);
	unlock_directory(directory);
	return error;
}

static int make_directory(struct inode *directory, const char *name, size_t length,
			  mode_t mode)
{
	struct ext4 *ext4 = ext4_of(directory);
	struct ext2_inode raw;
	ext2_ino_t number;
	errcode_t error;
	int result = find(directory, name, length, &number);

	if (result != -ENOENT)
		return result ? result : -EEXIST;
	error = ext2fs_mkdir(ext4->ext2, number_of(directory), 0, name);
	if (error == EXT2_ET_DIR_NO_SPACE) {
		error = ext2fs_expand_dir(ext4->ext2, number_of(directory));
		if (!error)
			error = ext2fs_mkdir(ext4->ext2, number_of(directory), 0, name);
	}
	if (error)
		return ext4_errno(error);
	result = find(directory, name, length, &number);
	if (result)
		return result;
	error = ext2fs_read_inode(ext4->ext2, number, &raw);
	if (error)
		return ext4_errno(error);
	raw.i_mode = (__u16)(S_IFDIR | (mode & 07777));
	raw.i_atime = raw.i_ctime = raw.i_mtime = seconds_now();
	return ext4_errno(ext2fs_write_inode(ext4->ext2, number, &raw));
}

int ext4_mkdir(struct inode *directory, const char *name, size_t length, mode_t mode)
{
	int error = lock_directory(directory);

	if (error)
		return error;
	error = make_directory(directory, name, length, mode);
	unlock_directory(directory);
	return error;
}

/* One name less; the last one gone, the inode goes with its last user. */
static int drop_link(struct ext4 *ext4, struct inode *inode)
{
	struct ext4_inode *node = ext4_node(inode);

	if (S_ISDIR(inode->mode))
		node->raw.i_links_count = 0;
	else if (node->raw.i_links_count)
		node->raw.i_links_count--;
	node->raw.i_ctime = seconds_now();
	if (!node->raw.i_links_count && !node->removed) {
		node->removed = true;
		node->removed_next = ext4->removed;
		ext4->removed = node;
	}
	return ext4_store(ext4, node);
}

int ext4_release_inode(struct ext4 *ext4, struct ext4_inode *node)
{
	ext2_ino_t number = number_of(&node->inode);
	struct ext4_inode **link = &ext4->removed;
	int error = 0;

	if (!node->removed)
		return 0;
	while (*link != node)
		link = &(*link)->removed_next;
	*link = node->removed_next;
	node->removed = false;
	if (ext2fs_inode_has_valid_blocks2(ext4->ext2, ext4_raw(node)))
		error = ext4_punch(ext4, node, 0);
	if (!error)
		error = ext4_errno(ext2fs_free_ext_attr(ext4->ext2, number, &node->raw));
	if (error)
		return error;
	node->raw.i_dtime = seconds_now();
	/* On a machine without a clock: 0 means "not deleted", and what could be the number
	 * of an inode is a link of the orphan list. */
	if (node->raw.i_dtime <= ext4->ext2->super->s_inodes_count)
		node->raw.i_dtime = ext4->ext2->super->s_inodes_count + 1;
	node->raw.i_size = node->raw.i_size_high = 0;
	ext2fs_inode_alloc_stats2(ext4->ext2, number, -1, S_ISDIR(node->inode.mode));
	return ext4_store(ext4, node);
}

static int not_dots(ext2_ino_t directory, int entry, struct ext2_dir_entry *dirent,
		    int offset, int block_size, char *buffer, void *context)
{
	(void)directory;
	(void)dirent;
	(void)offset;
	(void)block_size;
	(void)buffer;
	if (entry != DIRENT_OTHER_FILE)
		return 0;
	*(bool *)context = false;
	return DIRENT_ABORT;
}

static int check_empty(struct ext4 *ext4, const struct inode *directory)
{
	bool empty = true;
	errcode_t error = ext2fs_dir_iterate2(ext4->ext2, number_of(directory), 0, NULL,
					      not_dots, &empty);

	return error ? ext4_errno(error) : empty ? 0 : -ENOTEMPTY;
}

/* Takes the entry and the link it was. *out: the inode, with a reference that must be
 * given back without the locks. */
static int remove_name(struct inode *directory, const char *name, size_t length,
		       bool want_directory, struct inode **out)
{
	struct ext4 *ext4 = ext4_of(directory);
	ext2_ino_t number;
	int error = find(directory, name, length, &number);

	if (!error)
		error = ext4_get(ext4, number, out);
	if (error)
		return error;
	if (S_ISDIR((*out)->mode) != want_directory)
		return want_directory ? -ENOTDIR : -EISDIR;
	if (want_directory)
		error = check_empty(ext4, *out);
	if (!error)
		error = ext4_errno(
			ext2fs_unlink(ext4->ext2, number_of(directory), name, number, 0));
	if (!error)
		error = drop_link(ext4, *out);
	return error;
}

/* A directory's ".." no longer counts as a link to its parent, or does now. */
static void count_subdirectory(struct inode *parent, int change)
{
	struct ext4_inode *node = ext4_node(parent);

	if (ext4_reload(ext4_of(parent), node))
		return;
	/* 1 stands for "too many to count" (feature dir_nlink). */
	if (node->raw.i_links_count > 1)
		node->raw.i_links_count = (__u16)(node->raw.i_links_count + change);
	ext4_store(ext4_of(parent), node);
}

int ext4_unlink(struct inode *directory, const char *name, size_t length)
{
	struct inode *inode = NULL;
	int error = lock_directory(directory);

	if (error)
		return error;
	error = remove_name(directory, name, length, false, &inode);
	unlock_directory(directory);
	if (inode)
		fs_inode_put(inode);
	return error;
}

int ext4_rmdir(struct inode *directory, const char *name, size_t length)
{
	struct inode *inode = NULL;
	int error = lock_directory(directory);

	if (error)
		return error;
	error = remove_name(directory, name, length, true, &inode);
	if (!error)
		count_subdirectory(directory, -1);
	unlock_directory(directory);
	if (inode)
		fs_inode_put(inode);
	return error;
}

/* Whether `directory` lies under `ancestor`, which must not move into itself. */
static int is_below(struct ext4 *ext4, ext2_ino_t directory, ext2_ino_t ancestor)
{
	unsigned steps = 0;
	errcode_t error;

	while (directory != EXT2_ROOT_INO) {
		if (directory == ancestor)
			return -EINVAL;
		if (++steps > FS_PATH_MAX) /* a circle on a damaged disk */
			return -EIO;
		error = ext2fs_lookup(ext4->ext2, directory, "..", 2, NULL, &directory);
		if (error)
			return ext4_errno(error);
	}
	return 0;
}

static int set_parent(ext2_ino_t directory, int entry, struct ext2_dir_entry *dirent,
		      int offset, int block_size, char *buffer, void *context)
{
	(void)directory;
	(void)offset;
	(void)block_size;
	(void)buffer;
	if (entry != DIRENT_DOT_DOT_FILE)
		return 0;
	dirent->inode = *(ext2_ino_t *)context;
	return DIRENT_CHANGED | DIRENT_ABORT;
}

static int move_parent(struct inode *moved, struct inode *from, struct inode *to)
{
	ext2_ino_t parent = number_of(to);
	errcode_t error = ext2fs_dir_iterate2(ext4_of(moved)->ext2, number_of(moved), 0,
					      NULL, set_parent, &parent);

	if (error)
		return ext4_errno(error);
	count_subdirectory(from, -1);
	count_subdirectory(to, +1);
	fs_cache_drop(&ext4_node(moved)->pages, 0);
	return 0;
}

/* Everything of a rename, under all locks. *moved and *replaced get references. */
static int move_name(struct inode *from, const char *name, size_t length,
		     struct inode *to, const char *to_name, size_t to_length,
		     struct inode **moved, struct inode **replaced)
{
	struct ext4 *ext4 = ext4_of(from);
	ext2_ino_t number, old;
	int error = find(from, name, length, &number);

	if (!error)
		error = ext4_get(ext4, number, moved);
	if (!error && S_ISDIR((*moved)->mode))
		error = is_below(ext4, number_of(to), number);
	if (error)
		return error;
	error = find(to, to_name, to_length, &old);
	if (!error && old == number)
		return 0; /* two names of one file: nothing is to be done (rename(2)) */
	if (!error) {
		error = remove_name(to, to_name, to_length, S_ISDIR((*moved)->mode),
				    replaced);
		if (!error && S_ISDIR((*moved)->mode))
			count_subdirectory(to, -1);
	} else if (error == -ENOENT) {
		error = 0;
	}
	if (!error)
		error = add_entry(to, to_name, number, (*moved)->mode);
	if (!error)
		error = ext4_errno(
			ext2fs_unlink(ext4->ext2, number_of(from), name, number, 0));
	if (!error && S_ISDIR((*moved)->mode) && from != to)
		error = move_parent(*moved, from, to);
	return error;
}

int ext4_rename(struct inode *from, const char *name, size_t length, struct inode *to,
		const char *to_name, size_t to_length)
{
	struct inode *first = from < to ? from : to, *second = from < to ? to : from;
	struct inode *moved = NULL, *replaced = NULL;
	struct ext4 *ext4 = ext4_of(from);
	int error = ext4_begin_change(ext4);

	if (error)
		return error;
	mutex_lock(&ext4_node(first)->data);
	if (second != first)
		mutex_lock(&ext4_node(second)->data);
	mutex_lock(&ext4->mutex);
	error = move_name(from, name, length, to, to_name, to_length, &moved, &replaced);
	changed(from);
	if (to != from)
		changed(to);
	mutex_unlock(&ext4->mutex);
	if (second != first)
		mutex_unlock(&ext4_node(second)->data);
	mutex_unlock(&ext4_node(first)->data);
	if (moved)
		fs_inode_put(moved);
	if (replaced)
		fs_inode_put(replaced);
	return error;
}
