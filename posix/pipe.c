/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Pipes: a ring of bytes between two files. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <kernel/heap.h>
#include <kernel/sync.h>
#include <posix/file.h>
#include <posix/files.h>
#include <posix/pointer.h>
#include <posix/signal.h>

#define ATOMIC_BYTES 4096   /* PIPE_BUF: writes up to it are not mixed */
#define FIRST_BYTES  4096   /* what a pipe takes at first */
#define LIMIT_BYTES  65536u /* what it grows to */

struct pipe_end {
	struct file file;
	struct pipe *pipe;
};

struct pipe {
	struct pipe_end read, write;
	struct mutex mutex;  /* user memory is copied under it, so no spinlock */
	char *ring;	     /* under mutex, as the rest */
	uint32_t ring_bytes; /* a power of two */
	uint32_t head, tail; /* run freely; [head, tail) is in the pipe */
	bool reader_gone, writer_gone;
	unsigned ends; /* not yet released; atomic */
	ino_t number;
};

static ino_t next_number = 1; /* atomic */

static struct pipe *pipe_of(struct file *file)
{
	return ((struct pipe_end *)file)->pipe;
}

static bool has_data(struct file *file, void *context)
{
	struct pipe *pipe = pipe_of(file);

	(void)context;
	return __atomic_load_n(&pipe->tail, __ATOMIC_ACQUIRE) !=
		       __atomic_load_n(&pipe->head, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&pipe->writer_gone, __ATOMIC_ACQUIRE);
}

/* Copies between the vector from `position` on and the ring from `at` on. */
static void ring_copy(struct pipe *pipe, uint32_t at, size_t bytes,
		      const struct iovec *vector, int count, size_t position, bool in)
{
	size_t start = at & (pipe->ring_bytes - 1), first = pipe->ring_bytes - start;

	if (first > bytes)
		first = bytes;
	if (in) {
		iovec_copy_in(pipe->ring + start, first, vector, count, position);
		iovec_copy_in(pipe->ring, bytes - first, vector, count, position + first);
	} else {
		iovec_copy_out(pipe->ring + start, first, vector, count, position);
		iovec_copy_out(pipe->ring, bytes - first, vector, count,
			       position + first);
	}
}

static ssize_t pipe_readv(struct file *file, const struct iovec *vector, int count,
			  off_t *offset)
{
	struct pipe *pipe = pipe_of(file);
	size_t wanted = iovec_length(vector, count), bytes;
	int error;

	(void)offset;
	if (!wanted)
		return 0;
	for (;;) {
		mutex_lock(&pipe->mutex);
		bytes = pipe->tail - pipe->head;
		if (bytes || pipe->writer_gone)
			break;
		mutex_unlock(&pipe->mutex);
		error = file_wait(file, has_data, NULL, NO_DEADLINE);
		if (error)
			return error;
	}
	if (bytes > wanted)
		bytes = wanted;
	if (bytes) {
		ring_copy(pipe, pipe->head, bytes, vector, count, 0, false);
		__atomic_store_n(&pipe->head, pipe->head + (uint32_t)bytes,
				 __ATOMIC_RELEASE);
	}
	mutex_unlock(&pipe->mutex);
	if (bytes)
		file_notify(&pipe->write.file, POLLOUT | POLLWRNORM);
	return (ssize_t)bytes;
}

/* Room for what is wanted, growing the ring where that helps. Under mutex. */
static size_t make_room(struct pipe *pipe, size_t wanted)
{
	uint32_t used = pipe->tail - pipe->head, bytes = pipe->ring_bytes;
	char *larger;

	while (bytes - used < wanted && bytes < LIMIT_BYTES)
		bytes *= 2;
	if (bytes != pipe->ring_bytes) {
		struct iovec old;

		larger = kmalloc(bytes);
		if (!larger) /* it works with what it has, only with more waiting */
			return pipe->ring_bytes - used;
		old = (struct iovec){ larger, used };
		ring_copy(pipe, pipe->head, used, &old, 1, 0, false);
		kfree(pipe->ring);
		pipe->ring = larger;
		pipe->ring_bytes = bytes;
		pipe->head = 0;
		pipe->tail = used;
	}
	return bytes - used;
}

/* What a writer waits for: *context bytes of room, in the ring as large as it gets. */
static bool has_room(struct file *file, void *context)
{
	struct pipe *pipe = pipe_of(file);
	bool room;

	mutex_lock(&pipe->mutex);
	room = pipe->reader_gone ||
	       make_room(pipe, *(size_t *)context) >= *(size_t *)context;
	mutex_unlock(&pipe->mutex);
	return room;
}

static ssize_t pipe_writev(struct file *file, const struct iovec *vector, int count,
			   off_t *offset)
{
	struct pipe *pipe = pipe_of(file);
	size_t wanted = iovec_length(vector, count), done = 0;

	(void)offset;
	while (done < wanted) {
		size_t rest = wanted - done, room;
		/* Up to PIPE_BUF bytes go in as one (pipe(7)). */
		size_t least = wanted <= ATOMIC_BYTES ? wanted : 1;
		int error;

		mutex_lock(&pipe->mutex);
		if (pipe->reader_gone) {
			mutex_unlock(&pipe->mutex);
			if (done)
				return (ssize_t)done;
			signal_raise(SIGPIPE);
			return -EPIPE;
		}
		room = make_room(pipe, rest);
		if (room >= least) {
			if (room > rest)
				room = rest;
			ring_copy(pipe, pipe->tail, room, vector, count, done, true);
			__atomic_store_n(&pipe->tail, pipe->tail + (uint32_t)room,
					 __ATOMIC_RELEASE);
			done += room;
			mutex_unlock(&pipe->mutex);
			file_notify(&pipe->read.file, POLLIN | POLLRDNORM);
			continue;
		}
		mutex_unlock(&pipe->mutex);
		error = file_wait(file, has_room, &least, NO_DEADLINE);
		if (error)
			return done ? (ssize_t)done : error;
	}
	return (ssize_t)done;
}

static short pipe_read_poll(struct file *file)
{
	struct pipe *pipe = pipe_of(file);
	short events = 0;

	mutex_lock(&pipe->mutex);
	if (pipe->tail != pipe->head)
		events |= POLLIN | POLLRDNORM;
	if (pipe->writer_gone)
		events |= POLLHUP;
	mutex_unlock(&pipe->mutex);
	return events;
}

static short pipe_write_poll(struct file *file)
{
	struct pipe *pipe = pipe_of(file);
	short events = 0;

	mutex_lock(&pipe->mutex);
	if (LIMIT_BYTES - (pipe->tail - pipe->head) >= ATOMIC_BYTES)
		events |= POLLOUT | POLLWRNORM;
	if (pipe->reader_gone)
		events |= POLLERR;
	mutex_unlock(&pipe->mutex);
	return events;
}

static int pipe_stat(struct file *file, struct stat *out)
{
	struct pipe *pipe = pipe_of(file);

	memset(out, 0, sizeof(*out));
	out->st_mode = S_IFIFO | 0600;
	out->st_ino = pipe->number;
	out->st_nlink = 1;
	out->st_blksize = ATOMIC_BYTES;
	return 0;
}

static int pipe_ioctl(struct file *file, unsigned long request, void *argument)
{
	struct pipe *pipe = pipe_of(file);

	if (request != FIONREAD)
		return -ENOTTY;
	if (pointer_is_bad(argument))
		return -EFAULT;
	mutex_lock(&pipe->mutex);
	*(int *)argument = (int)(pipe->tail - pipe->head);
	mutex_unlock(&pipe->mutex);
	return 0;
}

/* The second end to go frees the pipe. Until it has counted itself off, an end may still
 * touch the other's file. */
static void release_end(struct pipe *pipe, bool *gone, struct file *other)
{
	mutex_lock(&pipe->mutex);
	__atomic_store_n(gone, true, __ATOMIC_RELEASE);
	mutex_unlock(&pipe->mutex);
	file_notify(other, POLLIN | POLLOUT | POLLHUP | POLLERR);
	if (__atomic_sub_fetch(&pipe->ends, 1, __ATOMIC_ACQ_REL))
		return;
	kfree(pipe->ring);
	kfree(pipe);
}

static void pipe_read_release(struct file *file)
{
	struct pipe *pipe = pipe_of(file);

	release_end(pipe, &pipe->reader_gone, &pipe->write.file);
}

static void pipe_write_release(struct file *file)
{
	struct pipe *pipe = pipe_of(file);

	release_end(pipe, &pipe->writer_gone, &pipe->read.file);
}

static const struct file_operations read_operations = {
	.name = "pipe",
	.readv = pipe_readv,
	.poll = pipe_read_poll,
	.stat = pipe_stat,
	.ioctl = pipe_ioctl,
	.release = pipe_read_release,
};

static const struct file_operations write_operations = {
	.name = "pipe",
	.writev = pipe_writev,
	.poll = pipe_write_poll,
	.stat = pipe_stat,
	.ioctl = pipe_ioctl,
	.release = pipe_write_release,
};

long sys_pipe2(int ends[2], int flags)
{
	struct pipe *pipe;
	int read_fd, write_fd;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	if (pointer_is_bad(ends))
		return -EFAULT;
	pipe = kzalloc(sizeof(*pipe));
	if (!pipe)
		return -ENOMEM;
	pipe->ring = kmalloc(FIRST_BYTES);
	if (!pipe->ring) {
		kfree(pipe);
		return -ENOMEM;
	}
	pipe->ring_bytes = FIRST_BYTES;
	pipe->ends = 2;
	pipe->number = __atomic_fetch_add(&next_number, 1, __ATOMIC_RELAXED);
	pipe->read.pipe = pipe->write.pipe = pipe;
	file_init(&pipe->read.file, &read_operations, O_RDONLY | (flags & O_NONBLOCK));
	file_init(&pipe->write.file, &write_operations, O_WRONLY | (flags & O_NONBLOCK));
	read_fd = fd_install(&pipe->read.file, flags & O_CLOEXEC);
	if (read_fd < 0) {
		file_put(&pipe->write.file);
		return read_fd;
	}
	write_fd = fd_install(&pipe->write.file, flags & O_CLOEXEC);
	if (write_fd < 0) {
		sys_close(read_fd);
		return write_fd;
	}
	ends[0] = read_fd;
	ends[1] = write_fd;
	return 0;
}

long sys_pipe(int ends[2])
{
	return sys_pipe2(ends, 0);
}
