/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* eventfd: a 64-bit counter as a file. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <kernel/heap.h>
#include <posix/file.h>
#include <posix/files.h>

struct eventfd {
	struct file file;
	struct spinlock lock;
	uint64_t count; /* under lock; at most UINT64_MAX - 1 */
	bool semaphore;
};

/* What a reader or a writer brings to take(): the number, in or out. */
static bool take(struct file *file, void *value)
{
	struct eventfd *self = (struct eventfd *)file;
	unsigned long flags = spin_lock(&self->lock);
	uint64_t taken = self->semaphore && self->count ? 1 : self->count;

	self->count -= taken;
	spin_unlock(&self->lock, flags);
	*(uint64_t *)value = taken;
	return taken;
}

static bool add(struct file *file, void *value)
{
	struct eventfd *self = (struct eventfd *)file;
	uint64_t more = *(uint64_t *)value;
	unsigned long flags = spin_lock(&self->lock);
	bool room = more <= UINT64_MAX - 1 - self->count;

	if (room)
		self->count += more;
	spin_unlock(&self->lock, flags);
	return room;
}

static ssize_t eventfd_readv(struct file *file, const struct iovec *vector, int count,
			     off_t *offset)
{
	uint64_t value;
	int error;

	(void)offset;
	if (iovec_length(vector, count) < sizeof(value))
		return -EINVAL;
	error = file_wait(file, take, &value, NO_DEADLINE);
	if (error)
		return error;
	iovec_copy_out(&value, sizeof(value), vector, count, 0);
	file_notify(file, POLLOUT);
	return sizeof(value);
}

static ssize_t eventfd_writev(struct file *file, const struct iovec *vector, int count,
			      off_t *offset)
{
	uint64_t value;
	int error;

	(void)offset;
	if (iovec_copy_in(&value, sizeof(value), vector, count, 0) < sizeof(value) ||
	    value == UINT64_MAX)
		return -EINVAL;
	error = file_wait(file, add, &value, NO_DEADLINE);
	if (error)
		return error;
	file_notify(file, POLLIN);
	return sizeof(value);
}

static short eventfd_poll(struct file *file)
{
	uint64_t count = __atomic_load_n(&((struct eventfd *)file)->count,
					 __ATOMIC_ACQUIRE);

	return (short)((count ? POLLIN : 0) | (count < UINT64_MAX - 1 ? POLLOUT : 0));
}

static int eventfd_stat(struct file *file, struct stat *out)
{
	(void)file;
	memset(out, 0, sizeof(*out));
	out->st_mode = 0600;
	out->st_nlink = 1;
	return 0;
}

static void eventfd_release(struct file *file)
{
	kfree(file);
}

static const struct file_operations eventfd_operations = {
	.name = "eventfd",
	.readv = eventfd_readv,
	.writev = eventfd_writev,
	.poll = eventfd_poll,
	.stat = eventfd_stat,
	.release = eventfd_release,
};

long sys_eventfd2(unsigned count, int flags)
{
	struct eventfd *self;

	if (flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE))
		return -EINVAL;
	self = kzalloc(sizeof(*self));
	if (!self)
		return -ENOMEM;
	file_init(&self->file, &eventfd_operations, O_RDWR | (flags & EFD_NONBLOCK));
	self->count = count;
	self->semaphore = flags & EFD_SEMAPHORE;
	return fd_install(&self->file, flags & EFD_CLOEXEC);
}

long sys_eventfd(unsigned count)
{
	return sys_eventfd2(count, 0);
}
