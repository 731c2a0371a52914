/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A card as <ferrule/net.h> has it, scripted, and what else the stack asks for. Included by
 * one test file each. */

#ifndef NET_STACK_CARD_H
#define NET_STACK_CARD_H

#include <unit.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <kernel/init.h>
#include <kernel/time.h>
#include <net/card.h>
#include <net/config.h>
#include <net/net.h>
#include <net/stack.h>
#include <net/timers.h>
#include <posix/files.h>
#include <posix/signal.h>
#include <posix/socket.h>
#include <posix/tty.h>
#include "host/host.h"

extern const char *host_cmdline[8][2];

/* ---- the card ---- */

#define FRAME_MAX   70000
#define QUEUE_MAX   512
#define HEADER_ROOM 12

static const uint8_t guest_mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
static const uint8_t peer_mac[6] = { 2, 0, 0, 0, 0, 1 };

struct bytes {
	uint8_t *data;
	uint32_t size;
};

struct ferrule_net {
	struct ferrule_net_client client;
	bool opened, armed, link_up, broken;
	bool announce, removed;
	unsigned announced;
	bool hold_sent, blocked; /* a frame was refused */
	uint32_t offloads;
	/* To the guest, not received yet. */
	struct ferrule_frame *incoming[QUEUE_MAX];
	unsigned incoming_head, incoming_count;
	unsigned held; /* received, not released */
	/* From the guest, not yet looked at by a test. */
	struct bytes outgoing[QUEUE_MAX];
	unsigned outgoing_head, outgoing_count;
	void *tokens[QUEUE_MAX]; /* not given back yet */
	unsigned token_count, ring;
	unsigned kicks, sends;
} card;

struct ferrule_net *ferrule_net_at(unsigned index)
{
	return index ? NULL : &card;
}

void ferrule_net_info(struct ferrule_net *net, struct ferrule_net_info *out)
{
	*out = (struct ferrule_net_info){ .name = "net0",
					  .mtu = 1500,
					  .offloads = net->offloads,
					  .link_up = net->link_up,
					  .announce = net->announce,
					  .removed = net->removed,
					  .tx_headroom = HEADER_ROOM,
					  .rx_buffers = 16 };
	memcpy(out->mac, guest_mac, 6);
}

int ferrule_net_open(struct ferrule_net *net, const struct ferrule_net_client *client)
{
	if (!client) {
		if (net->held || net->token_count)
			return -EBUSY;
		net->opened = false;
		return 0;
	}
	net->client = *client;
	net->opened = net->armed = true;
	return 0;
}

struct ferrule_frame *ferrule_net_receive(struct ferrule_net *net)
{
	if (!net->incoming_count) {
		net->armed = true;
		return NULL;
	}
	net->incoming_count--;
	net->held++;
	return net->incoming[net->incoming_head++ % QUEUE_MAX];
}

void ferrule_net_release(struct ferrule_frame *frame)
{
	assert_true(card.held > 0);
	card.held--;
	while (frame) {
		struct ferrule_frame *next = frame->next;

		free(frame);
		frame = next;
	}
}

void ferrule_net_reap(struct ferrule_net *net)
{
	if (!net->token_count || net->hold_sent)
		return;
	while (net->token_count)
		net->client.sent(net->client.context, net->tokens[--net->token_count]);
	if (net->blocked) {
		net->blocked = false;
		net->client.ready(net->client.context);
	}
}

/* What VIRTIO 1.3 §5.1.6.2 has a card do: completes the sum over what follows `start`. */
static inline void finish_checksum(uint8_t *frame, uint32_t size,
				   const struct ferrule_net_meta *meta)
{
	uint16_t sum;

	assert_true(meta->checksum_start + meta->checksum_offset + 2u <= size);
	sum = (uint16_t)~net_lwip_checksum(frame + meta->checksum_start,
					   (int)(size - meta->checksum_start));
	memcpy(frame + meta->checksum_start + meta->checksum_offset, &sum, 2);
}

int ferrule_net_send(struct ferrule_net *net, const struct ferrule_net_segment *segments,
		     unsigned count, unsigned headroom,
		     const struct ferrule_net_meta *meta, bool more, void *token)
{
	struct bytes *out;
	uint32_t size = 0;

	if (net->broken)
		return -EIO;
	if (net->token_count == net->ring)
		ferrule_net_reap(net);
	if (net->token_count == net->ring) {
		net->blocked = true;
		return -ENOBUFS;
	}
	assert_true(net->outgoing_count < QUEUE_MAX);
	for (unsigned i = 0; i < count; i++)
		size += segments[i].bytes;
	out = &net->outgoing[(net->outgoing_head + net->outgoing_count++) % QUEUE_MAX];
	out->data = malloc(size);
	out->size = size;
	size = 0;
	for (unsigned i = 0; i < count; i++) {
		memcpy(out->data + size, segments[i].data, segments[i].bytes);
		size += segments[i].bytes;
	}
	if (headroom >= HEADER_ROOM) /* the driver's header goes there */
		memset((uint8_t *)segments[0].data - HEADER_ROOM, 0xee, HEADER_ROOM);
	if (meta->checksum_needed) {
		assert_true(net->offloads & FERRULE_NET_TX_CHECKSUM);
		finish_checksum(out->data, size, meta);
	}
	net->tokens[net->token_count++] = token;
	net->sends++;
	net->kicks += !more;
	return 0;
}

int ferrule_net_set_promiscuous(struct ferrule_net *net, bool on)
{
	(void)net;
	(void)on;
	return -ENOTSUP;
}

int ferrule_net_set_multicast(struct ferrule_net *net, const uint8_t (*addresses)[6],
			      unsigned count)
{
	(void)net;
	(void)addresses;
	(void)count;
	return 0;
}

int ferrule_net_announced(struct ferrule_net *net)
{
	net->announced++;
	net->announce = false;
	return 0;
}

/* ---- what else the stack asks for ---- */

static int raised;
struct file tty_file; /* descriptors 0 to 2 */

bool signal_pending(void)
{
	return false;
}

bool signal_restart(void)
{
	return false;
}

void signal_raise(int number)
{
	raised = number;
}

/* ---- the world ---- */

static inline void announce(void)
{
	if (!card.armed)
		return;
	card.armed = false;
	card.client.ready(card.client.context);
}

static bool still; /* the world stands still: sleeps end at their deadlines */

/* Lets the stack take what came, as its thread would. */
static inline void run_stack(void)
{
	struct net_waiter *nobody = NULL;

	still = true;
	net_lock();
	net_wait(&nobody, POLLIN, clock_ns() + 1000);
	net_timers_run(true);
	net_unlock();
	ferrule_net_reap(&card);
	still = false;
}

static void (*peer_react)(void); /* answers what the guest sent, while a test sleeps */
static unsigned idle_rounds;	 /* in which nothing came */

/* While a call of the guest sleeps: the peer reacts, time passes, timers run. */
static inline bool world(void)
{
	static bool inside;

	if (inside || still)
		return false;
	inside = true;
	if (peer_react)
		peer_react();
	if (card.incoming_count) {
		idle_rounds = 0;
		announce();
	} else {
		idle_rounds++;
	}
	host_clock_advance(10 * NS_PER_MS);
	net_lock();
	net_timers_run(true);
	net_unlock();
	ferrule_net_reap(&card);
	inside = false;
	if (idle_rounds < 6000) /* a minute */
		return true;
	idle_rounds = 0;
	return false;
}

/* In pieces of `piece` bytes, each with the card's header before it. */
static inline void inject_in_pieces(const void *data, uint32_t size, uint32_t piece)
{
	struct ferrule_frame *first = NULL, **link = &first;

	assert_true(card.incoming_count < QUEUE_MAX);
	for (uint32_t at = 0; at < size || !at; at += piece) {
		uint32_t bytes = size - at < piece ? size - at : piece;
		struct ferrule_frame *frame = aligned_alloc(
			16, (sizeof(*frame) + HEADER_ROOM + bytes + 15) & ~(size_t)15);

		memset(frame, 0, sizeof(*frame));
		frame->data = (uint8_t *)(frame + 1) + HEADER_ROOM;
		frame->bytes = bytes;
		frame->total_bytes = at ? 0 : size;
		frame->net = &card;
		memcpy(frame->data, (const uint8_t *)data + at, bytes);
		*link = frame;
		link = &frame->next;
		if (!size)
			break;
	}
	card.incoming[(card.incoming_head + card.incoming_count++) % QUEUE_MAX] = first;
	announce();
}

static inline void inject(const void *data, uint32_t size)
{
	inject_in_pieces(data, size, FRAME_MAX);
}

/* The next frame the guest sent, which the caller frees; size 0: none. */
static inline struct bytes sent_frame(void)
{
	if (!card.outgoing_count)
		return (struct bytes){ 0 };
	card.outgoing_count--;
	return card.outgoing[card.outgoing_head++ % QUEUE_MAX];
}

static inline void forget_sent(void)
{
	while (card.outgoing_count)
		free(sent_frame().data);
}

#endif
