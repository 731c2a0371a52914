/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The packed virtqueue whose buffers come back in any order (VIRTIO 1.3 §2.8). Free ids
 * are a private stack: a chain takes as many as it has descriptors, so that there are as many
 * free ids as free descriptors; the used position moves on by the length that was noted when the buffer was
 * added [PQ-08]. */

#include <errno.h>
#include <virtio/ring/packed.h>

static __attribute__((noinline)) int add_list(struct virtqueue *vq,
					      const struct virtio_piece *pieces,
					      unsigned readable, unsigned writable,
					      void *token)
{
	unsigned free = vq->free, id = free ? vq->ids[free - 1] : 0;
	int error = packed_add_list(vq, pieces, readable, writable, token, id);

	/* Of what it took, in the order it took them. */
	for (unsigned top = free; !error && --top > vq->free;)
		vq->slots[vq->ids[top]].next = vq->ids[top - 1];
	return error;
}

int virtqueue_packed_add(struct virtqueue *vq, const struct virtio_piece *pieces,
			 unsigned readable, unsigned writable, void *token)
{
	unsigned free = vq->free;

	if (readable + writable == 1 && likely(free && token && pieces->bytes)) {
		uint32_t bytes = pieces->bytes;
		unsigned id = vq->ids[free - 1];
		struct ring_slot *slot = &vq->slots[id];

		vq->free = free - 1;
		slot->token = token;
		slot->shape = RING_SLOT(bytes * writable, 1, 0);
		vq->counters.added++;
		packed_put(vq, pieces->address, bytes, id, writable * RING_DESC_WRITE);
		return 0;
	}
	return add_list(vq, pieces, readable, writable, token);
}

/* What was not looked at in the common case: whether that much is in flight. A chain's ids go
 * back so that they come off the stack in the same order. */
static __attribute__((noinline)) void *get_checked(struct virtqueue *vq, unsigned id)
{
	struct ring_slot *slot = &vq->slots[id];
	unsigned count = slot->count;
	void *token = slot->token;

	if (count > packed_in_flight(vq)) /* [PQ-17] */
		return virtqueue_violation(vq, "used id not in flight");
	slot->token = NULL;
	for (unsigned left = count; left--; id = vq->slots[id].next)
		vq->ids[vq->free + left] = (uint16_t)id;
	vq->free += count;
	vq->counters.used++;
	packed_next(vq, packed_after(vq, vq->last_used, count));
	return token;
}

void *virtqueue_packed_get(struct virtqueue *vq, uint32_t *written)
{
	unsigned at = vq->next_used, flags, id, free;
	struct packed_desc *desc = &vq->ring[at];
	struct ring_slot *slot;
	uint32_t bytes;
	void *token;

	flags = LOAD(desc->flags);
	if ((flags ^ vq->used_bits) & PACKED_BOTH)
		return NULL;
	order_read(vq); /* §2.8.22: the flags before the rest [PQ-10] */
	id = LOAD(desc->id);
	bytes = LOAD(desc->bytes);
	if (unlikely(id >= vq->size)) /* [PQ-17] */
		return virtqueue_violation(vq, "used id out of range");
	slot = &vq->slots[id];
	token = slot->token;
	if (unlikely(!token)) /* [PQ-17] */
		return virtqueue_violation(vq, "used id not in flight");
	bytes = packed_length(vq, bytes, flags, slot);
	if (written)
		*written = bytes;
	/* Only where the next publication begins may nothing be in flight. */
	if (unlikely(slot->count != 1 || at == vq->held_at))
		return get_checked(vq, id);
	slot->token = NULL;
	packed_step(vq, at);
	free = vq->free++;
	vq->ids[free] = (uint16_t)id;
	vq->counters.used++;
	return token;
}
