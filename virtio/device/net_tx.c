/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: transmission (VIRTIO 1.3 §5.1.6.2) [NET-39].
 *
 * The header goes where the client left room for it, right before the frame: one
 * descriptor a packet. What was sent is collected on the way of other calls; the device
 * interrupts only while the client waits for room. */

#include <errno.h>
#include <string.h>
#include <kernel/page.h>
#include <virtio/device/net.h>
#include <virtio/device/pieces.h>

/* Sent frames are collected when this many have piled up. */
#define REAP_AT 16

#define TCP_HEADER_BYTES 20
#define TCP_OPTIONS_MAX	 40
#define UDP_HEADER_BYTES 8

void net_transmitted(struct virtqueue *queue)
{
	struct ferrule_net *net = virtqueue_device(queue)->driver_data;
	struct net_tx *tx = &net->tx[virtqueue_index(queue) / 2];

	virtqueue_disable_cb(queue);
	if (__atomic_exchange_n(&tx->blocked, false, __ATOMIC_ACQ_REL))
		net_signal(net);
}

/* The client is inside, or out again: the recovery of a broken card, or of a queue, waits
 * for it before it empties rings (net_recover.c). In order before the look at `trouble`. */
static inline void enter(struct ferrule_net *net)
{
	(void)__atomic_exchange_n(&net->tx_busy, true, __ATOMIC_SEQ_CST);
}

static inline void leave(struct ferrule_net *net)
{
	__atomic_store_n(&net->tx_busy, false, __ATOMIC_RELEASE);
}

static inline void give_back(struct ferrule_net *net, struct net_tx *tx,
			     struct net_tx_slot *slot)
{
	void *token = slot->token;

	slot->used = false;
	slot->next = tx->free;
	tx->free = slot;
	tx->in_flight--;
	if (net->client.sent)
		net->client.sent(net->client.context, token);
}

/* The card, or queues of it, broke since the last call: all they had is the client's again.
 * -errno while the card is not back. */
static __attribute__((noinline)) int take_back(struct ferrule_net *net)
{
	uint8_t before = __atomic_fetch_and(&net->trouble, (uint8_t)~NET_LOST,
					    __ATOMIC_ACQ_REL);

	for (unsigned i = 0; before & NET_LOST && i < net->pairs; i++) {
		struct net_tx *tx = &net->tx[i];

		if (!__atomic_exchange_n(&tx->lost, false, __ATOMIC_ACQ_REL))
			continue;
		tx->unflushed = false;
		tx->blocked = false;
		for (unsigned slot = 0; slot < tx->count && tx->in_flight; slot++)
			if (tx->slots[slot].used)
				give_back(net, tx, &tx->slots[slot]);
	}
	return before & NET_FAILED ? net_trouble_error(net) : 0;
}

/* The used length means nothing here (§5.1.6.2.2) [NET-36]. */
static inline void reap(struct ferrule_net *net, struct net_tx *tx)
{
	struct net_tx_slot *slot;

	while (tx->in_flight && (slot = virtqueue_get(tx->queue, NULL)))
		give_back(net, tx, slot);
}

static __attribute__((noinline)) void reap_slowly(struct ferrule_net *net)
{
	enter(net);
	if (!(net_trouble(net) & NET_LOST) || !take_back(net))
		for (unsigned i = 0; i < net->pairs; i++)
			reap(net, &net->tx[i]);
	leave(net);
}

void ferrule_net_reap(struct ferrule_net *net)
{
	if (__builtin_expect(net_trouble(net), 0)) {
		reap_slowly(net);
		return;
	}
	if (!net->tx[0].in_flight)
		return;
	enter(net);
	if (__builtin_expect(!net_trouble(net), 1))
		reap(net, &net->tx[0]);
	leave(net);
}

/* The longest frame that may be sent as it is: the MTU, and a VLAN tag if it has one. */
static uint32_t plain_limit(const struct ferrule_net *net,
			    const struct ferrule_net_segment *first)
{
	const uint8_t *bytes = first->data;
	bool tagged = first->bytes >= ETHERNET_BYTES && bytes[12] == 0x81 &&
		      bytes[13] == 0x00;

	return net->info.mtu + ETHERNET_BYTES + (tagged ? VLAN_BYTES : 0);
}

/* With GUEST_HDRLEN, hdr_len must be exact (§5.1.6.2.1) [NET-12]; we always want that. A
 * TCP header may have options. */
static bool gso_headers_fit(const struct ferrule_net_meta *meta, uint64_t total)
{
	bool tcp = meta->gso_type == VIRTIO_NET_HDR_GSO_TCPV4 ||
		   meta->gso_type == VIRTIO_NET_HDR_GSO_TCPV6;
	uint32_t bare = (uint32_t)meta->checksum_start +
			(tcp ? TCP_HEADER_BYTES : UDP_HEADER_BYTES);

	return meta->header_bytes < total &&
	       (tcp ? meta->header_bytes >= bare &&
				meta->header_bytes <= bare + TCP_OPTIONS_MAX
		    : meta->header_bytes == bare);
}

/* Fills in the header for what `meta` asks, if the device can do it. Of the flags only
 * NEEDS_CSUM is ever set, num_buffers is 0 [NET-08]; without CSUM there are none [NET-09];
 * what is cut has a checksum to be finished, and its kind was negotiated [NET-10] [NET-11].
 * A frame that is not cut keeps to the MTU [NET-05]. */
static inline int make_header(const struct ferrule_net *net,
			      const struct ferrule_net_segment *segments, unsigned count,
			      const struct ferrule_net_meta *meta,
			      struct net_header *header)
{
	uint64_t total = count ? segments[0].bytes : 0;

	for (unsigned i = 1; i < count; i++)
		total += segments[i].bytes;
	if (total < ETHERNET_BYTES)
		return -EINVAL;
	*header = (struct net_header){ 0 };
	if (!meta || (!meta->checksum_needed && !meta->gso_bytes))
		return total > plain_limit(net, segments) ? -EMSGSIZE : 0;

	if (!(net->info.offloads & FERRULE_NET_TX_CHECKSUM))
		return -ENOTSUP;
	if (!meta->checksum_needed ||
	    (uint32_t)meta->checksum_start + meta->checksum_offset + 2 > total)
		return -EINVAL;
	header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header->checksum_start = meta->checksum_start;
	header->checksum_offset = meta->checksum_offset;
	if (!meta->gso_bytes)
		return total > plain_limit(net, segments) ? -EMSGSIZE : 0;

	if (meta->gso_type > 7 || !(net->tx_gso >> meta->gso_type & 1))
		return -ENOTSUP;
	if (!gso_headers_fit(meta, total))
		return -EINVAL;
	header->gso_type = meta->gso_type;
	header->gso_bytes = meta->gso_bytes;
	header->header_bytes = meta->header_bytes;
	return total > FRAME_BYTES_MAX ? -EMSGSIZE : 0;
}

static __attribute__((noinline)) void put_other_header(const struct ferrule_net *net,
						       void *to)
{
	net_header_copy(net, to, &net->header);
	if (net->header_bytes == NET_HEADER_HASH_BYTES)
		memset((uint8_t *)to + NET_HEADER_BYTES, 0,
		       NET_HEADER_HASH_BYTES - NET_HEADER_BYTES);
}

/* All of it is written: nothing old goes out [NET-40]. */
static inline void put_header(const struct ferrule_net *net, void *to)
{
	if (net->header_bytes == NET_HEADER_BYTES)
		__builtin_memcpy(to, &net->header, NET_HEADER_BYTES);
	else
		put_other_header(net, to);
}

/* Nearly all frames need one look at the page tables. */
static inline __attribute__((always_inline)) bool
one_piece(struct ferrule_net *net, const struct ferrule_net_segment *segment)
{
	uint8_t *data = (uint8_t *)segment->data - net->header_bytes;
	uint32_t bytes = segment->bytes + net->header_bytes;
	uint32_t in_page = PAGE_BYTES - ((uintptr_t)data & (PAGE_BYTES - 1));
	uint64_t phys;

	if (bytes > in_page && !pieces_contiguous(data))
		return false;
	put_header(net, data);
	phys = virt_to_phys(data);
	net->pieces[0] = (struct virtio_piece){ phys, bytes };
	return phys;
}

/* The frame as net->pieces[0..]; the header before the data (in_place) or
 * in the slot. Returns how many pieces, or -errno. */
static __attribute__((noinline)) int
make_pieces(struct ferrule_net *net, const struct net_tx *tx, struct net_tx_slot *slot,
	    const struct ferrule_net_segment *segments, unsigned count, bool in_place)
{
	unsigned own = in_place ? 0 : 1, used = own;

	if (!in_place) {
		put_header(net, slot->header);
		net->pieces[0] = (struct virtio_piece){ slot->header_phys,
							net->header_bytes };
	}
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *data = segments[i].data;
		size_t bytes = segments[i].bytes, taken;
		bool missing;

		if (in_place && i == 0) {
			data -= net->header_bytes;
			bytes += net->header_bytes;
			put_header(net, (uint8_t *)data);
		}
		used = pieces_append(net->pieces, used, tx->pieces_max, data, bytes,
				     UINT32_MAX, used > own, &taken, &missing);
		if (missing)
			return -EFAULT;
		if (taken < bytes)
			return -EMSGSIZE;
	}
	return (int)used;
}

/* Publishes what was added and rings if the device wants it. */
static inline void flush(struct net_tx *tx)
{
	if (!tx->unflushed)
		return;
	tx->unflushed = false;
	virtqueue_kick(tx->queue);
}

/* Adds the frame if there is room. */
static inline __attribute__((always_inline)) int
add_frame(struct ferrule_net *net, struct net_tx *tx,
	  const struct ferrule_net_segment *segments, unsigned count, unsigned headroom,
	  void *token)
{
	bool in_place = !net->separate_header && headroom >= net->header_bytes;
	struct net_tx_slot *slot = tx->free;
	int pieces, error;

	if (!slot)
		return -ENOSPC;
	if (in_place && count == 1 && one_piece(net, &segments[0]))
		pieces = 1;
	else
		pieces = make_pieces(net, tx, slot, segments, count, in_place);
	if (pieces < 0)
		return pieces;
	error = virtqueue_add(tx->queue, net->pieces, (unsigned)pieces, 0, slot);
	if (error)
		return error;
	tx->free = slot->next;
	slot->token = token;
	slot->used = true;
	tx->in_flight++;
	tx->unflushed = true;
	return 0;
}

/* After -ENOSPC: true if room was made; false: `ready` will come when there is some. */
static __attribute__((noinline)) bool make_room(struct ferrule_net *net,
						struct net_tx *tx)
{
	unsigned before = tx->in_flight;

	flush(tx);
	reap(net, tx);
	if (tx->in_flight < before)
		return true;
	__atomic_store_n(&tx->blocked, true, __ATOMIC_RELEASE);
	if (virtqueue_enable_cb_delayed(tx->queue))
		return false;
	/* The device was done just now. */
	__atomic_store_n(&tx->blocked, false, __ATOMIC_RELEASE);
	virtqueue_disable_cb(tx->queue);
	reap(net, tx);
	return tx->in_flight < before;
}

/* There is no room, or it went wrong otherwise. */
static __attribute__((noinline)) int
send_again(struct ferrule_net *net, struct net_tx *tx,
	   const struct ferrule_net_segment *segments, unsigned count, unsigned headroom,
	   void *token, int error)
{
	while (error == -ENOSPC && make_room(net, tx))
		error = add_frame(net, tx, segments, count, headroom, token);
	return error && virtqueue_broken(tx->queue) ? -EIO : error;
}

static inline __attribute__((always_inline)) int
send(struct ferrule_net *net, struct net_tx *tx,
     const struct ferrule_net_segment *segments, unsigned count, unsigned headroom,
     bool more, void *token)
{
	int error;

	if (tx->in_flight >= REAP_AT)
		reap(net, tx);
	error = add_frame(net, tx, segments, count, headroom, token);
	if (__builtin_expect(error, 0))
		error = send_again(net, tx, segments, count, headroom, token, error);
	if (!error && __atomic_load_n(&tx->blocked, __ATOMIC_RELAXED)) {
		__atomic_store_n(&tx->blocked, false, __ATOMIC_RELEASE);
		virtqueue_disable_cb(tx->queue);
	}
	if (!more)
		flush(tx);
	return error == -ENOSPC ? -ENOBUFS : error;
}

/* A burst may have gone to several queues; its end, and an error, ring for all of them. */
static __attribute__((noinline)) void flush_all(struct ferrule_net *net)
{
	for (unsigned i = 0; i < net->pairs; i++)
		flush(&net->tx[i]);
}

/* The card broke, or has several queues: the one to take, or -errno: there is none. */
static __attribute__((noinline)) int choose(struct ferrule_net *net,
					    const struct ferrule_net_segment *segments)
{
	int error = 0;

	if (net_trouble(net) & (NET_LOST | NET_FAILED))
		error = take_back(net);
	return error ? error : (int)(net_mq_choose(net, segments) - net->tx);
}

int ferrule_net_send(struct ferrule_net *net, const struct ferrule_net_segment *segments,
		     unsigned count, unsigned headroom,
		     const struct ferrule_net_meta *meta, bool more, void *token)
{
	struct net_tx *tx = &net->tx[0];
	int error = make_header(net, segments, count, meta, &net->header);

	enter(net);
	if (__builtin_expect(net_trouble(net), 0) && !error) {
		int queue = choose(net, segments);

		if (queue < 0)
			error = queue;
		else
			tx = &net->tx[queue];
	}
	if (!error)
		error = send(net, tx, segments, count, headroom, more, token);
	if (error || (net->pairs > 1 && !more))
		flush_all(net);
	leave(net);
	return error;
}
