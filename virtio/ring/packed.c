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

/* A chain's ids go back so that they come off the stack in the same order. */
static __attribute__((noinline)) void *get_chain(struct virtqueue *vq, unsigned id,
						 uint16_t position)
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
	STORE(vq->last_used, packed_after(vq, position, count));
	return token;
}

void *virtqueue_packed_get(struct virtqueue *vq, uint32_t *written)
{
	uint16_t position = vq->last_used, flags;
	struct packed_desc *desc = &vq->ring[packed_offset(position)];
	struct ring_slot *slot;
	uint32_t id, bytes;
	unsigned free;
	void *token;

	flags = LOAD(desc->flags);
	if (!packed_is_used(flags, position))
		return NULL;
	order_read(vq); /* §2.8.22: the flags before the rest [PQ-10] */
	id = LOAD(desc->id);
	bytes = LOAD(desc->bytes);
	if (unlikely(id >= vq->size)) /* [PQ-17] */
		return virtqueue_violation(vq, "used id out of range");
	slot = &vq->slots[id];
	token = slot->token;
	if (unlikely(!token || position == vq->published)) /* [PQ-17] */
		return virtqueue_violation(vq, "used id not in flight");
	bytes = packed_length(vq, bytes, flags, slot->writable);
	if (written)
		*written = bytes;
	if (unlikely(slot->count != 1))
		return get_chain(vq, id, position);
	slot->token = NULL;
	free = vq->free;
	vq->ids[free] = (uint16_t)id;
	vq->free = free + 1;
	vq->counters.used++;
	packed_step(vq, position);
	return token;
}
