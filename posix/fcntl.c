/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* dup and fcntl. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <posix/file.h>
#include <posix/files.h>
#include <posix/pointer.h>

#define SETTABLE_FLAGS (O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME | O_NONBLOCK)

long sys_dup(int fd)
{
	struct file *file = fd_get(fd);

	return file ? fd_install(file, false) : -EBADF;
}

long sys_dup3(int fd, int to, int flags)
{
	struct file *file;

	if (flags & ~O_CLOEXEC || fd == to)
		return -EINVAL;
	file = fd_get(fd);
	return file ? fd_install_at(file, to, flags & O_CLOEXEC) : -EBADF;
}

long sys_dup2(int fd, int to)
{
	if (fd == to)
		return fd_flags(fd) < 0 ? -EBADF : fd;
	return sys_dup3(fd, to, 0);
}

/* Locks between processes: there is one process, and its own locks never conflict. */
static long record_lock(int command, struct flock *lock)
{
	if (pointer_is_bad(lock))
		return -EFAULT;
	if (lock->l_type != F_RDLCK && lock->l_type != F_WRLCK && lock->l_type != F_UNLCK)
		return -EINVAL;
	if (command == F_GETLK || command == F_OFD_GETLK)
		lock->l_type = F_UNLCK;
	return 0;
}

static long set_flags(struct file *file, int value)
{
	int old = __atomic_load_n(&file->flags, __ATOMIC_RELAXED), new;

	do {
		new = (old & ~SETTABLE_FLAGS) | (value & SETTABLE_FLAGS);
	} while (!__atomic_compare_exchange_n(&file->flags, &old, new, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return 0;
}

static long control(struct file *file, int fd, int command, unsigned long argument)
{
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (argument >= fd_limit)
			return -EINVAL;
		return fd_install_from(file_get(file), (int)argument,
				       command == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return fd_flags(fd);
	case F_SETFD:
		return fd_set_flags(fd, (int)argument);
	case F_GETFL:
		return file->flags;
	case F_SETFL:
		return set_flags(file, (int)argument);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return record_lock(command, (struct flock *)argument);
	case F_SETOWN: /* whom SIGIO would go to */
	case F_SETSIG:
		return 0;
	case F_GETOWN:
	case F_GETSIG:
		return 0;
	}
	return -EINVAL;
}

long sys_fcntl(int fd, int command, unsigned long argument)
{
	struct file *file = fd_get(fd);
	long result;

	if (!file)
		return -EBADF;
	result = control(file, fd, command, argument);
	file_put(file);
	return result;
}

long sys_flock(int fd, int operation)
{
	(void)operation;
	return fd_flags(fd) < 0 ? -EBADF : 0;
}
