/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The host asks that our addresses be announced, after it has moved us for example (VIRTIO
 * 1.3 §5.1.6.5.4): switches and neighbours learn anew where we are [NET-28]. */

#include <net/card.h>
#include <lwip/etharp.h>
#include <lwip/icmp6.h>
#include <lwip/inet_chksum.h>
#include <lwip/ip6.h>
#include <lwip/prot/nd6.h>
#include <string.h>
#include <net/stack.h>

#define ND_HOPLIM	    255				   /* RFC 4861 §4.4 */
#define ADVERTISEMENT_BYTES (sizeof(struct na_header) + 8) /* with our link's address */

/* RFC 4861 §7.2.6: unsolicited, to all nodes, overriding what they know. */
static void advertise(struct netif *netif, const ip6_addr_t *address)
{
	struct pbuf *p = pbuf_alloc(PBUF_IP, ADVERTISEMENT_BYTES, PBUF_RAM);
	struct na_header *head;
	uint8_t *option;
	ip6_addr_t all_nodes;

	if (!p)
		return;
	memset(p->payload, 0, ADVERTISEMENT_BYTES);
	head = p->payload;
	head->type = ICMP6_TYPE_NA;
	head->flags = ND6_FLAG_OVERRIDE;
	ip6_addr_copy_to_packed(head->target_address, *address);
	option = (uint8_t *)p->payload + sizeof(*head);
	option[0] = ND6_OPTION_TYPE_TARGET_LLADDR;
	option[1] = 1; /* of eight bytes */
	memcpy(option + 2, netif->hwaddr, 6);
	ip6_addr_set_allnodes_linklocal(&all_nodes);
	ip6_addr_assign_zone(&all_nodes, IP6_MULTICAST, netif);
	head->chksum = ip6_chksum_pseudo(p, IP6_NEXTH_ICMP6, p->len, address, &all_nodes);
	ip6_output_if(p, address, &all_nodes, ND_HOPLIM, 0, IP6_NEXTH_ICMP6, netif);
	pbuf_free(p);
}

void card_announce_now(struct net_card *card)
{
	struct netif *netif = &card->netif;

	card->announce_due = false;
	if (!ip4_addr_isany_val(*netif_ip4_addr(netif)))
		etharp_gratuitous(netif);
	for (unsigned i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
		if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
			advertise(netif, netif_ip6_addr(netif, i));
	card_flush(card);
	/* The host's acknowledgement takes time; a failure it asks for again. */
	net_unlock();
	(void)ferrule_net_announced(card->net);
	net_lock();
}
