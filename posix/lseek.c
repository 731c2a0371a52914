/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* lseek. */

#include <errno.h>
#include <unistd.h>
#include <posix/file.h>
#include <posix/files.h>

static long seek(struct file *file, off_t offset, int whence)
{
	off_t size, base = 0;

	if (!file->operations->size)
		return -ESPIPE;
	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = file->offset;
		break;
	case SEEK_END:
	case SEEK_DATA:
	case SEEK_HOLE:
		size = file->operations->size(file);
		if (size < 0)
			return size;
		base = size;
		if (whence == SEEK_END)
			break;
		/* Without a map of holes, all of a file is data (lseek(2)). */
		if (offset < 0 || offset >= size)
			return -ENXIO;
		if (whence == SEEK_DATA)
			base = 0;
		else
			offset = 0;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, offset, &offset))
		return -EOVERFLOW;
	if (offset < 0)
		return -EINVAL;
	file->offset = offset;
	return offset;
}

long sys_lseek(int fd, off_t offset, int whence)
{
	struct file *file = fd_get(fd);
	long result;

	if (!file)
		return -EBADF;
	file_offset_lock(file);
	result = seek(file, offset, whence);
	file_offset_unlock(file);
	file_put(file);
	return result;
}
