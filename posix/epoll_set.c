/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What is in an epoll set: the table of items, and the list of those that are ready. */

#include <errno.h>
#include <kernel/heap.h>
#include <posix/epoll.h>
#include <posix/tty.h>

TTY_INPUT_NEEDED();

#define ALWAYS	   ((uint32_t)(EPOLLERR | EPOLLHUP))
#define FIRST_SIZE 16 /* buckets of a new set */
#define DEPTH_MAX  5  /* sets within sets (epoll_ctl(2), ELOOP) */

struct mutex epoll_structure;

void epoll_make_ready(struct epoll_item *item)
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

struct epoll_item *epoll_pop_ready(struct epoll *set)
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

	if (!(events & ~EPOLL_MODES) || !((events | ALWAYS) & what))
		return;
	epoll_make_ready(item);
	announce(item->set);
}

uint32_t epoll_item_events(const struct epoll_item *item, uint32_t events)
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

/* Takes an item out of everything and frees it. Under epoll_structure and the set's mutex. */
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
void epoll_drop_watches(struct file *file)
{
	struct epoll_item *item;
	unsigned long flags;
	struct epoll *set;
	struct wait *wait;

	mutex_lock(&epoll_structure);
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
	mutex_unlock(&epoll_structure);
}

/* Whether watching `file` from `set` would make a circle or too deep a nest. Under
 * epoll_structure. */
static bool nests_too_deep(const struct epoll *set, const struct file *file, int depth)
{
	const struct epoll *inner = (const struct epoll *)file;

	if (!epoll_is_set(file))
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

	if (!(events & ~EPOLL_MODES) || !epoll_item_events(item, events))
		return;
	epoll_make_ready(item);
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

int epoll_set_control(struct epoll *set, int operation, int fd, struct file *file,
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

int epoll_set_init(struct epoll *set)
{
	set->bucket_count = FIRST_SIZE;
	set->buckets = kzalloc(FIRST_SIZE * sizeof(struct epoll_item *));
	set->ready_last = &set->ready_first;
	return set->buckets ? 0 : -ENOMEM;
}

void epoll_set_empty(struct epoll *set)
{
	mutex_lock(&epoll_structure);
	mutex_lock(&set->mutex);
	for (unsigned i = 0; i < set->bucket_count; i++)
		while (set->buckets[i])
			remove_item(&set->buckets[i]);
	mutex_unlock(&set->mutex);
	mutex_unlock(&epoll_structure);
	kfree(set->buckets);
}
