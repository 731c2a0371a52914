/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Open files of the tree, and where paths start. */

#ifndef POSIX_NODE_H
#define POSIX_NODE_H

#include <posix/file.h>

struct inode;

/* An open file on an inode, of which it keeps a reference of its own; NULL without
 * memory. */
struct file *node_open(struct inode *inode, int flags);
/* The inode of such a file, without a new reference; NULL for other kinds. */
struct inode *node_inode(const struct file *file);

/* Where a path relative to descriptor `directory` starts (AT_FDCWD: the working
 * directory), with a reference; *out may be NULL for the root. Absolute paths and bad
 * pointers are seen to: 0, -EBADF, -ENOTDIR, -EFAULT. */
int path_base(int directory, const char *path, struct inode **out);
/* What a path means; as fs_resolve(). AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW in flags. */
int path_resolve(int directory, const char *path, int flags, struct inode **out);
/* As fs_resolve_parent(). */
int path_resolve_parent(int directory, const char *path, struct inode **out,
			const char **name, size_t *length);

#endif
