/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Frames of a card as lwIP's packets: over the card's own memory, or copies when it runs
 * short of that. */

#include <net/card.h>
#include <lwip/prot/ethernet.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>
#include <string.h>

#define FRAME_MAX   UINT16_MAX
#define HEADERS_MAX 256 /* Ethernet, IP and TCP with all options fit */

/* What of ours lies in a frame's owner area while lwIP holds it. */
struct held_piece {
	struct pbuf_custom pbuf;
	struct ferrule_frame *frame; /* the first piece */
	struct net_card *card;
	unsigned pieces, unfreed; /* of the first piece: all, and those lwIP still has */
};
_Static_assert(sizeof(struct held_piece) <= sizeof(((struct ferrule_frame *)0)->owner),
	       "a held piece fits the frame's owner area");

static struct held_piece *held_piece(struct ferrule_frame *frame)
{
	return (struct held_piece *)frame->owner;
}

/* lwIP freed one piece; TCP may keep others of the same frame. Under net_lock(). */
static void piece_freed(struct pbuf *pbuf)
{
	struct held_piece *piece = (struct held_piece *)pbuf;
	struct ferrule_frame *frame = piece->frame;

	if (--held_piece(frame)->unfreed)
		return;
	piece->card->buffers_held -= held_piece(frame)->pieces;
	ferrule_net_release(frame);
}

/* The frame as a chain of pbufs over the card's own memory. */
static struct pbuf *hold(struct net_card *card, struct ferrule_frame *frame)
{
	struct pbuf *last = NULL;
	uint32_t left = frame->total_bytes;
	unsigned pieces = 0;

	for (struct ferrule_frame *piece = frame; piece; piece = piece->next) {
		struct held_piece *held = held_piece(piece);
		struct pbuf *p;

		/* The sum of the pieces is the driver's; it does not lie, but left must
		 * not wrap if it did. */
		if (piece->bytes > left)
			break;
		held->pbuf.custom_free_function = piece_freed;
		held->frame = frame;
		held->card = card;
		/* Type PBUF_RAM: the headers that lwIP strips may be put back, so an
		 * echo reply goes out in the buffer its request came in. */
		p = pbuf_alloced_custom(PBUF_RAW, (u16_t)piece->bytes, PBUF_RAM,
					&held->pbuf, piece->data, (u16_t)piece->bytes);
		p->tot_len = (u16_t)left;
		left -= piece->bytes;
		if (last)
			last->next = p;
		last = p;
		pieces++;
	}
	held_piece(frame)->pieces = held_piece(frame)->unfreed = pieces;
	if (!pieces || left)
		return NULL;
	card->buffers_held += pieces;
	return &held_piece(frame)->pbuf.pbuf;
}

/* The same of a frame in one piece, as nearly all are. */
static inline struct pbuf *hold_one(struct net_card *card, struct ferrule_frame *frame)
{
	struct held_piece *held = held_piece(frame);

	held->pbuf.custom_free_function = piece_freed;
	held->frame = frame;
	held->card = card;
	held->pieces = held->unfreed = 1;
	card->buffers_held++;
	return pbuf_alloced_custom(PBUF_RAW, (u16_t)frame->bytes, PBUF_RAM, &held->pbuf,
				   frame->data, (u16_t)frame->bytes);
}

static struct pbuf *copy(struct net_card *card, const struct ferrule_frame *frame)
{
	struct pbuf *p = pbuf_alloc(PBUF_LINK, (u16_t)frame->total_bytes, PBUF_RAM);
	uint32_t done = 0;

	if (!p)
		return NULL;
	for (; frame && frame->bytes <= p->len - done; frame = frame->next) {
		memcpy((uint8_t *)p->payload + done, frame->data, frame->bytes);
		done += frame->bytes;
	}
	card->rx_copied++;
	return p;
}

/* lwIP reads a network header before it looks at how much of one there is. */
static bool is_too_short(const struct ferrule_frame *frame)
{
	uint16_t type;

	if (frame->total_bytes < SIZEOF_ETH_HDR || frame->bytes < SIZEOF_ETH_HDR)
		return true;
	__builtin_memcpy(&type, frame->data + 12, sizeof(type));
	switch (type) {
	case PP_HTONS(ETHTYPE_IP):
		return frame->total_bytes < SIZEOF_ETH_HDR + IP_HLEN;
	case PP_HTONS(ETHTYPE_IPV6):
		return frame->total_bytes < SIZEOF_ETH_HDR + IP6_HLEN;
	default:
		return false;
	}
}

/* Slow readers and gaps in TCP streams hold frames. The card's are few, so from a point on
 * they hold copies. So do frames whose headers are not in one piece, as lwIP wants them. */
static bool must_copy(const struct net_card *card, const struct ferrule_frame *frame)
{
	if (!frame->next)
		return card->buffers_held >= card->buffers_held_limit;
	return frame->bytes < HEADERS_MAX ||
	       card->buffers_held + frame->total_bytes / frame->bytes >=
		       card->buffers_held_limit;
}

void card_input(struct net_card *card, struct ferrule_frame *frame)
{
	struct netif *netif = &card->netif;
	bool checked = frame->meta.checksum_valid || frame->meta.checksum_needed;
	u16_t checks = NETIF_CHECKSUM_CHECK_UDP | NETIF_CHECKSUM_CHECK_TCP;
	struct pbuf *p;

	card->rx_packets++;
	card->rx_bytes += frame->total_bytes;
	if (is_too_short(frame) || frame->total_bytes > FRAME_MAX) {
		card->rx_dropped++;
		ferrule_net_release(frame);
		return;
	}
	if (!must_copy(card, frame)) {
		p = frame->next ? hold(card, frame) : hold_one(card, frame);
		if (!p) {
			card->rx_dropped++;
			ferrule_net_release(frame);
			return;
		}
	} else {
		p = copy(card, frame);
		ferrule_net_release(frame);
		if (!p) {
			card->rx_dropped++;
			return;
		}
	}
	if (checked)
		netif->chksum_flags &= (u16_t)~checks;
	else
		netif->chksum_flags |= checks;
	if (netif->input(p, netif) != ERR_OK) {
		card->rx_dropped++;
		pbuf_free(p);
	}
}

bool card_frame_begins_with(const struct pbuf *p)
{
	const struct held_piece *piece = (const struct held_piece *)p;

	return (p->flags & PBUF_FLAG_IS_CUSTOM) &&
	       piece->pbuf.custom_free_function == piece_freed &&
	       p->payload == piece->frame->data;
}
