/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The frames of a peer of the network stack, and how a test begins and ends. Included by one
 * test file each. */

#ifndef NET_STACK_PEER_H
#define NET_STACK_PEER_H

#include "net_stack/card.h"

/* ---- frames ---- */

#define GUEST 0x0a00020f /* 10.0.2.15 */
#define PEER  0x0a000202

static inline void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static inline unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static inline uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* The sum over a pseudo header and a payload; 0 if a checksum in it is right. */
static inline uint16_t transport_sum(const uint8_t *ip, const uint8_t *payload,
				     unsigned size)
{
	uint8_t pseudo[12];
	uint32_t sum;

	memcpy(pseudo, ip + 12, 8);
	pseudo[8] = 0;
	pseudo[9] = ip[9];
	put16(pseudo + 10, size);
	sum = (uint32_t)net_lwip_checksum(pseudo, 12) +
	      net_lwip_checksum(payload, (int)size);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Ethernet and IPv4 around what is already at frame + 34; returns the frame's size. */
static inline uint32_t wrap(uint8_t *frame, uint8_t protocol, unsigned size)
{
	uint8_t *ip = frame + 14;
	uint16_t sum;

	memcpy(frame, guest_mac, 6);
	memcpy(frame + 6, peer_mac, 6);
	put16(frame + 12, 0x0800);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, 20 + size);
	ip[8] = 64;
	ip[9] = protocol;
	put32(ip + 12, PEER);
	put32(ip + 16, GUEST);
	sum = (uint16_t)~net_lwip_checksum(ip, 20);
	memcpy(ip + 10, &sum, 2);
	return 34 + size;
}

static inline uint32_t make_udp(uint8_t *frame, unsigned from, unsigned to,
				const void *data, unsigned size)
{
	uint8_t *udp = frame + 34;
	uint16_t sum;

	put16(udp, from);
	put16(udp + 2, to);
	put16(udp + 4, 8 + size);
	put16(udp + 6, 0);
	memcpy(udp + 8, data, size);
	wrap(frame, 17, 8 + size);
	sum = transport_sum(frame + 14, udp, 8 + size);
	memcpy(udp + 6, &sum, 2);
	return 42 + size;
}

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

/* The peer's side of one connection. */
static struct {
	uint16_t port, guest_port;
	uint32_t sequence, acknowledge;
} peer;

static inline uint32_t make_tcp(uint8_t *frame, unsigned flags, const void *data,
				unsigned size)
{
	uint8_t *tcp = frame + 34;
	uint16_t sum;

	memset(tcp, 0, 20);
	put16(tcp, peer.port);
	put16(tcp + 2, peer.guest_port);
	put32(tcp + 4, peer.sequence);
	put32(tcp + 8, flags & ACK ? peer.acknowledge : 0);
	tcp[12] = 0x50;
	tcp[13] = (uint8_t)flags;
	put16(tcp + 14, 60000);
	memcpy(tcp + 20, data, size);
	wrap(frame, 6, 20 + size);
	sum = transport_sum(frame + 14, tcp, 20 + size);
	memcpy(tcp + 16, &sum, 2);
	return 54 + size;
}

static inline void peer_says(unsigned flags, const char *data)
{
	uint8_t frame[2000];
	unsigned size = (unsigned)strlen(data);

	inject(frame, make_tcp(frame, flags, data, size));
	peer.sequence += size + !!(flags & (SYN | FIN));
}

/* The guest's next TCP segment, of which this returns the flags and *data, *size. */
static inline unsigned guest_said(char *data, unsigned *size)
{
	struct bytes frame;

	*size = 0;
	while ((frame = sent_frame()).size) {
		const uint8_t *ip = frame.data + 14, *tcp = ip + 20;
		unsigned length, flags;

		if (get16(frame.data + 12) != 0x0800 || ip[9] != 6) {
			free(frame.data);
			continue;
		}
		assert_int_equal(net_lwip_checksum(ip, 20), 0xffff);
		length = get16(ip + 2) - 20;
		assert_int_equal(transport_sum(ip, tcp, length), 0);
		flags = tcp[13];
		*size = length - (tcp[12] >> 4) * 4u;
		memcpy(data, tcp + (tcp[12] >> 4) * 4u, *size);
		peer.guest_port = (uint16_t)get16(tcp);
		if (flags & SYN)
			peer.port = (uint16_t)get16(tcp + 2);
		peer.acknowledge = get32(tcp + 4) + *size + !!(flags & (SYN | FIN));
		free(frame.data);
		return flags;
	}
	return 0;
}

/* ---- cases ---- */

LINKSET_DECLARE(init_calls, const struct init_call);

static inline int start(void **state)
{
	(void)state;
	card.link_up = true;
	card.ring = 64;
	card.offloads = FERRULE_NET_TX_CHECKSUM | FERRULE_NET_RX_CHECKSUM;
	host_cmdline[0][0] = "net";
	host_cmdline[0][1] = "10.0.2.15/24,gw=10.0.2.2,dns=10.0.2.3";
	host_world = world;
	LINKSET_EACH(init_calls, call)
	(*call)->run();
	run_stack();
	return card.opened ? 0 : -1;
}

/* Between cases nothing of the card's may be left with anybody. */
static inline int settle(void **state)
{
	(void)state;
	peer_react = NULL;
	card.hold_sent = card.broken = false;
	card.ring = 64;
	for (unsigned i = 0; i < 20; i++)
		run_stack();
	forget_sent();
	assert_int_equal(card.held, 0);
	assert_int_equal(card.token_count, 0);
	raised = 0;
	return 0;
}

/* The guest knows the peer's MAC address afterwards. */
static inline void introduce(void)
{
	uint8_t frame[60] = { 0 };
	struct bytes answer;

	forget_sent();
	memset(frame, 0xff, 6);
	memcpy(frame + 6, peer_mac, 6);
	put16(frame + 12, 0x0806);
	put16(frame + 14, 1);
	put16(frame + 16, 0x0800);
	frame[18] = 6;
	frame[19] = 4;
	put16(frame + 20, 1);
	memcpy(frame + 22, peer_mac, 6);
	put32(frame + 28, PEER);
	put32(frame + 38, GUEST);
	inject(frame, 60);
	run_stack();
	while ((answer = sent_frame()).size && get16(answer.data + 12) != 0x0806)
		free(answer.data);
	if (answer.size) {
		assert_int_equal(get16(answer.data + 20), 2);
		assert_memory_equal(answer.data + 22, guest_mac, 6);
		free(answer.data);
	}
	forget_sent();
}

/* Until its own IPv6 address is no longer tentative. */
static inline void await_addresses(void)
{
	for (unsigned i = 0; i < 40; i++) {
		host_clock_advance(NS_PER_SEC / 10);
		run_stack();
	}
	forget_sent();
}

#define stack_test(function) cmocka_unit_test_teardown(function, settle)

#endif
