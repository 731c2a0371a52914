/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* open and its kin. */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <fs/fs.h>
#include <posix/files.h>
#include <posix/node.h>
#include <posix/tty.h>

#define KEPT_FLAGS                                                           \
	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DIRECT | O_NOATIME | \
	 O_LARGEFILE | O_DIRECTORY | O_PATH)

static mode_t umask_bits = 022; /* atomic */

long sys_umask(mode_t mask)
{
	return (long)__atomic_exchange_n(&umask_bits, mask & 0777, __ATOMIC_RELAXED);
}

/* The inode to open, made if O_CREAT asks for it; *made says so. */
static int find_or_create(int directory, const char *path, int flags, mode_t mode,
			  struct inode **out, bool *made)
{
	int follow = flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
	struct inode *parent;
	const char *name;
	size_t length;
	int error;

	*made = false;
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		follow = AT_SYMLINK_NOFOLLOW;
	for (;;) {
		error = path_resolve(directory, path, follow, out);
		if (!(flags & O_CREAT) || (error && error != -ENOENT))
			return error;
		if (!error) {
			if (!(flags & O_EXCL))
				return 0;
			fs_inode_put(*out);
			return -EEXIST;
		}
		error = path_resolve_parent(directory, path, &parent, &name, &length);
		if (error)
			return error;
		if (name[length] == '/')
			error = -EISDIR;
		else
			error = fs_create(parent, name, length,
					  S_IFREG | (mode & 07777 &
						     ~__atomic_load_n(&umask_bits,
								      __ATOMIC_RELAXED)),
					  out);
		fs_inode_put(parent);
		*made = !error;
		/* Made by somebody else meanwhile: open that. (A dangling symbolic link
		 * also ends here: its name is taken, its target is not there.) */
		if (error != -EEXIST || flags & O_EXCL)
			return error;
		error = path_resolve(directory, path, AT_SYMLINK_NOFOLLOW, out);
		if (error)
			return error;
		error = S_ISLNK((*out)->mode) ? -ENOENT : 0;
		fs_inode_put(*out);
		if (error)
			return error;
	}
}

static int check_kind(const struct inode *inode, int flags)
{
	int mode = flags & O_ACCMODE;
	bool writes = mode == O_WRONLY || mode == O_RDWR;

	if (S_ISLNK(inode->mode) && !(flags & O_PATH))
		return -ELOOP; /* O_NOFOLLOW */
	if (flags & O_DIRECTORY && !S_ISDIR(inode->mode))
		return -ENOTDIR;
	if (S_ISDIR(inode->mode) && (writes || flags & O_CREAT))
		return -EISDIR;
	if (S_ISREG(inode->mode) && (writes || flags & O_TRUNC) && inode->fs->read_only)
		return -EROFS;
	/* Devices and pipes of a disk's file system are nobody's here. */
	if (!(flags & O_PATH) &&
	    (S_ISFIFO(inode->mode) || S_ISSOCK(inode->mode) || S_ISBLK(inode->mode)))
		return -ENXIO;
	return 0;
}

static bool is_terminal(struct inode *inode)
{
	struct stat stat;

	return S_ISCHR(inode->mode) && !inode->fs->operations->stat(inode, &stat) &&
	       major(stat.st_rdev) == 5;
}

static int open_inode(struct inode *inode, int flags, bool made, struct file **out)
{
	int error = check_kind(inode, flags);

	if (error)
		return error;
	if (flags & O_TRUNC && S_ISREG(inode->mode) && !made) {
		error = inode->fs->operations->truncate
				? inode->fs->operations->truncate(inode, 0)
				: -EROFS;
		if (error)
			return error;
	}
	if (!(flags & O_PATH) && inode->fs->operations->open) {
		error = inode->fs->operations->open(inode, flags & O_ACCMODE);
		if (error)
			return error;
	}
	*out = !(flags & O_PATH) && is_terminal(inode)
		       ? tty_open(flags & KEPT_FLAGS)
		       : node_open(inode, flags & KEPT_FLAGS);
	return *out ? 0 : -ENOMEM;
}

long sys_openat(int directory, const char *path, int flags, mode_t mode)
{
	struct inode *inode;
	struct file *file = NULL;
	bool made;
	int error;

	if (flags & O_PATH) /* only a place in the tree: the rest counts for nothing */
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	error = find_or_create(directory, path, flags, mode, &inode, &made);
	if (error)
		return error;
	error = open_inode(inode, flags, made, &file);
	fs_inode_put(inode);
	return error ? error : fd_install(file, flags & O_CLOEXEC);
}

long sys_open(const char *path, int flags, mode_t mode)
{
	return sys_openat(AT_FDCWD, path, flags, mode);
}

long sys_creat(const char *path, mode_t mode)
{
	return sys_openat(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

long sys_mkdirat(int directory, const char *path, mode_t mode)
{
	struct inode *parent;
	const char *name;
	size_t length;
	int error = path_resolve_parent(directory, path, &parent, &name, &length);

	if (error)
		return error;
	mode &= 07777 & ~__atomic_load_n(&umask_bits, __ATOMIC_RELAXED);
	error = fs_mkdir(parent, name, length, S_IFDIR | mode);
	fs_inode_put(parent);
	return error;
}

long sys_mkdir(const char *path, mode_t mode)
{
	return sys_mkdirat(AT_FDCWD, path, mode);
}
