/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Taking names away; the inodes that have none left. */

#include <errno.h>
#include <string.h>
#include <fs/ext4_names.h>

int ext4_drop_link(struct ext4 *ext4, struct inode *inode)
{
	struct ext4_inode *node = ext4_node(inode);

	if (S_ISDIR(inode->mode))
		node->raw.i_links_count = 0;
	else if (node->raw.i_links_count)
		node->raw.i_links_count--;
	node->raw.i_ctime = ext4_seconds_now();
	if (!node->raw.i_links_count && !node->removed) {
		node->removed = true;
		node->removed_next = ext4->removed;
		ext4->removed = node;
	}
	return ext4_store(ext4, node);
}

int ext4_release_inode(struct ext4 *ext4, struct ext4_inode *node)
{
	ext2_ino_t number = ext4_number(&node->inode);
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
	node->raw.i_dtime = ext4_seconds_now();
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

int ext4_check_empty(struct ext4 *ext4, const struct inode *directory)
{
	bool empty = true;
	errcode_t error = ext2fs_dir_iterate2(ext4->ext2, ext4_number(directory), 0, NULL,
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
	int error = ext4_find_entry(directory, name, length, &number);

	if (!error)
		error = ext4_get(ext4, number, out);
	if (error)
		return error;
	if (S_ISDIR((*out)->mode) != want_directory)
		return want_directory ? -ENOTDIR : -EISDIR;
	if (want_directory)
		error = ext4_check_empty(ext4, *out);
	if (!error)
		error = ext4_errno(ext2fs_unlink(ext4->ext2, ext4_number(directory), name,
						 number, 0));
	if (!error)
		error = ext4_drop_link(ext4, *out);
	return error;
}

/* A directory's ".." no longer counts as a link to its parent, or does now. */
void ext4_count_subdirectory(struct inode *parent, int change)
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
	int error = ext4_lock_directory(directory);

	if (error)
		return error;
	error = remove_name(directory, name, length, false, &inode);
	ext4_unlock_directory(directory);
	if (inode)
		fs_inode_put(inode);
	return error;
}

int ext4_rmdir(struct inode *directory, const char *name, size_t length)
{
	struct inode *inode = NULL;
	int error = ext4_lock_directory(directory);

	if (error)
		return error;
	error = remove_name(directory, name, length, true, &inode);
	if (!error)
		ext4_count_subdirectory(directory, -1);
	ext4_unlock_directory(directory);
	if (inode)
		fs_inode_put(inode);
	return error;
}
