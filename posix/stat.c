/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Questions about paths: stat, access, readlink, statfs. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <fs/fs.h>
#include <posix/files.h>
#include <posix/node.h>
#include <posix/pointer.h>

long sys_newfstatat(int directory, const char *path, struct stat *out, int flags)
{
	struct inode *inode;
	int error;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
		return -EINVAL;
	if (pointer_is_bad(path) || pointer_is_bad(out))
		return -EFAULT;
	if (!path[0] && flags & AT_EMPTY_PATH && directory != AT_FDCWD)
		return sys_fstat(directory, out); /* any kind of file */
	error = path_resolve(directory, path, flags, &inode);
	if (error)
		return error;
	error = inode->fs->operations->stat(inode, out);
	fs_inode_put(inode);
	return error;
}

long sys_stat(const char *path, struct stat *out)
{
	return sys_newfstatat(AT_FDCWD, path, out, 0);
}

long sys_lstat(const char *path, struct stat *out)
{
	return sys_newfstatat(AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW);
}

/* The program is the superuser: it may read and write everything, and execute or search
 * what has any execute bit (access(2)). */
long sys_faccessat2(int directory, const char *path, int mode, int flags)
{
	struct inode *inode;
	int error;

	if (mode & ~(R_OK | W_OK | X_OK) ||
	    flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_EACCESS))
		return -EINVAL;
	error = path_resolve(directory, path, flags, &inode);
	if (error)
		return error;
	if (mode & W_OK && inode->fs->read_only && !S_ISCHR(inode->mode))
		error = -EROFS;
	else if (mode & X_OK && !S_ISDIR(inode->mode) && !(inode->mode & 0111))
		error = -EACCES;
	fs_inode_put(inode);
	return error;
}

long sys_faccessat(int directory, const char *path, int mode)
{
	return sys_faccessat2(directory, path, mode, 0);
}

long sys_access(const char *path, int mode)
{
	return sys_faccessat2(AT_FDCWD, path, mode, 0);
}

long sys_readlinkat(int directory, const char *path, char *out, size_t bytes)
{
	struct inode *inode;
	long result;

	if ((ssize_t)bytes <= 0)
		return -EINVAL;
	if (buffer_is_bad(out, bytes))
		return -EFAULT;
	result = path_resolve(directory, path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH,
			      &inode);
	if (result)
		return result;
	if (S_ISLNK(inode->mode) && inode->fs->operations->readlink)
		result = inode->fs->operations->readlink(inode, out, bytes);
	else
		result = -EINVAL;
	fs_inode_put(inode);
	return result;
}

long sys_readlink(const char *path, char *out, size_t bytes)
{
	return sys_readlinkat(AT_FDCWD, path, out, bytes);
}

static long statfs_of(struct fs *fs, struct statfs *out)
{
	memset(out, 0, sizeof(*out));
	return fs->operations->statfs ? fs->operations->statfs(fs, out) : -ENOSYS;
}

long sys_statfs(const char *path, struct statfs *out)
{
	struct inode *inode;
	long result;

	if (pointer_is_bad(out))
		return -EFAULT;
	result = path_resolve(AT_FDCWD, path, 0, &inode);
	if (result)
		return result;
	result = statfs_of(inode->fs, out);
	fs_inode_put(inode);
	return result;
}

long sys_fstatfs(int fd, struct statfs *out)
{
	struct file *file;
	struct inode *inode;
	long result;

	if (pointer_is_bad(out))
		return -EFAULT;
	file = fd_get(fd);
	if (!file)
		return -EBADF;
	inode = node_inode(file);
	if (inode) {
		result = statfs_of(inode->fs, out);
	} else {
		memset(out, 0, sizeof(*out));
		out->f_type = 0x09041934; /* ANON_INODE_FS_MAGIC (statfs(2)) */
		out->f_bsize = 4096;
		result = 0;
	}
	file_put(file);
	return result;
}

long sys_truncate(const char *path, off_t length)
{
	struct inode *inode;
	struct file *file;
	long result;

	if (length < 0)
		return -EINVAL;
	result = path_resolve(AT_FDCWD, path, 0, &inode);
	if (result)
		return result;
	if (S_ISDIR(inode->mode)) {
		result = -EISDIR;
	} else {
		file = node_open(inode, O_WRONLY);
		result = file ? file->operations->truncate(file, length) : -ENOMEM;
		if (file)
			file_put(file);
	}
	fs_inode_put(inode);
	return result;
}
