/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The packed virtqueue of a device that uses buffers in the order they were made available
 * (VIRTIO 1.3 §2.8.8). A buffer's id is the offset of its first descriptor, so there is no
 * list of ids. */

#include <errno.h>
#include <virtio/ring/in_order.h>
#include <virtio/ring/packed.h>

static __attribute__((noinline)) int add_list(struct virtqueue *vq,
					      const struct virtio_piece *pieces,
					      unsigned readable, unsigned writable,
					      void *token)
{
	return packed_add_list(vq, pieces, readable, writable, token, vq->next_free);
}

int virtqueue_packed_in_order_add(struct virtqueue *vq, const struct virtio_piece *pieces,
				  unsigned readable, unsigned writable, void *token)
{
	if (readable + writable == 1 && likely(vq->free && token && pieces->bytes)) {
		unsigned id = vq->next_free;
		uint32_t bytes = pieces->bytes;
		struct ring_slot *slot = &vq->slots[id];

		slot->token = token;
		slot->shape = RING_SLOT(bytes * writable, 1, 0);
		vq->free--;
		vq->counters.added++;
		packed_put(vq, pieces->address, bytes, id, writable * RING_DESC_WRITE);
		return 0;
	}
	return add_list(vq, pieces, readable, writable, token);
}

unsigned virtqueue_packed_in_order_fill(struct virtqueue *vq,
					const struct virtqueue_buffer *buffers,
					unsigned count)
{
	return packed_fill(vq, buffers, count, true);
}

/* A buffer that was used goes back; `bytes`: what was written to it. */
static inline void *take(struct virtqueue *vq, unsigned at, uint32_t bytes,
			 uint32_t *written)
{
	struct ring_slot *slot = &vq->slots[at];
	void *token = slot->token;

	if (written)
		*written = bytes;
	slot->token = NULL;
	vq->counters.used++;
	if (likely(slot->count == 1)) {
		vq->free++;
		packed_step(vq, at);
	} else {
		vq->free += slot->count;
		packed_next(vq, packed_after(vq, vq->last_used, slot->count));
	}
	return token;
}

/* One used descriptor may stand for a batch: it lies where the batch begins and names the
 * buffer it ends with [PQ-16]. That one must be in flight [VQ-24]. */
static bool look(struct virtqueue *vq, unsigned at)
{
	struct packed_desc *desc = &vq->ring[at];
	unsigned flags = LOAD(desc->flags), ahead;
	uint32_t id, bytes;

	if ((flags ^ vq->used_bits) & PACKED_BOTH)
		return false;
	order_read(vq); /* §2.8.22: the flags before the rest [PQ-10] */
	id = LOAD(desc->id);
	bytes = LOAD(desc->bytes);
	ahead = id >= at ? id - at : id + vq->size - at;
	if (unlikely(id >= vq->size || ahead >= packed_in_flight(vq, vq->free) ||
		     !vq->slots[id].token))
		return virtqueue_violation(vq, "used id not in flight"); /* [PQ-17] */
	vq->batch_bytes = packed_length(vq, bytes, flags, &vq->slots[id]);
	vq->batch_last = id;
	vq->in_batch = true;
	return true;
}

/* The last of a batch, or the first of the next. */
static __attribute__((noinline)) void *get_edge(struct virtqueue *vq, uint32_t *written)
{
	unsigned at = vq->next_used;
	void *token;

	if (!vq->in_batch && !look(vq, at))
		return NULL;
	if (at != vq->batch_last)
		return virtqueue_packed_in_order_get(vq, written);
	token = take(vq, at, vq->batch_bytes, written);
	vq->in_batch = false;
	vq->batch_last = vq->next_used;
	return token;
}

void *virtqueue_packed_in_order_get(struct virtqueue *vq, uint32_t *written)
{
	unsigned at = vq->next_used;

	if (unlikely(at == vq->batch_last))
		return get_edge(vq, written);
	/* Those before the last were used completely. */
	return take(vq, at, vq->slots[at].writable, written);
}

unsigned virtqueue_packed_in_order_drain(struct virtqueue *vq,
					 struct virtqueue_used *used, unsigned count)
{
	unsigned taken = 0;

	while (taken < count && (vq->in_batch || look(vq, vq->next_used))) {
		unsigned before = vq->next_used, wrap = vq->last_used & PACKED_WRAP;

		taken += in_order_take(vq, used + taken, count - taken);
		if (vq->next_used <= before)
			wrap ^= PACKED_WRAP;
		packed_next(vq, (uint16_t)(vq->next_used | wrap));
	}
	return taken;
}
