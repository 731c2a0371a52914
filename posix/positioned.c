/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* pread, pwrite and their vector forms: at a position of the caller's. */

#include <errno.h>
#include <posix/files.h>
#include <posix/io.h>

static long transfer_at(int fd, const struct iovec *vector, int count, off_t offset,
			bool write)
{
	struct file *file = fd_get(fd);
	const struct file_operations *operations;
	long done;

	if (!file)
		return -EBADF;
	operations = file->operations;
	done = io_check_vector(vector, count);
	if (done)
		goto out;
	if (!(write ? file_may_write(file) : file_may_read(file)))
		done = -EBADF;
	else if (!operations->size)
		done = -ESPIPE;
	else if (offset < 0 || !(write ? operations->writev : operations->readv))
		done = -EINVAL;
	else if (write)
		done = operations->writev(file, vector, count, &offset);
	else
		done = operations->readv(file, vector, count, &offset);
out:
	file_put(file);
	return done;
}

long sys_pread64(int fd, void *out, size_t bytes, off_t offset)
{
	struct iovec vector = { out, bytes > TRANSFER_MAX ? TRANSFER_MAX : bytes };

	return transfer_at(fd, &vector, 1, offset, false);
}

long sys_pwrite64(int fd, const void *in, size_t bytes, off_t offset)
{
	struct iovec vector = { (void *)in, bytes > TRANSFER_MAX ? TRANSFER_MAX : bytes };

	return transfer_at(fd, &vector, 1, offset, true);
}

/* The kernel's interface splits the offset for 32-bit machines; on 64-bit ones `low`
 * holds all of it. */
long sys_preadv(int fd, const struct iovec *vector, int count, long low, long high)
{
	(void)high;
	return transfer_at(fd, vector, count, low, false);
}

long sys_pwritev(int fd, const struct iovec *vector, int count, long low, long high)
{
	(void)high;
	return transfer_at(fd, vector, count, low, true);
}
