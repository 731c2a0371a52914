/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Resource limits. Those that something enforces can be set; the others are infinite, and
 * say so. */

#include <errno.h>
#include <sys/resource.h>
#include <kernel/thread.h>
#include <posix/calls.h>
#include <posix/file.h>
#include <posix/pointer.h>
#include <posix/posix_thread.h>

#define PROCESS_ID   1
#define FD_LIMIT_MAX (1u << 20) /* keeps the table of descriptors below 8 MiB */

static long get(int resource, struct rlimit *out)
{
	if ((unsigned)resource >= RLIM_NLIMITS)
		return -EINVAL;
	*out = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	if (resource == RLIMIT_NOFILE)
		*out = (struct rlimit){ fd_limit, FD_LIMIT_MAX };
	if (resource == RLIMIT_STACK && posix_main_thread.thread)
		out->rlim_cur = out->rlim_max = posix_main_thread.thread->stack_bytes;
	if (resource == RLIMIT_CORE)
		*out = (struct rlimit){ 0, 0 };
	return 0;
}

static long set(int resource, const struct rlimit *limit)
{
	struct rlimit old;
	long error = get(resource, &old);

	if (error)
		return error;
	if (limit->rlim_cur > limit->rlim_max)
		return -EINVAL;
	if (resource == RLIMIT_NOFILE) {
		if (limit->rlim_max > FD_LIMIT_MAX)
			return -EPERM;
		fd_limit = (unsigned)limit->rlim_cur;
		return 0;
	}
	/* A limit that nobody keeps is not accepted, save as what it already is. */
	if (limit->rlim_cur < old.rlim_cur && resource != RLIMIT_CORE)
		return -EPERM;
	return 0;
}

long sys_prlimit64(int pid, int resource, const struct rlimit *limit, struct rlimit *old)
{
	struct rlimit now;
	long error;

	if (pid != 0 && pid != PROCESS_ID)
		return -ESRCH;
	if ((limit && pointer_is_bad(limit)) || (old && pointer_is_bad(old)))
		return -EFAULT;
	error = get(resource, &now);
	if (!error && limit)
		error = set(resource, limit);
	if (!error && old)
		*old = now;
	return error;
}

long sys_getrlimit(int resource, struct rlimit *out)
{
	return sys_prlimit64(0, resource, NULL, out);
}

long sys_setrlimit(int resource, const struct rlimit *limit)
{
	return sys_prlimit64(0, resource, limit, NULL);
}
