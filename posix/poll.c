/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* poll and ppoll.
 *
 * Nothing is queued anywhere when an event is there already, or when nobody waits. Else an
 * entry hangs on each file's pollers until the call returns. */

#include <errno.h>
#include <string.h>
#include <time.h>
#include <kernel/heap.h>
#include <kernel/time.h>
#include <posix/file.h>
#include <posix/files.h>
#include <posix/pointer.h>
#include <posix/poll.h>
#include <posix/signal.h>
#include <posix/tty.h>

TTY_INPUT_NEEDED();

#define ON_STACK 8 /* more entries than this are allocated */

/* One call. The sleeping thread hangs on `sleepers`, not on the files, so that events it
 * did not ask for do not wake it. */
struct poll_call {
	struct wait_queue sleepers;
	bool triggered; /* atomic */
};

struct poll_entry {
	struct wait wait; /* must be first */
	struct poll_call *call;
	struct file *file; /* NULL: none at this place */
	short events;	   /* asked for, and those that always count */
};

static const uint64_t always = POLLERR | POLLHUP | POLLNVAL;

uint64_t poll_deadline_ms(int timeout_ms)
{
	if (timeout_ms < 0)
		return NO_DEADLINE;
	return timeout_ms ? clock_ns() + (uint64_t)timeout_ms * NS_PER_MS : 0;
}

bool poll_deadline(const struct timespec *timeout, uint64_t *deadline_ns)
{
	uint64_t now;

	*deadline_ns = NO_DEADLINE;
	if (!timeout)
		return true;
	if (timeout->tv_sec < 0 || (uint64_t)timeout->tv_nsec >= NS_PER_SEC)
		return false;
	if (!timeout->tv_sec && !timeout->tv_nsec) {
		*deadline_ns = 0;
		return true;
	}
	now = clock_ns();
	if ((uint64_t)timeout->tv_sec < (NO_DEADLINE - now) / NS_PER_SEC - 1)
		*deadline_ns = now + (uint64_t)timeout->tv_sec * NS_PER_SEC +
			       (uint64_t)timeout->tv_nsec;
	return true;
}

static short file_events(struct file *file)
{
	return file->operations->poll ? file->operations->poll(file)
				      : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

static void trigger(struct wait *self, uintptr_t what)
{
	struct poll_entry *entry = (struct poll_entry *)self;

	if (!(what & (unsigned short)entry->events))
		return;
	__atomic_store_n(&entry->call->triggered, true, __ATOMIC_RELEASE);
	wait_wake(&entry->call->sleepers, WAKE_ALL, 0);
}

/* Asks each file; entries that have a file already are not looked up again. */
static long scan(struct pollfd *fds, struct poll_entry *entries, unsigned long count)
{
	long ready = 0;

	for (unsigned long i = 0; i < count; i++) {
		short events = fds[i].events | (short)always;

		fds[i].revents = 0;
		if (fds[i].fd < 0)
			continue;
		if (entries[i].file)
			fds[i].revents = file_events(entries[i].file) & events;
		else
			fds[i].revents = POLLNVAL;
		ready += fds[i].revents != 0;
	}
	return ready;
}

static long sleep_for_events(struct pollfd *fds, struct poll_entry *entries,
			     unsigned long count, struct poll_call *call,
			     uint64_t deadline_ns)
{
	struct wait sleep;
	bool in_time = true;
	long ready;

	for (unsigned long i = 0; i < count; i++) {
		entries[i].call = call;
		entries[i].events = fds[i].events | (short)always;
		if (entries[i].file)
			wait_begin_notify(&entries[i].file->pollers, &entries[i].wait,
					  trigger);
	}
	wait_begin(&call->sleepers, &sleep);
	while (!(ready = scan(fds, entries, count)) && in_time) {
		if (signal_pending()) {
			ready = -EINTR;
			break;
		}
		while (in_time && !signal_pending() &&
		       !__atomic_exchange_n(&call->triggered, false, __ATOMIC_ACQ_REL))
			in_time = wait_sleep(&sleep, deadline_ns);
	}
	wait_end(&sleep);
	for (unsigned long i = 0; i < count; i++)
		if (entries[i].file)
			wait_end(&entries[i].wait);
	return ready;
}

long poll_files(struct pollfd *fds, unsigned long count, uint64_t deadline_ns)
{
	struct poll_entry few[ON_STACK], *entries = few;
	struct poll_call call = { 0 };
	long ready;

	if (count > ON_STACK)
		entries = kmalloc(count * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (unsigned long i = 0; i < count; i++)
		entries[i].file = fds[i].fd < 0 ? NULL : fd_get(fds[i].fd);
	ready = scan(fds, entries, count);
	if (!ready && deadline_ns)
		ready = sleep_for_events(fds, entries, count, &call, deadline_ns);
	for (unsigned long i = 0; i < count; i++)
		if (entries[i].file)
			file_put(entries[i].file);
	if (entries != few)
		kfree(entries);
	return ready;
}

static int check(const struct pollfd *fds, unsigned long count)
{
	if (count > fd_limit)
		return -EINVAL;
	return buffer_is_bad(fds, count * sizeof(*fds)) ? -EFAULT : 0;
}

long sys_poll(struct pollfd *fds, unsigned long count, int timeout_ms)
{
	int error = check(fds, count);

	return error ? error : poll_files(fds, count, poll_deadline_ms(timeout_ms));
}

long sys_ppoll(struct pollfd *fds, unsigned long count, const struct timespec *timeout,
	       const sigset_t *mask, size_t mask_bytes)
{
	uint64_t deadline_ns;
	sigset_t old;
	long result = check(fds, count);

	(void)mask_bytes;
	if (result)
		return result;
	if (!poll_deadline(timeout, &deadline_ns))
		return -EINVAL;
	signal_mask_swap(mask, &old);
	result = poll_files(fds, count, deadline_ns);
	if (mask)
		signal_mask_swap(&old, NULL);
	return result;
}
