/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Attributes that are set, and names that are made without opening: chmod, chown,
 * utimensat, symlink, link and their kin. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <fs/fs.h>
#include <kernel/heap.h>
#include <kernel/time.h>
#include <posix/files.h>
#include <posix/node.h>
#include <posix/pointer.h>

#define UNCHANGED UINT32_MAX /* an owner or group that stays (chown(2)) */

/* Attributes of a path, or with a NULL path of an open file; NULL: it is to be there. */
static long set(int directory, const char *path, int flags,
		const struct fs_attributes *attributes)
{
	struct inode *inode;
	struct file *file;
	long result;

	if (path) {
		result = path_resolve(directory, path, flags, &inode);
		if (result)
			return result;
		result = attributes ? fs_set(inode, attributes) : 0;
		fs_inode_put(inode);
		return result;
	}
	file = fd_get(directory);
	if (!file)
		return -EBADF;
	inode = file->flags & O_PATH ? NULL : node_inode(file);
	if (!inode)
		result = -EBADF;
	else
		result = attributes ? fs_set(inode, attributes) : 0;
	file_put(file);
	return result;
}

long sys_fchmodat2(int directory, const char *path, mode_t mode, int flags)
{
	struct fs_attributes attributes = { .set = FS_MODE, .mode = mode & 07777 };

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (pointer_is_bad(path))
		return -EFAULT;
	return set(directory, path, flags, &attributes);
}

long sys_fchmodat(int directory, const char *path, mode_t mode)
{
	return sys_fchmodat2(directory, path, mode, 0);
}

long sys_chmod(const char *path, mode_t mode)
{
	return sys_fchmodat2(AT_FDCWD, path, mode, 0);
}

long sys_fchmod(int fd, mode_t mode)
{
	struct fs_attributes attributes = { .set = FS_MODE, .mode = mode & 07777 };

	return set(fd, NULL, 0, &attributes);
}

static struct fs_attributes owners(uid_t owner, gid_t group)
{
	return (struct fs_attributes){ .set = (owner != UNCHANGED ? FS_OWNER : 0) |
					      (group != UNCHANGED ? FS_GROUP : 0),
				       .owner = owner,
				       .group = group };
}

long sys_fchownat(int directory, const char *path, uid_t owner, gid_t group, int flags)
{
	struct fs_attributes attributes = owners(owner, group);

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (pointer_is_bad(path))
		return -EFAULT;
	return set(directory, path, flags, &attributes);
}

long sys_chown(const char *path, uid_t owner, gid_t group)
{
	return sys_fchownat(AT_FDCWD, path, owner, group, 0);
}

long sys_lchown(const char *path, uid_t owner, gid_t group)
{
	return sys_fchownat(AT_FDCWD, path, owner, group, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(int fd, uid_t owner, gid_t group)
{
	struct fs_attributes attributes = owners(owner, group);

	return set(fd, NULL, 0, &attributes);
}

/* One of utimensat's two times; false: it is none. */
static bool take_time(const struct timespec *given, unsigned which,
		      struct fs_attributes *attributes, struct timespec *out)
{
	int64_t now = clock_realtime_ns();

	if (given && given->tv_nsec == UTIME_OMIT)
		return true;
	attributes->set |= which;
	if (given && given->tv_nsec != UTIME_NOW) {
		*out = *given;
		return given->tv_nsec >= 0 && given->tv_nsec < (long)NS_PER_SEC;
	}
	*out = (struct timespec){ now / (int64_t)NS_PER_SEC, now % (int64_t)NS_PER_SEC };
	return true;
}

/* A NULL path is the open file itself (futimens). Where there is nothing to set the file must be
 * there nevertheless, which Linux does not ask; that it could be changed is not asked. */
long sys_utimensat(int directory, const char *path, const struct timespec times[2],
		   int flags)
{
	struct fs_attributes attributes = { 0 };

	if (times && pointer_is_bad(times))
		return -EFAULT;
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!path && directory != AT_FDCWD && flags)
		return -EINVAL;
	if ((path || directory == AT_FDCWD) && pointer_is_bad(path))
		return -EFAULT;
	if (!take_time(times, FS_ATIME, &attributes, &attributes.atime) ||
	    !take_time(times ? times + 1 : NULL, FS_MTIME, &attributes,
		       &attributes.mtime))
		return -EINVAL;
	return set(directory, path, flags, attributes.set ? &attributes : NULL);
}

long sys_symlinkat(const char *target, int directory, const char *path)
{
	struct inode *parent;
	const char *name;
	size_t length, bytes;
	long result;

	if (pointer_is_bad(target))
		return -EFAULT;
	bytes = strnlen(target, FS_PATH_MAX);
	if (!bytes)
		return -ENOENT;
	if (bytes == FS_PATH_MAX)
		return -ENAMETOOLONG;
	result = path_resolve_parent(directory, path, &parent, &name, &length);
	if (result)
		return result;
	result = name[length] == '/' ? -ENOENT
				     : fs_symlink(parent, name, length, target, bytes);
	fs_inode_put(parent);
	return result;
}

long sys_symlink(const char *target, const char *path)
{
	return sys_symlinkat(target, AT_FDCWD, path);
}

long sys_linkat(int from_directory, const char *from, int to_directory, const char *to,
		int flags)
{
	struct inode *inode, *parent;
	const char *name;
	size_t length;
	long result;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	result = path_resolve(
		from_directory, from,
		(flags & AT_EMPTY_PATH) |
			(flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW),
		&inode);
	if (result)
		return result;
	result = path_resolve_parent(to_directory, to, &parent, &name, &length);
	if (!result) {
		result = name[length] == '/' ? -ENOENT
					     : fs_link(inode, parent, name, length);
		fs_inode_put(parent);
	}
	fs_inode_put(inode);
	return result;
}

long sys_link(const char *from, const char *to)
{
	return sys_linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}
