/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What others may ask the network stack: interfaces, addresses, counters.
 *
 * Nothing here brings the stack into an image. Who wants to show the network looks into
 * the linker set, which is empty where no part of the application uses sockets:
 *
 *	LINKSET_EACH(net_status, status)
 *		for (unsigned i = 0; (*status)->interface(i, &info); i++) …
 *
 * Context: thread; the calls take the stack's lock. */

#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <kernel/linkset.h>

#define NET_ADDRESS_BYTES 64 /* text of any address, terminated */
#define NET_IPV6_MAX	  4

struct net_interface {
	char name[16]; /* of the card: "net0"; "lo" for the loopback */
	bool loopback, up, link_up;
	const char *configured; /* "dhcp", "static", "off", "loopback" */
	uint8_t mac[6];
	uint16_t mtu;
	char ipv4[NET_ADDRESS_BYTES]; /* "10.0.2.15/24"; "" while there is none */
	char gateway[NET_ADDRESS_BYTES];
	unsigned ipv6_count;
	char ipv6[NET_IPV6_MAX][NET_ADDRESS_BYTES];
	uint64_t rx_packets, rx_bytes, rx_dropped; /* dropped: malformed or no memory */
	uint64_t tx_packets, tx_bytes, tx_dropped;
	uint64_t rx_copied; /* frames copied because too many were held by readers */
};

/* Indexed by the state of RFC 9293 §3.3.2, in this order. */
enum net_tcp_state {
	NET_TCP_CLOSED, /* bound or fresh, neither listening nor connecting */
	NET_TCP_LISTEN,
	NET_TCP_SYN_SENT,
	NET_TCP_SYN_RECEIVED,
	NET_TCP_ESTABLISHED,
	NET_TCP_FIN_WAIT_1,
	NET_TCP_FIN_WAIT_2,
	NET_TCP_CLOSE_WAIT,
	NET_TCP_CLOSING,
	NET_TCP_LAST_ACK,
	NET_TCP_TIME_WAIT,
	NET_TCP_STATES
};

struct net_status {
	/* The index-th interface; false past the last. */
	bool (*interface)(unsigned index, struct net_interface *out);
	/* The name of a state ("ESTABLISHED") and how many connections are in it. */
	unsigned (*tcp)(enum net_tcp_state state, const char **name);
	/* The index-th name server as text; false past the last. They come from the
	 * command line, DHCP and router advertisements, and change with them. */
	bool (*name_server)(unsigned index, char out[NET_ADDRESS_BYTES]);
	/* Waits, as net_wait_for_address() does, for what DHCP is still to bring. */
	void (*await_configuration)(void);
};
LINKSET_DECLARE(net_status, const struct net_status);

#endif
