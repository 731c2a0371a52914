/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Between the files of the virtio core (VIRTIO 1.3 §2, §3); nobody else includes it:
 *
 *	virtio.c	    a device's life
 *	features.c	    negotiation
 *	config.c	    the configuration space
 *	queues.c	    a device's virtqueues
 *	info.c		    <ferrule/device.h>
 *
 * and, linked in by complete.c with a driver other than the console's:
 *
 *	recovery.c	    a device that broke or was unplugged
 *	queue_recovery.c    a queue that broke
 *	bounce.c	    all that devices see in one region of memory
 *	storm.c		    interrupts without end */

#ifndef VIRTIO_CORE_H
#define VIRTIO_CORE_H

#include <kernel/lock.h>
#include <virtio/ring/ring.h>
#include <virtio/virtio.h>

/* features.c: what to accept of device->offered for that driver. `wanted` is the
 * driver's, after its validate(). -ENOTSUP, with a log line: a required bit is missing. */
int virtio_features_negotiate(const struct virtio_device *device,
			      const struct virtio_driver *driver,
			      const struct virtio_features *wanted,
			      struct virtio_features *accepted);

/* virtio.c: the steps of §3.1.1, for recovery.c as well. */
int virtio_reset(struct virtio_device *device);
/* Bits are only ever added; a reset alone takes them away (§2.1.2) [INI-02]. */
void virtio_status_add(struct virtio_device *device, enum virtio_status bits);
/* Steps 5 and 6: tells the device what is accepted, and looks whether it agrees. */
int virtio_features_agree(struct virtio_device *device,
			  const struct virtio_features *accepted);
/* Step 8; -EIO: a rule was broken while it was set up. */
int virtio_go_live(struct virtio_device *device);
/* The list of devices, for who changes it. */
extern struct spinlock virtio_devices_lock;

/* recovery.c, queue_recovery.c: there with a driver that brings virtio/complete.c. Without,
 * a broken device is left alone: who calls these declares them weak. */
void virtio_recovery_begin(struct virtio_device *device);
/* True: the queue is being reset alone. */
bool virtio_queue_recovery_begin(struct virtqueue *vq, const char *why);
/* The queues there are, empty again, for a restore() that asks for the same ones. */
int virtio_queues_again(struct virtio_device *device,
			const struct virtqueue_wanted *wanted, unsigned count);
/* Detaches the interrupts and frees the queues. Only when the device was reset. */
void virtio_queues_discard(struct virtio_device *device);

/* An empty queue again, also if its driver did not take back all of it. */
static inline void virtqueue_drop(struct virtqueue *vq)
{
	while (virtqueue_detach(vq))
		;
	virtqueue_reset(vq);
}

/* storm.c, likewise: an interrupt found nothing to do. */
void virtio_interrupt_idle(struct virtio_device *device);

/* queues.c */
void virtio_queues_live(struct virtio_device *device);
void virtio_queues_block(struct virtio_device *device);
/* Buffers, of its queues from that one on. */
uint64_t virtio_queues_used(const struct virtio_device *device, unsigned first);

#endif
