/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Between epoll.c and epoll_set.c: the sets, and what is in them.
 *
 * An item hangs on its file's pollers for as long as it is in the set, and puts itself on
 * the set's ready list when the file announces an event. It holds no reference on its
 * file: closing the last descriptor takes it out of the set (epoll(7), Q6).
 *
 * Locks, in order: epoll_structure (which items exist, in all sets), a set's mutex (its
 * table; scanning), a file's pollers, a set's ready_lock. */

#ifndef POSIX_EPOLL_H
#define POSIX_EPOLL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <kernel/sync.h>
#include <posix/file.h>

/* What of an item's events says how they are told, and not which. */
#define EPOLL_MODES ((uint32_t)(EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP))

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

extern struct mutex epoll_structure;

bool epoll_is_set(const struct file *file);

/* The set's table of items: 0 or -ENOMEM; and its end, with all items. */
int epoll_set_init(struct epoll *set);
void epoll_set_empty(struct epoll *set);
/* One EPOLL_CTL_... operation. Under epoll_structure and the set's mutex. */
int epoll_set_control(struct epoll *set, int operation, int fd, struct file *file,
		      const struct epoll_event *event);
/* A watched file loses its last reference. */
void epoll_drop_watches(struct file *file);

/* The ready list: any context; the item must be there to stay (the set's mutex). */
void epoll_make_ready(struct epoll_item *item);
struct epoll_item *epoll_pop_ready(struct epoll *set);
/* Which of `events` are true of the item's file now. Under the set's mutex. */
uint32_t epoll_item_events(const struct epoll_item *item, uint32_t events);

#endif
