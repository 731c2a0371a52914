/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Many buffers in one call (VIRTIO 1.3 §2.7): what virtqueue_add() and virtqueue_get() do
 * with one of them, in loops that keep in registers what changes. These are the public
 * calls: another layout's queue leaves them at their first test. */

#include <virtio/ring/split.h>

unsigned virtqueue_fill(struct virtqueue *vq, const struct virtqueue_buffer *buffers,
			unsigned count)
{
	const struct virtqueue_buffer *buffer = buffers, *end;
	unsigned at = vq->avail_index, mask = vq->mask;
	const uint16_t *top = vq->ids + vq->free;
	uint16_t *heads = vq->avail->heads;
	struct ring_slot *slots = vq->slots;
	struct ring_desc *desc = vq->desc;

	if (unlikely(vq->blocked & (VIRTQUEUE_BROKEN | VIRTQUEUE_OTHER))) {
		if (vq->blocked & VIRTQUEUE_BROKEN)
			return 0;
		return virtqueue_other_fill(vq, buffers, count);
	}
	if (count > vq->free)
		count = vq->free;
	for (end = buffer + count; buffer < end; buffer++) {
		uint32_t bytes = buffer->piece.bytes;
		void *token = buffer->token;
		unsigned head;

		if (unlikely(!token || !bytes)) /* [VQ-04] */
			break;
		head = *--top;
		slots[head].token = token;
		slots[head].shape = RING_SLOT(bytes, 1, 0);
		desc_set(&desc[head], buffer->piece.address, bytes, RING_DESC_WRITE, 0);
		heads[at++ & mask] = (uint16_t)head;
	}
	count = (unsigned)(buffer - buffers);
	vq->free -= count;
	vq->avail_index = (uint16_t)at;
	vq->counters.added += count;
	return count;
}

/* Takes back `count` that the used index covers; fewer: the device lies. */
static inline __attribute__((always_inline)) unsigned
take(struct virtqueue *vq, struct virtqueue_used *used, unsigned count)
{
	const struct ring_used_element *elements = vq->used->elements;
	const struct virtqueue_used *start = used, *end = used + count;
	uint32_t size = vq->size, mask = vq->mask, at = vq->last_used;
	struct ring_slot *slots = vq->slots;
	uint16_t *top = vq->ids + vq->free;

	for (; used < end; used++, at++) {
		uint32_t id = LOAD(elements[at & mask].id);
		uint32_t bytes = LOAD(elements[at & mask].bytes);
		struct ring_slot *slot;

		if (unlikely(id >= size || !slots[id].token)) { /* [VQ-16] [VQ-20] */
			virtqueue_violation(vq, "used id not in flight");
			break;
		}
		slot = &slots[id];
		used->token = slot->token;
		used->written = length_check(vq, bytes, slot->writable);
		slot->token = NULL;
		if (likely(slot->count == 1))
			*top++ = (uint16_t)id;
		else
			top = split_free_chain(vq, top, slot, id);
	}
	count = (unsigned)(used - start);
	vq->free = (uint32_t)(top - vq->ids);
	vq->last_used = (uint16_t)at;
	vq->counters.used += count;
	return count;
}

/* How many may be taken now; 0 also of a device that lies. */
static inline unsigned covered(struct virtqueue *vq)
{
	if (vq->last_used == vq->used_index &&
	    unlikely(split_used_look(vq) == SPLIT_LIES))
		virtqueue_violation(vq, SPLIT_LIE);
	return (uint16_t)(vq->used_index - vq->last_used);
}

unsigned virtqueue_drain(struct virtqueue *vq, struct virtqueue_used *used,
			 unsigned count)
{
	unsigned taken = 0, run;

	if (unlikely(vq->blocked & (VIRTQUEUE_BROKEN | VIRTQUEUE_OTHER))) {
		if (vq->blocked & VIRTQUEUE_BROKEN)
			return 0;
		return virtqueue_other_drain(vq, used, count);
	}
	while (taken < count && !(vq->blocked & VIRTQUEUE_BROKEN) &&
	       (run = covered(vq))) {
		if (run > count - taken)
			run = count - taken;
		taken += take(vq, used + taken, run);
	}
	return taken;
}
