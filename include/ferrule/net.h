/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Raw Ethernet frames on a network card.
 *
 * One client a card: the TCP/IP stack when it is linked in, or an application of this
 * API. Offloads are the device's: only what ferrule_net_info says may be asked for.
 * Errors: 0 or a negative errno. */

#ifndef FERRULE_NET_H
#define FERRULE_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ferrule_net;

enum ferrule_net_offload {
	FERRULE_NET_TX_CHECKSUM = 1 << 0, /* finishes TCP/UDP checksums we ask for */
	FERRULE_NET_TX_TSO4 = 1 << 1,	  /* cuts large TCP/IPv4 segments */
	FERRULE_NET_TX_TSO6 = 1 << 2,
	FERRULE_NET_RX_CHECKSUM = 1 << 3, /* marks frames whose checksum need no check */
	FERRULE_NET_RX_LARGE = 1 << 4, /* may hand up merged segments of up to 64 KiB */
	FERRULE_NET_TX_USO = 1 << 5,   /* cuts large payloads into UDP datagrams */
	FERRULE_NET_TX_UFO = 1 << 6,   /* cuts large UDP datagrams into IP fragments */
	FERRULE_NET_RX_USO = 1 << 7,   /* can merge datagrams, when it is switched on */
	FERRULE_NET_RX_HASH = 1 << 8,  /* can hand up a hash of each frame's flow */
};

struct ferrule_net_info {
	char name[16]; /* "net0" */
	uint8_t mac[6];
	uint16_t mtu;	   /* payload of a frame, without the 14-byte header */
	uint32_t offloads; /* enum ferrule_net_offload */
	bool link_up;
	bool announce;	     /* the host asks for ferrule_net_announced() */
	bool removed;	     /* unplugged; it does not come back */
	uint32_t speed_mbit; /* 0: unknown */
	bool full_duplex;
	uint16_t tx_headroom; /* bytes before the first segment that save a descriptor */
	uint16_t rx_buffers; /* posted at most; who holds many of them starves the card */
	uint16_t queue_pairs; /* receive queues; transmit queues in use */
	uint16_t tx_queues;
	uint64_t rx_dropped; /* frames whose lengths or headers could not be true */
};

/* What is not plain about a frame; all zero is plain. */
struct ferrule_net_meta {
	bool checksum_needed; /* tx: fill it in; rx: not filled in (came from a local peer) */
	bool checksum_valid; /* rx: verified by the device */
	uint16_t checksum_start,
		checksum_offset; /* where the sum starts, and goes from there */
	uint16_t gso_bytes;	 /* payload of each cut segment; 0: no segmentation */
	uint8_t gso_type;	 /* enum ferrule_net_gso, when gso_bytes */
	uint16_t
		header_bytes; /* all headers up to the payload, exactly, when gso_bytes */
	/* rx, not 0: the device merged so many segments, with so many duplicate ACKs. */
	uint16_t merged_segments, duplicate_acks;
};
enum ferrule_net_gso {
	FERRULE_NET_GSO_TCP4 = 1,
	FERRULE_NET_GSO_UFO = 3, /* one datagram, in fragments */
	FERRULE_NET_GSO_TCP6 = 4,
	FERRULE_NET_GSO_USO = 5, /* several datagrams */
};

/* A received piece of a frame, in the driver's memory. Whoever holds the frame may write
 * there, and into the tx_headroom bytes before the first piece, so that a frame can be
 * sent back from where it lies. */
struct ferrule_frame {
	uint8_t *data;
	uint32_t bytes;		      /* of this piece */
	uint32_t total_bytes;	      /* of the frame; in its first piece */
	struct ferrule_frame *next;   /* next piece of the same frame, or NULL */
	struct ferrule_net_meta meta; /* in its first piece */
	uint32_t hash;	   /* in its first piece, of a card with FERRULE_NET_RX_HASH: */
	uint8_t hash_kind; /* 0: there is none; else what it covers (§5.1.6.4.5) */
	struct ferrule_net *net;
	uint8_t owner[64]
		__attribute__((aligned(16))); /* the client's while it holds it */
};

struct ferrule_net_client {
	/* Interrupt context: frames wait, or transmit room came back after -ENOBUFS. Not
	 * called again until ferrule_net_receive() has returned NULL (with several queues
	 * perhaps once for each). NULL: the client
	 * sleeps in ferrule_net_wait(). Calls nothing of this card but release. */
	void (*ready)(void *context);
	/* Interrupt context: link_up, announce, or removed changed. A card that broke has
	 * its link down until it is back; what was in flight is lost. */
	void (*link_changed)(void *context);
	/* A transmitted buffer is the client's again. Called from within ferrule_net_send(),
	 * _receive() or _reap(), never from an interrupt. */
	void (*sent)(void *context, void *token);
	void *context;
};

/* Who is told, in thread context, of each card that is found, at boot and later: an entry
 * of the linker set ferrule_net_arrivals. */
struct ferrule_net_arrival {
	void (*arrived)(struct ferrule_net *net);
};

struct ferrule_net *ferrule_net_at(unsigned index); /* NULL past the last */
struct ferrule_net *ferrule_net_find(const char *name);
void ferrule_net_info(struct ferrule_net *net, struct ferrule_net_info *out);

/* Takes the card; -EBUSY if it has a client. NULL gives it up; -EBUSY while frames that
 * were sent are not yet returned. One that was removed is freed by that, once all frames
 * were released, and must not be used any more. */
int ferrule_net_open(struct ferrule_net *net, const struct ferrule_net_client *client);
/* Sleeps until there is something to do for a client without `ready`, or the link changed,
 * since the last call; false: the deadline passed. Receive until NULL before. */
bool ferrule_net_wait(struct ferrule_net *net, uint64_t deadline_ns);

/* The next received frame or NULL; after NULL `ready` will be called for the next one.
 * The frame (all its pieces) is the caller's until ferrule_net_release(); the card has a
 * bounded number of them, so hold few and not for long. Calls on one card are serialised
 * by the client, except release, which may come from any thread. */
struct ferrule_frame *ferrule_net_receive(struct ferrule_net *net);
/* Gives all pieces back; they are posted again in batches. */
void ferrule_net_release(struct ferrule_frame *frame);

struct ferrule_net_segment {
	const void *data;
	uint32_t bytes;
};

/* Queues one frame; its memory is the device's until client.sent(token). `headroom`:
 * writable bytes before segments[0].data that the driver may use. `more`: another frame
 * follows at once, so the doorbell can wait for it. -ENOBUFS: the ring is full, `ready`
 * comes when there is room; -EMSGSIZE: larger than MTU allows; -EIO: broken, perhaps for a
 * while; -ENODEV: unplugged. */
int ferrule_net_send(struct ferrule_net *net, const struct ferrule_net_segment *segments,
		     unsigned count, unsigned headroom,
		     const struct ferrule_net_meta *meta, bool more, void *token);
/* Collects transmitted buffers (calls client.sent) when nothing else would for a while. */
void ferrule_net_reap(struct ferrule_net *net);

/* The control queue; -ENOTSUP where the device has none or lacks the feature, -EIO: it
 * refuses; it does not answer, and is reset; or the queue broke meanwhile, and it may have
 * done it or not. Context: thread. What was set here is set again when a card comes back.
 * Each call below is linked in with what it needs of the driver, and its feature is
 * negotiated only then. */
int ferrule_net_set_mac(struct ferrule_net *net, const uint8_t mac[6]);

/* Filters: what is not for this card's address, a group or broadcast comes in only as
 * these say. A card without filters takes everything. */
enum ferrule_net_mode {
	FERRULE_NET_PROMISCUOUS,
	FERRULE_NET_ALL_MULTICAST,
	FERRULE_NET_ALL_UNICAST,
	FERRULE_NET_NO_MULTICAST,
	FERRULE_NET_NO_UNICAST,
	FERRULE_NET_NO_BROADCAST,
	FERRULE_NET_MODES
};
int ferrule_net_set_mode(struct ferrule_net *net, enum ferrule_net_mode mode, bool on);
int ferrule_net_set_promiscuous(struct ferrule_net *net, bool on);
/* Replaces the filter of further addresses, or of groups. */
int ferrule_net_set_unicast(struct ferrule_net *net, const uint8_t (*addresses)[6],
			    unsigned count);
int ferrule_net_set_multicast(struct ferrule_net *net, const uint8_t (*addresses)[6],
			      unsigned count);
/* Programs that refer to these get no tagged frames but of the VLANs they add (1..4094);
 * in others no VLAN is filtered out. */
int ferrule_net_vlan_add(struct ferrule_net *net, uint16_t id);
int ferrule_net_vlan_remove(struct ferrule_net *net, uint16_t id);

/* Receive side scaling: which queue a flow comes in by, and hashes of frames
 * (§5.1.6.5.7). `types` are those of enum ferrule_net_hash; 0: none. */
enum ferrule_net_hash {
	FERRULE_NET_HASH_IPV4 = 1 << 0,
	FERRULE_NET_HASH_TCPV4 = 1 << 1,
	FERRULE_NET_HASH_UDPV4 = 1 << 2,
	FERRULE_NET_HASH_IPV6 = 1 << 3,
	FERRULE_NET_HASH_TCPV6 = 1 << 4,
	FERRULE_NET_HASH_UDPV6 = 1 << 5,
	FERRULE_NET_HASH_IPV6_EX = 1 << 6,
	FERRULE_NET_HASH_TCPV6_EX = 1 << 7,
	FERRULE_NET_HASH_UDPV6_EX = 1 << 8,
};
struct ferrule_net_hash_info {
	uint32_t types; /* supported */
	uint16_t key_bytes_max, table_max;
	bool steering, reporting; /* the device can use it for this */
};
int ferrule_net_hash_info(struct ferrule_net *net, struct ferrule_net_hash_info *out);
/* `table`: queue numbers, `entries` of them, a power of two; NULL: all queues evenly. A
 * device that only reports hashes needs none. -EINVAL: more than it supports, or a queue
 * that is not there. */
int ferrule_net_set_hash(struct ferrule_net *net, uint32_t types, const uint8_t *key,
			 unsigned key_bytes, const uint16_t *table, unsigned entries);

/* Fewer notifications: one is held back until so many frames, or so many microseconds,
 * have passed. 0, 0 is the device's default: none is held back. `queue`: of a pair, or
 * FERRULE_NET_ALL_QUEUES. */
#define FERRULE_NET_ALL_QUEUES UINT16_MAX
struct ferrule_net_coalescing {
	uint32_t frames, microseconds;
};
int ferrule_net_set_coalescing(struct ferrule_net *net, uint16_t queue, bool transmit,
			       const struct ferrule_net_coalescing *parameters);
int ferrule_net_get_coalescing(struct ferrule_net *net, uint16_t queue, bool transmit,
			       struct ferrule_net_coalescing *out);

/* Switches receive offloads: of FERRULE_NET_RX_CHECKSUM, _LARGE and _USO those in `offloads`
 * are on, the others off. Who forwards packets wants no merged ones. At first all are on
 * but _USO: who switches that on takes frames of several datagrams apart itself. */
int ferrule_net_set_receive_offloads(struct ferrule_net *net, uint32_t offloads);

/* After the host asked for it (info.announce, link_changed): the client has announced its
 * addresses. */
int ferrule_net_announced(struct ferrule_net *net);

#endif
