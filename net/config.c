/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <net/config.h>
#include <string.h>
#include <kernel/cmdline.h>
#include <kernel/format.h>
#include <kernel/log.h>

CMDLINE_KEY(net, "dhcp, off or ADDRESS/LENGTH[,gw=ADDRESS][,dns=ADDRESS]; once a card");
CMDLINE_KEY(hostname, "the name told to the DHCP server");

#define WORD_BYTES 64

static bool complain(char *error, size_t size, const char *word, const char *why)
{
	format(error, size, "\"%s\": %s", word, why);
	return false;
}

static bool parse_length(const char *text, unsigned max, unsigned *out)
{
	unsigned value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (unsigned)(*text - '0');
		if (value > max)
			return false;
	}
	*out = value;
	return true;
}

/* Dotted quads only: the classic parser also takes "10" and octal numbers, which on a
 * command line are mistakes. */
static bool parse_ipv4(const char *text, ip4_addr_t *out)
{
	unsigned dots = 0;

	for (const char *at = text; *at; at++)
		dots += *at == '.';
	return dots == 3 && ip4addr_aton(text, out);
}

static bool parse_ip(const char *text, ip_addr_t *out)
{
	ip4_addr_t four;
	ip6_addr_t six;

	if (parse_ipv4(text, &four)) {
		ip_addr_copy_from_ip4(*out, four);
		return true;
	}
	if (strchr(text, ':') && ip6addr_aton(text, &six)) {
		ip_addr_copy_from_ip6(*out, six);
		return true;
	}
	return false;
}

/* ADDRESS/LENGTH of either family. */
static bool parse_interface(char *word, struct net_config *out, char *error, size_t size)
{
	char *slash = strchr(word, '/');
	unsigned length;
	ip_addr_t address;

	if (!slash)
		return complain(error, size, word,
				"neither dhcp, off nor ADDRESS/LENGTH (10.0.2.15/24)");
	*slash = 0;
	if (!parse_ip(word, &address))
		return complain(error, size, word, "not an IP address");
	if (!parse_length(slash + 1, IP_IS_V4_VAL(address) ? 32 : 128, &length))
		return complain(error, size, slash + 1, "not a prefix length");
	if (IP_IS_V4_VAL(address)) {
		if (!ip4_addr_isany_val(out->address))
			return complain(error, size, word, "a second IPv4 address");
		if (ip4_addr_isany(ip_2_ip4(&address)) ||
		    ip4_addr_ismulticast(ip_2_ip4(&address)))
			return complain(error, size, word, "not a host's address");
		out->mode = NET_STATIC;
		ip4_addr_copy(out->address, *ip_2_ip4(&address));
		out->mask.addr = length ? lwip_htonl(UINT32_MAX << (32 - length)) : 0;
		return true;
	}
	if (length != 64)
		return complain(error, size, slash + 1, "IPv6 prefixes here are /64");
	if (ip6_addr_ismulticast(ip_2_ip6(&address)) ||
	    ip6_addr_isany(ip_2_ip6(&address)))
		return complain(error, size, word, "not a host's address");
	if (out->ipv6_count == NET_CONFIG_IPV6_MAX)
		return complain(error, size, word, "too many IPv6 addresses");
	out->ipv6[out->ipv6_count++] = *ip_2_ip6(&address);
	return true;
}

static bool parse_word(char *word, struct net_config *out, char *error, size_t size)
{
	ip_addr_t server;

	if (!strcmp(word, "dhcp")) {
		out->mode = NET_DHCP;
	} else if (!strcmp(word, "off")) {
		out->mode = NET_OFF;
	} else if (!strncmp(word, "gw=", 3)) {
		if (!parse_ipv4(word + 3, &out->gateway))
			return complain(error, size, word + 3, "not an IPv4 gateway");
	} else if (!strncmp(word, "dns=", 4)) {
		if (!parse_ip(word + 4, &server))
			return complain(error, size, word + 4, "not an IP address");
		if (out->dns_count == NET_CONFIG_DNS_MAX)
			return complain(error, size, word, "too many name servers");
		out->dns[out->dns_count++] = server;
	} else {
		return parse_interface(word, out, error, size);
	}
	return true;
}

bool net_config_parse(const char *value, struct net_config *out, char *error, size_t size)
{
	char word[WORD_BYTES];

	*out = (struct net_config){ .mode = NET_DHCP };
	for (;;) {
		size_t length = strcspn(value, ",");

		if (length >= sizeof(word)) {
			format(error, size, "\"%.16s...\": too long", value);
			return false;
		}
		memcpy(word, value, length);
		word[length] = 0;
		if (!parse_word(word, out, error, size))
			return false;
		if (!value[length])
			break;
		value += length + 1;
	}
	if (out->mode == NET_OFF && (out->ipv6_count || out->dns_count))
		return complain(error, size, "off", "has no addresses");
	if (out->mode != NET_STATIC && !ip4_addr_isany_val(out->gateway)) {
		format(error, size, "gw= goes with an IPv4 address");
		return false;
	}
	return true;
}

const char *net_config_hostname(void)
{
	const char *name = cmdline_value("hostname", 0);
	size_t length;

	if (!name)
		return NULL;
	length = strlen(name);
	if (length == 0 || length > 63 || name[0] == '-' || name[length - 1] == '-')
		goto bad;
	for (size_t i = 0; i < length; i++) {
		char c = name[i] | 0x20;

		if (!(c >= 'a' && c <= 'z') && !(name[i] >= '0' && name[i] <= '9') &&
		    name[i] != '-')
			goto bad;
	}
	return name;
bad:
	log_warn("net: hostname=%s is not a host name (letters, digits and -)", name);
	return NULL;
}
