/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Indirect tables (VIRTIO 1.3 §2.7.5.3, §2.8.7): one for each descriptor, which belongs to
 * it for good, so that adding a buffer allocates nothing. Linked in with the layouts; an
 * image without them uses chains. */

#include <errno.h>
#include <kernel/page.h>
#include <virtio/ring/split.h>

/* Without memory for tables the queue works with chains alone. */
void virtqueue_tables_allocate(struct virtqueue *vq, unsigned pieces)
{
	if (pieces == 0)
		pieces = VIRTQUEUE_PIECES_DEFAULT;
	if (pieces > vq->size) /* also limits a table [VQ-05] */
		pieces = vq->size;
	if (pieces < 2)
		return;
	vq->tables_order = page_order((size_t)vq->size * pieces *
				      sizeof(struct ring_desc));
	vq->tables_phys = virtqueue_pages_alloc(vq->tables_order, UINT64_MAX);
	if (!vq->tables_phys)
		return;
	vq->tables = phys_to_virt(vq->tables_phys);
	vq->table_pieces = (uint16_t)pieces;
}

/* A table has no INDIRECT flag, its descriptor no NEXT [VQ-06]. */
bool split_describe_table(struct virtqueue *vq, unsigned head,
			  const struct virtio_piece *pieces, unsigned readable,
			  unsigned writable)
{
	size_t first = (size_t)head * vq->table_pieces;
	unsigned past = split_describe(vq, vq->tables + first, NULL, ~0u, 0,
				       &vq->slots[head], pieces, readable, writable);

	if (past == SPLIT_BAD)
		return false;
	desc_set(&vq->desc[head], vq->tables_phys + first * sizeof(struct ring_desc),
		 past * (uint32_t)sizeof(struct ring_desc), RING_DESC_INDIRECT, 0);
	return true;
}

int virtqueue_split_add_table(struct virtqueue *vq, const struct virtio_piece *pieces,
			      unsigned readable, unsigned writable, void *token)
{
	unsigned head = vq->ids[vq->free - 1];
	struct ring_slot *slot = &vq->slots[head];

	if (!split_describe_table(vq, head, pieces, readable, writable))
		return -EINVAL;
	vq->free--;
	slot->count = 1;
	slot->token = token;
	split_avail_put(vq, head);
	return 0;
}
