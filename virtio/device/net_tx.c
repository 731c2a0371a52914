/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: transmission (VIRTIO 1.3 §5.1.6.2).
 *
 * The header goes where the client left room for it, right before the frame: one
 * descriptor a packet. What was sent is collected on the way of other calls; the device
 * interrupts only while the client waits for room. */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <virtio/device/net.h>
#include <virtio/device/pieces.h>

#define HEADER_STRIDE 16
/* Sent frames are collected when this many have piled up. */
#define REAP_AT 16

int net_tx_prepare(struct ferrule_net *net)
{
	unsigned count = virtqueue_size(net->tx);
	unsigned order = page_order(count * HEADER_STRIDE);
	uint64_t headers = page_alloc(order);

	net->tx_slots = kzalloc(count * sizeof(*net->tx_slots));
	if (!headers || !net->tx_slots)
		return -ENOMEM;
	memset(phys_to_virt(headers), 0, PAGE_BYTES << order);
	for (unsigned i = count; i-- > 0;) {
		struct net_tx_slot *slot = &net->tx_slots[i];

		slot->header_phys = headers + i * HEADER_STRIDE;
		slot->header = phys_to_virt(slot->header_phys);
		slot->next = net->tx_free;
		net->tx_free = slot;
	}
	net->tx_count = count;
	net->tx_pieces_max = virtqueue_pieces_max(net->tx);
	if (net->tx_pieces_max > TX_PIECES_MAX)
		net->tx_pieces_max = TX_PIECES_MAX;
	return 0;
}

void net_transmitted(struct virtqueue *queue)
{
	struct ferrule_net *net = virtqueue_device(queue)->driver_data;

	virtqueue_disable_cb(queue);
	if (__atomic_exchange_n(&net->tx_blocked, false, __ATOMIC_ACQ_REL))
		net_signal(net);
}

static inline void give_back(struct ferrule_net *net, struct net_tx_slot *slot)
{
	void *token = slot->token;

	slot->used = false;
	slot->next = net->tx_free;
	net->tx_free = slot;
	net->tx_in_flight--;
	if (net->client.sent)
		net->client.sent(net->client.context, token);
}

/* The used length means nothing here (§5.1.6.2.2). */
void ferrule_net_reap(struct ferrule_net *net)
{
	struct net_tx_slot *slot;

	if (!net->tx_in_flight)
		return;
	while (net->tx_in_flight && (slot = virtqueue_get(net->tx, NULL)))
		give_back(net, slot);
	if (!__atomic_load_n(&net->failed, __ATOMIC_ACQUIRE))
		return;
	for (unsigned i = 0; i < net->tx_count; i++)
		if (net->tx_slots[i].used)
			give_back(net, &net->tx_slots[i]);
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

/* Fills in the header for what `meta` asks, if the device can do it (§5.1.6.2.1). */
static int make_header(const struct ferrule_net *net,
		       const struct ferrule_net_segment *segments, unsigned count,
		       const struct ferrule_net_meta *meta, struct net_header *header)
{
	uint64_t total = 0;
	uint32_t needed;

	for (unsigned i = 0; i < count; i++)
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

	needed = meta->gso_type == VIRTIO_NET_HDR_GSO_TCPV4   ? FERRULE_NET_TX_TSO4
		 : meta->gso_type == VIRTIO_NET_HDR_GSO_TCPV6 ? FERRULE_NET_TX_TSO6
							      : 0;
	if (!(net->info.offloads & needed))
		return -ENOTSUP;
	if (!meta->header_bytes || meta->header_bytes > total)
		return -EINVAL;
	header->gso_type = meta->gso_type;
	header->gso_bytes = meta->gso_bytes;
	header->header_bytes = meta->header_bytes;
	return total > FRAME_BYTES_MAX ? -EMSGSIZE : 0;
}

/* Nearly all frames need one look at the page tables. */
static bool one_piece(struct ferrule_net *net, const struct ferrule_net_segment *segment,
		      const struct net_header *header)
{
	uint8_t *data = (uint8_t *)segment->data - net->header_bytes;
	uint32_t bytes = segment->bytes + net->header_bytes;
	uint32_t in_page = PAGE_BYTES - ((uintptr_t)data & (PAGE_BYTES - 1));
	uint64_t phys;

	if (bytes > in_page && !pieces_contiguous(data))
		return false;
	net_header_copy(net, data, header);
	phys = virt_to_phys(data);
	net->pieces[0] = (struct virtio_piece){ phys, bytes };
	return phys;
}

/* The frame as net->pieces[0..]; the header before the data (in_place) or in the slot. Returns how many pieces, or -errno. */
static __attribute__((noinline)) int
make_pieces(struct ferrule_net *net, struct net_tx_slot *slot,
	    const struct ferrule_net_segment *segments, unsigned count, bool in_place,
	    const struct net_header *header)
{
	unsigned own = in_place ? 0 : 1, used = own;

	if (!in_place) {
		net_header_copy(net, slot->header, header);
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
			net_header_copy(net, (uint8_t *)data, header);
		}
		used = pieces_append(net->pieces, used, net->tx_pieces_max, data, bytes,
				     UINT32_MAX, used > own, &taken, &missing);
		if (missing)
			return -EFAULT;
		if (taken < bytes)
			return -EMSGSIZE;
	}
	return (int)used;
}

/* Publishes what was added and rings if the device wants it. */
static void flush(struct ferrule_net *net)
{
	if (!net->tx_unflushed)
		return;
	net->tx_unflushed = false;
	virtqueue_kick(net->tx);
}

/* Adds the frame if there is room. */
static int add_frame(struct ferrule_net *net, const struct ferrule_net_segment *segments,
		     unsigned count, unsigned headroom, const struct net_header *header,
		     void *token)
{
	bool in_place = !net->separate_header && headroom >= net->header_bytes;
	struct net_tx_slot *slot = net->tx_free;
	int pieces, error;

	if (!slot)
		return -ENOSPC;
	if (in_place && count == 1 && one_piece(net, &segments[0], header))
		pieces = 1;
	else
		pieces = make_pieces(net, slot, segments, count, in_place, header);
	if (pieces < 0)
		return pieces;
	error = virtqueue_add(net->tx, net->pieces, (unsigned)pieces, 0, slot);
	if (error)
		return error;
	net->tx_free = slot->next;
	slot->token = token;
	slot->used = true;
	net->tx_in_flight++;
	net->tx_unflushed = true;
	return 0;
}

/* After -ENOSPC: true if room was made; false: `ready` will come when there is some. */
static __attribute__((noinline)) bool make_room(struct ferrule_net *net)
{
	unsigned before = net->tx_in_flight;

	flush(net);
	ferrule_net_reap(net);
	if (net->tx_in_flight < before)
		return true;
	__atomic_store_n(&net->tx_blocked, true, __ATOMIC_RELEASE);
	if (virtqueue_enable_cb_delayed(net->tx))
		return false;
	/* The device was done just now. */
	__atomic_store_n(&net->tx_blocked, false, __ATOMIC_RELEASE);
	virtqueue_disable_cb(net->tx);
	ferrule_net_reap(net);
	return net->tx_in_flight < before;
}

int ferrule_net_send(struct ferrule_net *net, const struct ferrule_net_segment *segments,
		     unsigned count, unsigned headroom,
		     const struct ferrule_net_meta *meta, bool more, void *token)
{
	struct net_header header;
	int error = make_header(net, segments, count, meta, &header);

	if (!error && net->failed)
		error = -EIO;
	if (!error) {
		if (net->tx_in_flight >= REAP_AT)
			ferrule_net_reap(net);
		do
			error = add_frame(net, segments, count, headroom, &header, token);
		while (error == -ENOSPC && make_room(net));
	}
	if (error && virtqueue_broken(net->tx))
		error = -EIO;
	if (error == -ENOSPC)
		return -ENOBUFS;
	if (!error && __atomic_load_n(&net->tx_blocked, __ATOMIC_RELAXED)) {
		__atomic_store_n(&net->tx_blocked, false, __ATOMIC_RELEASE);
		virtqueue_disable_cb(net->tx);
	}
	if (!more || error)
		flush(net);
	return error;
}
