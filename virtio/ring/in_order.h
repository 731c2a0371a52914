/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the two layouts share whose device uses buffers in order (VIRTIO 1.3 §2.7.9,
 * §2.8.8): a buffer's slot is that of its first descriptor, one after the other. */

#ifndef VIRTIO_RING_IN_ORDER_H
#define VIRTIO_RING_IN_ORDER_H

#include <virtio/ring/access.h>

/* A buffer goes back; the slot behind it. */
static inline __attribute__((always_inline)) struct ring_slot *
in_order_back(struct ring_slot *slot, uint32_t written, struct virtqueue_used *used,
	      unsigned *descriptors)
{
	unsigned count = slot->count;

	used->token = slot->token;
	used->written = written;
	slot->token = NULL;
	/* A branch, so that the next one's place need not wait for this one's length. */
	if (likely(count == 1)) {
		++*descriptors;
		return slot + 1;
	}
	*descriptors += count;
	return slot + count;
}

/* Takes back what is left of a batch, `count` at most. Those before its last buffer were used
 * completely. */
static inline __attribute__((always_inline)) unsigned
in_order_take(struct virtqueue *vq, struct virtqueue_used *used, unsigned count)
{
	struct ring_slot *slots = vq->slots, *slot = slots + vq->next_used;
	const struct ring_slot *last = slots + vq->batch_last, *past = slots + vq->size;
	const struct virtqueue_used *start = used, *end = used + count;
	unsigned descriptors = 0;

	while (used < end && vq->in_batch) {
		const struct ring_slot *stop = slot <= last ? last : past;

		for (; used < end && slot < stop; used++)
			slot = in_order_back(slot, slot->writable, used, &descriptors);
		if (used < end && slot == last) {
			slot = in_order_back(slot, vq->batch_bytes, used++, &descriptors);
			vq->in_batch = false;
		}
		if (slot >= past)
			slot -= vq->size;
	}
	count = (unsigned)(used - start);
	vq->next_used = (uint32_t)(slot - slots);
	if (!vq->in_batch)
		vq->batch_last = vq->next_used;
	vq->free += descriptors;
	vq->counters.used += count;
	return count;
}

#endif
