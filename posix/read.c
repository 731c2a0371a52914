/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* read and its vector form at the file's own position. */

#include <posix/files.h>
#include <posix/io.h>
#include <posix/tty.h>

TTY_INPUT_NEEDED();

long sys_read(int fd, void *out, size_t bytes)
{
	struct iovec vector = { out, bytes > TRANSFER_MAX ? TRANSFER_MAX : bytes };

	return io_transfer(fd, &vector, 1, file_readv);
}

long sys_readv(int fd, const struct iovec *vector, int count)
{
	return io_transfer(fd, vector, count, file_readv);
}
