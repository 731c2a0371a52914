/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: the filter of VLANs (VIRTIO 1.3 §5.1.6.5.3).
 *
 * With CTRL_VLAN the filter starts empty and no tagged frame comes in, so it is negotiated
 * only in programs that add VLANs: those that refer to a call of this file [NET-27]. */

#include <kernel/heap.h>
#include <virtio/device/net.h>

enum { VLAN_ADD = 0, VLAN_DEL = 1 };

#define IDS	  4096
#define WORD_BITS 64

static int change(struct ferrule_net *net, uint16_t id, uint8_t what)
{
	int error;

	if (!id || id >= IDS - 1) /* IEEE 802.1Q: 0 and 4095 are no VLANs */
		return -EINVAL;
	if (!net->vlans)
		net->vlans = kzalloc(IDS / 8);
	if (!net->vlans)
		return -ENOMEM;
	error = net_command(net, VIRTIO_NET_F_CTRL_VLAN, NET_CLASS_VLAN, what, &id,
			    sizeof(id));
	if (error)
		return error;
	if (what == VLAN_ADD)
		net->vlans[id / WORD_BITS] |= VIRTIO_BIT(id % WORD_BITS);
	else
		net->vlans[id / WORD_BITS] &= ~VIRTIO_BIT(id % WORD_BITS);
	return 0;
}

int ferrule_net_vlan_add(struct ferrule_net *net, uint16_t id)
{
	return change(net, id, VLAN_ADD);
}

int ferrule_net_vlan_remove(struct ferrule_net *net, uint16_t id)
{
	return change(net, id, VLAN_DEL);
}

static int vlan_configure(struct ferrule_net *net)
{
	int error = 0;

	for (uint16_t id = 1; net->vlans && id < IDS - 1 && !error; id++)
		if (net->vlans[id / WORD_BITS] >> id % WORD_BITS & 1)
			error = change(net, id, VLAN_ADD);
	return error;
}

static void vlan_forget(struct ferrule_net *net)
{
	kfree(net->vlans);
}

static const struct net_part net_vlan_part = {
	.features = VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN),
	.configure = vlan_configure,
	.forget = vlan_forget,
};
NET_PART(net_vlan_part);
