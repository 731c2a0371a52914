/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The packed virtqueue whose buffers come back in any order (VIRTIO 1.3 §2.8). Ids are a
 * private list; the used position moves on by the length that was noted when the buffer was
 * added [PQ-08]. */

#include <errno.h>
#include <virtio/ring/packed.h>

static __attribute__((noinline)) int add_list(struct virtqueue *vq,
					      const struct virtio_piece *pieces,
					      unsigned readable, unsigned writable,
					      void *token)
{
	unsigned id = vq->free_ids ? vq->ids[vq->free_ids - 1] : 0;
	int error = packed_add_list(vq, pieces, readable, writable, token, id);

	if (!error)
		vq->free_ids--;
	return error;
}

int virtqueue_packed_add(struct virtqueue *vq, const struct virtio_piece *pieces,
			 unsigned readable, unsigned writable, void *token)
{
	if (readable + writable == 1 && likely(vq->free && token && pieces->bytes)) {
		uint32_t bytes = pieces->bytes;
		unsigned left = vq->free_ids - 1, id = vq->ids[left];
		struct ring_slot *slot = &vq->slots[id];

		slot->token = token;
		slot->shape = RING_SLOT(bytes * writable, 1, 0);
		vq->free_ids = left;
		vq->free--;
		vq->counters.added++;
		packed_put(vq, pieces->address, bytes, id, writable * RING_DESC_WRITE);
		return 0;
	}
	return add_list(vq, pieces, readable, writable, token);
}

void *virtqueue_packed_get(struct virtqueue *vq, uint32_t *written)
{
	uint16_t position = vq->last_used, flags;
	struct packed_desc *desc = &vq->ring[packed_offset(position)];
	struct ring_slot *slot;
	uint32_t id, bytes;
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
	if (unlikely(!token || slot->count > vq->in_flight)) /* [PQ-17] */
		return virtqueue_violation(vq, "used id not in flight");
	bytes = packed_length(vq, bytes, flags, slot->writable);
	if (written)
		*written = bytes;
	slot->token = NULL;
	vq->ids[vq->free_ids++] = (uint16_t)id;
	vq->counters.used++;
	packed_returned(vq, position, slot->count);
	return token;
}
