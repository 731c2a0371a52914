/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Removing and renaming, and writing everything back. */

#include <errno.h>
#include <fcntl.h>
#include <fs/fs.h>
#include <posix/files.h>
#include <posix/node.h>

long sys_unlinkat(int directory, const char *path, int flags)
{
	struct inode *parent;
	const char *name;
	size_t length;
	int error;

	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	error = path_resolve_parent(directory, path, &parent, &name, &length);
	if (error)
		return error;
	if (flags & AT_REMOVEDIR)
		error = fs_rmdir(parent, name, length);
	else
		error = name[length] == '/' ? -ENOTDIR : fs_unlink(parent, name, length);
	fs_inode_put(parent);
	return error;
}

long sys_unlink(const char *path)
{
	return sys_unlinkat(AT_FDCWD, path, 0);
}

long sys_rmdir(const char *path)
{
	return sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

static int target_exists(struct inode *directory, const char *path)
{
	struct inode *inode;
	int error = fs_resolve(directory, path, false, &inode);

	if (!error)
		fs_inode_put(inode);
	return error == -ENOENT ? 0 : error ? error : -EEXIST;
}

#define NO_REPLACE 1 /* RENAME_NOREPLACE (renameat2(2)) */

long sys_renameat2(int from_directory, const char *from, int to_directory, const char *to,
		   unsigned flags)
{
	struct inode *from_parent, *to_parent;
	const char *from_name, *to_name;
	size_t from_length, to_length;
	int error;

	if (flags & ~NO_REPLACE)
		return -EINVAL;
	error = path_resolve_parent(from_directory, from, &from_parent, &from_name,
				    &from_length);
	if (error)
		return error;
	error = path_resolve_parent(to_directory, to, &to_parent, &to_name, &to_length);
	if (!error) {
		if (flags & NO_REPLACE)
			error = target_exists(to_parent, to_name);
		if (!error)
			error = fs_rename(from_parent, from_name, from_length, to_parent,
					  to_name, to_length);
		fs_inode_put(to_parent);
	}
	fs_inode_put(from_parent);
	return error;
}

long sys_renameat(int from_directory, const char *from, int to_directory, const char *to)
{
	return sys_renameat2(from_directory, from, to_directory, to, 0);
}

long sys_rename(const char *from, const char *to)
{
	return sys_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

long sys_sync(void)
{
	fs_sync_all();
	return 0;
}

long sys_syncfs(int fd)
{
	return sys_fsync(fd);
}
