/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: features, configuration, link (VIRTIO 1.3 §5.1). */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <virtio/device/net.h>

#define PAIRS_LIMIT 0x8000 /* §5.1.4.1 */

LINKSET_DECLARE(ferrule_net_arrivals, const struct ferrule_net_arrival);

static struct ferrule_net *cards; /* in the order of their finding */
static struct spinlock cards_lock;

struct ferrule_net *net_card_at(unsigned index)
{
	unsigned long flags = spin_lock(&cards_lock);
	struct ferrule_net *net = cards;

	while (net && index--)
		net = net->next;
	spin_unlock(&cards_lock, flags);
	return net;
}

static void enlist(struct ferrule_net *net)
{
	unsigned long flags = spin_lock(&cards_lock);
	struct ferrule_net **end = &cards;

	while (*end)
		end = &(*end)->next;
	*end = net;
	spin_unlock(&cards_lock, flags);
}

void net_unlist(struct ferrule_net *net)
{
	unsigned long flags = spin_lock(&cards_lock);
	struct ferrule_net **link = &cards;

	while (*link && *link != net)
		link = &(*link)->next;
	if (*link)
		*link = net->next;
	spin_unlock(&cards_lock, flags);
}

#define NEEDS(feature, ...)                           \
	{                                             \
		feature, VIRTIO_FEATURES(__VA_ARGS__) \
	}
#define BIT(name) VIRTIO_BIT(VIRTIO_NET_F_##name)

/* §5.1.3.1 [NET-02], and what our buffers ask for: segments merged by the device need
 * mergeable buffers, the alternative being 64 KiB for each. Merged datagrams are several:
 * who cannot take them apart must be able to switch them off. */
static const struct virtio_dependency dependencies[] = {
	NEEDS(VIRTIO_NET_F_GUEST_TSO4, BIT(GUEST_CSUM)),
	NEEDS(VIRTIO_NET_F_GUEST_TSO6, BIT(GUEST_CSUM)),
	NEEDS(VIRTIO_NET_F_GUEST_UFO, BIT(GUEST_CSUM)),
	NEEDS(VIRTIO_NET_F_GUEST_USO4, BIT(GUEST_CSUM)),
	NEEDS(VIRTIO_NET_F_GUEST_USO6, BIT(GUEST_CSUM)),
	NEEDS(VIRTIO_NET_F_GUEST_TSO4, BIT(MRG_RXBUF)),
	NEEDS(VIRTIO_NET_F_GUEST_TSO6, BIT(MRG_RXBUF)),
	NEEDS(VIRTIO_NET_F_GUEST_UFO, BIT(MRG_RXBUF)),
	NEEDS(VIRTIO_NET_F_GUEST_USO4, BIT(MRG_RXBUF)),
	NEEDS(VIRTIO_NET_F_GUEST_USO6, BIT(MRG_RXBUF)),
	NEEDS(VIRTIO_NET_F_GUEST_USO4, BIT(CTRL_GUEST_OFFLOADS)),
	NEEDS(VIRTIO_NET_F_GUEST_USO6, BIT(CTRL_GUEST_OFFLOADS)),
	NEEDS(VIRTIO_NET_F_GUEST_ECN, BIT(GUEST_TSO4) | BIT(GUEST_TSO6)),
	NEEDS(VIRTIO_NET_F_HOST_TSO4, BIT(CSUM)),
	NEEDS(VIRTIO_NET_F_HOST_TSO6, BIT(CSUM)),
	NEEDS(VIRTIO_NET_F_HOST_UFO, BIT(CSUM)),
	NEEDS(VIRTIO_NET_F_HOST_USO, BIT(CSUM)),
	NEEDS(VIRTIO_NET_F_RSC_EXT, BIT(HOST_TSO4) | BIT(HOST_TSO6)),
	NEEDS(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, BIT(CTRL_VQ)),
	NEEDS(VIRTIO_NET_F_CTRL_RX, BIT(CTRL_VQ)),
	NEEDS(VIRTIO_NET_F_CTRL_RX_EXTRA, BIT(CTRL_VQ)),
	NEEDS(VIRTIO_NET_F_CTRL_VLAN, BIT(CTRL_VQ)),
	NEEDS(VIRTIO_NET_F_CTRL_MAC_ADDR, BIT(CTRL_VQ)),
	NEEDS(VIRTIO_NET_F_GUEST_ANNOUNCE, BIT(CTRL_VQ)),
	NEEDS(VIRTIO_NET_F_GUEST_ANNOUNCE, BIT(STATUS)),
	NEEDS(VIRTIO_NET_F_MQ, BIT(CTRL_VQ)),
	NEEDS(VIRTIO_NET_F_RSS, BIT(CTRL_VQ)),
	NEEDS(VIRTIO_NET_F_HASH_REPORT, BIT(CTRL_VQ)),
	NEEDS(VIRTIO_NET_F_NOTF_COAL, BIT(CTRL_VQ)),
	NEEDS(VIRTIO_NET_F_VQ_NOTF_COAL, BIT(CTRL_VQ)),
};

/* What a part that is not linked in would need is not asked for. */
static void drop_absent_parts(struct virtio_features *wanted)
{
	uint64_t optional = BIT(CTRL_RX) | BIT(CTRL_RX_EXTRA) | BIT(CTRL_VLAN) |
			    BIT(RSS) | BIT(HASH_REPORT) | BIT(NOTF_COAL) |
			    BIT(VQ_NOTF_COAL) | BIT(CTRL_GUEST_OFFLOADS) |
			    BIT(GUEST_USO4) | BIT(GUEST_USO6) | BIT(RSC_EXT) |
			    BIT(GUEST_ANNOUNCE);

	LINKSET_EACH(net_parts, part)
	optional &= ~(*part)->features;
	wanted->words[0] &= ~optional;
}

/* §5.1.4.2: values that make no sense cost the feature they belong to [NET-06]. */
static void net_validate(struct virtio_device *device, struct virtio_features *wanted)
{
	const struct virtio_features *offered = &device->offered;
	bool pairs = virtio_features_has(offered, VIRTIO_NET_F_MQ) ||
		     virtio_features_has(offered, VIRTIO_NET_F_RSS);
	uint16_t value;

	drop_absent_parts(wanted);
	if (net_pairs_wanted() < 2)
		virtio_features_clear(wanted, VIRTIO_NET_F_MQ);
	if (virtio_features_has(offered, VIRTIO_NET_F_MTU) &&
	    (value = virtio_config_read16(device, NET_CONFIG_MTU)) < NET_MTU_MIN) {
		log_warn("%s: an MTU of %u makes no sense", device->name, value);
		virtio_features_clear(wanted, VIRTIO_NET_F_MTU);
	}
	if (pairs && ((value = virtio_config_read16(device, NET_CONFIG_MAX_PAIRS)) < 1 ||
		      value > PAIRS_LIMIT)) {
		log_warn("%s: %u queue pairs make no sense", device->name, value);
		virtio_features_clear(wanted, VIRTIO_NET_F_MQ);
		virtio_features_clear(wanted, VIRTIO_NET_F_RSS);
	}
}

/* How many pairs there are, and how many are set up. */
static void read_pairs(struct ferrule_net *net)
{
	unsigned wanted = net_pairs_wanted();

	net->max_pairs = 1;
	if (virtio_has(net->device, VIRTIO_NET_F_MQ) ||
	    virtio_has(net->device, VIRTIO_NET_F_RSS))
		net->max_pairs = virtio_config_read16(net->device, NET_CONFIG_MAX_PAIRS);
	if (!net->max_pairs || net->max_pairs > PAIRS_LIMIT) /* it changed its mind */
		net->max_pairs = 1;
	net->pairs = wanted < net->max_pairs ? wanted : net->max_pairs;
	net->trouble = net->pairs > 1 ? NET_SEVERAL : 0;
	if (wanted > net->pairs)
		log_info("%s: has %u queue pairs, not %u", net->device->name, net->pairs,
			 wanted);
}

/* Receive and transmit queues in pairs; the control queue comes after all that the device
 * could have, not after those that are used (§5.1.2) [NET-21]. */
int net_find_queues(struct ferrule_net *net)
{
	bool control = virtio_has(net->device, VIRTIO_NET_F_CTRL_VQ);
	struct virtqueue_wanted wanted[2 * NET_PAIRS_MAX + 1];
	struct virtqueue *queues[2 * NET_PAIRS_MAX + 1] = { 0 };
	unsigned count = 2 * net->pairs;
	int error;

	for (unsigned i = 0; i < count; i++)
		wanted[i] = (struct virtqueue_wanted){
			.name = i & 1 ? "tx" : "rx",
			.index = i,
			.callback = i & 1 ? net_transmitted : net_received,
			.pieces_max = i & 1 ? 4 : 1,
		};
	wanted[count] = (struct virtqueue_wanted){
		.name = "control",
		.index = 2 * net->max_pairs,
		.size_max = 8,
		.callback = net_control_used,
		.pieces_max = 4,
	};
	error = virtio_find_queues(net->device, wanted, count + control, queues);
	if (error)
		return error;
	for (unsigned i = 0; i < net->pairs; i++) {
		net->rx[i].queue = queues[2 * i];
		net->tx[i].queue = queues[2 * i + 1];
	}
	net->control = queues[count];
	return 0;
}

/* Nothing is posted before all is there, so what fails is freed [NET-18]. */
static int prepare(struct ferrule_net *net)
{
	int error = net_find_queues(net);

	if (!error)
		error = net_control_prepare(net);
	if (!error)
		error = net_tx_prepare(net);
	if (!error)
		error = net_rx_prepare(net);
	if (!error)
		return 0;
	net_rx_free(net);
	net_tx_free(net);
	net_control_free(net);
	return error;
}

static int net_probe(struct virtio_device *device)
{
	struct ferrule_net *net = kzalloc(sizeof(*net));
	int error;

	if (!net)
		return -ENOMEM;
	net->device = device;
	net->tx_pairs = 1;
	read_pairs(net);
	net_read_config(net);
	error = prepare(net);
	if (error) {
		log_error("%s: cannot set it up", device->name);
		kfree(net);
		return error;
	}
	for (unsigned i = 0; i < net->pairs; i++)
		net_rx_refill(&net->rx[i], net);
	device->driver_data = net;
	return 0;
}

static void net_ready(struct virtio_device *device)
{
	struct ferrule_net *net = device->driver_data;
	const uint8_t *mac = net->info.mac;

	net_configure(net);
	net_rx_start(net);
	net_read_link(net); /* changes were not announced before DRIVER_OK */
	enlist(net);
	log_info("%s: %02x:%02x:%02x:%02x:%02x:%02x, MTU %u, link %s", device->name,
		 mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], net->info.mtu,
		 net->info.link_up ? "up" : "down");
	if (net->pairs > 1)
		log_info("%s: %u queue pairs, %u to send by", device->name, net->pairs,
			 net->tx_pairs);
	log_debug("%s: %u receive buffers of %u bytes, %u transmit slots", device->name,
		  net->rx[0].count, net->rx_bytes, net->tx[0].count);
	LINKSET_EACH(ferrule_net_arrivals, arrival)
	(*arrival)->arrived(net);
}

static void net_config_changed(struct virtio_device *device)
{
	struct ferrule_net *net = device->driver_data;

	/* The client looks at info.announce, too. */
	if (net_read_link(net) || net->info.announce)
		net_link_changed(net);
}

/* STANDBY, which is for cards that stand in for another, is not asked for [NET-38]; nor is
 * HOST_ECN: nobody here sends segments with ECN to be cut [NET-11]. */
static const struct virtio_driver virtio_net_driver = {
	.name = "net",
	.device_id = VIRTIO_ID_NET,
	.wanted = VIRTIO_FEATURES(
		BIT(CSUM) | BIT(GUEST_CSUM) | BIT(CTRL_GUEST_OFFLOADS) | BIT(MTU) |
		BIT(MAC) | BIT(GUEST_TSO4) | BIT(GUEST_TSO6) | BIT(GUEST_ECN) |
		BIT(GUEST_UFO) | BIT(HOST_TSO4) | BIT(HOST_TSO6) | BIT(HOST_UFO) |
		BIT(MRG_RXBUF) | BIT(STATUS) | BIT(CTRL_VQ) | BIT(CTRL_RX) |
		BIT(CTRL_VLAN) | BIT(CTRL_RX_EXTRA) | BIT(GUEST_ANNOUNCE) | BIT(MQ) |
		BIT(CTRL_MAC_ADDR) | BIT(VQ_NOTF_COAL) | BIT(NOTF_COAL) |
		BIT(GUEST_USO4) | BIT(GUEST_USO6) | BIT(HOST_USO) | BIT(HASH_REPORT) |
		BIT(GUEST_HDRLEN) | BIT(RSS) | BIT(RSC_EXT) | BIT(SPEED_DUPLEX)),
	.dependencies = dependencies,
	.dependency_count = sizeof(dependencies) / sizeof(dependencies[0]),
	.validate = net_validate,
	.probe = net_probe,
	.ready = net_ready,
	.config_changed = net_config_changed,
	.broken = net_broken,
	.quiet = net_quiet,
	.restore = net_restore,
	.restored = net_restored,
	.queue_broken = net_queue_broken,
	.queue_restored = net_queue_restored,
	.queue_quiet = net_queue_quiet,
	.removed = net_removed,
};
VIRTIO_DRIVER(virtio_net_driver);
