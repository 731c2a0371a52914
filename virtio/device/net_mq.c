/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-net: several queue pairs (VIRTIO 1.3 §5.1.6.5.6).
 *
 * All receive queues that were set up are served, whatever the device was told: it may
 * steer as it likes. Transmit queues beyond the first are used once the device has
 * acknowledged their number, never one above it [NET-29]. */

#include <kernel/cmdline.h>
#include <kernel/log.h>
#include <virtio/device/net.h>

enum { MQ_PAIRS_SET = 0 };

CMDLINE_KEY(net_queues, "queue pairs of a network card: 1 to 8; 1");

/* One CPU is served best by one queue. */
unsigned net_pairs_wanted(void)
{
	const char *value = cmdline_value("net_queues", 0);
	uint64_t wanted = 1;

	if (value && !cmdline_number(value, 1, NET_PAIRS_MAX, &wanted))
		log_warn("net_queues: not a number from 1 to %u", NET_PAIRS_MAX);
	return (unsigned)wanted;
}

static uint64_t load64(const uint8_t *at)
{
	uint64_t word;

	__builtin_memcpy(&word, at, sizeof(word));
	return word;
}

static uint32_t load32(const uint8_t *at)
{
	uint32_t word;

	__builtin_memcpy(&word, at, sizeof(word));
	return word;
}

static bool has_ports(uint8_t protocol)
{
	return protocol == 6 || protocol == 17; /* TCP, UDP */
}

/* What is the same for all frames of a flow: its addresses, and its ports where they are
 * easily found. All other frames are one flow. */
static uint64_t flow_of(const uint8_t *frame, uint32_t bytes)
{
	const uint8_t *ip = frame + ETHERNET_BYTES;
	uint64_t flow;

	if (bytes >= ETHERNET_BYTES + 24 && frame[12] == 0x08 && frame[13] == 0x00) {
		flow = load64(ip + 12);
		/* No options, no fragment. */
		if (ip[0] == 0x45 && has_ports(ip[9]) && !((ip[6] & 0x3f) | ip[7]))
			flow += load32(ip + 20);
		return flow;
	}
	if (bytes >= ETHERNET_BYTES + 44 && frame[12] == 0x86 && frame[13] == 0xdd) {
		flow = load64(ip + 8) ^ load64(ip + 16) ^ load64(ip + 24) ^
		       load64(ip + 32);
		if (has_ports(ip[6]))
			flow += load32(ip + 40);
		return flow;
	}
	return 0;
}

/* Frames of one flow take one queue, so that they stay in order. */
__attribute__((noinline)) struct net_tx *
net_mq_choose(struct ferrule_net *net, const struct ferrule_net_segment *first)
{
	uint64_t flow = flow_of(first->data, first->bytes) * 0x9e3779b97f4a7c15;

	return &net->tx[(flow >> 32) % net->tx_pairs];
}

int net_mq_configure(struct ferrule_net *net)
{
	uint16_t pairs = (uint16_t)net->pairs;
	int error;

	if (pairs < 2 || !virtio_has(net->device, VIRTIO_NET_F_MQ))
		return 0;
	error = net_command(net, VIRTIO_NET_F_MQ, NET_CLASS_MQ, MQ_PAIRS_SET, &pairs,
			    sizeof(pairs));
	if (!error)
		__atomic_store_n(&net->tx_pairs, pairs, __ATOMIC_RELAXED);
	return error;
}
