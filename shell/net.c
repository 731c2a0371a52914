/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The network, where the application brought it in. */

#include <net/net.h>
#include "commands.h"

static void print_interface(const struct net_interface *card)
{
	shell_print("%s: %s%s, %s", card->name, card->up ? "up" : "down",
		    card->loopback || card->link_up ? "" : ", no carrier",
		    card->configured);
	if (!card->loopback)
		shell_print(", MTU %u, MAC %02x:%02x:%02x:%02x:%02x:%02x", card->mtu,
			    card->mac[0], card->mac[1], card->mac[2], card->mac[3],
			    card->mac[4], card->mac[5]);
	shell_print("\n");
	if (card->ipv4[0])
		shell_print("  IPv4 %s", card->ipv4);
	if (card->ipv4[0] && card->gateway[0] && !card->loopback)
		shell_print(" gateway %s", card->gateway);
	if (card->ipv4[0])
		shell_print("\n");
	for (unsigned i = 0; i < card->ipv6_count; i++)
		shell_print("  IPv6 %s\n", card->ipv6[i]);
	shell_print("  %-9s %12llu packets %14llu bytes %8llu dropped %8llu copied\n",
		    "received", (unsigned long long)card->rx_packets,
		    (unsigned long long)card->rx_bytes,
		    (unsigned long long)card->rx_dropped,
		    (unsigned long long)card->rx_copied);
	shell_print("  %-9s %12llu packets %14llu bytes %8llu dropped\n", "sent",
		    (unsigned long long)card->tx_packets,
		    (unsigned long long)card->tx_bytes,
		    (unsigned long long)card->tx_dropped);
}

static void print_connections(const struct net_status *status)
{
	bool any = false;

	shell_print("TCP:");
	for (int state = 0; state < NET_TCP_STATES; state++) {
		const char *name;
		unsigned count = status->tcp((enum net_tcp_state)state, &name);

		if (count)
			shell_print(" %u %s", count, name);
		any |= count > 0;
	}
	shell_print(any ? "\n" : " no connections\n");
}

static void run_net(int count, char **words)
{
	static struct net_interface card; /* the shell's thread is the only user */
	char server[NET_ADDRESS_BYTES];
	bool linked = false;

	(void)count;
	(void)words;
	LINKSET_EACH(net_status, status)
	{
		linked = true;
		for (unsigned i = 0; (*status)->interface(i, &card); i++)
			print_interface(&card);
		for (unsigned i = 0; (*status)->name_server(i, server); i++)
			shell_print("name server %s\n", server);
		print_connections(*status);
	}
	if (!linked)
		shell_print("this application has no network\n");
}

const struct shell_command shell_net = { "net", "interfaces, addresses, connections",
					 run_net };
