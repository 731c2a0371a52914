/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <errno.h>
#include <sys/random.h>
#include <ferrule/entropy.h>
#include <posix/calls.h>
#include <posix/pointer.h>

/* Never blocks: without any source of entropy waiting would not bring one. */
long sys_getrandom(void *out, size_t bytes, unsigned flags)
{
	if (flags & ~(unsigned)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if (buffer_is_bad(out, bytes))
		return -EFAULT;
	ferrule_entropy_read(out, bytes);
	return (long)bytes;
}
