/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: who has a card and what it is told (<ferrule/net.h>; VIRTIO 1.3
 * §5.1). */

#include <errno.h>
#include <string.h>
#include <virtio/device/net.h>

/* Something for the client to do. Any context. */
void net_signal(struct ferrule_net *net)
{
	unsigned long flags = spin_lock(&net->client_lock);
	bool taken = net->taken;

	if (taken && net->client.ready) {
		net->client.ready(net->client.context);
		spin_unlock(&net->client_lock, flags);
		return;
	}
	spin_unlock(&net->client_lock, flags);
	if (!taken)
		return;
	__atomic_store_n(&net->event, true, __ATOMIC_RELEASE);
	wait_wake(&net->waiters, WAKE_ALL, 0);
}

void net_link_changed(struct ferrule_net *net)
{
	unsigned long flags = spin_lock(&net->client_lock);

	if (net->taken && net->client.link_changed)
		net->client.link_changed(net->client.context);
	spin_unlock(&net->client_lock, flags);
	__atomic_store_n(&net->event, true, __ATOMIC_RELEASE);
	wait_wake(&net->waiters, WAKE_ALL, 0);
}

bool ferrule_net_wait(struct ferrule_net *net, uint64_t deadline_ns)
{
	bool event, in_time = true;
	struct wait wait;

	wait_begin(&net->waiters, &wait);
	while (!(event = __atomic_exchange_n(&net->event, false, __ATOMIC_ACQUIRE)) &&
	       in_time)
		in_time = wait_sleep(&wait, deadline_ns);
	wait_end(&wait);
	return event;
}

struct ferrule_net *ferrule_net_at(unsigned index)
{
	return net_card_at(index);
}

struct ferrule_net *ferrule_net_find(const char *name)
{
	struct ferrule_net *net;

	for (unsigned i = 0; (net = ferrule_net_at(i)); i++)
		if (!strcmp(net->info.name, name))
			return net;
	return NULL;
}

void ferrule_net_info(struct ferrule_net *net, struct ferrule_net_info *out)
{
	*out = net->info;
	out->link_up = __atomic_load_n(&net->info.link_up, __ATOMIC_ACQUIRE);
	out->queue_pairs = (uint16_t)net->pairs;
	out->tx_queues = (uint16_t)net->tx_pairs;
	out->rx_dropped = __atomic_load_n(&net->rx_dropped, __ATOMIC_RELAXED);
}

static int take(struct ferrule_net *net, const struct ferrule_net_client *client)
{
	unsigned long flags = spin_lock(&net->client_lock);
	bool taken = net->taken;

	if (!taken) {
		net->client = *client;
		net->taken = true;
	}
	spin_unlock(&net->client_lock, flags);
	if (taken)
		return -EBUSY;
	/* Frames that came before anybody wanted them count as just come. */
	if (!net_rx_arm(net)) {
		arch_stack_probe(); /* for its locks: <kernel/lock.h> */
		flags = arch_irq_save();
		net_signal(net);
		arch_irq_restore(flags);
	}
	return 0;
}

static bool in_use(const struct ferrule_net *net)
{
	for (unsigned i = 0; i < net->pairs; i++)
		if (net->tx[i].in_flight)
			return true;
	return net->info.removed && net_frames_are_held(net);
}

static int give_up(struct ferrule_net *net)
{
	unsigned long flags;

	net_rx_disarm(net);
	ferrule_net_reap(net);
	if (in_use(net)) {
		net_rx_arm(net);
		return -EBUSY;
	}
	flags = spin_lock(&net->client_lock);
	net->taken = false;
	spin_unlock(&net->client_lock, flags);
	if (net->info.removed)
		net_forget(net);
	return 0;
}

int ferrule_net_open(struct ferrule_net *net, const struct ferrule_net_client *client)
{
	return client ? take(net, client) : give_up(net);
}
