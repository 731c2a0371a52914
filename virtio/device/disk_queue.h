/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The life of a queue by which requests go to a disk's device, whatever they look like
 * there; a driver embeds struct disk_queue in its own queue.
 *
 *	disk_queue_stop	    it was reset: what it held is lost, and waits to be issued again
 *	disk_queue_go_on    it is in service again
 *	disk_queue_give_up  it will not be: all ends with an error, also what comes later
 *
 * A queue that is stopped and does not come back within DISK_RECOVERY_NS is given up, until
 * it does. One that answers nothing for DISK_SILENCE_NS is silent: its driver decides. */

#ifndef VIRTIO_DEVICE_DISK_QUEUE_H
#define VIRTIO_DEVICE_DISK_QUEUE_H

#include <virtio/device/disk.h>
#include <virtio/device/watchdog.h>

/* Times a request is issued again after its device broke. */
#define DISK_TRIES_MAX 3
/* How long requests wait for a broken device to come back. */
#define DISK_RECOVERY_NS (10 * NS_PER_SEC)
/* A device that holds requests and answers none of them for this long is silent, */
#define DISK_SILENCE_NS (60 * NS_PER_SEC)
/* and again when what its driver did about that has had so long to help. */
#define DISK_PATIENCE_NS (10 * NS_PER_SEC)

struct disk_queue;

/* All but `silent` under the queue's lock; requests that end are put on *finished. */
struct disk_queue_operations {
	/* What is in flight is lost: it waits again, or, tried too often, ends. */
	void (*lose)(struct disk_queue *queue, struct ferrule_block_request **finished);
	/* Issues what waits, as far as there is room, into a queue that was reset; true:
	 * something was added. */
	bool (*resume)(struct disk_queue *queue, struct ferrule_block_request **finished);
	/* Ends what waits. */
	void (*fail)(struct disk_queue *queue, int error,
		     struct ferrule_block_request **finished);
	/* No answer for so long, the watchdog.silences-th time in a row. Timer interrupt,
	 * in no lock. */
	void (*silent)(struct disk_queue *queue);
};

struct disk_queue {
	struct spinlock lock; /* all below, the driver's part, and the requests' ends */
	const struct disk_queue_operations *operations;
	struct virtqueue *vq;
	unsigned
		in_flight; /* what the device holds; watchdog.completed: what came back */
	bool stopped;	   /* requests wait until it is back or given up */
	int error;	   /* it was given up: how requests end */
	struct watchdog watchdog;
};

void disk_queue_init(struct disk_queue *queue,
		     const struct disk_queue_operations *operations);

/* One more in flight, one less. Under the lock. */
static inline void disk_queue_issued(struct disk_queue *queue)
{
	if (!queue->in_flight++)
		watchdog_begin(&queue->watchdog);
}

static inline void disk_queue_completed(struct disk_queue *queue)
{
	queue->in_flight--;
	queue->watchdog.completed++;
}

/* Each in no lock, also in interrupts. */
void disk_queue_stop(struct disk_queue *queue);
void disk_queue_go_on(struct disk_queue *queue);
void disk_queue_give_up(struct disk_queue *queue, int error);

#endif
