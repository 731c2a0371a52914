/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sendfile and copy_file_range: from one file to another through a kernel buffer. */

#include <errno.h>
#include <fcntl.h>
#include <kernel/heap.h>
#include <posix/file.h>
#include <posix/files.h>
#include <posix/pointer.h>
#include <posix/tty.h>

TTY_INPUT_NEEDED();

#define BUFFER_BYTES (64 * 1024)

/* A file and where in it: *given, or its own position when given is NULL. */
struct place {
	struct file *file;
	off_t *given;
};

static ssize_t move(const struct place *place, char *buffer, size_t bytes, bool write)
{
	const struct file_operations *operations = place->file->operations;
	struct iovec vector = { buffer, bytes };

	if (!place->given)
		return write ? file_writev(place->file, &vector, 1)
			     : file_readv(place->file, &vector, 1);
	if (!operations->size)
		return -ESPIPE;
	if (!(write ? operations->writev : operations->readv))
		return -EINVAL;
	return write ? operations->writev(place->file, &vector, 1, place->given)
		     : operations->readv(place->file, &vector, 1, place->given);
}

/* Steps the reading position back over what could not be written. */
static void step_back(const struct place *place, size_t bytes)
{
	if (place->given) {
		*place->given -= (off_t)bytes;
	} else if (place->file->operations->size) {
		file_offset_lock(place->file);
		place->file->offset -= (off_t)bytes;
		file_offset_unlock(place->file);
	}
}

static long copy(const struct place *from, const struct place *to, size_t bytes)
{
	size_t size = bytes < BUFFER_BYTES ? bytes : BUFFER_BYTES, done = 0;
	char *buffer = kmalloc(size ? size : 1);
	ssize_t got = 0, put = 0;

	if (!buffer)
		return -ENOMEM;
	while (done < bytes) {
		got = move(from, buffer, bytes - done < size ? bytes - done : size,
			   false);
		if (got <= 0)
			break;
		put = move(to, buffer, (size_t)got, true);
		if (put < got)
			step_back(from, (size_t)(got - (put > 0 ? put : 0)));
		if (put <= 0)
			break;
		done += (size_t)put;
		if (put < got)
			break;
	}
	kfree(buffer);
	if (done)
		return (long)done;
	return got < 0 ? got : put < 0 ? put : 0;
}

static long copy_between(int in_fd, off_t *in_offset, int out_fd, off_t *out_offset,
			 size_t bytes)
{
	struct place from = { fd_get(in_fd), in_offset };
	struct place to = { fd_get(out_fd), out_offset };
	long result = -EBADF;

	if (from.file && to.file) {
		if (!file_may_read(from.file) || !file_may_write(to.file))
			result = -EBADF;
		else if ((in_offset && *in_offset < 0) || (out_offset && *out_offset < 0))
			result = -EINVAL;
		else
			result = copy(&from, &to, bytes);
	}
	if (from.file)
		file_put(from.file);
	if (to.file)
		file_put(to.file);
	return result;
}

long sys_sendfile(int out_fd, int in_fd, off_t *offset, size_t bytes)
{
	if (offset && pointer_is_bad(offset))
		return -EFAULT;
	return copy_between(in_fd, offset, out_fd, NULL, bytes);
}

long sys_copy_file_range(int in_fd, off_t *in_offset, int out_fd, off_t *out_offset,
			 size_t bytes, unsigned flags)
{
	if (flags)
		return -EINVAL;
	if ((in_offset && pointer_is_bad(in_offset)) ||
	    (out_offset && pointer_is_bad(out_offset)))
		return -EFAULT;
	return copy_between(in_fd, in_offset, out_fd, out_offset, bytes);
}
