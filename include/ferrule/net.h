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
};

struct ferrule_net_info {
	char name[16]; /* "net0" */
	uint8_t mac[6];
	uint16_t mtu;	   /* payload of a frame, without the 14-byte header */
	uint32_t offloads; /* enum ferrule_net_offload */
	bool link_up;
	uint32_t speed_mbit; /* 0: unknown */
	bool full_duplex;
	uint16_t tx_headroom; /* bytes before the first segment that save a descriptor */
	uint16_t rx_buffers; /* posted at most; who holds many of them starves the card */
	uint64_t rx_dropped; /* frames whose lengths or headers could not be true */
};

/* What is not plain about a frame; all zero is plain. */
struct ferrule_net_meta {
	bool checksum_needed; /* tx: fill it in; rx: not filled in (came from a local peer) */
	bool checksum_valid; /* rx: verified by the device */
	uint16_t checksum_start,
		checksum_offset; /* where the sum starts, and goes from there */
	uint16_t gso_bytes;	 /* payload of each cut segment; 0: no segmentation */
	uint8_t gso_type;	 /* VIRTIO_NET_HDR_GSO_*: 1 TCPv4, 4 TCPv6 */
	uint16_t header_bytes;	 /* all headers up to the TCP payload, when gso_bytes */
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
	struct ferrule_net *net;
	uint8_t owner[64]
		__attribute__((aligned(16))); /* the client's while it holds it */
};

struct ferrule_net_client {
	/* Interrupt context: frames wait, or transmit room came back after -ENOBUFS. Not
	 * called again until ferrule_net_receive() has returned NULL. NULL: the client
	 * sleeps in ferrule_net_wait(). Calls nothing of this card but release. */
	void (*ready)(void *context);
	void (*link_changed)(void *context); /* interrupt context */
	/* A transmitted buffer is the client's again. Called from within ferrule_net_send(),
	 * _receive() or _reap(), never from an interrupt. */
	void (*sent)(void *context, void *token);
	void *context;
};

struct ferrule_net *ferrule_net_at(unsigned index); /* NULL past the last */
struct ferrule_net *ferrule_net_find(const char *name);
void ferrule_net_info(struct ferrule_net *net, struct ferrule_net_info *out);

/* Takes the card; -EBUSY if it has a client. NULL gives it up; -EBUSY while frames that
 * were sent are not yet returned. */
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
 * comes when there is room; -EMSGSIZE: larger than MTU allows; -EIO: broken. */
int ferrule_net_send(struct ferrule_net *net, const struct ferrule_net_segment *segments,
		     unsigned count, unsigned headroom,
		     const struct ferrule_net_meta *meta, bool more, void *token);
/* Collects transmitted buffers (calls client.sent) when nothing else would for a while. */
void ferrule_net_reap(struct ferrule_net *net);

/* The control queue; -ENOTSUP where the device has none. Context: thread. */
int ferrule_net_set_mac(struct ferrule_net *net, const uint8_t mac[6]);
int ferrule_net_set_promiscuous(struct ferrule_net *net, bool on);
/* Replaces the filter of multicast addresses. */
int ferrule_net_set_multicast(struct ferrule_net *net, const uint8_t (*addresses)[6],
			      unsigned count);

#endif
