/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the files of the network driver share (VIRTIO 1.3 §5.1):
 *
 *	net.c		the driver: features, configuration, link, list of cards
 *	net_api.c	who has the card, and what it is told
 *	net_rx.c	receive buffers and frames
 *	net_tx.c	transmission
 *	net_control.c	the control queue: filters, MAC address
 */

#ifndef VIRTIO_DEVICE_NET_H
#define VIRTIO_DEVICE_NET_H

#include <ferrule/net.h>
#include <kernel/lock.h>
#include <kernel/sync.h>
#include <kernel/thread.h>
#include <virtio/virtio.h>

enum net_feature {
	VIRTIO_NET_F_CSUM = 0,
	VIRTIO_NET_F_GUEST_CSUM = 1,
	VIRTIO_NET_F_MTU = 3,
	VIRTIO_NET_F_MAC = 5,
	VIRTIO_NET_F_GUEST_TSO4 = 7,
	VIRTIO_NET_F_GUEST_TSO6 = 8,
	VIRTIO_NET_F_GUEST_ECN = 9,
	VIRTIO_NET_F_HOST_TSO4 = 11,
	VIRTIO_NET_F_HOST_TSO6 = 12,
	VIRTIO_NET_F_MRG_RXBUF = 15,
	VIRTIO_NET_F_STATUS = 16,
	VIRTIO_NET_F_CTRL_VQ = 17,
	VIRTIO_NET_F_CTRL_RX = 18,
	VIRTIO_NET_F_CTRL_MAC_ADDR = 23,
	VIRTIO_NET_F_SPEED_DUPLEX = 63,
};

/* Offsets in the configuration space (§5.1.4). */
enum net_config {
	NET_CONFIG_MAC = 0,
	NET_CONFIG_STATUS = 6,
	NET_CONFIG_MTU = 10,
	NET_CONFIG_SPEED = 12,
	NET_CONFIG_DUPLEX = 16,
};
#define VIRTIO_NET_S_LINK_UP 1

/* Before each frame, in both directions (§5.1.6). Little-endian. Its length depends on
 * what was negotiated: ferrule_net.header_bytes. */
struct net_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t header_bytes;
	uint16_t gso_bytes;
	uint16_t checksum_start;
	uint16_t checksum_offset;
	uint16_t buffers; /* not there in the legacy header without MRG_RXBUF */
};
#define NET_HEADER_BYTES	12
#define NET_HEADER_LEGACY_BYTES 10
_Static_assert(sizeof(struct net_header) == NET_HEADER_BYTES, "§5.1.6");

enum net_header_flag {
	VIRTIO_NET_HDR_F_NEEDS_CSUM = 1,
	VIRTIO_NET_HDR_F_DATA_VALID = 2,
	VIRTIO_NET_HDR_F_RSC_INFO = 4,
};
enum net_gso {
	VIRTIO_NET_HDR_GSO_NONE = 0,
	VIRTIO_NET_HDR_GSO_TCPV4 = 1,
	VIRTIO_NET_HDR_GSO_TCPV6 = 4,
	VIRTIO_NET_HDR_GSO_ECN = 0x80,
};

#define ETHERNET_BYTES	14
#define VLAN_BYTES	4
#define FRAME_BYTES_MAX (65535 + ETHERNET_BYTES + VLAN_BYTES) /* merged or to be cut */
#define TX_PIECES_MAX	40 /* 64 KiB of scattered pages, and then some */

/* A receive buffer: this record, then the memory the device writes, in one chunk. The
 * device knows only of the second part. */
struct net_buffer {
	struct ferrule_frame frame;
	uint64_t phys;		 /* of the posted part */
	struct net_buffer *next; /* in the free list */
};

struct net_tx_slot {
	void *token; /* the client's */
	bool used;
	struct net_tx_slot *next;  /* in the free list */
	struct net_header *header; /* in memory of its own; the device reads it */
	uint64_t header_phys;
};

struct ferrule_net {
	struct virtio_device *device;
	struct virtqueue *rx, *tx, *control; /* control NULL: none */
	struct ferrule_net_info info;	     /* fixed, but for the link */
	unsigned header_bytes;
	bool separate_header; /* legacy framing: the header has a descriptor of its own */
	bool mergeable;
	bool failed; /* broken: set once, after the reset */

	/* Who has the card. Under client_lock. */
	struct spinlock client_lock;
	struct ferrule_net_client client;
	bool taken;
	bool event; /* atomic: something happened since the last ferrule_net_wait() */
	struct wait_queue waiters;

	/* Receive: under rx_lock. */
	struct spinlock rx_lock;
	struct net_buffer *rx_free;
	unsigned rx_free_count, rx_count, rx_batch;
	unsigned rx_posted, rx_low;   /* buffers the device has; no more: no batches */
	uint32_t rx_offset, rx_bytes; /* of the posted part in its chunk; its length */
	unsigned rx_pieces_max;	      /* buffers one frame may take */
	uint64_t rx_dropped;

	/* Transmit: the client serialises its calls, interrupts only touch tx_blocked. */
	struct net_tx_slot *tx_slots, *tx_free;
	unsigned tx_count, tx_in_flight;
	unsigned tx_pieces_max; /* a frame may take */
	bool tx_blocked;	/* atomic: the client waits for room */
	bool tx_unflushed;	/* added, not yet published */
	struct virtio_piece pieces[TX_PIECES_MAX];

	/* The control queue. */
	struct mutex control_mutex; /* one command at a time */
	struct spinlock control_lock;
	uint8_t *command; /* a page; the device's while control_out */
	uint64_t command_phys;
	bool control_out;	   /* under control_lock */
	uint32_t control_written;  /* the same */
	struct wait_queue answers; /* the command has come back */

	struct ferrule_net *next; /* list of cards: append only */
};

/* Moves a header of the negotiated length, without a loop. */
static inline void net_header_copy(const struct ferrule_net *net, void *to,
				   const void *from)
{
	if (net->header_bytes == NET_HEADER_BYTES)
		__builtin_memcpy(to, from, NET_HEADER_BYTES);
	else
		__builtin_memcpy(to, from, NET_HEADER_LEGACY_BYTES);
}

struct ferrule_net *net_cards(void); /* net.c */

void net_signal(struct ferrule_net *net); /* net_api.c */
void net_link_changed(struct ferrule_net *net);

int net_rx_prepare(struct ferrule_net *net); /* net_rx.c */
void net_rx_start(struct ferrule_net *net);
void net_received(struct virtqueue *queue);
bool net_rx_arm(struct ferrule_net *net); /* false: frames wait already */

int net_tx_prepare(struct ferrule_net *net); /* net_tx.c */
void net_transmitted(struct virtqueue *queue);

int net_control_prepare(struct ferrule_net *net); /* net_control.c */
void net_control_used(struct virtqueue *queue);

#endif
