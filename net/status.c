/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the stack says of itself (net/net.h), and the log lines about addresses. */

#include <net/card.h>
#include <net/net.h>
#include <net/stack.h>
#include <net/status.h>
#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/priv/tcp_priv.h>
#include <poll.h>
#include <string.h>
#include <kernel/format.h>
#include <kernel/log.h>

static unsigned mask_length(const ip4_addr_t *mask)
{
	return (unsigned)__builtin_popcount(ip4_addr_get_u32(mask));
}

static void ipv4_text(char out[NET_ADDRESS_BYTES], const struct netif *netif)
{
	char text[IP4ADDR_STRLEN_MAX];

	out[0] = 0;
	if (ip4_addr_isany_val(*netif_ip4_addr(netif)))
		return;
	ip4addr_ntoa_r(netif_ip4_addr(netif), text, sizeof(text));
	format(out, NET_ADDRESS_BYTES, "%s/%u", text,
	       mask_length(netif_ip4_netmask(netif)));
}

/* RFC 5952 §4.3 wants lower case. */
static void lower_case(char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'F')
			*text |= 0x20;
}

static bool ipv6_text(char out[NET_ADDRESS_BYTES], const struct netif *netif, unsigned i)
{
	if (!ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
		return false;
	ip6addr_ntoa_r(netif_ip6_addr(netif, i), out, NET_ADDRESS_BYTES);
	lower_case(out);
	return true;
}

static void fill_addresses(const struct netif *netif, struct net_interface *out)
{
	ipv4_text(out->ipv4, netif);
	if (!ip4_addr_isany_val(*netif_ip4_gw(netif)))
		ip4addr_ntoa_r(netif_ip4_gw(netif), out->gateway, sizeof(out->gateway));
	for (unsigned i = 0; i < LWIP_IPV6_NUM_ADDRESSES && i < NET_IPV6_MAX; i++)
		if (ipv6_text(out->ipv6[out->ipv6_count], netif, i))
			out->ipv6_count++;
}

static void fill_card(const struct net_card *card, struct net_interface *out)
{
	memcpy(out->name, card->info.name, sizeof(out->name));
	memcpy(out->mac, card->info.mac, sizeof(out->mac));
	out->mtu = card->netif.mtu;
	out->up = netif_is_up(&card->netif);
	out->link_up = card->info.link_up;
	out->configured = card->config.mode == NET_DHCP ? "dhcp" : "static";
	out->rx_packets = card->rx_packets;
	out->rx_bytes = card->rx_bytes;
	out->rx_dropped = card->rx_dropped;
	out->rx_copied = card->rx_copied;
	out->tx_packets = card->tx_packets;
	out->tx_bytes = card->tx_bytes;
	out->tx_dropped = card->tx_dropped;
}

static bool status_interface(unsigned index, struct net_interface *out)
{
	struct net_card *card;
	bool found = true;

	memset(out, 0, sizeof(*out));
	net_lock();
	for (card = net_card_list; card && index; card = card->next)
		index--;
	if (card) {
		fill_card(card, out);
		fill_addresses(&card->netif, out);
	} else if (!index) {
		memcpy(out->name, "lo", 3);
		out->loopback = out->up = out->link_up = true;
		out->configured = "loopback";
		out->mtu = net_loopback->mtu;
		fill_addresses(net_loopback, out);
	} else {
		found = false;
	}
	net_unlock();
	return found;
}

static unsigned count_state(struct tcp_pcb *list, enum tcp_state state)
{
	unsigned count = 0;

	for (; list; list = list->next)
		count += list->state == state;
	return count;
}

static unsigned status_tcp(enum net_tcp_state state, const char **name)
{
	/* lwIP's enum tcp_state is in the same order. */
	static const char *const names[NET_TCP_STATES] = {
		"CLOSED",      "LISTEN",     "SYN-SENT",   "SYN-RECEIVED",
		"ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
		"CLOSING",     "LAST-ACK",   "TIME-WAIT",
	};
	unsigned count;

	*name = names[state];
	net_lock();
	count = count_state(tcp_bound_pcbs, (enum tcp_state)state) +
		count_state(tcp_active_pcbs, (enum tcp_state)state) +
		count_state(tcp_tw_pcbs, (enum tcp_state)state);
	if (state == NET_TCP_LISTEN)
		for (struct tcp_pcb_listen *pcb = tcp_listen_pcbs.listen_pcbs; pcb;
		     pcb = pcb->next)
			count++;
	net_unlock();
	return count;
}

static bool status_name_server(unsigned index, char out[NET_ADDRESS_BYTES])
{
	bool found = false;

	net_lock();
	for (u8_t i = 0; i < DNS_MAX_SERVERS && !found; i++) {
		const ip_addr_t *server = dns_getserver(i);

		if (ip_addr_isany(server) || index--)
			continue;
		ipaddr_ntoa_r(server, out, NET_ADDRESS_BYTES);
		lower_case(out);
		found = true;
	}
	net_unlock();
	return found;
}

static void status_await_configuration(void)
{
	net_lock();
	(void)net_wait_for_address();
	net_unlock();
}

const struct net_status net_status = {
	.interface = status_interface,
	.tcp = status_tcp,
	.name_server = status_name_server,
	.await_configuration = status_await_configuration,
};

static void log_ipv4(const struct net_card *card)
{
	char address[NET_ADDRESS_BYTES], line[160], text[NET_ADDRESS_BYTES];
	int used;

	ipv4_text(address, &card->netif);
	used = format(line, sizeof(line), "%s: %s", card->info.name, address);
	if (!ip4_addr_isany_val(*netif_ip4_gw(&card->netif))) {
		ip4addr_ntoa_r(netif_ip4_gw(&card->netif), text, sizeof(text));
		used += format(line + used, sizeof(line) - (size_t)used, ", gateway %s",
			       text);
	}
	if (!ip_addr_isany(dns_getserver(0))) {
		ipaddr_ntoa_r(dns_getserver(0), text, sizeof(text));
		format(line + used, sizeof(line) - (size_t)used, ", dns %s", text);
	}
	log_info("%s%s", line, card->config.mode == NET_DHCP ? " (dhcp)" : "");
}

void card_log_addresses(struct net_card *card)
{
	const struct netif *netif = &card->netif;
	uint8_t valid = 0;

	net_wake(net_address_waiters, POLLIN);
	if (!netif_is_link_up(netif))
		return;
	if (!ip4_addr_eq(&card->logged_ipv4, netif_ip4_addr(netif))) {
		if (!ip4_addr_isany_val(*netif_ip4_addr(netif)))
			log_ipv4(card);
		else if (!ip4_addr_isany_val(card->logged_ipv4))
			log_warn("%s: the IPv4 address is gone", card->info.name);
		ip4_addr_copy(card->logged_ipv4, *netif_ip4_addr(netif));
	}
	for (unsigned i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
		char text[NET_ADDRESS_BYTES];

		if (!ipv6_text(text, netif, i))
			continue;
		valid |= (uint8_t)(1u << i);
		if (!(card->logged_ipv6 & 1u << i))
			log_info("%s: %s", card->info.name, text);
	}
	card->logged_ipv6 = valid;
}
