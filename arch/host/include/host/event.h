/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The machine's interrupt lines: file descriptors that become readable. */

#ifndef HOST_EVENT_H
#define HOST_EVENT_H

/* Kept by its owner until it is removed. */
struct host_event {
	int fd;
	/* Interrupt context: the descriptor is readable, or its other end is gone. It is
	 * called again while that stays so. May remove this or any other event. */
	void (*ready)(struct host_event *self);
};

/* -ENOSPC: there are too many (HOST_EVENTS_MAX). */
#define HOST_EVENTS_MAX 512
int host_event_add(struct host_event *event);
void host_event_remove(struct host_event *event);

#endif
