/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Patience with a device that holds buffers of ours: a look each second, as long as some are
 * in flight.
 *
 * A second without any that came back: the used ring is looked at and the doorbell rung once
 * more, in case a notification of either side was lost (a machine that does not order what a
 * processor and a device's thread write loses some; a device MUST bear one too many,
 * VIRTIO 1.3 §2.7.10.2). Without any for as long as its owner's patience lasts: the owner is
 * told, who gives the device up or another chance.
 *
 * All calls but watchdog_nudge() are under the owner's lock; none sleeps. */

#ifndef VIRTIO_DEVICE_WATCHDOG_H
#define VIRTIO_DEVICE_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>
#include <kernel/time.h>
#include <virtio/ring/virtqueue.h>

struct watchdog {
	struct timer
		timer; /* its owner's expired(), which calls watchdog_look(); the owner
			     * may also arm it for something else, or cancel it */
	uint64_t completed; /* the owner counts here what came back */
	uint64_t seen;	    /* the same at the last look at which it had grown, */
	uint64_t since_ns;  /* and when that was, or a silence was told */
	unsigned silences;  /* told since then */
};

enum watchdog_finding {
	WATCHDOG_WELL,	/* something came back, or nothing is in flight */
	WATCHDOG_QUIET, /* nothing since the last look: nudge it, in no lock */
	WATCHDOG_SILENT /* nothing for as long as there is patience: silences counts it */
};

void watchdog_start(struct watchdog *watchdog);

/* Something is in flight. */
static inline void watchdog_begin(struct watchdog *watchdog)
{
	if (!watchdog->timer.armed)
		watchdog_start(watchdog);
}

/* From the timer: what to think of the device. While something is in flight the timer is
 * armed again. */
enum watchdog_finding watchdog_look(struct watchdog *watchdog, bool in_flight,
				    uint64_t patience_ns);

/* In no lock; the queue's callback may be called. Interrupt context. */
void watchdog_nudge(struct virtqueue *vq);

#endif
