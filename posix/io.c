/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* read, write and their vector forms at the file's own position. */

#include <errno.h>
#include <posix/file.h>
#include <posix/files.h>
#include <posix/pointer.h>
#include <posix/signal.h>

#define TRANSFER_MAX ((size_t)INT64_MAX) /* SSIZE_MAX */
#define VECTOR_MAX   1024		 /* IOV_MAX */

/* 0, or why the vector cannot be used. */
static int check_vector(const struct iovec *vector, int count)
{
	size_t total = 0;

	if (count < 0 || count > VECTOR_MAX)
		return -EINVAL;
	if (count && pointer_is_bad(vector))
		return -EFAULT;
	for (int i = 0; i < count; i++) {
		if (buffer_is_bad(vector[i].iov_base, vector[i].iov_len))
			return -EFAULT;
		if (vector[i].iov_len > TRANSFER_MAX - total)
			return -EINVAL;
		total += vector[i].iov_len;
	}
	return 0;
}

/* A transfer at the file's own position. */
static long transfer(int fd, const struct iovec *vector, int count, bool write)
{
	struct file *file = fd_get(fd);
	long done;

	if (!file)
		return -EBADF;
	done = check_vector(vector, count);
	if (!done)
		done = write ? file_writev(file, vector, count)
			     : file_readv(file, vector, count);
	file_put(file);
	return done;
}

/* Made again when a signal's handler asked for that. */
static long transfer_restarted(int fd, const struct iovec *vector, int count, bool write)
{
	long done;

	do
		done = transfer(fd, vector, count, write);
	while (done == -EINTR && signal_restart());
	return done;
}

long sys_read(int fd, void *out, size_t bytes)
{
	struct iovec vector = { out, bytes > TRANSFER_MAX ? TRANSFER_MAX : bytes };

	return transfer_restarted(fd, &vector, 1, false);
}

long sys_write(int fd, const void *in, size_t bytes)
{
	struct iovec vector = { (void *)in, bytes > TRANSFER_MAX ? TRANSFER_MAX : bytes };

	return transfer_restarted(fd, &vector, 1, true);
}

long sys_readv(int fd, const struct iovec *vector, int count)
{
	return transfer_restarted(fd, vector, count, false);
}

long sys_writev(int fd, const struct iovec *vector, int count)
{
	return transfer_restarted(fd, vector, count, true);
}

static long transfer_at(int fd, const struct iovec *vector, int count, off_t offset,
			bool write)
{
	struct file *file = fd_get(fd);
	const struct file_operations *operations;
	long done;

	if (!file)
		return -EBADF;
	operations = file->operations;
	done = check_vector(vector, count);
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
