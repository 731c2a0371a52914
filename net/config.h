/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The command line's net= values.
 *
 *	net=dhcp			the default
 *	net=off				the card is left alone
 *	net=10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3
 *	net=dhcp,fd00::5/64		IPv6 addresses beside those of router advertisements
 *
 * The first net= is the first card's, the second one the second's, and so on. */

#ifndef NET_CONFIG_H
#define NET_CONFIG_H

#include <arch/cc.h>
#include <lwip/opt.h>
#include <lwip/ip_addr.h>
#include <stdbool.h>

#define NET_CONFIG_IPV6_MAX (LWIP_IPV6_NUM_ADDRESSES - 1) /* 0 is the link-local one */
#define NET_CONFIG_DNS_MAX  4

enum net_mode { NET_DHCP, NET_STATIC, NET_OFF };

struct net_config {
	enum net_mode mode; /* of IPv4; NET_STATIC without an address: IPv6 only */
	ip4_addr_t address, mask, gateway;
	unsigned ipv6_count, dns_count;
	ip6_addr_t ipv6[NET_CONFIG_IPV6_MAX];
	ip_addr_t dns[NET_CONFIG_DNS_MAX];
};

/* Parses one value; false with a message in `error` (of `size` bytes) if it is bad. */
bool net_config_parse(const char *value, struct net_config *out, char *error,
		      size_t size);

/* The value of hostname=, or NULL if there is none or it is not a host name. */
const char *net_config_hostname(void);

#endif
