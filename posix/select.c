/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* select and pselect6, on top of poll. */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/time.h>
#include <posix/file.h>
#include <posix/files.h>
#include <posix/pointer.h>
#include <posix/poll.h>
#include <posix/signal.h>

/* Which poll events stand for each set (select(2)). */
#define READ_EVENTS   (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define WRITE_EVENTS  (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)
#define EXCEPT_EVENTS POLLPRI

struct select_call {
	int count;
	unsigned long *read, *write, *except; /* NULL: not asked for */
};

static bool test(const unsigned long *set, int fd)
{
	return set && set[fd / 64] >> fd % 64 & 1;
}

static short wanted(const struct select_call *call, int fd)
{
	return (short)((test(call->read, fd) ? POLLIN : 0) |
		       (test(call->write, fd) ? POLLOUT : 0) |
		       (test(call->except, fd) ? POLLPRI : 0));
}

static unsigned long count_wanted(const struct select_call *call)
{
	unsigned long count = 0;

	for (int fd = 0; fd < call->count; fd++)
		count += wanted(call, fd) != 0;
	return count;
}

static void clear_sets(const struct select_call *call)
{
	size_t bytes = (size_t)(call->count + 63) / 64 * 8;

	if (call->read)
		memset(call->read, 0, bytes);
	if (call->write)
		memset(call->write, 0, bytes);
	if (call->except)
		memset(call->except, 0, bytes);
}

static long answer_in(unsigned long *set, const struct pollfd *entry, short asked,
		      short events)
{
	if (!set || !(entry->events & asked) || !(entry->revents & events))
		return 0;
	set[entry->fd / 64] |= 1ul << entry->fd % 64;
	return 1;
}

static long answer(const struct select_call *call, const struct pollfd *fds,
		   unsigned long count)
{
	long bits = 0;

	for (unsigned long i = 0; i < count; i++)
		if (fds[i].revents & POLLNVAL)
			return -EBADF;
	clear_sets(call);
	for (unsigned long i = 0; i < count; i++) {
		bits += answer_in(call->read, &fds[i], POLLIN, READ_EVENTS);
		bits += answer_in(call->write, &fds[i], POLLOUT, WRITE_EVENTS);
		bits += answer_in(call->except, &fds[i], POLLPRI, EXCEPT_EVENTS);
	}
	return bits;
}

static long select_files(const struct select_call *call, uint64_t deadline_ns)
{
	unsigned long count = count_wanted(call), next = 0;
	struct pollfd *fds = NULL;
	long result;

	if (count) {
		fds = kmalloc(count * sizeof(*fds));
		if (!fds)
			return -ENOMEM;
	}
	for (int fd = 0; fd < call->count && next < count; fd++)
		if (wanted(call, fd))
			fds[next++] = (struct pollfd){ fd, wanted(call, fd), 0 };
	result = poll_files(fds, next, deadline_ns);
	if (result >= 0)
		result = answer(call, fds, next);
	kfree(fds);
	return result;
}

static int check(int count, const void *read, const void *write, const void *except)
{
	if (count < 0)
		return -EINVAL;
	if ((read && pointer_is_bad(read)) || (write && pointer_is_bad(write)) ||
	    (except && pointer_is_bad(except)))
		return -EFAULT;
	return 0;
}

static void time_left(uint64_t deadline_ns, int64_t *seconds, int64_t *fraction,
		      uint64_t unit_ns)
{
	uint64_t now = clock_ns(), left = deadline_ns > now ? deadline_ns - now : 0;

	if (deadline_ns == NO_DEADLINE)
		return;
	*seconds = (int64_t)(left / NS_PER_SEC);
	*fraction = (int64_t)(left % NS_PER_SEC / unit_ns);
}

long sys_select(int count, fd_set *read, fd_set *write, fd_set *except,
		struct timeval *timeout)
{
	struct select_call call = { count, (void *)read, (void *)write, (void *)except };
	struct timespec time, *time_pointer = NULL;
	uint64_t deadline_ns;
	long result = check(count, read, write, except);

	if (result)
		return result;
	if (timeout) {
		if (timeout->tv_usec < 0)
			return -EINVAL;
		time.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
		time.tv_nsec = timeout->tv_usec % 1000000 * 1000;
		time_pointer = &time;
	}
	if (!poll_deadline(time_pointer, &deadline_ns))
		return -EINVAL;
	result = select_files(&call, deadline_ns);
	if (timeout) /* Linux tells what is left (select(2), Notes) */
		time_left(deadline_ns, &timeout->tv_sec, &timeout->tv_usec, NS_PER_US);
	return result;
}

/* The sixth argument of pselect6: the mask and its size. */
struct pselect_mask {
	const sigset_t *set;
	size_t bytes;
};

long sys_pselect6(int count, fd_set *read, fd_set *write, fd_set *except,
		  struct timespec *timeout, const void *mask)
{
	struct select_call call = { count, (void *)read, (void *)write, (void *)except };
	const sigset_t *set = mask ? ((const struct pselect_mask *)mask)->set : NULL;
	uint64_t deadline_ns;
	sigset_t old;
	long result = check(count, read, write, except);

	if (result)
		return result;
	if (!poll_deadline(timeout, &deadline_ns))
		return -EINVAL;
	signal_mask_swap(set, &old);
	result = select_files(&call, deadline_ns);
	if (set)
		signal_mask_swap(&old, NULL);
	if (timeout)
		time_left(deadline_ns, &timeout->tv_sec, &timeout->tv_nsec, 1);
	return result;
}
