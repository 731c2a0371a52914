/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* For tests of file systems without the tree's mount points (fs/mount.c): the share is its
 * root. Included by one file of a program. */

#ifndef SHARE_ROOT_H
#define SHARE_ROOT_H

#include <fs/tree.h>

static struct fs *share;

struct inode *fs_root(void)
{
	return share ? share->operations->root(share) : NULL;
}

const struct mount *fs_mount_at(const struct inode *parent, const char *name,
				size_t length)
{
	(void)parent;
	(void)name;
	(void)length;
	return NULL;
}

const struct mount *fs_mount_of_root(const struct inode *inode)
{
	static struct mount mount;
	struct inode *root = fs_root();

	if (!root)
		return NULL;
	fs_inode_put(root);
	return inode == root ? &mount : NULL;
}

bool fs_is_mount_point(const struct inode *directory, const char *name, size_t length)
{
	return fs_mount_at(directory, name, length);
}

#endif
