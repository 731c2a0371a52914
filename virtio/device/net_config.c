/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: what the configuration says (VIRTIO 1.3 §5.1.4). Each field is read once
 * into memory of ours and checked there [CFG-09]. */

#include <string.h>
#include <ferrule/entropy.h>
#include <kernel/log.h>
#include <virtio/device/net.h>

#define MTU_DEFAULT 1500
#define SPEED_MAX   0x7fffffff

/* A random one where the card has none [NET-03]. */
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

/* Any context. No status: up [NET-04]; a speed that cannot be is unknown [NET-07]. Under a
 * lock, so that what an interrupt read is not replaced by what a thread had read before. */
bool net_read_link(struct ferrule_net *net)
{
	struct virtio_device *device = net->device;
	unsigned long flags = spin_lock(&net->link_lock);
	bool was_up = net->info.link_up, up = true, announce = false;

	if (virtio_has(device, VIRTIO_NET_F_STATUS)) {
		uint16_t status = virtio_config_read16(device, NET_CONFIG_STATUS);

		up = status & VIRTIO_NET_S_LINK_UP;
		announce = status & VIRTIO_NET_S_ANNOUNCE &&
			   virtio_has(device, VIRTIO_NET_F_GUEST_ANNOUNCE);
	}
	if (virtio_has(device, VIRTIO_NET_F_SPEED_DUPLEX)) {
		uint32_t speed = virtio_config_read32(device, NET_CONFIG_SPEED);

		net->info.speed_mbit = speed <= SPEED_MAX ? speed : 0;
		net->info.full_duplex = virtio_config_read8(device, NET_CONFIG_DUPLEX) ==
					1;
	}
	__atomic_store_n(&net->info.announce, announce, __ATOMIC_RELEASE);
	__atomic_store_n(&net->info.link_up, up, __ATOMIC_RELEASE);
	spin_unlock(&net->link_lock, flags);
	return up != was_up;
}

static const struct {
	uint8_t feature;
	enum ferrule_net_offload offload;
	uint8_t rx_gso, tx_gso;
} kinds[] = {
	{ VIRTIO_NET_F_CSUM, FERRULE_NET_TX_CHECKSUM, 0, 0 },
	{ VIRTIO_NET_F_HOST_TSO4, FERRULE_NET_TX_TSO4, 0, 1 << VIRTIO_NET_HDR_GSO_TCPV4 },
	{ VIRTIO_NET_F_HOST_TSO6, FERRULE_NET_TX_TSO6, 0, 1 << VIRTIO_NET_HDR_GSO_TCPV6 },
	{ VIRTIO_NET_F_HOST_UFO, FERRULE_NET_TX_UFO, 0, 1 << VIRTIO_NET_HDR_GSO_UDP },
	{ VIRTIO_NET_F_HOST_USO, FERRULE_NET_TX_USO, 0, 1 << VIRTIO_NET_HDR_GSO_UDP_L4 },
	{ VIRTIO_NET_F_GUEST_CSUM, FERRULE_NET_RX_CHECKSUM, 0, 0 },
	{ VIRTIO_NET_F_GUEST_TSO4, FERRULE_NET_RX_LARGE, 1 << VIRTIO_NET_HDR_GSO_TCPV4,
	  0 },
	{ VIRTIO_NET_F_GUEST_TSO6, FERRULE_NET_RX_LARGE, 1 << VIRTIO_NET_HDR_GSO_TCPV6,
	  0 },
	{ VIRTIO_NET_F_GUEST_UFO, FERRULE_NET_RX_LARGE, 1 << VIRTIO_NET_HDR_GSO_UDP, 0 },
	{ VIRTIO_NET_F_GUEST_USO4, FERRULE_NET_RX_USO, 1 << VIRTIO_NET_HDR_GSO_UDP_L4,
	  0 },
	{ VIRTIO_NET_F_GUEST_USO6, FERRULE_NET_RX_USO, 1 << VIRTIO_NET_HDR_GSO_UDP_L4,
	  0 },
	{ VIRTIO_NET_F_HASH_REPORT, FERRULE_NET_RX_HASH, 0, 0 },
};

static void read_offloads(struct ferrule_net *net)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!virtio_has(net->device, kinds[i].feature))
			continue;
		net->info.offloads |= kinds[i].offload;
		net->rx_gso |= kinds[i].rx_gso;
		net->tx_gso |= kinds[i].tx_gso;
	}
}

/* The header's length follows from what was negotiated, and from nothing else [NET-01]:
 * 24 and 32 bytes belong to features of VIRTIO 1.4, which are not. Legacy devices without
 * ANY_LAYOUT want it in a descriptor of its own [VQ-30]. */
static void read_framing(struct ferrule_net *net)
{
	struct virtio_device *device = net->device;
	bool legacy = device->transport->legacy;

	net->mergeable = virtio_has(device, VIRTIO_NET_F_MRG_RXBUF);
	net->header_bytes = NET_HEADER_BYTES;
	if (virtio_has(device, VIRTIO_NET_F_HASH_REPORT))
		net->header_bytes = NET_HEADER_HASH_BYTES;
	else if (legacy && !net->mergeable)
		net->header_bytes = NET_HEADER_LEGACY_BYTES;
	net->separate_header = legacy && !virtio_has(device, VIRTIO_F_ANY_LAYOUT);
	net->info.tx_headroom = net->separate_header ? 0 : (uint16_t)net->header_bytes;
}

void net_read_config(struct ferrule_net *net)
{
	struct virtio_device *device = net->device;

	memcpy(net->info.name, device->name, sizeof(net->info.name));
	read_framing(net);
	read_offloads(net);
	net->info.mtu = MTU_DEFAULT;
	if (virtio_has(device, VIRTIO_NET_F_MTU)) {
		net->info.mtu = virtio_config_read16(device, NET_CONFIG_MTU);
		if (net->info.mtu < NET_MTU_MIN) /* it changed its mind */
			net->info.mtu = NET_MTU_MIN;
	}
	read_mac(net);
	net_read_link(net);
}
