/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the files of the tree know of each other. */

#ifndef FS_TREE_H
#define FS_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include <fs/fs.h>

/* A mounted file system; never unmounted while the machine runs. */
struct mount {
	struct mount *next;
	struct inode *root;   /* of the mounted system */
	struct inode *parent; /* where it hangs; NULL: it is the root */
	size_t length;
	char name[FS_NAME_MAX + 1]; /* under which name there */
};

/* What is mounted under this name; NULL: nothing. */
const struct mount *fs_mount_at(const struct inode *parent, const char *name,
				size_t length);
/* The mount that this is the root directory of, or NULL. */
const struct mount *fs_mount_of_root(const struct inode *root);

/* The root directory with a reference; NULL before it is mounted. */
struct inode *fs_root(void);
/* A file system hangs under this name, so it cannot be removed or renamed. */
bool fs_is_mount_point(const struct inode *directory, const char *name, size_t length);

#endif
