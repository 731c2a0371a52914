/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The working directory, and where relative paths start. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <fs/fs.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <posix/files.h>
#include <posix/node.h>
#include <posix/pointer.h>

static struct spinlock lock;
static struct inode *working; /* under lock; NULL: the root */

static struct inode *get_working(void)
{
	unsigned long flags = spin_lock(&lock);
	struct inode *inode = working ? fs_inode_get(working) : NULL;

	spin_unlock(&lock, flags);
	return inode;
}

int path_base(int directory, const char *path, struct inode **out)
{
	struct inode *inode;
	struct file *file;

	*out = NULL;
	if (pointer_is_bad(path))
		return -EFAULT;
	if (path[0] == '/')
		return 0;
	if (directory == AT_FDCWD) {
		*out = get_working();
		return 0;
	}
	file = fd_get(directory);
	if (!file)
		return -EBADF;
	inode = node_inode(file);
	if (inode)
		*out = fs_inode_get(inode);
	file_put(file);
	return inode ? 0 : -ENOTDIR;
}

int path_resolve(int directory, const char *path, int flags, struct inode **out)
{
	struct inode *base;
	int error = path_base(directory, path, &base);

	if (error)
		return error;
	if (!path[0] && flags & AT_EMPTY_PATH && base) {
		*out = base;
		return 0;
	}
	error = fs_resolve(base, path, !(flags & AT_SYMLINK_NOFOLLOW), out);
	if (base)
		fs_inode_put(base);
	return error;
}

int path_resolve_parent(int directory, const char *path, struct inode **out,
			const char **name, size_t *length)
{
	struct inode *base;
	int error = path_base(directory, path, &base);

	if (error)
		return error;
	error = fs_resolve_parent(base, path, out, name, length);
	if (base)
		fs_inode_put(base);
	return error;
}

/* Takes the reference. */
static long change(struct inode *inode)
{
	struct inode *old;
	unsigned long flags;

	if (!S_ISDIR(inode->mode)) {
		fs_inode_put(inode);
		return -ENOTDIR;
	}
	flags = spin_lock(&lock);
	old = working;
	working = inode;
	spin_unlock(&lock, flags);
	if (old)
		fs_inode_put(old);
	return 0;
}

long sys_chdir(const char *path)
{
	struct inode *inode;
	int error = path_resolve(AT_FDCWD, path, 0, &inode);

	return error ? error : change(inode);
}

long sys_fchdir(int fd)
{
	struct file *file = fd_get(fd);
	struct inode *inode;
	long result;

	if (!file)
		return -EBADF;
	inode = node_inode(file);
	result = inode ? change(fs_inode_get(inode)) : -ENOTDIR;
	file_put(file);
	return result;
}

long sys_getcwd(char *out, size_t bytes)
{
	struct inode *inode;
	char *path;
	size_t length;
	long result;

	if (buffer_is_bad(out, bytes))
		return -EFAULT;
	path = kmalloc(FS_PATH_MAX);
	if (!path)
		return -ENOMEM;
	inode = get_working();
	result = 0;
	if (inode)
		result = fs_path_of(inode, path, FS_PATH_MAX);
	else
		memcpy(path, "/", 2);
	if (inode)
		fs_inode_put(inode);
	if (!result) {
		length = strlen(path) + 1;
		result = length <= bytes ? (long)length : -ERANGE;
		if (result > 0)
			memcpy(out, path, length);
	}
	kfree(path);
	return result;
}
