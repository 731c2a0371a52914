/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The packed virtqueue of a device that uses buffers in the order they were made available
 * (VIRTIO 1.3 §2.8.8). A buffer's id is the offset of its first descriptor, so there is no
 * list of ids. */

#include <errno.h>
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

/* One used descriptor may stand for a batch: it lies where the batch begins and names the
 * buffer it ends with [PQ-16]. That one must be in flight [VQ-24]. */
static __attribute__((noinline)) void *look(struct virtqueue *vq, uint32_t *written)
{
	uint16_t position = vq->last_used;
	unsigned at = packed_offset(position), ahead;
	struct packed_desc *desc = &vq->ring[at];
	uint16_t flags = LOAD(desc->flags);
	uint32_t id, bytes;

	if (!packed_is_used(flags, position))
		return NULL;
	order_read(vq); /* §2.8.22: the flags before the rest [PQ-10] */
	id = LOAD(desc->id);
	bytes = LOAD(desc->bytes);
	ahead = id >= at ? id - at : id + vq->size - at;
	if (unlikely(id >= vq->size || ahead >= vq->in_flight || !vq->slots[id].token))
		return virtqueue_violation(vq, "used id not in flight"); /* [PQ-17] */
	vq->batch_bytes = packed_length(vq, bytes, flags, vq->slots[id].writable);
	vq->batch_last = (uint16_t)id;
	vq->in_batch = true;
	return virtqueue_packed_in_order_get(vq, written);
}

void *virtqueue_packed_in_order_get(struct virtqueue *vq, uint32_t *written)
{
	uint16_t position = vq->last_used;
	unsigned at = packed_offset(position);
	struct ring_slot *slot = &vq->slots[at];
	uint32_t bytes = slot->writable;
	void *token = slot->token;

	if (!vq->in_batch)
		return look(vq, written);
	/* Those before the last were used completely. */
	if (unlikely(at == vq->batch_last)) {
		vq->in_batch = false;
		bytes = vq->batch_bytes;
	}
	if (written)
		*written = bytes;
	slot->token = NULL;
	vq->counters.used++;
	packed_returned(vq, position, slot->count);
	return token;
}
