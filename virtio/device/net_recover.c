/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: a card that broke, comes back, or was pulled out; a queue of it that breaks
 * and comes back alone.
 *
 * Broken: the client gets back what it had sent, as if it had left, and sees the link go
 * down. Back: the receive buffers are posted anew, the card is told what it was told
 * before, the link comes up. Frames on their way are lost, as frames may be. Of one queue
 * the same holds, but the card stays what it is: nobody hears of it but those whose frames
 * and commands were lost. */

#include <string.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <virtio/device/net.h>

/* Timer interrupt. The device, or the queue, was reset: its buffers are ours again (§2.4.2,
 * §2.6.1). */
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

/* Empty again, it is filled; not yet published. */
static void post_buffers(struct ferrule_net *net, struct net_rx *rx)
{
	unsigned long flags = spin_lock(&rx->lock);

	rx->closed = false;
	net_rx_refill(rx, net);
	spin_unlock(&rx->lock, flags);
}

/* What it has is given back by the client's next call. */
static void lose_sent(struct ferrule_net *net, struct net_tx *tx)
{
	__atomic_store_n(&tx->lost, true, __ATOMIC_RELAXED);
	__atomic_fetch_or(&net->trouble, NET_LOST, __ATOMIC_SEQ_CST);
}

void net_broken(struct virtio_device *device)
{
	struct ferrule_net *net = device->driver_data;

	if (!net)
		return;
	__atomic_fetch_or(&net->trouble, NET_FAILED, __ATOMIC_SEQ_CST);
	__atomic_store_n(&net->info.link_up, false, __ATOMIC_RELEASE);
	__atomic_store_n(&net->tx_pairs, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < net->pairs; i++) {
		take_buffers(&net->rx[i]);
		lose_sent(net, &net->tx[i]);
	}
	net_control_lose(net);
	net_signal(net); /* so that the client collects what it had sent */
	net_link_changed(net);
}

static bool is_transmit(const struct virtqueue *queue)
{
	return virtqueue_index(queue) & 1; /* §5.1.2 */
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

/* False: a part's thread has something to say to the card. */
bool net_quiet(struct virtio_device *device)
{
	const struct ferrule_net *net = device->driver_data;

	return !net || !__atomic_load_n(&net->coalescing, __ATOMIC_ACQUIRE);
}

int net_restore(struct virtio_device *device)
{
	struct ferrule_net *net = device->driver_data;
	int error = await_client(net) ? net_find_queues(net) : -EBUSY;

	if (error)
		return error;
	for (unsigned i = 0; i < net->pairs; i++) {
		virtqueue_disable_cb(net->tx[i].queue);
		post_buffers(net, &net->rx[i]);
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

/* A transmit queue is under no lock: await_client(), in an interrupt. */
bool net_queue_quiet(const struct virtqueue *queue)
{
	const struct ferrule_net *net = virtqueue_device(queue)->driver_data;

	return !is_transmit(queue) || !__atomic_load_n(&net->tx_busy, __ATOMIC_SEQ_CST);
}

/* [VQ-26] No queue_leaks: a frame that QEMU 7.2 has taken from a queue, and its back end not
 * from it, goes back by the old ring before the queue is said to be reset
 * (virtio_net_queue_reset() in hw/net/virtio-net.c); what is received is copied at once. */
void net_queue_broken(struct virtqueue *queue)
{
	struct ferrule_net *net = virtqueue_device(queue)->driver_data;
	unsigned pair = virtqueue_index(queue) / 2;

	if (queue == net->control)
		net_control_lose(net);
	else if (is_transmit(queue))
		lose_sent(net, &net->tx[pair]);
	else
		take_buffers(&net->rx[pair]);
}

/* As net_restore() and net_restored(); a control queue starts empty. */
void net_queue_restored(struct virtqueue *queue)
{
	struct ferrule_net *net = virtqueue_device(queue)->driver_data;

	if (queue == net->control)
		return;
	if (is_transmit(queue)) {
		virtqueue_disable_cb(queue);
		net_signal(net); /* what it had sent; and there is room */
	} else {
		struct net_rx *rx = &net->rx[virtqueue_index(queue) / 2];

		post_buffers(net, rx);
		net_rx_start_queue(rx);
		if (net->taken && !net_rx_arm_queue(rx))
			net_signal(net);
	}
	LINKSET_EACH(net_parts, part)
	if ((*part)->queue_restored)
		(*part)->queue_restored(net, virtqueue_index(queue));
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
	device->driver_data = NULL; /* its client frees it, perhaps at once */
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

/* If the control queue breaks meanwhile, all over again: nobody else would. How often that
 * may happen before the card is broken is queue_recovery.c's. */
void net_configure(struct ferrule_net *net)
{
	unsigned losses;

	do {
		losses = __atomic_load_n(&net->control_losses, __ATOMIC_ACQUIRE);
		check(net, "address", net_mac_configure(net));
		check(net, "number of queues", net_mq_configure(net));
		LINKSET_EACH(net_parts, part)
		check(net, "settings", (*part)->configure(net));
	} while (losses != __atomic_load_n(&net->control_losses, __ATOMIC_ACQUIRE) &&
		 !(net_trouble(net) & NET_FAILED));
}
