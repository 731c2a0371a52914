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
	return packed_add_list(vq, pieces, readable, writable, token,
			       packed_offset(vq->avail_index));
}

int virtqueue_packed_in_order_add(struct virtqueue *vq, const struct virtio_piece *pieces,
				  unsigned readable, unsigned writable, void *token)
{
	if (readable + writable == 1 && likely(vq->free && token && pieces->bytes)) {
		unsigned id = packed_offset(vq->avail_index);
		struct ring_slot *slot = &vq->slots[id];

		packed_put(vq, pieces->address, pieces->bytes, id,
			   writable ? RING_DESC_WRITE : 0);
		vq->free--;
		slot->token = token;
		slot->writable = writable ? pieces->bytes : 0;
		slot->count = 1;
		vq->counters.added++;
		return 0;
	}
	return add_list(vq, pieces, readable, writable, token);
}

/* One used descriptor may stand for a batch: it lies where the batch begins and names the
 * buffer it ends with [PQ-16]. That one must be in flight [VQ-24]. */
static bool look(struct virtqueue *vq, uint16_t position)
{
	unsigned at = packed_offset(position), ahead;
	struct packed_desc *desc = &vq->ring[at];
	uint16_t flags = LOAD(desc->flags);
	uint32_t id;

	if (!packed_is_used(flags, position))
		return false;
	order_read(vq); /* §2.8.22: the flags before the rest [PQ-10] */
	id = LOAD(desc->id);
	vq->batch_bytes = LOAD(desc->bytes);
	ahead = id >= at ? id - at : id + vq->size - at;
	if (unlikely(id >= vq->size || ahead >= packed_in_flight(vq) ||
		     !vq->slots[id].token)) {
		virtqueue_violation(vq, "used id not in flight"); /* [PQ-17] */
		return false;
	}
	vq->batch_bytes = packed_length(vq, vq->batch_bytes, flags,
					vq->slots[id].writable);
	vq->batch_last = (uint16_t)id;
	vq->in_batch = true;
	return true;
}

void *virtqueue_packed_in_order_get(struct virtqueue *vq, uint32_t *written)
{
	uint16_t position = vq->last_used;
	unsigned at = packed_offset(position);
	struct ring_slot *slot = &vq->slots[at];
	uint32_t bytes = slot->writable;
	void *token;

	if (!vq->in_batch && !look(vq, position))
		return NULL;
	/* Those before the last were used completely. */
	if (at == vq->batch_last) {
		vq->in_batch = false;
		bytes = vq->batch_bytes;
	}
	if (written)
		*written = bytes;
	token = slot->token;
	slot->token = NULL;
	vq->free += slot->count;
	STORE(vq->last_used, packed_after(vq, position, slot->count));
	vq->counters.used++;
	return token;
}
