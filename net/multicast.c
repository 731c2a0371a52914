/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The card's filter of multicast addresses follows the groups of the interface. The command
 * to the card takes time, so it is given by the thread "net", not where groups change. */

#include <net/card.h>
#include <lwip/mld6.h>
#include <lwip/prot/ethernet.h>
#include <string.h>
#include <net/stack.h>

#define FILTER_MAX 32 /* more groups than this: all frames are taken */

/* RFC 2464 §7: 33:33 and the last four bytes of the group. */
static void group_mac(uint8_t mac[6], const ip6_addr_t *group)
{
	mac[0] = LL_IP6_MULTICAST_ADDR_0;
	mac[1] = LL_IP6_MULTICAST_ADDR_1;
	memcpy(mac + 2, &group->addr[3], 4);
}

/* How many addresses the filter has; more than FILTER_MAX: it cannot hold them. */
static unsigned gather(struct net_card *card, uint8_t filter[FILTER_MAX][6])
{
	unsigned count = 1;
	ip6_addr_t all_nodes;

	ip6_addr_set_allnodes_linklocal(&all_nodes);
	group_mac(filter[0], &all_nodes);
	for (struct mld_group *group = netif_mld6_data(&card->netif); group;
	     group = group->next) {
		if (count == FILTER_MAX)
			return FILTER_MAX + 1;
		group_mac(filter[count++], &group->group_address);
	}
	return count;
}

void card_update_filter(struct net_card *card)
{
	uint8_t filter[FILTER_MAX][6];
	unsigned count;

	if (!card->filter_stale)
		return;
	card->filter_stale = false;
	count = gather(card, filter);
	net_unlock();
	/* A card without a filter takes everything: -ENOTSUP is as good. */
	if (count > FILTER_MAX)
		ferrule_net_set_promiscuous(card->net, true);
	else
		ferrule_net_set_multicast(card->net, (const uint8_t(*)[6])filter, count);
	net_lock();
}

/* The group that is left is still on the list: it leaves the filter with the next change. */
static err_t mac_filter(struct netif *netif, const ip6_addr_t *group,
			enum netif_mac_filter_action action)
{
	(void)group;
	if (action == NETIF_ADD_MAC_FILTER)
		((struct net_card *)netif)->filter_stale = true;
	return ERR_OK;
}

void card_multicast_init(struct net_card *card)
{
	netif_set_mld_mac_filter(&card->netif, mac_filter);
	card->filter_stale = true;
}
