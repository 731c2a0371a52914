/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <net/card.h>
#include <net/stack.h>
#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/nd6.h>
#include <netif/ethernet.h>
#include <kernel/heap.h>
#include <kernel/log.h>

#define HELD_UNKNOWN 8 /* buffers held when the card does not say how many it has */

struct net_card *net_card_list;

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
	if (card->info.removed) {
		card_removed(card);
		return;
	}
	if (card->info.announce) {
		card->announce_due = true;
		net_call_thread();
	}
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

	if (!__atomic_exchange_n(&card->attention, false, __ATOMIC_ACQ_REL) || card->gone)
		return false;
	if (__atomic_load_n(&card->link_changed, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&card->link_changed, false, __ATOMIC_RELEASE);
		follow_link(card);
		if (card->gone)
			return false;
	}
	net_activity();
	do
		if ((frame = ferrule_net_receive(card->net)))
			card_input(card, frame);
	while (frame && --budget);
	if (card->backlog_count)
		card_drain_backlog(card);
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
	card->backlog = kmalloc(CARD_BACKLOG_MAX * sizeof(card->backlog[0]));
	if (!card->backlog)
		goto no_memory;
	card->net = net;
	card->config = *config;
	ferrule_net_info(net, &card->info);
	/* The rest must do for the largest frame a card may merge, 35 or more of them. */
	card->buffers_held_limit = card->info.rx_buffers ? card->info.rx_buffers / 4
							 : HELD_UNKNOWN;
	netif_add(&card->netif, &config->address, &config->mask, &config->gateway, NULL,
		  card_netif_init, ethernet_input);
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
	/* What came, or changed, before the client was there is not announced again. */
	on_link_changed(card);
	return;
no_memory:
	log_error("net: no memory for a card");
free:
	if (card)
		kfree(card->backlog);
	kfree(card);
}
