/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: receive buffers and frames (VIRTIO 1.3 §5.1.6.3, §5.1.6.4).
 *
 * Nothing the device says about a frame is used before it was checked: the used length,
 * the number of buffers, offsets of the checksum, the kind of segmentation. A frame that
 * fails is dropped and counted, and its buffers are posted again. */

#include <errno.h>
#include <string.h>
#include <arch/barrier.h>
#include <virtio/device/net.h>

#define HASH_REPORT_MAX 9
/* Buffers that are handed to the queue, or taken from it, in one call. */
#define TOGETHER 16
/* Into the one way in of nearly all frames, and once more for several queues. */
#define INLINE inline __attribute__((always_inline))

static uint8_t *posted_part(const struct ferrule_net *net, struct net_buffer *buffer)
{
	return (uint8_t *)buffer + net->rx_offset;
}

/* Free buffers are posted in batches, while the device has enough of them for the largest
 * frame and for what comes meanwhile; else at once. Under the lock. */
static inline bool refill_due(const struct net_rx *rx)
{
	return __builtin_expect(rx->free_count >= rx->batch || rx->posted <= rx->low,
				0) &&
	       rx->free && !rx->closed;
}

/* Legacy framing wants the header in a descriptor of its own (§5.1.6.6 [NET-35]); the data
 * lies behind it all the same. */
static bool post_in_two(struct net_rx *rx, const struct ferrule_net *net)
{
	struct virtio_piece pieces[2] = {
		{ rx->free->phys, net->header_bytes },
		{ rx->free->phys + net->header_bytes, net->rx_bytes - net->header_bytes },
	};

	return !virtqueue_add(rx->queue, pieces, 0, 2, rx->free);
}

/* The first of the free ones, up to TOGETHER, in one call; how many. */
static unsigned post(struct net_rx *rx, const struct ferrule_net *net)
{
	struct virtqueue_buffer buffers[TOGETHER];
	unsigned count = 0;

	if (net->separate_header)
		return post_in_two(rx, net);
	for (struct net_buffer *buffer = rx->free; buffer && count < TOGETHER;
	     buffer = buffer->next)
		buffers[count++] = (struct virtqueue_buffer){
			{ buffer->phys, net->rx_bytes }, buffer
		};
	return virtqueue_fill(rx->queue, buffers, count);
}

/* Posts what is free; true: something was added. Under the lock. */
__attribute__((noinline)) bool net_rx_refill(struct net_rx *rx,
					     const struct ferrule_net *net)
{
	bool added = false;
	unsigned count;

	while (rx->free && (count = post(rx, net))) {
		rx->free_count -= count;
		rx->posted += count;
		while (count--)
			rx->free = rx->free->next;
		added = true;
	}
	return added;
}

/* Under the lock. */
void net_rx_recycle(struct net_rx *rx, struct ferrule_frame *frame)
{
	while (frame) {
		struct net_buffer *buffer = (struct net_buffer *)frame;

		frame = frame->next;
		buffer->next = rx->free;
		rx->free = buffer;
		rx->free_count++;
	}
}

/* The header's word on checksum and segmentation, checked against the frame and what was
 * negotiated (§5.1.6.4.2); false: it cannot be true. Unknown flags are ignored [NET-16].
 * With RSC_INFO the checksum's fields say what was merged; it was verified before that. */
static INLINE bool read_meta(const struct ferrule_net *net, struct net_header header,
			     struct ferrule_frame *frame)
{
	struct ferrule_net_meta *meta = &frame->meta;
	unsigned gso = header.gso_type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;

	memset(meta, 0, sizeof(*meta));
	if (!(net->info.offloads & FERRULE_NET_RX_CHECKSUM))
		return true;
	if (header.flags & VIRTIO_NET_HDR_F_RSC_INFO &&
	    virtio_has(net->device, VIRTIO_NET_F_RSC_EXT)) {
		meta->merged_segments = header.checksum_start;
		meta->duplicate_acks = header.checksum_offset;
		meta->checksum_valid = true;
	} else if (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
		   !(header.flags & VIRTIO_NET_HDR_F_RSC_INFO)) {
		/* [NET-19] */
		if ((uint32_t)header.checksum_start + header.checksum_offset + 2 >
		    frame->total_bytes)
			return false;
		meta->checksum_needed = true;
		meta->checksum_start = header.checksum_start;
		meta->checksum_offset = header.checksum_offset;
	} else if (header.flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		meta->checksum_valid = true;
	}
	if (gso == VIRTIO_NET_HDR_GSO_NONE)
		return true;
	if (gso > 7 || !(net->rx_gso >> gso & 1))
		return false;
	/* Of what the device merged it need not know how it was cut before. */
	if (!header.gso_bytes)
		return meta->merged_segments;
	meta->gso_type = (uint8_t)gso;
	meta->gso_bytes = header.gso_bytes;
	if (header.header_bytes <= frame->total_bytes) /* a hint only [NET-17] */
		meta->header_bytes = header.header_bytes;
	return true;
}

/* A header without `buffers`, or with a hash behind it (§5.1.6.4.5 [NET-20]): of kinds that we
 * do not know there is none. */
static __attribute__((noinline)) struct net_header
read_other_header(const struct ferrule_net *net, const uint8_t *posted,
		  struct ferrule_frame *frame)
{
	struct net_header_hash hash = { .plain.buffers = 1 };

	if (net->header_bytes != NET_HEADER_HASH_BYTES) {
		net_header_copy(net, &hash.plain, posted);
		return hash.plain;
	}
	memcpy(&hash, posted, sizeof(hash));
	frame->hash = hash.value;
	frame->hash_kind = hash.report <= HASH_REPORT_MAX ? (uint8_t)hash.report : 0;
	return hash.plain;
}

/* Takes the other buffers of a merged frame, which have no header [NET-15] and are there
 * when the first is [PQ-20]; false: they are not, or too much [NET-18]. What was taken hangs
 * on the frame in any case. Under the lock. */
static __attribute__((noinline)) bool take_rest(struct ferrule_net *net,
						struct net_rx *rx,
						struct ferrule_frame *first,
						unsigned buffers)
{
	struct ferrule_frame *last = first;
	bool good = true;

	for (unsigned left = buffers - 1; left && good;) {
		struct virtqueue_used used[TOGETHER];
		unsigned count = virtqueue_drain(rx->queue, used,
						 left < TOGETHER ? left : TOGETHER);

		if (!count)
			return false;
		left -= count;
		rx->posted -= count;
		for (unsigned i = 0; i < count; i++) {
			struct net_buffer *buffer = used[i].token;

			buffer->frame.data = posted_part(net, buffer);
			buffer->frame.bytes = used[i].written;
			buffer->frame.next = NULL;
			last = last->next = &buffer->frame;
			first->total_bytes += used[i].written;
			good &= used[i].written && used[i].written <= net->rx_bytes;
		}
		good &= first->total_bytes <= FRAME_BYTES_MAX;
	}
	return good;
}

/* Makes a frame of the buffer just got and those that belong to it; NULL: dropped. Under
 * rx_lock. */
static INLINE struct ferrule_frame *assemble(struct ferrule_net *net, struct net_rx *rx,
					     struct net_buffer *buffer, uint32_t bytes)
{
	struct ferrule_frame *frame = &buffer->frame;
	struct net_header header;

	rx->posted--;
	frame->next = NULL;
	if (bytes < net->header_bytes + ETHERNET_BYTES || bytes > net->rx_bytes)
		goto drop; /* [NET-18] */
	/* The only look at what the device may still be changing: nothing is loaded again
	 * beyond the barrier. */
	if (net->header_bytes == NET_HEADER_BYTES)
		header = *(const struct net_header *)posted_part(net, buffer);
	else
		header = read_other_header(net, posted_part(net, buffer), frame);
	barrier_read();
	if (!net->mergeable)
		header.buffers = 1;
	frame->data = posted_part(net, buffer) + net->header_bytes;
	frame->bytes = frame->total_bytes = bytes - net->header_bytes;
	if (header.buffers != 1 && (header.buffers - 1u >= net->rx_pieces_max ||
				    !take_rest(net, rx, frame, header.buffers)))
		goto drop;
	if (read_meta(net, header, frame))
		return frame;
drop:
	__atomic_fetch_add(&net->rx_dropped, 1, __ATOMIC_RELAXED);
	net_rx_recycle(rx, frame);
	return NULL;
}

/* The next frame of one queue. NULL: `ready` will be called for the next one. */
static INLINE struct ferrule_frame *receive_from(struct ferrule_net *net,
						 struct net_rx *rx)
{
	unsigned long flags = spin_lock(&rx->lock);
	struct ferrule_frame *frame = NULL;
	struct net_buffer *buffer;
	bool kick;

	if (rx->closed) {
		spin_unlock(&rx->lock, flags);
		return NULL;
	}
	/* Buffers of dropped frames are not posted before we are done, so this ends. */
	do {
		while (!frame && (buffer = virtqueue_get(rx->queue, &rx->written)))
			frame = assemble(net, rx, buffer, rx->written);
	} while (!frame && !virtqueue_enable_cb(rx->queue) &&
		 !virtqueue_broken(rx->queue));
	kick = refill_due(rx) && net_rx_refill(rx, net) &&
	       virtqueue_kick_prepare(rx->queue);
	/* Under the lock, but it is rare: else the queue could be gone by then. */
	if (kick)
		virtqueue_notify(rx->queue);
	spin_unlock(&rx->lock, flags);
	return frame;
}

/* Several queues take turns, a frame each. */
static __attribute__((noinline)) struct ferrule_frame *
receive_in_turn(struct ferrule_net *net)
{
	struct ferrule_frame *frame = NULL;

	for (unsigned i = 0; !frame && i < net->pairs; i++) {
		frame = receive_from(net, &net->rx[net->rx_turn]);
		net->rx_turn = (net->rx_turn + 1) % net->pairs;
	}
	return frame;
}

struct ferrule_frame *ferrule_net_receive(struct ferrule_net *net)
{
	struct ferrule_frame *frame;

	if (net->pairs > 1)
		frame = receive_in_turn(net);
	else
		frame = receive_from(net, &net->rx[0]);
	if (!frame)
		ferrule_net_reap(net);
	return frame;
}

void ferrule_net_release(struct ferrule_frame *frame)
{
	struct net_rx *rx = ((struct net_buffer *)frame)->rx;
	struct ferrule_net *net = frame->net;
	unsigned long flags = spin_lock(&rx->lock);

	net_rx_recycle(rx, frame);
	/* An empty ring gets no interrupt, so this is where it is filled again [NET-14]. */
	if (refill_due(rx) && net_rx_refill(rx, net) && virtqueue_kick_prepare(rx->queue))
		virtqueue_notify(rx->queue);
	spin_unlock(&rx->lock, flags);
}

void net_received(struct virtqueue *queue)
{
	virtqueue_disable_cb(queue);
	net_signal(virtqueue_device(queue)->driver_data);
}

bool net_rx_arm_queue(struct net_rx *rx)
{
	unsigned long flags = spin_lock(&rx->lock);
	bool armed = rx->closed || virtqueue_enable_cb(rx->queue);

	if (!armed)
		virtqueue_disable_cb(rx->queue);
	spin_unlock(&rx->lock, flags);
	return armed;
}

bool net_rx_arm(struct ferrule_net *net)
{
	bool armed = true;

	for (unsigned i = 0; i < net->pairs; i++)
		armed &= net_rx_arm_queue(&net->rx[i]);
	return armed;
}

void net_rx_disarm(struct ferrule_net *net)
{
	for (unsigned i = 0; i < net->pairs; i++) {
		struct net_rx *rx = &net->rx[i];
		unsigned long flags = spin_lock(&rx->lock);

		if (!rx->closed)
			virtqueue_disable_cb(rx->queue);
		spin_unlock(&rx->lock, flags);
	}
}

void net_rx_start_queue(struct net_rx *rx)
{
	unsigned long flags = spin_lock(&rx->lock);

	if (!rx->closed) {
		virtqueue_disable_cb(rx->queue); /* until somebody opens it */
		virtqueue_kick(rx->queue);
	}
	spin_unlock(&rx->lock, flags);
}

void net_rx_start(struct ferrule_net *net)
{
	for (unsigned i = 0; i < net->pairs; i++)
		net_rx_start_queue(&net->rx[i]);
}
