/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* epoll: a set of watched files that keeps a list of those something happened to.
 *
 * An item hangs on its file's pollers for as long as it is in the set, and puts itself on
 * the set's ready list when the file announces an event; a wait asks only the files on
 * that list. So its cost goes with the events, not with the size of the set.
 *
 * An item holds no reference on its file: closing the last descriptor takes it out of the
 * set (epoll(7), Q6). Locks, in order: `structure` (which items exist, in all sets), a
 * set's mutex (its table; scanning), a file's pollers, a set's ready_lock. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <kernel/heap.h>
#include <kernel/sync.h>
#include <posix/file.h>
#include <posix/files.h>
#include <posix/pointer.h>
#include <posix/poll.h>
#include <posix/signal.h>

#define ALWAYS	   ((uint32_t)(EPOLLERR | EPOLLHUP))
#define MODES	   ((uint32_t)(EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP))
#define FIRST_SIZE 16 /* buckets of a new set */
#define DEPTH_MAX  5  /* sets within sets (epoll_ctl(2), ELOOP) */

struct epoll_item {
	struct wait wait; /* on file->pollers; must be first */
	struct epoll *set;
	struct file *file;
	int fd;
	uint32_t events; /* no more than modes: nothing is reported (ONESHOT); atomic */
	epoll_data_t data;
	struct epoll_item *bucket_next; /* under the set's mutex */
	struct epoll_item *ready_next;	/* under ready_lock */
	bool ready;			/* on the ready list; under ready_lock */
};

struct epoll {
	struct file file;
	struct mutex mutex;
	struct epoll_item **buckets; /* a power of two of them */
	unsigned bucket_count, item_count;
	struct spinlock ready_lock;
	struct epoll_item *ready_first, **ready_last; /* under ready_lock */
	unsigned ready_count;	   /* changed under ready_lock, read without */
	struct wait_queue waiters; /* threads in epoll_wait */
};

static struct mutex structure;

static bool is_epoll(const struct file *file);

static void make_ready(struct epoll_item *item)
{
	struct epoll *set = item->set;
	unsigned long flags = spin_lock(&set->ready_lock);

	if (!item->ready) {
		item->ready = true;
		item->ready_next = NULL;
		*set->ready_last = item;
		set->ready_last = &item->ready_next;
		set->ready_count++;
	}
	spin_unlock(&set->ready_lock, flags);
}

static struct epoll_item *pop_ready(struct epoll *set)
{
	unsigned long flags = spin_lock(&set->ready_lock);
	struct epoll_item *item = set->ready_first;

	if (item) {
		set->ready_first = item->ready_next;
		if (!set->ready_first)
			set->ready_last = &set->ready_first;
		set->ready_count--;
		item->ready = false;
	}
	spin_unlock(&set->ready_lock, flags);
	return item;
}

static void unready(struct epoll_item *item)
{
	struct epoll *set = item->set;
	struct epoll_item **link;
	unsigned long flags = spin_lock(&set->ready_lock);

	if (item->ready) {
		for (link = &set->ready_first; *link != item;)
			link = &(*link)->ready_next;
		*link = item->ready_next;
		if (!*link)
			set->ready_last = link;
		set->ready_count--;
		item->ready = false;
	}
	spin_unlock(&set->ready_lock, flags);
}

/* Tells those who wait for the set; one thread is enough, it wakes the next when it leaves
 * events behind. */
static void announce(struct epoll *set)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* as in file_notify() */
	if (__atomic_load_n(&set->waiters.first, __ATOMIC_ACQUIRE))
		wait_wake(&set->waiters, 1, 0);
	file_notify(&set->file, POLLIN | POLLRDNORM);
}

/* The file announced events: called under its pollers' lock, in any context. */
static void item_notify(struct wait *self, uintptr_t what)
{
	struct epoll_item *item = (struct epoll_item *)self;
	uint32_t events = __atomic_load_n(&item->events, __ATOMIC_RELAXED);

	if (!(events & ~MODES) || !((events | ALWAYS) & what))
		return;
	make_ready(item);
	announce(item->set);
}

static uint32_t item_events(const struct epoll_item *item, uint32_t events)
{
	struct file *file = item->file;
	unsigned short now = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;

	if (file->operations->poll)
		now = (unsigned short)file->operations->poll(file);
	return now & (events | ALWAYS);
}

static unsigned bucket_of(const struct epoll *set, int fd)
{
	return (unsigned)fd & (set->bucket_count - 1);
}

/* The link that points to the item, or to NULL. Under the set's mutex. */
static struct epoll_item **find(struct epoll *set, int fd, const struct file *file)
{
	struct epoll_item **link = &set->buckets[bucket_of(set, fd)];

	while (*link && ((*link)->fd != fd || (*link)->file != file))
		link = &(*link)->bucket_next;
	return link;
}

/* Doubles the table when it is full; without memory it stays as it is. */
static void grow(struct epoll *set)
{
	unsigned old_count = set->bucket_count;
	struct epoll_item **old = set->buckets, **new, *item, *next;

	if (set->item_count < old_count)
		return;
	new = kzalloc(2 * old_count * sizeof(struct epoll_item *));
	if (!new)
		return;
	set->buckets = new;
	set->bucket_count = 2 * old_count;
	for (unsigned i = 0; i < old_count; i++) {
		for (item = old[i]; item; item = next) {
			next = item->bucket_next;
			item->bucket_next = new[bucket_of(set, item->fd)];
			new[bucket_of(set, item->fd)] = item;
		}
	}
	kfree(old);
}

/* Takes an item out of everything and frees it. Under structure and the set's mutex. */
static void remove_item(struct epoll_item **link)
{
	struct epoll_item *item = *link;

	*link = item->bucket_next;
	item->set->item_count--;
	wait_end(&item->wait); /* from here on it is not called any more */
	unready(item);
	kfree(item);
}

/* A watched file loses its last reference. */
static void drop_watches(struct file *file)
{
	struct epoll_item *item;
	unsigned long flags;
	struct epoll *set;
	struct wait *wait;

	mutex_lock(&structure);
	for (;;) {
		/* Entries of threads in poll() hold a reference, so all that is left
		 * on a file that nobody refers to are items; only we remove them. */
		flags = spin_lock(&file->pollers.lock);
		wait = file->pollers.first;
		spin_unlock(&file->pollers.lock, flags);
		if (!wait || wait->notify != item_notify)
			break;
		item = (struct epoll_item *)wait;
		set = item->set;
		mutex_lock(&set->mutex);
		remove_item(find(set, item->fd, file));
		mutex_unlock(&set->mutex);
	}
	mutex_unlock(&structure);
}

static void epoll_release(struct file *file)
{
	struct epoll *set = (struct epoll *)file;

	mutex_lock(&structure);
	mutex_lock(&set->mutex);
	for (unsigned i = 0; i < set->bucket_count; i++)
		while (set->buckets[i])
			remove_item(&set->buckets[i]);
	mutex_unlock(&set->mutex);
	mutex_unlock(&structure);
	kfree(set->buckets);
	kfree(set);
}

/* Moves up to `count` events out. Level-triggered items that are still ready go to the end
 * of the list, so that all get their turn; each item is asked at most once. */
static int collect(struct epoll *set, struct epoll_event *out, int count)
{
	unsigned turns = __atomic_load_n(&set->ready_count, __ATOMIC_RELAXED);
	struct epoll_item *item;
	int done = 0;

	while (turns-- && done < count && (item = pop_ready(set))) {
		uint32_t events = item->events, now = 0;

		if (events & ~MODES)
			now = item_events(item, events);
		if (!now)
			continue;
		out[done].events = now;
		out[done++].data = item->data;
		if (events & EPOLLONESHOT)
			__atomic_store_n(&item->events, events & MODES, __ATOMIC_RELAXED);
		else if (!(events & EPOLLET))
			make_ready(item);
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
	while (turns-- && !events && (item = pop_ready(set))) {
		if (!(item->events & ~MODES) || !item_events(item, item->events))
			continue;
		make_ready(item);
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

static const struct file_operations epoll_operations = {
	.name = "epoll",
	.poll = epoll_poll,
	.stat = epoll_stat,
	.release = epoll_release,
};

static bool is_epoll(const struct file *file)
{
	return file->operations == &epoll_operations;
}

/* Whether watching `file` from `set` would make a circle or too deep a nest. Under
 * structure. */
static bool nests_too_deep(const struct epoll *set, const struct file *file, int depth)
{
	const struct epoll *inner = (const struct epoll *)file;

	if (!is_epoll(file))
		return false;
	if (inner == set || depth >= DEPTH_MAX)
		return true;
	for (unsigned i = 0; i < inner->bucket_count; i++)
		for (const struct epoll_item *item = inner->buckets[i]; item;
		     item = item->bucket_next)
			if (nests_too_deep(set, item->file, depth + 1))
				return true;
	return false;
}

/* What may have been true before the item could be told. */
static void look(struct epoll_item *item, uint32_t events)
{
	struct epoll *set = item->set;

	if (!(events & ~MODES) || !item_events(item, events))
		return;
	make_ready(item);
	announce(set);
}

static int add_item(struct epoll *set, struct file *file, int fd,
		    const struct epoll_event *event)
{
	struct epoll_item **link = find(set, fd, file), *item;

	if (*link)
		return -EEXIST;
	if (nests_too_deep(set, file, 1))
		return -ELOOP;
	item = kzalloc(sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->set = set;
	item->file = file;
	item->fd = fd;
	item->events = event->events;
	item->data = event->data;
	grow(set);
	link = &set->buckets[bucket_of(set, fd)];
	item->bucket_next = *link;
	*link = item;
	set->item_count++;
	file->watched = true;
	wait_begin_notify(&file->pollers, &item->wait, item_notify);
	look(item, event->events);
	return 0;
}

static int change_item(struct epoll_item *item, const struct epoll_event *event)
{
	if (!item)
		return -ENOENT;
	if ((item->events | event->events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	item->data = event->data;
	/* Sequentially consistent: a change of the file either sees the new events or
	 * is seen by the look. */
	__atomic_store_n(&item->events, event->events, __ATOMIC_SEQ_CST);
	look(item, event->events);
	return 0;
}

static int control(struct epoll *set, int operation, int fd, struct file *file,
		   const struct epoll_event *event)
{
	struct epoll_item **link;

	switch (operation) {
	case EPOLL_CTL_ADD:
		return add_item(set, file, fd, event);
	case EPOLL_CTL_MOD:
		return change_item(*find(set, fd, file), event);
	case EPOLL_CTL_DEL:
		link = find(set, fd, file);
		if (!*link)
			return -ENOENT;
		remove_item(link);
		return 0;
	}
	return -EINVAL;
}

/* The set behind a descriptor, with a reference; or an error. */
static int get_set(int epfd, struct epoll **out)
{
	struct file *file = fd_get(epfd);

	if (!file)
		return -EBADF;
	if (!is_epoll(file)) {
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
		mutex_lock(&structure);
		mutex_lock(&set->mutex);
		result = control(set, operation, fd, file, &copy);
		mutex_unlock(&set->mutex);
		mutex_unlock(&structure);
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
	set->bucket_count = FIRST_SIZE;
	set->buckets = kzalloc(FIRST_SIZE * sizeof(struct epoll_item *));
	if (!set->buckets) {
		kfree(set);
		return -ENOMEM;
	}
	set->ready_last = &set->ready_first;
	file_init(&set->file, &epoll_operations, O_RDWR);
	__atomic_store_n(&file_watches_drop, drop_watches, __ATOMIC_RELEASE);
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
