/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* ioctl: the requests every file answers, then the file's own. */

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <posix/file.h>
#include <posix/files.h>
#include <posix/pointer.h>

static long set_nonblock(struct file *file, const int *on)
{
	if (pointer_is_bad(on))
		return -EFAULT;
	if (*on)
		__atomic_fetch_or(&file->flags, O_NONBLOCK, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&file->flags, ~O_NONBLOCK, __ATOMIC_RELAXED);
	return 0;
}

long sys_ioctl(int fd, unsigned long request, void *argument)
{
	struct file *file = fd_get(fd);
	long result;

	if (!file)
		return -EBADF;
	request = (uint32_t)request; /* callers pass an int, sign-extended */
	switch (request) {
	case FIOCLEX:
		result = fd_set_flags(fd, FD_CLOEXEC);
		break;
	case FIONCLEX:
		result = fd_set_flags(fd, 0);
		break;
	case FIONBIO:
		result = set_nonblock(file, argument);
		break;
	case FIOASYNC: /* SIGIO is never sent; programs that ask for it also poll */
		result = 0;
		break;
	default:
		result = -ENOTTY;
		if (file->operations->ioctl)
			result = file->operations->ioctl(file, request, argument);
	}
	file_put(file);
	return result;
}
