/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A network card as an interface of lwIP: frames in and out without a copy. Everything
 * here is under net_lock(), save what is said to be set from interrupts. */

#ifndef NET_CARD_H
#define NET_CARD_H

#include <arch/cc.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <ferrule/net.h>
#include <net/config.h>

#define CARD_BACKLOG_MAX 512 /* frames; what a queue discipline holds elsewhere: 1000 */

struct net_card {
	struct netif netif; /* first: lwIP's pointer to it is a pointer to this */
	struct net_card *next;
	struct ferrule_net *net;
	struct ferrule_net_info info;
	struct net_config config;

	/* Set from interrupts, cleared by card_poll(); atomic. */
	bool attention, link_changed;

	/* The last frame of a burst waits here for the next one or for card_flush(), so
	 * that only the last one rings the doorbell. */
	struct pbuf *deferred;
	/* Frames the full ring refused, oldest first; sent when it has room. */
	struct pbuf **backlog;
	unsigned backlog_head, backlog_count;

	bool filter_stale; /* groups changed, the card does not know yet */
	bool announce_due; /* the host asks for it */
	bool gone;	   /* pulled out; `net` is NULL once the driver has it back */

	/* Buffers of frames that lwIP or a socket holds. A merged frame has dozens. */
	unsigned buffers_held, buffers_held_limit;
	uint64_t rx_packets, rx_bytes, rx_dropped, rx_copied;
	uint64_t tx_packets, tx_bytes, tx_dropped;

	ip4_addr_t logged_ipv4; /* what the log said last */
	uint8_t logged_ipv6;	/* bit per address */
};

extern struct net_card *net_card_list; /* list; grows at boot only */
extern struct netif *net_loopback;

/* Makes an interface of the card and brings it up as configured. */
void card_attach(struct ferrule_net *net, const struct net_config *config);

/* Receives up to `budget` frames, sends what waited; true: there is more to do. */
bool card_poll(struct net_card *card, unsigned budget);
/* Sends the deferred frame, with the doorbell. */
void card_flush(struct net_card *card);
static inline bool card_wants_attention(const struct net_card *card)
{
	return __atomic_load_n(&card->attention, __ATOMIC_ACQUIRE);
}

/* card_rx.c: hands a received frame to lwIP. */
void card_input(struct net_card *card, struct ferrule_frame *frame);
/* A packet that begins where a received frame does, in the card's memory. */
bool card_frame_begins_with(const struct pbuf *packet);

/* card_tx.c: lwIP's linkoutput; and sends what the full ring refused. */
err_t card_output(struct netif *netif, struct pbuf *packet);
void card_drain_backlog(struct net_card *card);

/* announce.c: if it is due; with the lock released meanwhile. */
void card_announce_now(struct net_card *card);
static inline void card_announce(struct net_card *card)
{
	if (card->announce_due)
		card_announce_now(card);
}

/* remove.c: it was pulled out; and, again and again, tries to give it up. */
void card_removed(struct net_card *card);
void card_give_up(struct net_card *card);

/* The addresses changed: says so in the log. */
void card_log_addresses(struct net_card *card);

/* offload.c: what the card must be told about an outgoing frame; seeds its checksum
 * field with the pseudo header's sum where the card finishes it. */
void card_fill_meta(const struct net_card *card, struct pbuf *frame,
		    struct ferrule_net_meta *meta);

/* multicast.c: sets the interface up to keep the card's filter; tells the card, with the
 * lock released meanwhile, if it has changed. */
void card_multicast_init(struct net_card *card);
void card_update_filter(struct net_card *card);

#endif
