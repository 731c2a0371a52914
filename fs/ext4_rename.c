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
	if (!error && S_ISDIR((*moved)->mode))
		error = is_below(ext4, ext4_number(to), number);
	if (error)
		return error;
	error = ext4_find_entry(to, to_name, to_length, &old);
	if (!error && old == number)
		return 0; /* two names of one file: nothing is to be done (rename(2)) */
	if (!error) {
		error = ext4_remove_name(to, to_name, to_length, S_ISDIR((*moved)->mode),
					 replaced);
		if (!error && S_ISDIR((*moved)->mode))
			ext4_count_subdirectory(to, -1);
	} else if (error == -ENOENT) {
		error = 0;
	}
	if (!error)
		error = ext4_add_entry(to, to_name, number, (*moved)->mode);
	if (!error)
		error = ext4_errno(
			ext2fs_unlink(ext4->ext2, ext4_number(from), name, number, 0));
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
