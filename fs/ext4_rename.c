/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Renaming. */

#include <errno.h>
#include <string.h>
#include <fs/ext4_names.h>

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
	ext2_ino_t parent = ext4_number(to);
	errcode_t error = ext2fs_dir_iterate2(ext4_of(moved)->ext2, ext4_number(moved), 0,
					      NULL, set_parent, &parent);

	if (error)
		return ext4_errno(error);
	ext4_count_subdirectory(from, -1);
	ext4_count_subdirectory(to, +1);
	fs_cache_drop(&ext4_node(moved)->pages, 0);
	return 0;
}

/* An entry that is to lead to another inode. */
struct redirection {
	const char *name;
	size_t length;
	ext2_ino_t number;
	unsigned type;
	bool done;
};

static int redirect(ext2_ino_t directory, int entry, struct ext2_dir_entry *dirent,
		    int offset, int block_size, char *buffer, void *context)
{
	struct redirection *wanted = context;

	(void)directory;
	(void)offset;
	(void)block_size;
	(void)buffer;
	if (entry != DIRENT_OTHER_FILE ||
	    (size_t)ext2fs_dirent_name_len(dirent) != wanted->length ||
	    memcmp(dirent->name, wanted->name, wanted->length) != 0)
		return 0;
	dirent->inode = wanted->number;
	if (wanted->type)
		ext2fs_dirent_set_file_type(dirent, (int)wanted->type);
	wanted->done = true;
	return DIRENT_CHANGED | DIRENT_ABORT;
}

/* Lets the entry that led to `replaced` lead to `moved`: at no time is there no such name,
 * and no room is needed. */
static int replace(struct inode *directory, const char *name, size_t length,
		   struct inode *moved, struct inode *replaced)
{
	struct ext4 *ext4 = ext4_of(directory);
	bool is_directory = S_ISDIR(moved->mode);
	struct redirection wanted = { name, length, ext4_number(moved), 0, false };
	int error;

	if (S_ISDIR(replaced->mode) != is_directory)
		return is_directory ? -ENOTDIR : -EISDIR;
	error = is_directory ? ext4_check_empty(ext4, replaced) : 0;
	if (error)
		return error;
	if (ext2fs_has_feature_filetype(ext4->ext2->super))
		wanted.type = ext4_entry_type(moved->mode);
	error = ext4_errno(ext2fs_dir_iterate2(ext4->ext2, ext4_number(directory), 0,
					       NULL, redirect, &wanted));
	return error || wanted.done ? error : -EIO;
}

/* While it has both names, a file counts both: whatever fails in between, the disk is
 * right. (A directory's count is of what is in it.) */
static int count_name(struct ext4 *ext4, struct inode *inode, int change)
{
	struct ext4_inode *node = ext4_node(inode);

	if (S_ISDIR(inode->mode))
		return 0;
	node->raw.i_links_count = (__u16)(node->raw.i_links_count + change);
	return ext4_store(ext4, node);
}

/* The new name is there: takes away the old one, and the link of what was replaced. */
static int finish(struct inode *from, const char *name, struct inode *to,
		  struct inode *moved, struct inode *replaced)
{
	struct ext4 *ext4 = ext4_of(from);
	int error = 0, dropped = 0;

	if (replaced) {
		dropped = ext4_drop_link(ext4, replaced);
		if (S_ISDIR(replaced->mode))
			ext4_count_subdirectory(to, -1);
	}
	error = ext4_errno(ext2fs_unlink(ext4->ext2, ext4_number(from), name,
					 ext4_number(moved), 0));
	if (!error)
		error = count_name(ext4, moved, -1);
	if (!error && S_ISDIR(moved->mode) && from != to)
		error = move_parent(moved, from, to);
	return error ? error : dropped;
}

/* Everything of a rename, under all locks. *moved and *replaced get references. */
static int move_name(struct inode *from, const char *name, size_t length,
		     struct inode *to, const char *to_name, size_t to_length,
		     struct inode **moved, struct inode **replaced)
{
	struct ext4 *ext4 = ext4_of(from);
	ext2_ino_t number, old;
	int error = ext4_find_entry(from, name, length, &number);

	if (!error)
		error = ext4_get(ext4, number, moved);
	if (!error && ext4_node(to)->removed)
		error = -ENOENT;
	if (!error && S_ISDIR((*moved)->mode))
		error = is_below(ext4, ext4_number(to), number);
	if (error)
		return error;
	error = ext4_find_entry(to, to_name, to_length, &old);
	if (!error && old == number)
		return 0; /* two names of one file: nothing is to be done (rename(2)) */
	if (!error)
		error = ext4_get(ext4, old, replaced);
	if (error && error != -ENOENT)
		return error;
	error = count_name(ext4, *moved, +1);
	if (error)
		return error;
	error = *replaced ? replace(to, to_name, to_length, *moved, *replaced)
			  : ext4_add_entry(to, to_name, number, (*moved)->mode);
	if (error) {
		count_name(ext4, *moved, -1);
		return error;
	}
	return finish(from, name, to, *moved, *replaced);
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
	ext4_directory_changed(from);
	if (to != from)
		ext4_directory_changed(to);
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
