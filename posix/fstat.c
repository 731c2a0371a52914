/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Calls on an open file that its own operations answer. */

#include <errno.h>
#include <fcntl.h>
#include <posix/file.h>
#include <posix/files.h>
#include <posix/pointer.h>

long sys_fstat(int fd, struct stat *out)
{
	struct file *file = fd_get(fd);
	long result;

	if (!file)
		return -EBADF;
	if (pointer_is_bad(out))
		result = -EFAULT;
	else
		result = file->operations->stat ? file->operations->stat(file, out)
						: -EINVAL;
	file_put(file);
	return result;
}

long sys_ftruncate(int fd, off_t length)
{
	struct file *file = fd_get(fd);
	long result;

	if (!file)
		return -EBADF;
	if (length < 0 || !file->operations->truncate || !file_may_write(file))
		result = -EINVAL;
	else
		result = file->operations->truncate(file, length);
	file_put(file);
	return result;
}

long sys_fsync(int fd)
{
	struct file *file = fd_get(fd);
	long result;

	if (!file)
		return -EBADF;
	result = file->operations->sync ? file->operations->sync(file) : -EINVAL;
	file_put(file);
	return result;
}

long sys_fdatasync(int fd)
{
	return sys_fsync(fd);
}

long sys_getdents64(int fd, void *out, size_t bytes)
{
	struct file *file = fd_get(fd);
	long result = -ENOTDIR;

	if (!file)
		return -EBADF;
	if (!file_may_read(file)) {
		result = -EBADF;
	} else if (buffer_is_bad(out, bytes)) {
		result = -EFAULT;
	} else if (file->operations->getdents) {
		file_offset_lock(file);
		result = file->operations->getdents(file, out, bytes, &file->offset);
		file_offset_unlock(file);
	}
	file_put(file);
	return result;
}

/* Advice is free to be ignored; the file must exist. */
long sys_fadvise64(int fd, off_t offset, off_t length, int advice)
{
	struct file *file = fd_get(fd);
	long result = 0;

	(void)offset;
	if (!file)
		return -EBADF;
	if (!file->operations->size)
		result = -ESPIPE;
	else if (length < 0 || advice < 0 || advice > POSIX_FADV_NOREUSE)
		result = -EINVAL;
	file_put(file);
	return result;
}
