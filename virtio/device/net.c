/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: features, configuration, link (VIRTIO 1.3 §5.1). */

#include <errno.h>
#include <string.h>
#include <ferrule/entropy.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <virtio/device/net.h>

#define MTU_DEFAULT 1500
#define MTU_MIN	    68
#define SPEED_MAX   0x7fffffff

static struct ferrule_net *cards; /* append only, by ready() */

struct ferrule_net *net_cards(void)
{
	return __atomic_load_n(&cards, __ATOMIC_ACQUIRE);
}

/* §5.1.3.1, and what our buffers ask for: segments merged by the device need mergeable
 * buffers, the alternative being 64 KiB for each. */
static const struct virtio_dependency dependencies[] = {
	{ VIRTIO_NET_F_GUEST_TSO4, VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM)) },
	{ VIRTIO_NET_F_GUEST_TSO6, VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM)) },
	{ VIRTIO_NET_F_GUEST_TSO4, VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF)) },
	{ VIRTIO_NET_F_GUEST_TSO6, VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF)) },
	{ VIRTIO_NET_F_GUEST_ECN, VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) |
						  VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6)) },
	{ VIRTIO_NET_F_HOST_TSO4, VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_NET_F_CSUM)) },
	{ VIRTIO_NET_F_HOST_TSO6, VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_NET_F_CSUM)) },
	{ VIRTIO_NET_F_CTRL_RX, VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ)) },
	{ VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ)) },
};

/* §5.1.4.2: an MTU that makes no sense is not accepted. */
static void net_validate(struct virtio_device *device, struct virtio_features *wanted)
{
	uint16_t mtu;

	if (!virtio_features_has(&device->offered, VIRTIO_NET_F_MTU))
		return;
	mtu = virtio_config_read16(device, NET_CONFIG_MTU);
	if (mtu >= MTU_MIN)
		return;
	log_warn("%s: an MTU of %u makes no sense", device->name, mtu);
	virtio_features_clear(wanted, VIRTIO_NET_F_MTU);
}

static void read_mac(struct ferrule_net *net)
{
	static const uint8_t zero[6];
	uint8_t *mac = net->info.mac;

	if (virtio_has(net->device, VIRTIO_NET_F_MAC)) {
		virtio_config_read_bytes(net->device, NET_CONFIG_MAC, mac, 6);
		if (!(mac[0] & 1) && memcmp(mac, zero, 6))
			return;
		log_warn("%s: its MAC address is none, using a random one",
			 net->device->name);
	}
	ferrule_entropy_read(mac, 6);
	mac[0] = (uint8_t)((mac[0] & ~1u) | 2u); /* unicast, locally administered */
}

/* Returns whether the link went up or down. Any context. */
static bool read_link(struct ferrule_net *net)
{
	struct virtio_device *device = net->device;
	bool was_up = net->info.link_up, up = true;

	if (virtio_has(device, VIRTIO_NET_F_STATUS))
		up = virtio_config_read16(device, NET_CONFIG_STATUS) &
		     VIRTIO_NET_S_LINK_UP;
	if (virtio_has(device, VIRTIO_NET_F_SPEED_DUPLEX)) {
		uint32_t speed = virtio_config_read32(device, NET_CONFIG_SPEED);

		net->info.speed_mbit = speed <= SPEED_MAX ? speed : 0;
		net->info.full_duplex = virtio_config_read8(device, NET_CONFIG_DUPLEX) ==
					1;
	}
	__atomic_store_n(&net->info.link_up, up, __ATOMIC_RELEASE);
	return up != was_up;
}

static void read_config(struct ferrule_net *net)
{
	static const struct {
		uint8_t feature;
		enum ferrule_net_offload offload;
	} offloads[] = {
		{ VIRTIO_NET_F_CSUM, FERRULE_NET_TX_CHECKSUM },
		{ VIRTIO_NET_F_HOST_TSO4, FERRULE_NET_TX_TSO4 },
		{ VIRTIO_NET_F_HOST_TSO6, FERRULE_NET_TX_TSO6 },
		{ VIRTIO_NET_F_GUEST_CSUM, FERRULE_NET_RX_CHECKSUM },
		{ VIRTIO_NET_F_GUEST_TSO4, FERRULE_NET_RX_LARGE },
		{ VIRTIO_NET_F_GUEST_TSO6, FERRULE_NET_RX_LARGE },
	};
	struct virtio_device *device = net->device;
	bool legacy = device->transport->legacy;

	memcpy(net->info.name, device->name, sizeof(net->info.name));
	net->mergeable = virtio_has(device, VIRTIO_NET_F_MRG_RXBUF);
	net->header_bytes = legacy && !net->mergeable ? NET_HEADER_LEGACY_BYTES
						      : NET_HEADER_BYTES;
	net->separate_header = legacy && !virtio_has(device, VIRTIO_F_ANY_LAYOUT);
	net->info.tx_headroom = net->separate_header ? 0 : (uint16_t)net->header_bytes;
	net->info.mtu = MTU_DEFAULT;
	if (virtio_has(device, VIRTIO_NET_F_MTU)) {
		net->info.mtu = virtio_config_read16(device, NET_CONFIG_MTU);
		if (net->info.mtu < MTU_MIN) /* it changed its mind */
			net->info.mtu = MTU_MIN;
	}
	for (unsigned i = 0; i < sizeof(offloads) / sizeof(offloads[0]); i++)
		if (virtio_has(device, offloads[i].feature))
			net->info.offloads |= offloads[i].offload;
	read_mac(net);
	read_link(net);
}

static int find_queues(struct ferrule_net *net)
{
	bool control = virtio_has(net->device, VIRTIO_NET_F_CTRL_VQ);
	/* Without MQ and RSS the control queue is number 2 (§5.1.2). */
	const struct virtqueue_wanted wanted[3] = {
		{ .name = "rx", .index = 0, .callback = net_received, .pieces_max = 1 },
		{ .name = "tx",
		  .index = 1,
		  .callback = net_transmitted,
		  .pieces_max = 4 },
		{ .name = "control",
		  .index = 2,
		  .size_max = 8,
		  .callback = net_control_used,
		  .pieces_max = 4 },
	};
	struct virtqueue *queues[3] = { 0 };
	int error = virtio_find_queues(net->device, wanted, control ? 3 : 2, queues);

	net->rx = queues[0];
	net->tx = queues[1];
	net->control = queues[2];
	return error;
}

static int net_probe(struct virtio_device *device)
{
	struct ferrule_net *net = kzalloc(sizeof(*net));
	int error;

	if (!net)
		return -ENOMEM;
	net->device = device;
	error = find_queues(net);
	if (!error) {
		read_config(net);
		error = net_control_prepare(net);
	}
	if (!error)
		error = net_tx_prepare(net);
	if (!error)
		error = net_rx_prepare(net);
	if (error) {
		/* What was prepared is not freed: posted buffers are the device's until
		 * it is reset, and a card that fails here fails once. */
		log_error("%s: cannot set it up", device->name);
		return error;
	}
	device->driver_data = net;
	return 0;
}

static void net_ready(struct virtio_device *device)
{
	struct ferrule_net *net = device->driver_data, **end = &cards;
	const uint8_t *mac = net->info.mac;

	while (*end)
		end = &(*end)->next;
	__atomic_store_n(end, net, __ATOMIC_RELEASE);
	virtqueue_disable_cb(net->tx);
	net_rx_start(net);
	log_info("%s: %02x:%02x:%02x:%02x:%02x:%02x, MTU %u, link %s", device->name,
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], net->info.mtu,
		 net->info.link_up ? "up" : "down");
	log_debug("%s: %u receive buffers of %u bytes, %u transmit slots", device->name,
		  net->rx_count, net->rx_bytes, net->tx_count);
}

static void net_config_changed(struct virtio_device *device)
{
	struct ferrule_net *net = device->driver_data;

	if (read_link(net))
		net_link_changed(net);
}

static void net_broken(struct virtio_device *device)
{
	struct ferrule_net *net = device->driver_data;

	if (!net)
		return;
	__atomic_store_n(&net->failed, true, __ATOMIC_RELEASE);
	__atomic_store_n(&net->info.link_up, false, __ATOMIC_RELEASE);
	net_signal(net); /* so that the client collects what it had sent */
	net_link_changed(net);
	wait_wake(&net->answers, WAKE_ALL, 0);
}

static const struct virtio_driver virtio_net_driver = {
	.name = "net",
	.device_id = VIRTIO_ID_NET,
	.wanted = VIRTIO_FEATURES(
		VIRTIO_BIT(VIRTIO_NET_F_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) |
		VIRTIO_BIT(VIRTIO_NET_F_MTU) | VIRTIO_BIT(VIRTIO_NET_F_MAC) |
		VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) |
		VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_ECN) |
		VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6) |
		VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) | VIRTIO_BIT(VIRTIO_NET_F_STATUS) |
		VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) |
		VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |
		VIRTIO_BIT(VIRTIO_NET_F_SPEED_DUPLEX)),
	.dependencies = dependencies,
	.dependency_count = sizeof(dependencies) / sizeof(dependencies[0]),
	.validate = net_validate,
	.probe = net_probe,
	.ready = net_ready,
	.config_changed = net_config_changed,
	.broken = net_broken,
};
VIRTIO_DRIVER(virtio_net_driver);
