/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* write and its vector form at the file's own position, and what reading shares with it. */

#include <errno.h>
#include <posix/files.h>
#include <posix/io.h>
#include <posix/pointer.h>
#include <posix/signal.h>

#define VECTOR_MAX 1024 /* IOV_MAX */

int io_check_vector(const struct iovec *vector, int count)
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

static long transfer(int fd, const struct iovec *vector, int count,
		     io_operation *operation)
{
	struct file *file = fd_get(fd);
	long done;

	if (!file)
		return -EBADF;
	done = io_check_vector(vector, count);
	if (!done)
		done = operation(file, vector, count);
	file_put(file);
	return done;
}

long io_transfer(int fd, const struct iovec *vector, int count, io_operation *operation)
{
	long done;

	do
		done = transfer(fd, vector, count, operation);
	while (done == -EINTR && signal_restart());
	return done;
}

long sys_write(int fd, const void *in, size_t bytes)
{
	struct iovec vector = { (void *)in, bytes > TRANSFER_MAX ? TRANSFER_MAX : bytes };

	return io_transfer(fd, &vector, 1, file_writev);
}

long sys_writev(int fd, const struct iovec *vector, int count)
{
	return io_transfer(fd, vector, count, file_writev);
}
