/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: the memory of receive buffers (VIRTIO 1.3 §5.1.6.3). */

#include <errno.h>
#include <string.h>
#include <kernel/page.h>
#include <virtio/device/net.h>

#define CHUNK_BYTES	 2048 /* a buffer with its record, two to a page */
#define MEMORY_SHARE	 16   /* all buffers together: at most this part of memory */
#define BUFFERS_AT_LEAST 8
#define BATCH_MAX	 16 /* posted with one publication */

/* Cuts a block of pages into buffers. */
static void add_buffers(struct ferrule_net *net, struct net_rx *rx, uint64_t phys)
{
	size_t bytes = PAGE_BYTES << net->rx_order;

	for (size_t at = 0; at + net->rx_chunk <= bytes; at += net->rx_chunk) {
		struct net_buffer *buffer = phys_to_virt(phys + at);

		memset(buffer, 0, net->rx_chunk);
		buffer->frame.net = net;
		buffer->rx = rx;
		buffer->phys = phys + at + net->rx_offset;
		net_rx_recycle(rx, &buffer->frame);
		rx->count++;
	}
}

/* As many buffers as the ring holds, but of small memory only a small part. */
static unsigned buffers_wanted(const struct ferrule_net *net, const struct net_rx *rx)
{
	unsigned ring = virtqueue_size(rx->queue) / (net->separate_header ? 2 : 1);
	struct page_stats memory;
	uint64_t share;

	page_stats(&memory);
	share = memory.total_bytes / MEMORY_SHARE / net->pairs / net->rx_chunk;
	if (share < BUFFERS_AT_LEAST)
		share = BUFFERS_AT_LEAST;
	return share < ring ? (unsigned)share : ring;
}

static int prepare_queue(struct ferrule_net *net, struct net_rx *rx)
{
	unsigned wanted = buffers_wanted(net, rx);

	while (rx->count < wanted) {
		uint64_t phys = page_alloc(net->rx_order);

		if (!phys)
			break;
		add_buffers(net, rx, phys);
	}
	if (!rx->count)
		return -ENOMEM;
	rx->batch = rx->count / 4 < BATCH_MAX ? rx->count / 4 : BATCH_MAX;
	rx->low = 2 * rx->batch > net->rx_pieces_max ? 2 * rx->batch : net->rx_pieces_max;
	return 0;
}

int net_rx_prepare(struct ferrule_net *net)
{
	/* So that the IP header comes to lie on a multiple of four. */
	unsigned pad = -(net->header_bytes + ETHERNET_BYTES) & 3;
	size_t frame_bytes = net->header_bytes + ETHERNET_BYTES + VLAN_BYTES +
			     (size_t)net->info.mtu;
	int error = 0;

	net->rx_offset = sizeof(struct net_buffer) + pad;
	net->rx_chunk = CHUNK_BYTES;
	/* One buffer must hold the largest frame when buffers are not merged (§5.1.4.2)
	 * [NET-05] [NET-13]. */
	if (!net->mergeable && net->rx_offset + frame_bytes > net->rx_chunk) {
		net->rx_order = page_order(net->rx_offset + frame_bytes);
		net->rx_chunk = (uint32_t)(PAGE_BYTES << net->rx_order);
	}
	net->rx_bytes = net->rx_chunk - net->rx_offset;
	if (net->rx_bytes >
	    net->header_bytes + FRAME_BYTES_MAX) /* a rounded up chunk's */
		net->rx_bytes = net->header_bytes + FRAME_BYTES_MAX;
	net->rx_pieces_max = net->mergeable ? FRAME_BYTES_MAX / net->rx_bytes + 2 : 1;
	for (unsigned i = 0; i < net->pairs && !error; i++)
		error = prepare_queue(net, &net->rx[i]);
	net->info.rx_buffers = net->rx[0].count < UINT16_MAX ? (uint16_t)net->rx[0].count
							     : UINT16_MAX;
	return error;
}

/* The blocks are known by their first buffers. */
void net_rx_free(struct ferrule_net *net)
{
	uint64_t inside = (PAGE_BYTES << net->rx_order) - 1;

	for (unsigned i = 0; i < net->pairs; i++) {
		struct net_buffer *blocks = NULL, *next;

		for (struct net_buffer *each = net->rx[i].free; each; each = next) {
			next = each->next;
			if ((each->phys - net->rx_offset) & inside)
				continue;
			each->next = blocks;
			blocks = each;
		}
		for (; blocks; blocks = next) {
			next = blocks->next;
			page_free(blocks->phys - net->rx_offset, net->rx_order);
		}
		net->rx[i].free = NULL;
	}
}
