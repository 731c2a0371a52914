/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: receive offloads that are switched while the card runs (VIRTIO 1.3
 * §5.1.6.5.8). */

#include <virtio/device/net.h>

/* RSC_EXT is for who looks at what was merged: our stack has enough of the merging that comes
 * with GUEST_TSO, and QEMU loses the mark of incomplete checksums with it. */
enum { OFFLOADS_SET = 0 };

#define BIT(name) VIRTIO_BIT(VIRTIO_NET_F_##name)
#define LARGE	  (BIT(GUEST_TSO4) | BIT(GUEST_TSO6) | BIT(GUEST_ECN) | BIT(GUEST_UFO))
#define USO	  (BIT(GUEST_USO4) | BIT(GUEST_USO6))

/* Only what was negotiated may be named [NET-32]. Merged datagrams are believed only while
 * they are on; merged segments always, since some may be on their way. */
static int set(struct ferrule_net *net, uint64_t bits)
{
	const uint8_t uso = 1 << VIRTIO_NET_HDR_GSO_UDP_L4;
	int error;

	if (net->info.removed)
		return -ENODEV;
	bits &= net->device->negotiated.words[0];
	if (bits & USO)
		net->rx_gso |= uso;
	error = net_command(net, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, NET_CLASS_OFFLOADS,
			    OFFLOADS_SET, &bits, sizeof(bits));
	if (!error && !(bits & USO))
		net->rx_gso &= (uint8_t)~uso;
	return error;
}

int ferrule_net_set_receive_offloads(struct ferrule_net *net, uint32_t offloads)
{
	uint64_t bits = 0;
	int error;

	/* The others need the first (§5.1.3.1). */
	if (offloads & (FERRULE_NET_RX_LARGE | FERRULE_NET_RX_USO) &&
	    !(offloads & FERRULE_NET_RX_CHECKSUM))
		return -EINVAL;
	bits |= offloads & FERRULE_NET_RX_CHECKSUM ? BIT(GUEST_CSUM) : 0;
	bits |= offloads & FERRULE_NET_RX_LARGE ? LARGE : 0;
	bits |= offloads & FERRULE_NET_RX_USO ? USO : 0;
	error = set(net, bits);
	if (!error) {
		net->offloads = bits;
		net->offloads_set = true;
	}
	return error;
}

/* After a reset all that was negotiated is on. At boot merged datagrams are switched off. */
static int offload_configure(struct ferrule_net *net)
{
	uint64_t negotiated = net->device->negotiated.words[0];

	if (!(negotiated & BIT(CTRL_GUEST_OFFLOADS)))
		return 0;
	if (net->offloads_set)
		return set(net, net->offloads);
	net->rx_gso &= (uint8_t) ~(1 << VIRTIO_NET_HDR_GSO_UDP_L4);
	return negotiated & USO ? set(net, BIT(GUEST_CSUM) | LARGE) : 0;
}

static const struct net_part net_offload_part = {
	.features = BIT(CTRL_GUEST_OFFLOADS) | USO | BIT(RSC_EXT),
	.configure = offload_configure,
};
NET_PART(net_offload_part);
