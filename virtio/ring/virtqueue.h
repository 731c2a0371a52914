/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A virtqueue (VIRTIO 1.3 §2.6): the five calls of Russell's paper (§3.1), for one owner at
 * a time.
 *
 *	virtqueue_add	     exposes one buffer (a list of pieces) under a token
 *	virtqueue_kick	     tells the device, once for all that was added
 *	virtqueue_get	     takes back one buffer the device has used
 *	virtqueue_disable_cb asks for no more callbacks (a hint)
 *	virtqueue_enable_cb  asks for them again; false: work came meanwhile, get it first
 *
 * and virtqueue_fill and virtqueue_drain, to add and get many in one call.
 *
 * Who may call: the caller serialises add/kick/get/enable on one queue (a spinlock in the
 * driver); disable_cb may be called from the queue's own callback at any time. None
 * sleeps or allocates. What each costs is in docs/performance.md.
 *
 * The device is not trusted: what it writes is read once and checked against private
 * state. A violation breaks the queue: add gives -EIO, get gives NULL for ever, and the
 * device is handed to virtio_device_break(). */

#ifndef VIRTIO_RING_VIRTQUEUE_H
#define VIRTIO_RING_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct virtio_device;
struct virtqueue;

/* One physically contiguous piece of a buffer. */
struct virtio_piece {
	uint64_t address; /* physical, or as the platform maps it */
	uint32_t bytes;	  /* > 0 */
};

/* Exposes pieces[0..readable) to be read and pieces[readable..readable+writable) to be
 * written by the device. token != NULL comes back from virtqueue_get(). Nothing is
 * published to the device before virtqueue_kick() or virtqueue_kick_prepare().
 * 0; -ENOSPC: no room now; -EINVAL: longer than the queue can ever take; -EIO: broken. */
int virtqueue_add(struct virtqueue *vq, const struct virtio_piece *pieces,
		  unsigned readable, unsigned writable, void *token);

/* Exposes many buffers of one piece each, to be written by the device. How many were added,
 * from the first on: fewer where there is no room, or before one that cannot be added;
 * virtqueue_add() of that one says why. */
struct virtqueue_buffer {
	struct virtio_piece piece;
	void *token;
};
unsigned virtqueue_fill(struct virtqueue *vq, const struct virtqueue_buffer *buffers,
			unsigned count);

/* Publishes what was added and decides whether the device wants to be told (§2.7.10,
 * §2.9). Cheap; under the owner's lock. */
bool virtqueue_kick_prepare(struct virtqueue *vq);
/* Rings the doorbell: one register write, an exit. Outside the lock. */
void virtqueue_notify(struct virtqueue *vq);
static inline void virtqueue_kick(struct virtqueue *vq)
{
	if (virtqueue_kick_prepare(vq))
		virtqueue_notify(vq);
}

/* The token of a buffer the device has used, or NULL. *written (may be NULL): bytes the
 * device says it wrote, never more than the buffer's writable bytes. */
void *virtqueue_get(struct virtqueue *vq, uint32_t *written);

/* Takes back all that the device has used, `count` at most. How many: if fewer, there were
 * no more. */
struct virtqueue_used {
	void *token;
	uint32_t written; /* as above */
};
unsigned virtqueue_drain(struct virtqueue *vq, struct virtqueue_used *used,
			 unsigned count);

void virtqueue_disable_cb(struct virtqueue *vq);
bool virtqueue_enable_cb(struct virtqueue *vq);
/* As enable_cb, but the callback may wait until about ¾ of what is in flight is done. */
bool virtqueue_enable_cb_delayed(struct virtqueue *vq);

/* After a reset, when the device owns nothing any more: the tokens still in flight, one a
 * call, then NULL. */
void *virtqueue_detach(struct virtqueue *vq);

/* Free descriptors: how many pieces can be added now (indirect: buffers count as one). */
unsigned virtqueue_free(const struct virtqueue *vq);
unsigned virtqueue_size(const struct virtqueue *vq);
bool virtqueue_broken(const struct virtqueue *vq);
/* The most pieces one buffer may have in this queue (§2.7.5.3.1). */
unsigned virtqueue_pieces_max(const struct virtqueue *vq);

/* Where devices see only part of memory (`bounce`): the longest buffer there can be; and
 * whether the last -ENOSPC was for want of that, not of room in the queue: then its callback
 * comes when there may be some, even if nothing of it is in flight. */
uint32_t virtqueue_bytes_max(const struct virtqueue *vq);
bool virtqueue_starved(const struct virtqueue *vq);

/* What the queue has cost so far; the owner's lock need not be held to read them. */
struct virtqueue_counters {
	uint64_t added, used;	 /* buffers */
	uint64_t kicks;		 /* doorbells rung */
	uint64_t kicks_saved;	 /* publications the device did not want to hear of */
	uint64_t interrupts;	 /* callbacks */
	uint64_t length_clamped; /* used lengths beyond the buffer, cut to it */
	uint64_t full;		 /* adds refused for want of room */
};
const struct virtqueue_counters *virtqueue_counters(const struct virtqueue *vq);
const char *virtqueue_name(const struct virtqueue *vq);
unsigned virtqueue_index(const struct virtqueue *vq);
struct virtio_device *virtqueue_device(const struct virtqueue *vq);

#endif
