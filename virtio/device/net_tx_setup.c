/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: what transmission needs of memory (VIRTIO 1.3 §5.1.6.2). */

#include <string.h>
#include <kernel/heap.h>
#include <virtio/device/net.h>

#define HEADER_STRIDE 32 /* the longest header, in one cache line */

static int prepare_queue(struct net_tx *tx)
{
	unsigned count = virtqueue_size(tx->queue);
	unsigned order = page_order(count * HEADER_STRIDE);

	tx->count = count;
	tx->headers_phys = page_alloc(order);
	tx->slots = kzalloc(count * sizeof(*tx->slots));
	if (!tx->headers_phys || !tx->slots)
		return -ENOMEM;
	memset(phys_to_virt(tx->headers_phys), 0, PAGE_BYTES << order);
	for (unsigned i = count; i-- > 0;) {
		struct net_tx_slot *slot = &tx->slots[i];

		slot->header_phys = tx->headers_phys + i * HEADER_STRIDE;
		slot->header = phys_to_virt(slot->header_phys);
		slot->next = tx->free;
		tx->free = slot;
	}
	tx->pieces_max = virtqueue_pieces_max(tx->queue);
	if (tx->pieces_max > TX_PIECES_MAX)
		tx->pieces_max = TX_PIECES_MAX;
	return 0;
}

int net_tx_prepare(struct ferrule_net *net)
{
	int error = 0;

	for (unsigned i = 0; i < net->pairs && !error; i++) {
		error = prepare_queue(&net->tx[i]);
		virtqueue_disable_cb(net->tx[i].queue);
	}
	return error;
}

void net_tx_free(struct ferrule_net *net)
{
	for (unsigned i = 0; i < net->pairs; i++) {
		struct net_tx *tx = &net->tx[i];

		kfree(tx->slots);
		if (tx->headers_phys)
			page_free(tx->headers_phys,
				  page_order(tx->count * HEADER_STRIDE));
	}
}
