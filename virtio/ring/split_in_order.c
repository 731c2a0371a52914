/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The split virtqueue of a device that uses buffers in the order they were made available
 * (VIRTIO 1.3 §2.7.9). Descriptors are taken in ring order [VQ-22], so there is no free
 * list, and while buffers take one descriptor each, slot n of the available ring names
 * descriptor n: it is written beforehand, and again only where that does not hold. */

#include <errno.h>
#include <virtio/ring/split.h>

static inline void avail_put(struct virtqueue *vq, unsigned head, unsigned count)
{
	uint16_t index = vq->avail_index;
	unsigned at = index & vq->mask;

	if (unlikely(vq->avail_heads[at] != head)) {
		vq->avail_heads[at] = (uint16_t)head;
		vq->avail->heads[at] = (uint16_t)head;
	}
	vq->slots[head].next = index;
	vq->avail_index = (uint16_t)(index + 1);
	vq->next_free = (uint16_t)((head + count) & vq->mask);
	vq->free -= (uint16_t)count;
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
		if (split_describe(vq->desc, NULL, vq->mask, head, slot, pieces, readable,
				   writable) == SPLIT_BAD)
			return -EINVAL;
	} else {
		vq->counters.full++;
		return -ENOSPC;
	}
	slot->token = token;
	slot->count = (uint16_t)count;
	avail_put(vq, head, count);
	return 0;
}

int virtqueue_split_in_order_add(struct virtqueue *vq, const struct virtio_piece *pieces,
				 unsigned readable, unsigned writable, void *token)
{
	if (readable + writable == 1 && likely(vq->free && token && pieces->bytes)) {
		unsigned head = vq->next_free;
		struct ring_slot *slot = &vq->slots[head];

		desc_set(&vq->desc[head], pieces->address, pieces->bytes,
			 writable ? RING_DESC_WRITE : 0, 0);
		slot->token = token;
		slot->writable = writable ? pieces->bytes : 0;
		slot->count = 1;
		avail_put(vq, head, 1);
		return 0;
	}
	return add_list(vq, pieces, readable, writable, token);
}

/* One used element may stand for a batch: it lies where the batch begins and names the
 * buffer it ends with [VQ-23], one of those that the used index covers [VQ-24]. */
static bool look(struct virtqueue *vq)
{
	const struct ring_used_element *element;
	uint32_t id;

	if (vq->last_used == vq->used_index && !split_used_look(vq))
		return false;
	element = &vq->used->elements[vq->last_used & vq->mask];
	id = LOAD(element->id);
	vq->batch_bytes = LOAD(element->bytes);
	if (unlikely(id >= vq->size || !vq->slots[id].token ||
		     (uint16_t)(vq->slots[id].next - vq->last_used) >=
			     (uint16_t)(vq->used_index - vq->last_used))) {
		virtqueue_violation(vq, "used id not in flight"); /* [VQ-16] */
		return false;
	}
	vq->batch_bytes = length_check(vq, vq->batch_bytes, vq->slots[id].writable);
	vq->batch_last = (uint16_t)id;
	vq->in_batch = true;
	return true;
}

void *virtqueue_split_in_order_get(struct virtqueue *vq, uint32_t *written)
{
	struct ring_slot *slot;
	uint32_t bytes;
	void *token;

	if (!vq->in_batch && !look(vq))
		return NULL;
	slot = &vq->slots[vq->next_used];
	/* Those before the last were used completely. */
	bytes = slot->writable;
	if (vq->next_used == vq->batch_last) {
		vq->in_batch = false;
		bytes = vq->batch_bytes;
	}
	if (written)
		*written = bytes;
	token = slot->token;
	slot->token = NULL;
	vq->free += slot->count;
	vq->next_used = (uint16_t)((vq->next_used + slot->count) & vq->mask);
	vq->last_used++;
	vq->counters.used++;
	return token;
}

void virtqueue_split_in_order_start(struct virtqueue *vq)
{
	vq->avail_heads = (uint16_t *)(vq->slots + vq->size);
	for (unsigned i = 0; i < vq->size; i++)
		vq->avail_heads[i] = vq->avail->heads[i] = (uint16_t)i;
}
