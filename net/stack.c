/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <net/card.h>
#include <net/status.h>
#include <net/stack.h>
#include <net/timers.h>
#include <lwip/init.h>
#include <lwip/dhcp.h>
#include <lwip/netif.h>
#include <errno.h>
#include <poll.h>
#include <kernel/cmdline.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/sync.h>
#include <kernel/time.h>
#include <posix/signal.h>

#define BATCH_FRAMES	64 /* received before others get the lock */
#define ADDRESS_WAIT_NS (10 * NS_PER_SEC)

static struct {
	struct mutex mutex; /* around lwIP and all that follows, save where said */
	bool active;	    /* frames moved since the timers were looked at */
	bool started;	    /* lwIP is there, and the cards of boot */

	/* The thread "net", when it sleeps; `called`, atomic, says not to. */
	struct wait_queue idle;
	bool called;
} stack;

/* Threads in net_wait(): the latest first, since its caches are the warmest. The lock is
 * taken from interrupts. */
static struct {
	struct spinlock lock;
	struct net_waiter *first;
} helpers;

struct net_waiter *net_room_waiters, *net_address_waiters;
struct netif *net_loopback;

void net_activity(void)
{
	stack.active = true;
}

/* ---- who runs the receive path ---- */

void net_call_thread(void)
{
	__atomic_store_n(&stack.called, true, __ATOMIC_RELEASE);
	wait_wake(&stack.idle, WAKE_ALL, 0);
}

static void helper_add(struct net_waiter *self)
{
	unsigned long flags = spin_lock(&helpers.lock);

	self->helping = true;
	self->helper_prev = NULL;
	self->helper_next = helpers.first;
	if (helpers.first)
		helpers.first->helper_prev = self;
	helpers.first = self;
	spin_unlock(&helpers.lock, flags);
}

/* Under helpers.lock. */
static void helper_unlink(struct net_waiter *self)
{
	if (self->helper_prev)
		self->helper_prev->helper_next = self->helper_next;
	else
		helpers.first = self->helper_next;
	if (self->helper_next)
		self->helper_next->helper_prev = self->helper_prev;
	self->helping = false;
}

static void helper_remove(struct net_waiter *self)
{
	unsigned long flags = spin_lock(&helpers.lock);

	if (self->helping)
		helper_unlink(self);
	spin_unlock(&helpers.lock, flags);
}

/* A helper that was chosen looks at the cards whatever else it was woken for; so it is
 * taken off the list, and the next interrupt chooses another. */
void net_interrupt(void)
{
	unsigned long flags = spin_lock(&helpers.lock);
	struct net_waiter *helper = helpers.first;

	if (helper) {
		helper_unlink(helper);
		thread_wake(helper->wait.thread);
	}
	spin_unlock(&helpers.lock, flags);
	if (!helper)
		net_call_thread();
}

static bool attention_wanted(void)
{
	for (struct net_card *card = net_card_list; card; card = card->next)
		if (card_wants_attention(card))
			return true;
	return false;
}

/* One batch from every card; true: there is more. */
static bool poll_cards(void)
{
	bool more = false;

	for (struct net_card *card = net_card_list; card; card = card->next)
		more |= card_poll(card, BATCH_FRAMES);
	return more;
}

/* ---- the lock ---- */

void net_lock(void)
{
	mutex_lock(&stack.mutex);
}

/* What was sent to ourselves arrives before the lock is released. */
static void run_loopback(void)
{
	struct netif *netif;

	if (net_loopback && net_loopback->loop_first)
		netif_poll(net_loopback);
	for (struct net_card *card = net_card_list; card; card = card->next) {
		netif = &card->netif;
		if (netif->loop_first)
			netif_poll(netif);
	}
}

void net_unlock(void)
{
	run_loopback();
	for (struct net_card *card = net_card_list; card; card = card->next)
		card_flush(card);
	if (net_timers_stale(stack.active))
		net_call_thread();
	mutex_unlock(&stack.mutex);
}

/* ---- waiting ---- */

void net_wake(struct net_waiter *list, short events)
{
	for (; list; list = list->next)
		if (list->events & events) {
			list->news = true;
			thread_wake(list->wait.thread);
		}
}

static void list_remove(struct net_waiter **list, struct net_waiter *self)
{
	while (*list != self)
		list = &(*list)->next;
	*list = self->next;
}

int net_wait(struct net_waiter **list, short events, uint64_t deadline_ns)
{
	struct net_waiter self;
	bool in_time, interrupted;

	if (signal_pending())
		return -EINTR;
	if (attention_wanted()) { /* rather than sleep over it */
		if (poll_cards())
			net_call_thread();
		net_unlock();
		net_lock();
		return 0;
	}
	self.queue = (struct wait_queue){ 0 };
	self.events = events;
	self.news = false;
	self.next = *list;
	*list = &self;
	wait_begin(&self.queue, &self.wait);
	do { /* frames for others do not bring the caller back */
		helper_add(&self);
		net_unlock();
		in_time = wait_sleep(&self.wait, deadline_ns);
		helper_remove(&self);
		net_lock();
		if (attention_wanted() && poll_cards())
			net_call_thread();
		interrupted = signal_pending();
	} while (!self.news && in_time && !interrupted);
	wait_end(&self.wait);
	list_remove(list, &self);
	if (interrupted)
		return -EINTR;
	return self.news || in_time ? 0 : -ETIMEDOUT;
}

/* ---- the thread ---- */

static void sleep_until(uint64_t deadline_ns)
{
	struct wait wait;

	wait_begin(&stack.idle, &wait);
	while (!__atomic_exchange_n(&stack.called, false, __ATOMIC_ACQ_REL))
		if (!wait_sleep(&wait, deadline_ns))
			break;
	wait_end(&wait);
}

static void net_thread(void *argument)
{
	(void)argument;
	for (;;) {
		uint64_t deadline;
		bool more;

		net_lock();
		more = poll_cards();
		for (struct net_card *card = net_card_list; card; card = card->next) {
			/* TCP does not retransmit what the card may still hold. */
			if (card->net)
				ferrule_net_reap(card->net);
			if (card->gone) {
				card_give_up(card);
				continue;
			}
			card_update_filter(card);
			card_announce(card);
		}
		deadline = net_timers_run(stack.active);
		stack.active = false;
		net_unlock();
		if (more)
			thread_yield();
		else
			sleep_until(deadline);
	}
}

/* ---- start ---- */

/* The index-th card to be found has the index-th net=. */
static void attach_card(struct ferrule_net *net)
{
	static unsigned index;
	const char *value = cmdline_value("net", index++);
	struct ferrule_net_info info;
	struct net_config config;
	char error[96];

	ferrule_net_info(net, &info);
	if (!net_config_parse(value ? value : "dhcp", &config, error, sizeof(error))) {
		log_warn("%s: bad net=%s: %s; using dhcp", info.name, value, error);
		net_config_parse("dhcp", &config, error, sizeof(error));
	}
	if (config.mode == NET_OFF)
		log_info("%s: off", info.name);
	else
		card_attach(net, &config);
}

/* A card that comes while we run; those of boot come before net_start(). */
static void net_arrived(struct ferrule_net *net)
{
	net_lock();
	if (stack.started) {
		attach_card(net);
		stack.active = true;
		net_call_thread();
	}
	net_unlock();
}
static const struct ferrule_net_arrival net_arrival = { net_arrived };
LINKSET_ENTRY(ferrule_net_arrivals, net_arrival);

/* Until the thread runs nothing is received, so nothing here needs to be quick. */
static void attach_cards(void)
{
	struct ferrule_net *net;

	for (unsigned i = 0; (net = ferrule_net_at(i)); i++)
		attach_card(net);
	stack.started = true;
}

static void net_start(void)
{
	net_lock();
	lwip_init();
	net_loopback = netif_list; /* lwIP's own; the cards come after it */
	attach_cards();
	if (!net_card_list)
		net_warn_without_card();
	stack.active = true;
	net_unlock();
	if (!thread_create("net", net_thread, NULL))
		log_error("net: no memory for its thread; the network is dead");
}
INIT_CALL(INIT_SERVICE, net_start);

/* Without it a server would give the address to somebody else only when it expires. */
static void net_stop(void)
{
	net_lock();
	for (struct net_card *card = net_card_list; card; card = card->next)
		if (dhcp_supplied_address(&card->netif)) {
			/* That it goes is no news. */
			ip4_addr_set_zero(&card->logged_ipv4);
			dhcp_release_and_stop(&card->netif);
		}
	net_unlock();
}
EXIT_CALL(INIT_SERVICE, net_stop);

/* A card that is up and still asks for its first address. */
static bool settling(void)
{
	for (struct net_card *card = net_card_list; card; card = card->next)
		if (card->config.mode == NET_DHCP && netif_is_link_up(&card->netif) &&
		    ip4_addr_isany_val(*netif_ip4_addr(&card->netif)))
			return true;
	return false;
}

bool net_wait_for_address(void)
{
	static bool given_up; /* under net_lock() */
	uint64_t deadline = clock_ns() + ADDRESS_WAIT_NS;
	int error = 0;

	net_warn_without_card();
	if (given_up || !settling())
		return false;
	while (!error && settling())
		error = net_wait(&net_address_waiters, POLLIN, deadline);
	given_up = error == -ETIMEDOUT;
	return !error;
}

void net_warn_without_card(void)
{
	static bool warned;

	if (net_card_list || __atomic_exchange_n(&warned, true, __ATOMIC_RELAXED))
		return;
	log_warn("net: no network card is in use: only 127.0.0.1 and ::1 can be reached");
}

LINKSET_ENTRY(net_status, net_status);
