/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* epoll: a set of watched files that keeps a list of those something happened to.
 *
 * A wait asks only the files on that list. So its cost goes with the events, not with the
 * size of the set. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <kernel/heap.h>
#include <posix/epoll.h>
#include <posix/files.h>
#include <posix/pointer.h>
#include <posix/poll.h>
#include <posix/signal.h>

/* Moves up to `count` events out. Level-triggered items that are still ready go to the end
 * of the list, so that all get their turn; each item is asked at most once. */
static int collect(struct epoll *set, struct epoll_event *out, int count)
{
	unsigned turns = __atomic_load_n(&set->ready_count, __ATOMIC_RELAXED);
	struct epoll_item *item;
	int done = 0;

	while (turns-- && done < count && (item = epoll_pop_ready(set))) {
		uint32_t events = item->events, now = 0;

		if (events & ~EPOLL_MODES)
			now = epoll_item_events(item, events);
		if (!now)
			continue;
		out[done].events = now;
		out[done++].data = item->data;
		if (events & EPOLLONESHOT)
			__atomic_store_n(&item->events, events & EPOLL_MODES,
					 __ATOMIC_RELAXED);
		else if (!(events & EPOLLET))
			epoll_make_ready(item);
	}
	return done;
}

static bool has_ready(const struct epoll *set)
{
	return __atomic_load_n(&set->ready_count, __ATOMIC_ACQUIRE);
}

static int collect_locked(struct epoll *set, struct epoll_event *out, int count)
{
	int done;

	if (!has_ready(set))
		return 0;
	mutex_lock(&set->mutex);
	done = collect(set, out, count);
	mutex_unlock(&set->mutex);
	return done;
}

static long wait_for_events(struct epoll *set, struct epoll_event *out, int count,
			    uint64_t deadline_ns)
{
	bool in_time = true;
	struct wait wait;
	int done = collect_locked(set, out, count);

	if (done || !deadline_ns)
		return done;
	wait_begin(&set->waiters, &wait);
	while (!(done = collect_locked(set, out, count)) && in_time) {
		if (signal_pending()) {
			done = -EINTR;
			break;
		}
		in_time = wait_sleep(&wait, deadline_ns);
	}
	wait_end(&wait);
	if (has_ready(set)) /* one wake-up, more events than this thread took */
		wait_wake(&set->waiters, 1, 0);
	return done;
}

/* Something readable, for a set that is itself watched: asks without taking. */
static short epoll_poll(struct file *file)
{
	struct epoll *set = (struct epoll *)file;
	unsigned turns = __atomic_load_n(&set->ready_count, __ATOMIC_RELAXED);
	struct epoll_item *item;
	short events = 0;

	if (!turns)
		return 0;
	mutex_lock(&set->mutex);
	while (turns-- && !events && (item = epoll_pop_ready(set))) {
		if (!(item->events & ~EPOLL_MODES) ||
		    !epoll_item_events(item, item->events))
			continue;
		epoll_make_ready(item);
		events = POLLIN | POLLRDNORM;
	}
	mutex_unlock(&set->mutex);
	return events;
}

static int epoll_stat(struct file *file, struct stat *out)
{
	(void)file;
	memset(out, 0, sizeof(*out));
	out->st_mode = 0600;
	out->st_nlink = 1;
	return 0;
}

static void epoll_release(struct file *file)
{
	struct epoll *set = (struct epoll *)file;

	epoll_set_empty(set);
	kfree(set);
}

static const struct file_operations epoll_operations = {
	.name = "epoll",
	.poll = epoll_poll,
	.stat = epoll_stat,
	.release = epoll_release,
};

bool epoll_is_set(const struct file *file)
{
	return file->operations == &epoll_operations;
}

/* The set behind a descriptor, with a reference; or an error. */
static int get_set(int epfd, struct epoll **out)
{
	struct file *file = fd_get(epfd);

	if (!file)
		return -EBADF;
	if (!epoll_is_set(file)) {
		file_put(file);
		return -EINVAL;
	}
	*out = (struct epoll *)file;
	return 0;
}

long sys_epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event)
{
	struct epoll_event copy = { 0 };
	struct epoll *set;
	struct file *file;
	int result;

	if (operation != EPOLL_CTL_DEL) {
		if (pointer_is_bad(event))
			return -EFAULT;
		copy = *event;
	}
	result = get_set(epfd, &set);
	if (result)
		return result;
	file = fd_get(fd);
	if (!file) {
		result = -EBADF;
	} else if (file == &set->file) {
		result = -EINVAL;
	} else if (!file->operations->poll) {
		result = -EPERM; /* always ready: a disk file, a directory */
	} else {
		mutex_lock(&epoll_structure);
		mutex_lock(&set->mutex);
		result = epoll_set_control(set, operation, fd, file, &copy);
		mutex_unlock(&set->mutex);
		mutex_unlock(&epoll_structure);
	}
	if (file)
		file_put(file);
	file_put(&set->file);
	return result;
}

long sys_epoll_create1(int flags)
{
	struct epoll *set;

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	set = kzalloc(sizeof(*set));
	if (!set)
		return -ENOMEM;
	if (epoll_set_init(set)) {
		kfree(set);
		return -ENOMEM;
	}
	file_init(&set->file, &epoll_operations, O_RDWR);
	__atomic_store_n(&file_watches_drop, epoll_drop_watches, __ATOMIC_RELEASE);
	return fd_install(&set->file, flags & EPOLL_CLOEXEC);
}

long sys_epoll_create(int size)
{
	return size > 0 ? sys_epoll_create1(0) : -EINVAL;
}

long sys_epoll_wait(int epfd, struct epoll_event *events, int count, int timeout_ms)
{
	struct epoll *set;
	long result;

	if (count <= 0)
		return -EINVAL;
	if (buffer_is_bad(events, (size_t)count * sizeof(*events)))
		return -EFAULT;
	result = get_set(epfd, &set);
	if (result)
		return result;
	result = wait_for_events(set, events, count, poll_deadline_ms(timeout_ms));
	file_put(&set->file);
	return result;
}

long sys_epoll_pwait(int epfd, struct epoll_event *events, int count, int timeout_ms,
		     const sigset_t *mask, size_t mask_bytes)
{
	sigset_t old;
	long result;

	(void)mask_bytes;
	if (!mask)
		return sys_epoll_wait(epfd, events, count, timeout_ms);
	signal_mask_swap(mask, &old);
	result = sys_epoll_wait(epfd, events, count, timeout_ms);
	signal_mask_swap(&old, NULL);
	return result;
}
