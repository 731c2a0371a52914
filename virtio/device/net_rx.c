/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: receive buffers and frames (VIRTIO 1.3 §5.1.6.3, §5.1.6.4).
 *
 * Nothing the device says about a frame is used before it was checked: the used length,
 * the number of buffers, offsets of the checksum, the kind of segmentation. A frame that
 * fails is dropped and counted, and its buffers are posted again. */

#include <errno.h>
#include <string.h>
#include <kernel/page.h>
#include <virtio/device/net.h>

#define CHUNK_BYTES	 2048 /* a buffer with its record, two to a page */
#define MEMORY_SHARE	 16   /* all buffers together: at most this part of memory */
#define BUFFERS_AT_LEAST 8
#define BATCH_MAX	 16 /* posted with one publication */

static uint8_t *posted_part(const struct ferrule_net *net, struct net_buffer *buffer)
{
	return (uint8_t *)buffer + net->rx_offset;
}

/* Free buffers are posted in batches, while the device has enough of them for the largest
 * frame and for what comes meanwhile; else at once. Under rx_lock. */
static inline bool refill_due(const struct ferrule_net *net)
{
	return net->rx_free &&
	       (net->rx_free_count >= net->rx_batch || net->rx_posted <= net->rx_low);
}

/* Posts what is free. Under rx_lock; true: something was added. */
static __attribute__((noinline)) bool refill(struct ferrule_net *net)
{
	bool added = false;

	while (net->rx_free) {
		struct net_buffer *buffer = net->rx_free;
		/* Legacy framing wants the header in a descriptor of its own (§5.1.6.6);
		 * the data lies behind it all the same. */
		unsigned head = net->separate_header ? net->header_bytes : 0;
		struct virtio_piece pieces[2] = {
			{ buffer->phys, head },
			{ buffer->phys + head, net->rx_bytes - head },
		};

		if (virtqueue_add(net->rx, head ? pieces : &pieces[1], 0, head ? 2 : 1,
				  buffer))
			break;
		net->rx_free = buffer->next;
		net->rx_free_count--;
		net->rx_posted++;
		added = true;
	}
	return added;
}

/* Under rx_lock. */
static void recycle(struct ferrule_net *net, struct ferrule_frame *frame)
{
	while (frame) {
		struct net_buffer *buffer = (struct net_buffer *)frame;

		frame = frame->next;
		buffer->next = net->rx_free;
		net->rx_free = buffer;
		net->rx_free_count++;
	}
}

/* The header's word on checksum and segmentation, checked against the frame and what was
 * negotiated (§5.1.6.4.2); false: it cannot be true. */
static bool read_meta(const struct ferrule_net *net, const struct net_header *header,
		      struct ferrule_frame *frame)
{
	struct virtio_device *device = net->device;
	struct ferrule_net_meta *meta = &frame->meta;
	unsigned gso = header->gso_type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;

	memset(meta, 0, sizeof(*meta));
	if (!virtio_has(device, VIRTIO_NET_F_GUEST_CSUM))
		return true;
	if ((header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	    !(header->flags & VIRTIO_NET_HDR_F_RSC_INFO)) {
		if ((uint32_t)header->checksum_start + header->checksum_offset + 2 >
		    frame->total_bytes)
			return false;
		meta->checksum_needed = true;
		meta->checksum_start = header->checksum_start;
		meta->checksum_offset = header->checksum_offset;
	} else if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		meta->checksum_valid = true;
	}
	if (gso == VIRTIO_NET_HDR_GSO_NONE)
		return true;
	if (!(gso == VIRTIO_NET_HDR_GSO_TCPV4 &&
	      virtio_has(device, VIRTIO_NET_F_GUEST_TSO4)) &&
	    !(gso == VIRTIO_NET_HDR_GSO_TCPV6 &&
	      virtio_has(device, VIRTIO_NET_F_GUEST_TSO6)))
		return false;
	if (!header->gso_bytes)
		return false;
	meta->gso_type = (uint8_t)gso;
	meta->gso_bytes = header->gso_bytes;
	if (header->header_bytes <= frame->total_bytes) /* a hint only (§5.1.6.4.2) */
		meta->header_bytes = header->header_bytes;
	return true;
}

/* Takes the other buffers of a merged frame; false: they are not there, or too much.
 * Under rx_lock. */
static __attribute__((noinline)) bool
take_rest(struct ferrule_net *net, struct ferrule_frame *first, unsigned buffers)
{
	struct ferrule_frame *last = first;

	while (--buffers) {
		uint32_t bytes;
		struct net_buffer *buffer = virtqueue_get(net->rx, &bytes);

		if (!buffer)
			return false;
		net->rx_posted--;
		buffer->frame.data = posted_part(net, buffer);
		buffer->frame.bytes = bytes;
		buffer->frame.next = NULL;
		last = last->next = &buffer->frame;
		if (!bytes || bytes > net->rx_bytes)
			return false;
		first->total_bytes += bytes;
		if (first->total_bytes > FRAME_BYTES_MAX)
			return false;
	}
	return true;
}

/* Makes a frame of the buffer just got and those that belong to it; NULL: dropped. Under
 * rx_lock. */
static struct ferrule_frame *assemble(struct ferrule_net *net, struct net_buffer *buffer,
				      uint32_t bytes)
{
	struct ferrule_frame *frame = &buffer->frame;
	struct net_header header = { .buffers = 1 };

	net->rx_posted--;
	frame->next = NULL;
	if (bytes < net->header_bytes + ETHERNET_BYTES || bytes > net->rx_bytes)
		goto drop;
	/* The only look at what the device may still be changing. */
	net_header_copy(net, &header, posted_part(net, buffer));
	if (!net->mergeable)
		header.buffers = 1;
	if (!header.buffers || header.buffers > net->rx_pieces_max)
		goto drop;
	frame->data = posted_part(net, buffer) + net->header_bytes;
	frame->bytes = frame->total_bytes = bytes - net->header_bytes;
	if ((header.buffers == 1 || take_rest(net, frame, header.buffers)) &&
	    read_meta(net, &header, frame))
		return frame;
drop:
	__atomic_fetch_add(&net->rx_dropped, 1, __ATOMIC_RELAXED);
	recycle(net, frame);
	return NULL;
}

struct ferrule_frame *ferrule_net_receive(struct ferrule_net *net)
{
	unsigned long flags = spin_lock(&net->rx_lock);
	struct ferrule_frame *frame = NULL;
	struct net_buffer *buffer;
	uint32_t bytes;
	bool kick;

	/* Buffers of dropped frames are not posted before we are done, so this ends. */
	do {
		while (!frame && (buffer = virtqueue_get(net->rx, &bytes)))
			frame = assemble(net, buffer, bytes);
	} while (!frame && !virtqueue_enable_cb(net->rx) && !virtqueue_broken(net->rx));
	kick = refill_due(net) && refill(net) && virtqueue_kick_prepare(net->rx);
	spin_unlock(&net->rx_lock, flags);
	if (kick)
		virtqueue_notify(net->rx);
	if (!frame)
		ferrule_net_reap(net);
	return frame;
}

void ferrule_net_release(struct ferrule_frame *frame)
{
	struct ferrule_net *net = frame->net;
	unsigned long flags = spin_lock(&net->rx_lock);
	bool kick;

	recycle(net, frame);
	/* An empty ring gets no interrupt, so this is where it is filled again. */
	kick = refill_due(net) && refill(net) && virtqueue_kick_prepare(net->rx);
	spin_unlock(&net->rx_lock, flags);
	if (kick)
		virtqueue_notify(net->rx);
}

void net_received(struct virtqueue *queue)
{
	virtqueue_disable_cb(queue);
	net_signal(virtqueue_device(queue)->driver_data);
}

bool net_rx_arm(struct ferrule_net *net)
{
	unsigned long flags = spin_lock(&net->rx_lock);
	bool armed = virtqueue_enable_cb(net->rx);

	if (!armed)
		virtqueue_disable_cb(net->rx);
	spin_unlock(&net->rx_lock, flags);
	return armed;
}

void net_rx_start(struct ferrule_net *net)
{
	unsigned long flags = spin_lock(&net->rx_lock);
	bool kick;

	virtqueue_disable_cb(net->rx); /* until somebody opens the card */
	kick = virtqueue_kick_prepare(net->rx);
	spin_unlock(&net->rx_lock, flags);
	if (kick)
		virtqueue_notify(net->rx);
}

/* Cuts a block of pages into buffers. */
static void add_buffers(struct ferrule_net *net, uint64_t phys, unsigned order,
			size_t chunk_bytes)
{
	for (size_t at = 0; at + chunk_bytes <= PAGE_BYTES << order; at += chunk_bytes) {
		struct net_buffer *buffer = phys_to_virt(phys + at);

		memset(buffer, 0, chunk_bytes);
		buffer->frame.net = net;
		buffer->phys = phys + at + net->rx_offset;
		recycle(net, &buffer->frame);
		net->rx_count++;
	}
}

/* As many buffers as the ring holds, but of small memory only a small part. */
static unsigned buffers_wanted(const struct ferrule_net *net, size_t chunk_bytes)
{
	unsigned ring = virtqueue_size(net->rx) / (net->separate_header ? 2 : 1);
	struct page_stats memory;
	uint64_t share;

	page_stats(&memory);
	share = memory.total_bytes / MEMORY_SHARE / chunk_bytes;
	if (share < BUFFERS_AT_LEAST)
		share = BUFFERS_AT_LEAST;
	return share < ring ? (unsigned)share : ring;
}

int net_rx_prepare(struct ferrule_net *net)
{
	/* So that the IP header comes to lie on a multiple of four. */
	unsigned pad = -(net->header_bytes + ETHERNET_BYTES) & 3;
	size_t frame_bytes = net->header_bytes + ETHERNET_BYTES + VLAN_BYTES +
			     (size_t)net->info.mtu;
	size_t chunk = CHUNK_BYTES;
	unsigned order = 0, wanted;

	net->rx_offset = sizeof(struct net_buffer) + pad;
	/* One buffer must hold the largest frame when buffers are not merged (§5.1.4.2). */
	if (!net->mergeable && net->rx_offset + frame_bytes > chunk) {
		order = page_order(net->rx_offset + frame_bytes);
		chunk = PAGE_BYTES << order;
	}
	net->rx_bytes = (uint32_t)(chunk - net->rx_offset);
	net->rx_pieces_max = net->mergeable ? FRAME_BYTES_MAX / net->rx_bytes + 2 : 1;
	wanted = buffers_wanted(net, chunk);
	while (net->rx_count < wanted) {
		uint64_t phys = page_alloc(order);

		if (!phys)
			break;
		add_buffers(net, phys, order, chunk);
	}
	if (!net->rx_count)
		return -ENOMEM;
	net->info.rx_buffers = net->rx_count < UINT16_MAX ? (uint16_t)net->rx_count
							  : UINT16_MAX;
	net->rx_batch = net->rx_count / 4 < BATCH_MAX ? net->rx_count / 4 : BATCH_MAX;
	net->rx_low = 2 * net->rx_batch > net->rx_pieces_max ? 2 * net->rx_batch
							     : net->rx_pieces_max;
	refill(net);
	return 0;
}
