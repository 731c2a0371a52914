/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A card that was pulled out: its interface goes down, connections by its addresses end with
 * an error, and the driver has it back as soon as nobody reads its frames any more. */

#include <net/card.h>
#include <net/stack.h>
#include <lwip/dhcp.h>
#include <lwip/tcp.h>
#include <kernel/log.h>

static void drop_waiting(struct net_card *card)
{
	if (card->deferred)
		pbuf_free(card->deferred);
	card->deferred = NULL;
	for (; card->backlog_count; card->backlog_count--) {
		pbuf_free(card->backlog[card->backlog_head]);
		card->backlog_head = (card->backlog_head + 1) % CARD_BACKLOG_MAX;
	}
	/* Full for ever: card_output() refuses, and looks no closer. */
	card->backlog_count = CARD_BACKLOG_MAX;
}

/* Connections of an address that goes are aborted by lwIP. */
static void drop_addresses(struct netif *netif)
{
	for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
		netif_ip6_addr_set_state(netif, i, IP6_ADDR_INVALID);
	netif_set_addr(netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
}

static void choose_default(const struct net_card *gone)
{
	if (netif_default != &gone->netif)
		return;
	netif_set_default(NULL);
	for (struct net_card *card = net_card_list; card; card = card->next)
		if (!card->gone && !netif_default)
			netif_set_default(&card->netif);
}

void card_removed(struct net_card *card)
{
	log_warn("%s: removed", card->info.name);
	card->gone = true;
	drop_waiting(card);
	netif_set_link_down(&card->netif);
	if (card->config.mode == NET_DHCP)
		dhcp_stop(&card->netif);
	drop_addresses(&card->netif);
	netif_set_down(&card->netif);
	choose_default(card);
	net_call_thread();
}

void card_give_up(struct net_card *card)
{
	if (card->gone && card->net && !ferrule_net_open(card->net, NULL))
		card->net = NULL;
}
