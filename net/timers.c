/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <net/timers.h>
#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/ip4_frag.h>
#include <lwip/ip6_frag.h>
#include <lwip/mld6.h>
#include <lwip/nd6.h>
#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>
#include <kernel/time.h>

#define MS_PER_S     1000
#define IDLE_MAX_MS  (600 * MS_PER_S) /* the longest that ageing is put off */
#define CATCH_UP_MAX (IDLE_MAX_MS / MS_PER_S)

static bool tcp_wanted(void)
{
	return tcp_active_pcbs || tcp_tw_pcbs;
}

static bool dhcp_fine_wanted(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	{
		struct dhcp *dhcp = netif_dhcp_data(netif);

		if (dhcp && dhcp->request_timeout)
			return true;
	}
	return false;
}

static bool dhcp_wanted(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	{
		if (netif_dhcp_data(netif))
			return true;
	}
	return false;
}

static bool mld6_wanted(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	{
		for (struct mld_group *group = netif_mld6_data(netif); group;
		     group = group->next)
			if (group->timer)
				return true;
	}
	return false;
}

/* A ticker with wanted() runs while that is true. One without ages its tables: it runs
 * while frames move and settle_ms longer (until what it may have pending is resolved or
 * given up), then rests, and makes up for the ticks it missed when frames move again. */
struct ticker {
	void (*tick)(void);
	bool (*wanted)(void);
	uint32_t interval_ms;
	uint32_t settle_ms;
	bool running;	  /* was wanted when last looked at */
	uint64_t last_ms; /* when the last tick was due */
};

static struct ticker tickers[] = {
	{ .tick = tcp_tmr, .wanted = tcp_wanted, .interval_ms = TCP_TMR_INTERVAL },
	{ .tick = dhcp_fine_tmr,
	  .wanted = dhcp_fine_wanted,
	  .interval_ms = DHCP_FINE_TIMER_MSECS },
	{ .tick = dhcp_coarse_tmr,
	  .wanted = dhcp_wanted,
	  .interval_ms = DHCP_COARSE_TIMER_MSECS },
	{ .tick = mld6_tmr, .wanted = mld6_wanted, .interval_ms = MLD6_TMR_INTERVAL },
	{ .tick = etharp_tmr, .interval_ms = ARP_TMR_INTERVAL, .settle_ms = 6000 },
	{ .tick = ip_reass_tmr,
	  .interval_ms = IP_TMR_INTERVAL,
	  .settle_ms = (IP_REASS_MAXAGE + 1) * MS_PER_S },
	{ .tick = nd6_tmr, .interval_ms = ND6_TMR_INTERVAL, .settle_ms = 40000 },
	{ .tick = ip6_reass_tmr,
	  .interval_ms = IP6_REASS_TMR_INTERVAL,
	  .settle_ms = (IPV6_REASS_MAXAGE + 1) * MS_PER_S },
};
#define TICKERS (sizeof(tickers) / sizeof(tickers[0]))

static uint64_t active_ms; /* when frames last moved, to the precision of our calls */

uint32_t sys_now(void)
{
	return (uint32_t)(clock_ns() / NS_PER_MS);
}

static bool is_wanted(const struct ticker *ticker, uint64_t now)
{
	return ticker->wanted ? ticker->wanted() : now - active_ms < ticker->settle_ms;
}

/* Runs the ticks that are due. Demand-driven tickers make up for nothing: a protocol's
 * time-outs may only become longer. */
static void run(struct ticker *ticker, uint64_t now)
{
	uint64_t due = (now - ticker->last_ms) / ticker->interval_ms;

	if (!due)
		return;
	ticker->last_ms += due * ticker->interval_ms;
	if (ticker->wanted)
		due = 1;
	else if (due > CATCH_UP_MAX)
		due = CATCH_UP_MAX;
	while (due--)
		ticker->tick();
}

uint64_t net_timers_run(bool active)
{
	uint64_t now = clock_ns() / NS_PER_MS, next = UINT64_MAX;

	if (active)
		active_ms = now;
	for (unsigned i = 0; i < TICKERS; i++) {
		struct ticker *ticker = &tickers[i];
		bool wanted = is_wanted(ticker, now);

		if (ticker->wanted && wanted && !ticker->running)
			ticker->last_ms = now;
		else if (wanted || !ticker->wanted)
			run(ticker, now);
	}
	/* A tick may have changed what another one wants: look again for the next time. */
	for (unsigned i = 0; i < TICKERS; i++) {
		struct ticker *ticker = &tickers[i];
		bool wanted = is_wanted(ticker, now);
		uint64_t at;

		if (ticker->wanted && wanted && !ticker->running)
			ticker->last_ms = now;
		ticker->running = wanted;
		if (wanted)
			at = ticker->last_ms + ticker->interval_ms;
		else if (!ticker->wanted)
			at = ticker->last_ms + IDLE_MAX_MS;
		else
			continue;
		if (at < next)
			next = at;
	}
	return next == UINT64_MAX ? UINT64_MAX : next * NS_PER_MS;
}

bool net_timers_stale(bool active)
{
	if (tcp_wanted() && !tickers[0].running)
		return true;
	return active && !tickers[TICKERS - 1].running;
}
