/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <net/card.h>
#include <net/stack.h>
#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/nd6.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/log.h>

#define SEGMENTS_MAX 16
#define BACKLOG_MAX  512 /* frames; what a queue discipline holds elsewhere: 1000 */
#define HELD_UNKNOWN 8	 /* buffers held when the card does not say how many it has */
#define FRAME_MAX    UINT16_MAX
#define HEADERS_MAX  256 /* Ethernet, IP and TCP with all options fit */

struct net_card *net_card_list;

/* ---- receive ---- */

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

static void card_input(struct net_card *card, struct ferrule_frame *frame)
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
		p = hold(card, frame);
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

/* ---- transmit ---- */

/* Bytes the card may write before the frame: those lwIP left for it (lwipopts.h), or
 * where the card's own header was when the frame came in and is sent back as it lies. */
static unsigned headroom(const struct net_card *card, const struct pbuf *p)
{
	const struct held_piece *piece = (const struct held_piece *)p;

	if (p->flags & PBUF_FLAG_IS_CUSTOM)
		return piece->pbuf.custom_free_function == piece_freed &&
				       p->payload == piece->frame->data
			       ? card->info.tx_headroom
			       : 0;
	if (!pbuf_match_type(p, PBUF_RAM))
		return 0;
	return (unsigned)((const uint8_t *)p->payload - (const uint8_t *)p -
			  LWIP_MEM_ALIGN_SIZE(sizeof(struct pbuf)));
}

static unsigned fill_segments(struct ferrule_net_segment *segments, const struct pbuf *p)
{
	unsigned count = 0;

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
	if (card->backlog_count == BACKLOG_MAX) {
		card->tx_dropped++;
		pbuf_free(p);
		return;
	}
	card->backlog[(card->backlog_head + card->backlog_count++) % BACKLOG_MAX] = p;
}

static void transmit_or_postpone(struct net_card *card, struct pbuf *p, bool more)
{
	if (card->backlog_count || transmit(card, p, more) == -ENOBUFS)
		postpone(card, p);
}

static void drain_backlog(struct net_card *card)
{
	while (card->backlog_count) {
		struct pbuf *p = card->backlog[card->backlog_head];

		if (transmit(card, p, card->backlog_count > 1) == -ENOBUFS)
			return;
		card->backlog_head = (card->backlog_head + 1) % BACKLOG_MAX;
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

/* lwIP's linkoutput: the frame stays lwIP's, so the card gets a reference. */
static err_t card_output(struct netif *netif, struct pbuf *p)
{
	struct net_card *card = (struct net_card *)netif;
	struct pbuf *before = card->deferred;

	if (card->backlog_count == BACKLOG_MAX) {
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

/* ---- events from the card ---- */

static void on_ready(void *context)
{
	struct net_card *card = context;

	__atomic_store_n(&card->attention, true, __ATOMIC_RELEASE);
	net_interrupt();
}

static void on_link_changed(void *context)
{
	struct net_card *card = context;

	__atomic_store_n(&card->link_changed, true, __ATOMIC_RELEASE);
	on_ready(card);
}

static void on_sent(void *context, void *token)
{
	(void)context;
	pbuf_free(token);
}

static void follow_link(struct net_card *card)
{
	bool was_up = card->info.link_up;

	ferrule_net_info(card->net, &card->info);
	if (card->info.link_up == was_up)
		return;
	log_info("%s: link %s", card->info.name, card->info.link_up ? "up" : "down");
	if (!card->info.link_up) {
		card->logged_ipv4.addr = 0;
		card->logged_ipv6 = 0;
		netif_set_link_down(&card->netif);
		return;
	}
	/* Has the lease confirmed (lwIP: dhcp_network_changed_link_up), announces itself. */
	netif_set_link_up(&card->netif);
	card_log_addresses(card);
}

bool card_poll(struct net_card *card, unsigned budget)
{
	struct ferrule_frame *frame = NULL;

	if (!__atomic_exchange_n(&card->attention, false, __ATOMIC_ACQ_REL))
		return false;
	if (__atomic_exchange_n(&card->link_changed, false, __ATOMIC_ACQ_REL))
		follow_link(card);
	net_activity();
	while (budget-- && (frame = ferrule_net_receive(card->net)))
		card_input(card, frame);
	if (card->backlog_count)
		drain_backlog(card);
	if (!frame)
		return false; /* on_ready() announces the next one */
	__atomic_store_n(&card->attention, true, __ATOMIC_RELEASE);
	return true;
}

/* ---- attach ---- */

static err_t card_netif_init(struct netif *netif)
{
	struct net_card *card = (struct net_card *)netif;
	u16_t checksums = NETIF_CHECKSUM_ENABLE_ALL;

	netif->name[0] = 'e';
	netif->name[1] = 'n';
	netif->hwaddr_len = 6;
	__builtin_memcpy(netif->hwaddr, card->info.mac, 6);
	netif->mtu = card->info.mtu;
	netif->mtu6 = card->info.mtu;
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
		       NETIF_FLAG_MLD6;
	netif->output = etharp_output;
	netif->output_ip6 = ethip6_output;
	netif->linkoutput = card_output;
	if (card->info.offloads & FERRULE_NET_TX_CHECKSUM)
		checksums &= (u16_t) ~(NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP);
	NETIF_SET_CHECKSUM_CTRL(netif, checksums);
	card_multicast_init(card);
	return ERR_OK;
}

static void on_status(struct netif *netif)
{
	card_log_addresses((struct net_card *)netif);
}

static void configure(struct net_card *card)
{
	struct netif *netif = &card->netif;
	const struct net_config *config = &card->config;

	netif_set_status_callback(netif, on_status);
	netif_set_hostname(netif, net_config_hostname());
	for (unsigned i = 0; i < config->dns_count; i++)
		dns_setserver((u8_t)i, &config->dns[i]);
	if (card->info.link_up)
		netif_set_link_up(netif);
	netif_create_ip6_linklocal_address(netif, 1);
	netif_set_ip6_autoconfig_enabled(netif, 1);
	for (unsigned i = 0; i < config->ipv6_count; i++) {
		ip6_addr_t address = config->ipv6[i];

		ip6_addr_assign_zone(&address, IP6_UNICAST, netif);
		netif_ip6_addr_set(netif, (s8_t)(i + 1), &address);
		netif_ip6_addr_set_state(netif, (s8_t)(i + 1), IP6_ADDR_TENTATIVE);
	}
	netif_set_up(netif);
	if (config->mode == NET_DHCP && dhcp_start(netif) != ERR_OK)
		log_warn("%s: no memory for DHCP", card->info.name);
}

void card_attach(struct ferrule_net *net, const struct net_config *config)
{
	struct net_card *card = kzalloc(sizeof(*card)), **end = &net_card_list;
	int error;

	if (!card)
		goto no_memory;
	card->backlog = kmalloc(BACKLOG_MAX * sizeof(card->backlog[0]));
	if (!card->backlog)
		goto no_memory;
	card->net = net;
	card->config = *config;
	ferrule_net_info(net, &card->info);
	/* The rest must do for the largest frame a card may merge, 35 or more of them. */
	card->buffers_held_limit = card->info.rx_buffers ? card->info.rx_buffers / 4
							 : HELD_UNKNOWN;
	netif_add(&card->netif, &config->address, &config->mask, &config->gateway, NULL,
		  card_netif_init, netif_input);
	if (!netif_default)
		netif_set_default(&card->netif);
	while (*end)
		end = &(*end)->next;
	*end = card;
	error = ferrule_net_open(net, &(struct ferrule_net_client){
					      .ready = on_ready,
					      .link_changed = on_link_changed,
					      .sent = on_sent,
					      .context = card,
				      });
	if (error) {
		log_warn("%s: already in use, left alone", card->info.name);
		netif_remove(&card->netif);
		*end = NULL;
		goto free;
	}
	configure(card);
	if (!card->info.link_up)
		log_info("%s: link down", card->info.name);
	/* What came before the client was there is not announced again. */
	__atomic_store_n(&card->attention, true, __ATOMIC_RELEASE);
	return;
no_memory:
	log_error("net: no memory for a card");
free:
	if (card)
		kfree(card->backlog);
	kfree(card);
}
