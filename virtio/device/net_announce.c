/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: the host asks for an announcement, after a migration for example, and hears
 * when it was made (VIRTIO 1.3 §5.1.6.5.4) [NET-28]. */

#include <virtio/device/net.h>

enum { ANNOUNCE_ACK = 0 };

int ferrule_net_announced(struct ferrule_net *net)
{
	int error = net_command(net, VIRTIO_NET_F_GUEST_ANNOUNCE, NET_CLASS_ANNOUNCE,
				ANNOUNCE_ACK, NULL, 0);

	if (!error)
		__atomic_store_n(&net->info.announce, false, __ATOMIC_RELEASE);
	return error;
}

static int announce_configure(struct ferrule_net *net)
{
	(void)net;
	return 0;
}

static const struct net_part net_announce_part = {
	.features = VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE),
	.configure = announce_configure,
};
NET_PART(net_announce_part);
