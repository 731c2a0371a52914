/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What all open files share: references, the position's lock, waiting, iovecs. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <posix/file.h>
#include <posix/signal.h>

void (*file_watches_drop)(struct file *file);

/* Threads waiting for some file's position; there are few, so one queue serves all. */
static struct wait_queue offset_waiters;

void file_init(struct file *file, const struct file_operations *operations, int flags)
{
	memset(file, 0, sizeof(*file));
	file->operations = operations;
	file->references = 1;
	file->flags = flags;
}

struct file *file_get(struct file *file)
{
	__atomic_fetch_add(&file->references, 1, __ATOMIC_RELAXED);
	return file;
}

void file_put(struct file *file)
{
	if (__atomic_sub_fetch(&file->references, 1, __ATOMIC_ACQ_REL))
		return;
	if (file->watched && file_watches_drop)
		file_watches_drop(file);
	file->operations->release(file);
}

void file_offset_lock(struct file *file)
{
	struct wait wait;

	if (!__atomic_test_and_set(&file->offset_busy, __ATOMIC_ACQUIRE))
		return;
	wait_begin(&offset_waiters, &wait);
	while (__atomic_test_and_set(&file->offset_busy, __ATOMIC_ACQUIRE))
		wait_sleep(&wait, NO_DEADLINE);
	wait_end(&wait);
}

void file_offset_unlock(struct file *file)
{
	/* Sequentially consistent: a waiter either sees the position free or is seen. */
	(void)__atomic_exchange_n(&file->offset_busy, false, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&offset_waiters.first, __ATOMIC_SEQ_CST))
		wait_wake(&offset_waiters, WAKE_ALL, 0);
}

int file_wait(struct file *file, bool (*ready)(struct file *file, void *context),
	      void *context, uint64_t deadline_ns)
{
	struct wait wait;
	bool in_time = true;
	int result = 0;

	if (ready(file, context))
		return 0;
	if (__atomic_load_n(&file->flags, __ATOMIC_RELAXED) & O_NONBLOCK)
		return -EAGAIN;
	wait_begin(&file->pollers, &wait);
	while (!ready(file, context)) {
		if (!in_time) {
			result = -ETIMEDOUT;
			break;
		}
		if (signal_pending()) {
			result = -EINTR;
			break;
		}
		in_time = wait_sleep(&wait, deadline_ns);
	}
	wait_end(&wait);
	return result;
}

ssize_t file_readv(struct file *file, const struct iovec *vector, int count)
{
	const struct file_operations *operations = file->operations;
	ssize_t done;

	if (!file_may_read(file))
		return -EBADF;
	if (!operations->readv)
		return -EINVAL;
	if (!operations->size)
		return operations->readv(file, vector, count, NULL);
	file_offset_lock(file);
	done = operations->readv(file, vector, count, &file->offset);
	file_offset_unlock(file);
	return done;
}

ssize_t file_writev(struct file *file, const struct iovec *vector, int count)
{
	const struct file_operations *operations = file->operations;
	ssize_t done;

	if (!file_may_write(file))
		return -EBADF;
	if (!operations->writev)
		return -EINVAL;
	if (!operations->size)
		return operations->writev(file, vector, count, NULL);
	file_offset_lock(file);
	done = operations->writev(file, vector, count, &file->offset);
	file_offset_unlock(file);
	return done;
}

size_t iovec_length(const struct iovec *vector, int count)
{
	size_t bytes = 0;

	for (int i = 0; i < count; i++)
		bytes += vector[i].iov_len;
	return bytes;
}

/* Visits the part of the vector at [position, position + bytes). */
static size_t iovec_copy(char *flat, size_t bytes, const struct iovec *vector, int count,
			 size_t position, bool in)
{
	size_t done = 0;

	for (int i = 0; i < count && done < bytes; i++) {
		size_t part = vector[i].iov_len;
		char *piece = vector[i].iov_base;

		if (position >= part) {
			position -= part;
			continue;
		}
		part -= position;
		piece += position;
		position = 0;
		if (part > bytes - done)
			part = bytes - done;
		if (in)
			memcpy(flat + done, piece, part);
		else
			memcpy(piece, flat + done, part);
		done += part;
	}
	return done;
}

size_t iovec_copy_in(void *to, size_t bytes, const struct iovec *vector, int count,
		     size_t position)
{
	return iovec_copy(to, bytes, vector, count, position, true);
}

size_t iovec_copy_out(const void *from, size_t bytes, const struct iovec *vector,
		      int count, size_t position)
{
	return iovec_copy((char *)from, bytes, vector, count, position, false);
}
