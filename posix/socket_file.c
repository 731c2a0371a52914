/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A socket as an open file: what read(), write(), poll(), fstat() and close() do with it. */

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <posix/pointer.h>
#include <posix/signal.h>
#include <posix/socket.h>

static ssize_t socket_readv(struct file *file, const struct iovec *vector, int count,
			    off_t *offset)
{
	struct socket *socket = (struct socket *)file;
	struct socket_message message = { .vector = vector,
					  .count = count,
					  .bytes = iovec_length(vector, count) };

	(void)offset;
	return socket->protocol->receive(socket, &message);
}

static ssize_t socket_writev(struct file *file, const struct iovec *vector, int count,
			     off_t *offset)
{
	struct socket *socket = (struct socket *)file;
	struct socket_message message = { .vector = vector,
					  .count = count,
					  .bytes = iovec_length(vector, count) };
	ssize_t result;

	(void)offset;
	result = socket->protocol->send(socket, &message);
	if (result == -EPIPE)
		signal_raise(SIGPIPE);
	return result;
}

static short socket_poll(struct file *file)
{
	return __atomic_load_n(&((struct socket *)file)->events, __ATOMIC_ACQUIRE);
}

static int socket_stat(struct file *file, struct stat *out)
{
	memset(out, 0, sizeof(*out));
	out->st_mode = S_IFSOCK | 0777;
	out->st_nlink = 1;
	out->st_blksize = 4096;
	out->st_ino = (ino_t)(uintptr_t)file; /* unique while it is open */
	return 0;
}

static int socket_ioctl(struct file *file, unsigned long request, void *argument)
{
	struct socket *socket = (struct socket *)file;
	size_t bytes;

	if (request != FIONREAD)
		return -ENOTTY;
	if (pointer_is_bad(argument))
		return -EFAULT;
	net_lock();
	bytes = socket->protocol->readable(socket);
	net_unlock();
	*(int *)argument = (int)bytes;
	return 0;
}

static void socket_release(struct file *file)
{
	struct socket *socket = (struct socket *)file;

	socket->protocol->release(socket);
}

const struct file_operations socket_file_operations = {
	.name = "socket",
	.readv = socket_readv,
	.writev = socket_writev,
	.poll = socket_poll,
	.stat = socket_stat,
	.ioctl = socket_ioctl,
	.release = socket_release,
};
