/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Checksums that the card finishes (VIRTIO 1.3 §5.1.6.2.1: the driver stores the pseudo
 * header's sum in the field and says where to start and where to store). lwIP leaves the
 * field zero on such an interface (NETIF_CHECKSUM_GEN_TCP and _UDP are off). */

#include <net/card.h>
#include <lwip/etharp.h>
#include <lwip/prot/ip.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>
#include <lwip/prot/tcp.h>
#include <lwip/prot/udp.h>
#include <string.h>

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static unsigned field_offset(uint8_t protocol)
{
	switch (protocol) {
	case IP_PROTO_TCP:
		return offsetof(struct tcp_hdr, chksum);
	case IP_PROTO_UDP:
		return offsetof(struct udp_hdr, chksum);
	default:
		return 0; /* lwIP computed it */
	}
}

/* Where the transport header starts and the sum of its pseudo header, without the
 * protocol; 0 for what has no checksum to finish (fragments, other protocols). */
static unsigned transport_header(const uint8_t *frame, unsigned bytes, uint8_t *protocol,
				 uint32_t *sum)
{
	const uint8_t *ip = frame + SIZEOF_ETH_HDR;
	unsigned header;
	uint16_t type;

	__builtin_memcpy(&type, frame + 12, 2);
	if (type == PP_HTONS(ETHTYPE_IP) && bytes >= SIZEOF_ETH_HDR + IP_HLEN) {
		const struct ip_hdr *four = (const struct ip_hdr *)ip;

		if (IPH_OFFSET(four) & PP_HTONS(IP_MF | IP_OFFMASK))
			return 0;
		header = IPH_HL_BYTES(four);
		*protocol = IPH_PROTO(four);
		*sum = net_lwip_checksum(&four->src, 8) +
		       lwip_htons((uint16_t)(lwip_ntohs(IPH_LEN(four)) - header));
		return SIZEOF_ETH_HDR + header;
	}
	if (type == PP_HTONS(ETHTYPE_IPV6) && bytes >= SIZEOF_ETH_HDR + IP6_HLEN) {
		const struct ip6_hdr *six = (const struct ip6_hdr *)ip;

		*protocol = IP6H_NEXTH(six);
		*sum = net_lwip_checksum(&six->src, 32) + six->_plen;
		return SIZEOF_ETH_HDR + IP6_HLEN;
	}
	return 0;
}

void card_fill_meta(const struct net_card *card, struct pbuf *frame,
		    struct ferrule_net_meta *meta)
{
	uint8_t *bytes = frame->payload, protocol;
	unsigned start, offset;
	uint32_t sum;
	uint16_t field;

	*meta = (struct ferrule_net_meta){ 0 };
	if (!(card->info.offloads & FERRULE_NET_TX_CHECKSUM) ||
	    frame->len < SIZEOF_ETH_HDR)
		return;
	start = transport_header(bytes, frame->len, &protocol, &sum);
	if (!start)
		return;
	offset = field_offset(protocol);
	if (!offset || start + offset + 2 > frame->len)
		return;
	field = fold(sum + lwip_htons(protocol));
	__builtin_memcpy(bytes + start + offset, &field, 2);
	meta->checksum_needed = true;
	meta->checksum_start = (uint16_t)start;
	meta->checksum_offset = (uint16_t)offset;
}
