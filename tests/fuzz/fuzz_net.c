/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: device virtio/device/net*.c virtio/device/exchange*.c
 *	virtio/device/pieces.c */

/* virtio-net and a card that lies (requirements NET). */

#include <errno.h>
#include <ferrule/entropy.h>
#include <kernel/time.h>
#include <virtio/device/net.h>
#include "fuzz.h"

#define TOKENS 64
#define HELD   8

static uint8_t memory[4096];
static bool out[TOKENS];
static struct ferrule_frame *held[HELD];
static struct ferrule_net *opened; /* ours, also when it is gone */
static size_t seen;

/* Of sync.c's mutex a single thread needs no more than this. */
void mutex_lock(struct mutex *mutex)
{
	FUZZ_ASSERT(!mutex->owner);
	mutex->owner = (uintptr_t)thread_current();
}

void mutex_unlock(struct mutex *mutex)
{
	mutex->owner = 0;
}

void ferrule_entropy_read(void *random, size_t bytes)
{
	memset(random, 0xff, bytes);
}

static void setup(struct mock *mock, struct mock_chaos *chaos)
{
	static const uint8_t config[] = { 0x52, 0x54, 0, 1, 2, 3, 1, 0, 2,
					  0,	0xdc, 5, 0, 0, 1, 0, 1 };

	static const uint8_t more[] = {
		VIRTIO_NET_F_GUEST_CSUM,
		VIRTIO_NET_F_GUEST_TSO4,
		VIRTIO_NET_F_CTRL_VLAN,
		VIRTIO_NET_F_CTRL_RX_EXTRA,
		VIRTIO_NET_F_GUEST_ANNOUNCE,
		VIRTIO_NET_F_RSS,
		VIRTIO_NET_F_HASH_REPORT,
		VIRTIO_NET_F_VQ_NOTF_COAL,
		VIRTIO_NET_F_GUEST_USO4,
		VIRTIO_NET_F_CTRL_GUEST_OFFLOADS,
		VIRTIO_NET_F_CTRL_MAC_ADDR,
		VIRTIO_NET_F_RSC_EXT,
		VIRTIO_NET_F_MTU,
		VIRTIO_NET_F_SPEED_DUPLEX,
	};

	for (unsigned i = 0; i < 8; i++)
		mock->queue_max[i] = (uint16_t)(1u << mock_chaos_byte(chaos) % 8);
	memcpy(mock->config, config, sizeof(config));
	mock->config_bytes = 64;
	mock_offer(mock, VIRTIO_NET_F_MAC);
	mock_offer(mock, VIRTIO_NET_F_STATUS);
	mock_offer(mock, VIRTIO_NET_F_MRG_RXBUF);
	mock_offer(mock, VIRTIO_NET_F_CTRL_VQ);
	mock_offer(mock, VIRTIO_NET_F_CTRL_RX);
	for (unsigned i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		if (mock_chaos_byte(chaos) & 1)
			mock_offer(mock, more[i]);
}

static void on_sent(void *context, void *token)
{
	bool *flag = token;

	(void)context;
	FUZZ_ASSERT(flag >= out && flag < out + TOKENS && *flag);
	*flag = false;
}

static const struct ferrule_net_client client = { NULL, NULL, on_sent, NULL };

static void receive(struct ferrule_net *net, unsigned keep)
{
	struct ferrule_frame *frame = ferrule_net_receive(net);
	size_t bytes = 0;

	if (!frame)
		return;
	for (struct ferrule_frame *each = frame; each; each = each->next) {
		for (uint32_t i = 0; i < each->bytes; i++)
			seen += each->data[i];
		bytes += each->bytes;
	}
	FUZZ_ASSERT(bytes == frame->total_bytes && bytes >= 14 && bytes <= 65535 + 18);
	FUZZ_ASSERT(!frame->meta.checksum_needed ||
		    frame->meta.checksum_start + frame->meta.checksum_offset + 2u <=
			    bytes);
	if (held[keep % HELD])
		ferrule_net_release(held[keep % HELD]);
	held[keep % HELD] = frame;
}

static void send(struct ferrule_net *net, unsigned which, struct mock_chaos *chaos)
{
	struct ferrule_net_segment segments[4];
	unsigned count = 1 + mock_chaos_byte(chaos) % 4;
	struct ferrule_net_meta meta = { 0 };

	if (out[which])
		return;
	for (unsigned i = 0; i < count; i++)
		segments[i] = (struct ferrule_net_segment){ memory + 1024 * i,
							    60 + i * 200 };
	out[which] = true;
	if (ferrule_net_send(net, segments, count, 0, count & 1 ? &meta : NULL, which & 1,
			     &out[which]))
		out[which] = false;
}

static void step(struct mock *mock, struct mock_chaos *chaos)
{
	struct ferrule_net *net = ferrule_net_at(0);
	unsigned which = mock_chaos_byte(chaos);

	(void)mock;
	if (!net)
		return;
	if (!opened && !ferrule_net_open(net, &client))
		opened = net;
	switch (mock_chaos_byte(chaos) % 14) {
	case 0:
		ferrule_net_reap(net);
		break;
	case 1:
		ferrule_net_set_promiscuous(net, which & 1);
		break;
	case 2:
		ferrule_net_set_mac(net, memory);
		break;
	case 3:
		ferrule_net_wait(net, clock_ns() + NS_PER_MS);
		break;
	case 4:
		send(net, which % TOKENS, chaos);
		break;
	case 5:
		ferrule_net_set_multicast(net, (const uint8_t(*)[6])memory, which % 32);
		break;
	case 6:
		ferrule_net_vlan_add(net, which);
		break;
	case 7:
		ferrule_net_set_hash(net, which, memory, which % 64, NULL, 0);
		break;
	case 8: {
		struct ferrule_net_coalescing got;

		ferrule_net_get_coalescing(net, which % 2, which & 4, &got);
		break;
	}
	case 9:
		ferrule_net_set_receive_offloads(net, which);
		break;
	case 10:
		ferrule_net_announced(net);
		break;
	default:
		receive(net, which);
	}
}

const struct fuzz_device fuzz_device = {
	.id = VIRTIO_ID_NET,
	.setup = setup,
	.step = step,
};
