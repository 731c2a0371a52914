/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The split virtqueue of a device that uses buffers in the order they were made available
 * (VIRTIO 1.3 §2.7.9). Descriptors are taken in ring order [VQ-22], so there is no free
 * list, and while buffers take one descriptor each, slot n of the available ring names
 * descriptor n: it is written beforehand, and again only where that does not hold. */

#include <errno.h>
#include <virtio/ring/in_order.h>
#include <virtio/ring/split.h>

/* Slot `at` of the available ring, as `names` has it, names the buffer that starts at `head`. */
static inline __attribute__((always_inline)) void
name(struct virtqueue *vq, uint16_t *names, unsigned at, unsigned head)
{
	if (unlikely(names[at] != (uint16_t)head)) {
		names[at] = (uint16_t)head;
		vq->avail->heads[at] = (uint16_t)head;
	}
}

/* `writable`, `count`: of the buffer that starts at `head`. */
static inline void avail_put(struct virtqueue *vq, unsigned head, void *token,
			     uint32_t writable, unsigned count)
{
	uint16_t index = vq->avail_index;
	struct ring_slot *slot = &vq->slots[head];

	slot->token = token;
	slot->shape = RING_SLOT(writable, count, index);
	name(vq, vq->ids, index & vq->mask, head);
	vq->avail_index = (uint16_t)(index + 1);
	vq->next_free = (head + count) & vq->mask;
	vq->free -= count;
	vq->counters.added++;
}

static __attribute__((noinline)) int add_list(struct virtqueue *vq,
					      const struct virtio_piece *pieces,
					      unsigned readable, unsigned writable,
					      void *token)
{
	unsigned count = readable + writable, head = vq->next_free;
	struct ring_slot *slot = &vq->slots[head];

	if (count == 0 || count > vq->size || !token) /* [VQ-05] */
		return -EINVAL;
	if (wants_table(vq, count)) {
		if (!split_describe_table(vq, head, pieces, readable, writable))
			return -EINVAL;
		count = 1;
	} else if (count <= vq->free) {
		if (split_describe(vq, vq->desc, NULL, vq->mask, head, slot, pieces,
				   readable, writable) == SPLIT_BAD)
			return -EINVAL;
	} else {
		vq->counters.full++;
		return -ENOSPC;
	}
	avail_put(vq, head, token, slot->writable, count);
	return 0;
}

int virtqueue_split_in_order_add(struct virtqueue *vq, const struct virtio_piece *pieces,
				 unsigned readable, unsigned writable, void *token)
{
	if (readable + writable == 1 && likely(vq->free && token && pieces->bytes)) {
		unsigned head = vq->next_free;
		uint32_t bytes = pieces->bytes;

		desc_set(&vq->desc[head], pieces->address, bytes,
			 writable * RING_DESC_WRITE, 0);
		avail_put(vq, head, token, bytes * writable, 1);
		return 0;
	}
	return add_list(vq, pieces, readable, writable, token);
}

unsigned virtqueue_split_in_order_fill(struct virtqueue *vq,
				       const struct virtqueue_buffer *buffers,
				       unsigned count)
{
	const struct virtqueue_buffer *buffer = buffers, *end;
	unsigned head = vq->next_free, mask = vq->mask;
	struct ring_slot *slots = vq->slots;
	struct ring_desc *desc = vq->desc;
	unsigned index = vq->avail_index;
	uint16_t *names = vq->ids;

	if (count > vq->free)
		count = vq->free;
	for (end = buffer + count; buffer < end; buffer++, index++) {
		uint32_t bytes = buffer->piece.bytes;
		void *token = buffer->token;

		if (unlikely(!token || !bytes)) /* [VQ-04] */
			break;
		desc_set(&desc[head], buffer->piece.address, bytes, RING_DESC_WRITE, 0);
		slots[head].token = token;
		slots[head].shape = RING_SLOT(bytes, 1, index);
		name(vq, names, index & mask, head);
		head = (head + 1) & mask;
	}
	count = (unsigned)(buffer - buffers);
	vq->next_free = head;
	vq->free -= count;
	vq->avail_index = (uint16_t)index;
	vq->counters.added += count;
	return count;
}

/* A buffer that was used goes back; `bytes`: what was written to it. */
static inline void *take(struct virtqueue *vq, unsigned head, uint32_t bytes,
			 uint32_t *written)
{
	struct ring_slot *slot = &vq->slots[head];
	void *token = slot->token;

	if (written)
		*written = bytes;
	slot->token = NULL;
	vq->last_used++;
	vq->counters.used++;
	/* A branch, so that the next buffer's place need not wait for this one's length. */
	if (likely(slot->count == 1)) {
		vq->free++;
		vq->next_used = (head + 1) & vq->mask;
	} else {
		vq->free += slot->count;
		vq->next_used = (head + slot->count) & vq->mask;
	}
	return token;
}

/* One used element may stand for a batch: it lies where the batch begins and names the
 * buffer it ends with [VQ-23], one of those that the used index covers [VQ-24]. */
static bool look(struct virtqueue *vq)
{
	const struct ring_used_element *element;
	uint32_t id, bytes;

	if (vq->last_used == vq->used_index) {
		enum split_look seen = split_used_look(vq);

		if (seen == SPLIT_LIES)
			return virtqueue_violation(vq, SPLIT_LIE);
		if (seen == SPLIT_NOTHING)
			return false;
	}
	element = &vq->used->elements[vq->last_used & vq->mask];
	id = LOAD(element->id);
	bytes = LOAD(element->bytes);
	if (unlikely(id >= vq->size || !vq->slots[id].token ||
		     (uint16_t)(vq->slots[id].next - vq->last_used) >=
			     (uint16_t)(vq->used_index - vq->last_used)))
		return virtqueue_violation(vq, "used id not in flight"); /* [VQ-16] */
	vq->batch_bytes = length_check(vq, bytes, vq->slots[id].writable);
	vq->batch_last = id;
	vq->in_batch = true;
	return true;
}

/* The last of a batch, or the first of the next. */
static __attribute__((noinline)) void *get_edge(struct virtqueue *vq, uint32_t *written)
{
	unsigned head = vq->next_used;
	void *token;

	if (!vq->in_batch && !look(vq))
		return NULL;
	if (head != vq->batch_last)
		return virtqueue_split_in_order_get(vq, written);
	token = take(vq, head, vq->batch_bytes, written);
	vq->in_batch = false;
	vq->batch_last = vq->next_used;
	return token;
}

void *virtqueue_split_in_order_get(struct virtqueue *vq, uint32_t *written)
{
	unsigned head = vq->next_used;

	if (unlikely(head == vq->batch_last))
		return get_edge(vq, written);
	/* Those before the last were used completely. */
	return take(vq, head, vq->slots[head].writable, written);
}

unsigned virtqueue_split_in_order_drain(struct virtqueue *vq, struct virtqueue_used *used,
					unsigned count)
{
	unsigned taken = 0, run;

	while (taken < count && (vq->in_batch || look(vq))) {
		run = in_order_take(vq, used + taken, count - taken);
		vq->last_used = (uint16_t)(vq->last_used + run);
		taken += run;
	}
	return taken;
}

void virtqueue_split_in_order_start(struct virtqueue *vq)
{
	for (unsigned i = 0; i < vq->size; i++)
		vq->ids[i] = vq->avail->heads[i] = (uint16_t)i;
}
