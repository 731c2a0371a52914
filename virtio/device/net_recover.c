/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: a card that broke, comes back, or was pulled out.
 *
 * Broken: the client gets back what it had sent, as if it had left, and sees the link go
 * down. Back: the receive buffers are posted anew, the card is told what it was told
 * before, the link comes up. Frames on their way are lost, as frames may be. */

#include <string.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <virtio/device/net.h>

/* Timer interrupt. The device was reset: its buffers are ours again (§2.4.2). */
static void take_buffers(struct net_rx *rx)
{
	unsigned long flags = spin_lock(&rx->lock);
	struct net_buffer *buffer;

	if (!rx->closed)
		while ((buffer = virtqueue_detach(rx->queue))) {
			buffer->frame.next = NULL;
			net_rx_recycle(rx, &buffer->frame);
		}
	rx->closed = true;
	rx->posted = 0;
	spin_unlock(&rx->lock, flags);
}

void net_broken(struct virtio_device *device)
{
	struct ferrule_net *net = device->driver_data;
	unsigned long flags;

	if (!net)
		return;
	__atomic_fetch_or(&net->trouble, NET_FAILED | NET_LOST, __ATOMIC_SEQ_CST);
	__atomic_store_n(&net->info.link_up, false, __ATOMIC_RELEASE);
	__atomic_store_n(&net->tx_pairs, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < net->pairs; i++)
		take_buffers(&net->rx[i]);
	flags = spin_lock(&net->control_lock);
	net->control_out = false;
	spin_unlock(&net->control_lock, flags);
	net_signal(net); /* so that the client collects what it had sent */
	net_link_changed(net);
	wait_wake(&net->answers, WAKE_ALL, 0);
}

/* The client may be in the middle of a call that uses transmit queues, which are under no
 * lock, and must not find them reset. False: it does not come out. */
static bool await_client(const struct ferrule_net *net)
{
	uint64_t deadline = clock_ns() + NS_PER_SEC;

	while (__atomic_load_n(&net->tx_busy, __ATOMIC_SEQ_CST)) {
		if (clock_ns() > deadline)
			return false;
		thread_yield();
	}
	return true;
}

int net_restore(struct virtio_device *device)
{
	struct ferrule_net *net = device->driver_data;
	int error = await_client(net) ? net_find_queues(net) : -EBUSY;

	if (error)
		return error;
	for (unsigned i = 0; i < net->pairs; i++) {
		struct net_rx *rx = &net->rx[i];
		unsigned long flags;

		virtqueue_disable_cb(net->tx[i].queue);
		flags = spin_lock(&rx->lock);
		rx->closed = false;
		net_rx_refill(rx, net);
		spin_unlock(&rx->lock, flags);
	}
	return 0;
}

void net_restored(struct virtio_device *device)
{
	struct ferrule_net *net = device->driver_data;

	__atomic_fetch_and(&net->trouble, (uint8_t)~NET_FAILED, __ATOMIC_SEQ_CST);
	net_configure(net);
	net_rx_start(net);
	net_read_link(net);
	if (net->taken && !net_rx_arm(net)) {
		unsigned long flags;

		arch_stack_probe(); /* for its locks: <kernel/lock.h> */
		flags = arch_irq_save();
		net_signal(net);
		arch_irq_restore(flags);
	}
	net_link_changed(net);
	log_info("%s: back, link %s", device->name, net->info.link_up ? "up" : "down");
}

/* Nobody has it and nobody finds it any more: all goes but the record itself. */
static void free_all(struct ferrule_net *net)
{
	net_rx_free(net);
	net_tx_free(net);
	net_control_free(net);
	LINKSET_EACH(net_parts, part)
	if ((*part)->forget)
		(*part)->forget(net);
}

/* The client keeps what it holds until it gives the card up; the core frees a card that
 * nobody has. */
void net_removed(struct virtio_device *device)
{
	struct ferrule_net *net = device->driver_data;

	net_unlist(net);
	log_info("%s: removed", device->name);
	if (!net->taken) {
		free_all(net);
		device->leftover = net;
		return;
	}
	__atomic_store_n(&net->info.removed, true, __ATOMIC_RELEASE);
	net_signal(net);
	net_link_changed(net);
	/* The last we touch of it. */
	__atomic_fetch_or(&net->trouble, NET_REMOVED, __ATOMIC_SEQ_CST);
}

void net_forget(struct ferrule_net *net)
{
	while (!(net_trouble(net) & NET_REMOVED))
		thread_yield();
	free_all(net);
	kfree(net);
}

bool net_frames_are_held(const struct ferrule_net *net)
{
	for (unsigned i = 0; i < net->pairs; i++)
		if (net->rx[i].free_count != net->rx[i].count)
			return true;
	return false;
}

static void check(const struct ferrule_net *net, const char *what, int error)
{
	if (error && error != -ENOTSUP)
		log_warn("%s: does not take its %s again (error %d)", net->info.name,
			 what, -error);
}

void net_configure(struct ferrule_net *net)
{
	check(net, "address", net_mac_configure(net));
	check(net, "number of queues", net_mq_configure(net));
	LINKSET_EACH(net_parts, part)
	check(net, "settings", (*part)->configure(net));
}
