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

static bool has_type(const uint8_t *frame, uint16_t network_order)
{
	uint16_t type;

	__builtin_memcpy(&type, frame + 12, sizeof(type));
	return type == network_order;
}

/* Where the transport header starts; 0 for what has no checksum to finish (fragments,
 * frames of other kinds). */
static unsigned transport_header(const uint8_t *frame, unsigned bytes, uint8_t *protocol)
{
	const void *ip = frame + SIZEOF_ETH_HDR;

	if (bytes >= SIZEOF_ETH_HDR + IP_HLEN && has_type(frame, PP_HTONS(ETHTYPE_IP))) {
		const struct ip_hdr *four = ip;

		if (IPH_OFFSET(four) & PP_HTONS(IP_MF | IP_OFFMASK))
			return 0;
		*protocol = IPH_PROTO(four);
		return SIZEOF_ETH_HDR + IPH_HL_BYTES(four);
	}
	if (bytes >= SIZEOF_ETH_HDR + IP6_HLEN &&
	    has_type(frame, PP_HTONS(ETHTYPE_IPV6))) {
		*protocol = IP6H_NEXTH((const struct ip6_hdr *)ip);
		return SIZEOF_ETH_HDR + IP6_HLEN;
	}
	return 0;
}

/* The sum of the pseudo header of such a frame. */
static uint16_t pseudo_header_sum(const uint8_t *frame, uint8_t protocol)
{
	const void *ip = frame + SIZEOF_ETH_HDR;
	uint32_t sum = lwip_htons(protocol);

	if (has_type(frame, PP_HTONS(ETHTYPE_IP))) {
		const struct ip_hdr *four = ip;

		sum += net_lwip_checksum(&four->src, 8);
		sum += lwip_htons(
			(uint16_t)(lwip_ntohs(IPH_LEN(four)) - IPH_HL_BYTES(four)));
	} else {
		const struct ip6_hdr *six = ip;

		sum += net_lwip_checksum(&six->src, 32) + six->_plen;
	}
	return fold(sum);
}

/* The pseudo header's sum is for the card to go on from. */
static __attribute__((noinline)) void fill_meta(struct pbuf *frame, uint8_t protocol,
						unsigned start, unsigned offset,
						struct ferrule_net_meta *meta)
{
	uint8_t *bytes = frame->payload;
	uint16_t field;

	if (start + offset + 2 > frame->len)
		return;
	field = pseudo_header_sum(bytes, protocol);
	__builtin_memcpy(bytes + start + offset, &field, 2);
	meta->checksum_needed = true;
	meta->checksum_start = (uint16_t)start;
	meta->checksum_offset = (uint16_t)offset;
}

void card_fill_meta(const struct net_card *card, struct pbuf *frame,
		    struct ferrule_net_meta *meta)
{
	unsigned start, offset;
	uint8_t protocol;

	*meta = (struct ferrule_net_meta){ 0 };
	if (!(card->info.offloads & FERRULE_NET_TX_CHECKSUM))
		return;
	start = transport_header(frame->payload, frame->len, &protocol);
	if (!start)
		return;
	offset = field_offset(protocol);
	if (offset)
		fill_meta(frame, protocol, start, offset, meta);
}
