/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The packed virtqueue whose buffers come back in any order (VIRTIO 1.3 §2.8). Free
 * ids are a private stack: a chain takes as many as it has descriptors, so that there
 * are as many free ids as free descriptors; the used position moves on by the length
 * that was noted when the buffer was added [PQ-08]. */

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

unsigned virtqueue_packed_fill(struct virtqueue *vq,
			       const struct virtqueue_buffer *buffers, unsigned count)
{
	return packed_fill(vq, buffers, count, false);
}

/* A chain's ids go onto the stack so that they come off it in the same order. */
static inline void free_chain(struct virtqueue *vq, uint16_t *top, unsigned count,
			      unsigned id)
{
	for (; count--; id = vq->slots[id].next)
		top[count] = (uint16_t)id;
}

/* What was not looked at in the common case: whether that much is in flight. */
static __attribute__((noinline)) void *get_checked(struct virtqueue *vq, unsigned id)
{
	struct ring_slot *slot = &vq->slots[id];
	unsigned count = slot->count;
	void *token = slot->token;

	if (count > packed_in_flight(vq, vq->free)) /* [PQ-17] */
		return virtqueue_violation(vq, "used id not in flight");
	slot->token = NULL;
	free_chain(vq, vq->ids + vq->free, count, id);
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

/* What virtqueue_packed_get() does, keeping in registers what changes. */
unsigned virtqueue_packed_drain(struct virtqueue *vq, struct virtqueue_used *used,
				unsigned count)
{
	unsigned at = vq->next_used, size = vq->size, held_at = vq->held_at;
	struct virtqueue_used *next = used, *end = used + count;
	uint64_t used_bits = (uint64_t)vq->used_bits << 48;
	struct packed_desc *ring = vq->ring;
	struct ring_slot *slots = vq->slots;
	uint16_t *top = vq->ids + vq->free;
	const char *lie = NULL;

	for (; next < end; next++) {
		/* In one load, so the flags no later than the rest (§2.8.22) [PQ-10]. */
		uint64_t rest = LOAD(ring[at].rest);
		unsigned id = (uint16_t)(rest >> 32);
		struct ring_slot *slot;

		if ((rest ^ used_bits) & PACKED_FLIP)
			break;
		if (unlikely(id >= size)) { /* [PQ-17] */
			lie = "used id out of range";
			break;
		}
		slot = &slots[id];
		next->token = slot->token;
		if (likely(slot->count == 1 && at != held_at && slot->token)) {
			*top++ = (uint16_t)id;
			at++;
		} else if (slot->token &&
			   slot->count <=
				   packed_in_flight(vq, (unsigned)(top - vq->ids))) {
			free_chain(vq, top, slot->count, id);
			top += slot->count;
			at += slot->count;
		} else {
			lie = "used id not in flight"; /* [PQ-17] */
			break;
		}
		next->written = packed_length(vq, (uint32_t)rest, (unsigned)(rest >> 48),
					      slot);
		slot->token = NULL;
		if (unlikely(at >= size)) {
			at -= size;
			used_bits ^= PACKED_FLIP;
		}
	}
	order_read(vq);
	count = (unsigned)(next - used);
	vq->free = (uint32_t)(top - vq->ids);
	packed_next(vq, (uint16_t)(at | (used_bits ? PACKED_WRAP : 0)));
	vq->counters.used += count;
	if (unlikely(lie))
		virtqueue_violation(vq, lie);
	return count;
}
