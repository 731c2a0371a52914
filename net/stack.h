/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The network stack as the socket layer sees it: one lock around lwIP, and waiting.
 *
 * lwIP is not reentrant: every call into it, and every field of its objects, is under
 * net_lock(). A callback of lwIP runs with the lock held. Frames that leave while the lock
 * is held are handed to the card together, with one doorbell at net_unlock().
 *
 * A thread that waits for the network is the first to be woken by the card's interrupt and
 * runs the receive path itself, so that the common case, a reply to the one who waits,
 * costs a single thread switch. When nobody waits the thread "net" does it. */

#ifndef NET_STACK_H
#define NET_STACK_H

#include <stdbool.h>
#include <stdint.h>
#include <kernel/thread.h>

void net_lock(void);
void net_unlock(void);

/* A thread that waits; on its stack. */
struct net_waiter {
	struct wait_queue queue; /* of one thread: this one */
	struct wait wait;
	short events;		 /* what it waits for */
	bool news;		 /* net_wake() was for it; under net_lock() */
	struct net_waiter *next; /* on the list it waits on; under net_lock() */
	/* Among the threads that may run the receive path; under helpers.lock. */
	struct net_waiter *helper_next, *helper_prev;
	bool helping;
};

/* Sleeps with the lock released until net_wake() on this list with one of `events`, or
 * until the deadline (clock_ns() time), receiving frames meanwhile; the caller looks
 * again at what it waits for, since it may return early. 0, -ETIMEDOUT, or -EINTR when
 * a signal waits for the thread. */
int net_wait(struct net_waiter **list, short events, uint64_t deadline_ns);
/* Wakes those on the list that wait for one of `events`. Under net_lock(). */
void net_wake(struct net_waiter *list, short events);

/* Threads that wait for room in a card's transmit queue; under net_lock(). */
extern struct net_waiter *net_room_waiters;

/* Threads that wait for an address to come up; under net_lock(). */
extern struct net_waiter *net_address_waiters;
/* Nothing leads to a destination. Boot does not wait for DHCP, so an application may come
 * here before the lease has: waits for it, but for ten seconds in all. True: try again. */
bool net_wait_for_address(void);

/* Warns, once, that there is no way out of this machine. */
void net_warn_without_card(void);

/* For net/ itself. */
void net_call_thread(void); /* there is something for the thread "net" */
void net_interrupt(void);   /* a card wants attention; any context */
void net_activity(void);    /* a frame came or went; under net_lock() */

#endif
