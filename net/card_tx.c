/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* lwIP's packets to a card: one doorbell for all that leave together, and a queue for what
 * the full ring refuses. */

#include <net/card.h>
#include <net/stack.h>
#include <errno.h>
#include <poll.h>

#define SEGMENTS_MAX 16

/* Bytes the card may write before the frame: those lwIP left for it (lwipopts.h), or
 * where the card's own header was when the frame came in and is sent back as it lies. */
static unsigned headroom(const struct net_card *card, const struct pbuf *p)
{
	if (p->flags & PBUF_FLAG_IS_CUSTOM)
		return card_frame_begins_with(p) ? card->info.tx_headroom : 0;
	if (!pbuf_match_type(p, PBUF_RAM))
		return 0;
	return (unsigned)((const uint8_t *)p->payload - (const uint8_t *)p -
			  LWIP_MEM_ALIGN_SIZE(sizeof(struct pbuf)));
}

static unsigned fill_segments(struct ferrule_net_segment *segments, const struct pbuf *p)
{
	unsigned count = 0;

	if (!p->next) { /* nearly always */
		segments[0] = (struct ferrule_net_segment){ p->payload, p->len };
		return 1;
	}
	for (; p; p = p->next) {
		if (!p->len)
			continue;
		if (count == SEGMENTS_MAX)
			return 0;
		segments[count++] = (struct ferrule_net_segment){ p->payload, p->len };
	}
	return count;
}

/* Hands one frame to the card, with our reference on it. -ENOBUFS: the reference is still
 * ours. Any other error: the frame is dropped. */
static int transmit(struct net_card *card, struct pbuf *p, bool more)
{
	struct ferrule_net_segment segments[SEGMENTS_MAX];
	struct ferrule_net_meta meta;
	unsigned count = fill_segments(segments, p);
	int error;

	if (!count) { /* many small pieces: into one */
		struct pbuf *whole = pbuf_clone(PBUF_LINK, PBUF_RAM, p);

		pbuf_free(p);
		if (!whole) {
			card->tx_dropped++;
			return -ENOMEM;
		}
		p = whole;
		count = fill_segments(segments, p);
	}
	card_fill_meta(card, p, &meta);
	error = ferrule_net_send(card->net, segments, count, headroom(card, p), &meta,
				 more, p);
	if (!error) {
		card->tx_packets++;
		card->tx_bytes += p->tot_len;
	} else if (error != -ENOBUFS) {
		card->tx_dropped++;
		pbuf_free(p);
	}
	return error;
}

/* Puts a frame the ring refused behind the others that wait. */
static void postpone(struct net_card *card, struct pbuf *p)
{
	if (card->backlog_count == CARD_BACKLOG_MAX) {
		card->tx_dropped++;
		pbuf_free(p);
		return;
	}
	card->backlog[(card->backlog_head + card->backlog_count++) % CARD_BACKLOG_MAX] =
		p;
}

static void transmit_or_postpone(struct net_card *card, struct pbuf *p, bool more)
{
	if (card->backlog_count || transmit(card, p, more) == -ENOBUFS)
		postpone(card, p);
}

void card_drain_backlog(struct net_card *card)
{
	while (card->backlog_count) {
		struct pbuf *p = card->backlog[card->backlog_head];

		if (transmit(card, p, card->backlog_count > 1) == -ENOBUFS)
			return;
		card->backlog_head = (card->backlog_head + 1) % CARD_BACKLOG_MAX;
		card->backlog_count--;
	}
	net_wake(net_room_waiters, POLLOUT);
}

void card_flush(struct net_card *card)
{
	struct pbuf *p = card->deferred;

	if (!p)
		return;
	card->deferred = NULL;
	transmit_or_postpone(card, p, false);
}

/* The frame stays lwIP's, so the card gets a reference. */
err_t card_output(struct netif *netif, struct pbuf *p)
{
	struct net_card *card = (struct net_card *)netif;
	struct pbuf *before = card->deferred;

	if (card->backlog_count == CARD_BACKLOG_MAX) {
		card->tx_dropped++;
		return ERR_BUF;
	}
	net_activity();
	pbuf_ref(p);
	card->deferred = p;
	if (before)
		transmit_or_postpone(card, before, true);
	return ERR_OK;
}
