/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The network stack and its sockets against a card and a peer that are scripted here.
 *
 * sources: net/card.c net/card_rx.c net/card_tx.c net/config.c net/isn.c net/lwip_port.c net/multicast.c net/offload.c
 *	net/stack.c net/status.c net/timers.c posix/socket.c posix/socket_address.c
 *	posix/socket_datagram.c posix/socket_datagram_receive.c posix/socket_file.c
 *	posix/socket_message.c posix/socket_options.c posix/socket_stream.c
 *	posix/socket_tcp.c posix/socket_tcp_listen.c posix/socket_tcp_options.c posix/file.c
 *	posix/fd.c kernel/format.c tests/unit/host/cmdline.c tests/unit/host/cpu.c
 *	tests/unit/host/files.c tests/unit/host/heap.c tests/unit/host/log.c
 *	tests/unit/host/panic.c tests/unit/host/thread.c tests/unit/host/time.c
 *	build/ports/lwip/source/src/core/def.c build/ports/lwip/source/src/core/dns.c
 *	build/ports/lwip/source/src/core/inet_chksum.c
 *	build/ports/lwip/source/src/core/init.c build/ports/lwip/source/src/core/ip.c
 *	build/ports/lwip/source/src/core/mem.c build/ports/lwip/source/src/core/memp.c
 *	build/ports/lwip/source/src/core/netif.c build/ports/lwip/source/src/core/pbuf.c
 *	build/ports/lwip/source/src/core/raw.c build/ports/lwip/source/src/core/tcp.c
 *	build/ports/lwip/source/src/core/tcp_in.c
 *	build/ports/lwip/source/src/core/tcp_out.c
 *	build/ports/lwip/source/src/core/timeouts.c build/ports/lwip/source/src/core/udp.c
 *	build/ports/lwip/source/src/core/ipv4/dhcp.c
 *	build/ports/lwip/source/src/core/ipv4/etharp.c
 *	build/ports/lwip/source/src/core/ipv4/icmp.c
 *	build/ports/lwip/source/src/core/ipv4/ip4.c
 *	build/ports/lwip/source/src/core/ipv4/ip4_addr.c
 *	build/ports/lwip/source/src/core/ipv4/ip4_frag.c
 *	build/ports/lwip/source/src/core/ipv6/ethip6.c
 *	build/ports/lwip/source/src/core/ipv6/icmp6.c
 *	build/ports/lwip/source/src/core/ipv6/inet6.c
 *	build/ports/lwip/source/src/core/ipv6/ip6.c
 *	build/ports/lwip/source/src/core/ipv6/ip6_addr.c
 *	build/ports/lwip/source/src/core/ipv6/ip6_frag.c
 *	build/ports/lwip/source/src/core/ipv6/mld6.c
 *	build/ports/lwip/source/src/core/ipv6/nd6.c
 *	build/ports/lwip/source/src/netif/ethernet.c */

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
					  .tx_headroom = HEADER_ROOM,
					  .rx_buffers = 16 };
	memcpy(out->mac, guest_mac, 6);
}

int ferrule_net_open(struct ferrule_net *net, const struct ferrule_net_client *client)
{
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
static void finish_checksum(uint8_t *frame, uint32_t size,
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

static void announce(void)
{
	if (!card.armed)
		return;
	card.armed = false;
	card.client.ready(card.client.context);
}

static bool still; /* the world stands still: sleeps end at their deadlines */

/* Lets the stack take what came, as its thread would. */
static void run_stack(void)
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
static bool world(void)
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
static void inject_in_pieces(const void *data, uint32_t size, uint32_t piece)
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

static void inject(const void *data, uint32_t size)
{
	inject_in_pieces(data, size, FRAME_MAX);
}

/* The next frame the guest sent, which the caller frees; size 0: none. */
static struct bytes sent_frame(void)
{
	if (!card.outgoing_count)
		return (struct bytes){ 0 };
	card.outgoing_count--;
	return card.outgoing[card.outgoing_head++ % QUEUE_MAX];
}

static void forget_sent(void)
{
	while (card.outgoing_count)
		free(sent_frame().data);
}

/* ---- frames ---- */

#define GUEST 0x0a00020f /* 10.0.2.15 */
#define PEER  0x0a000202

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* The sum over a pseudo header and a payload; 0 if a checksum in it is right. */
static uint16_t transport_sum(const uint8_t *ip, const uint8_t *payload, unsigned size)
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
static uint32_t wrap(uint8_t *frame, uint8_t protocol, unsigned size)
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

static uint32_t make_udp(uint8_t *frame, unsigned from, unsigned to, const void *data,
			 unsigned size)
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

static uint32_t make_tcp(uint8_t *frame, unsigned flags, const void *data, unsigned size)
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

static void peer_says(unsigned flags, const char *data)
{
	uint8_t frame[2000];
	unsigned size = (unsigned)strlen(data);

	inject(frame, make_tcp(frame, flags, data, size));
	peer.sequence += size + !!(flags & (SYN | FIN));
}

/* The guest's next TCP segment, of which this returns the flags and *data, *size. */
static unsigned guest_said(char *data, unsigned *size)
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

static int start(void **state)
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
static int settle(void **state)
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
static void introduce(void)
{
	uint8_t frame[60] = { 0 };
	struct bytes answer;

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

static void test_arp_and_ping(void **state)
{
	uint8_t frame[98], *icmp = frame + 34;
	struct bytes answer;
	uint16_t sum;

	(void)state;
	introduce();
	memset(icmp, 0x61, 64);
	icmp[0] = 8;
	icmp[1] = icmp[2] = icmp[3] = 0;
	sum = (uint16_t)~net_lwip_checksum(icmp, 64);
	memcpy(icmp + 2, &sum, 2);
	inject(frame, wrap(frame, 1, 64));
	run_stack();
	answer = sent_frame();
	assert_int_equal(answer.size, 98);
	assert_int_equal(answer.data[34], 0);
	assert_int_equal(net_lwip_checksum(answer.data + 34, 64), 0xffff);
	assert_int_equal(net_lwip_checksum(answer.data + 14, 20), 0xffff);
	assert_int_equal(get32(answer.data + 30), PEER);
	assert_memory_equal(answer.data, peer_mac, 6);
	free(answer.data);
}

static int bound_socket(int type, unsigned port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	long fd = sys_socket(AF_INET, type, 0);
	int one = 1;

	assert_true(fd >= 0);
	assert_int_equal(
		sys_setsockopt((int)fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(sys_bind((int)fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return (int)fd;
}

static void test_udp(void **state)
{
	uint8_t frame[200];
	char data[100];
	struct sockaddr_in from;
	socklen_t bytes = sizeof(from);
	struct bytes answer;
	int fd = bound_socket(SOCK_DGRAM, 7);

	(void)state;
	introduce();
	inject(frame, make_udp(frame, 4000, 7, "question", 8));
	assert_int_equal(
		sys_recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &bytes),
		8);
	assert_memory_equal(data, "question", 8);
	assert_int_equal(ntohs(from.sin_port), 4000);
	assert_int_equal(ntohl(from.sin_addr.s_addr), PEER);
	assert_int_equal(card.held, 0); /* the card has its buffer back */
	assert_int_equal(sys_sendto(fd, "answer", 6, 0, (struct sockaddr *)&from, bytes),
			 6);
	answer = sent_frame();
	assert_int_equal(answer.size, 48);
	assert_memory_equal(answer.data + 42, "answer", 6);
	assert_int_equal(transport_sum(answer.data + 14, answer.data + 34, 14), 0);
	free(answer.data);

	/* In pieces; and with a wrong checksum, which nobody sees. */
	inject_in_pieces(frame, make_udp(frame, 4000, 7, "in many pieces", 14), 45);
	assert_int_equal(sys_recvfrom(fd, data, sizeof(data), 0, NULL, NULL), 14);
	assert_memory_equal(data, "in many pieces", 14);
	make_udp(frame, 4000, 7, "damaged", 7);
	frame[45] ^= 1;
	inject(frame, 49);
	run_stack();
	assert_int_equal(sys_recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, NULL, NULL),
			 -EAGAIN);
	sys_close(fd);
}

/* A reader that does not read must not keep the card's buffers: it has 16. */
static void test_slow_reader(void **state)
{
	uint8_t frame[200];
	char data[100];
	int fd = bound_socket(SOCK_DGRAM, 7);

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		inject(frame, make_udp(frame, 4000, 7, "piled up", 8));
		run_stack();
	}
	assert_true(card.held <= 8);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(
			sys_recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, NULL, NULL),
			8);
	sys_close(fd);
}

static void test_fragments(void **state)
{
	static char data[9000];
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(4000),
				  .sin_addr.s_addr = htonl(PEER) };
	int fd = bound_socket(SOCK_DGRAM, 7);
	unsigned total = 0;
	struct bytes frame;

	(void)state;
	introduce();
	assert_int_equal(
		sys_sendto(fd, data, sizeof(data), 0, (struct sockaddr *)&to, sizeof(to)),
		sizeof(data));
	while ((frame = sent_frame()).size) {
		assert_true(frame.size <= 1514);
		total += frame.size - 34;
		free(frame.data);
	}
	assert_int_equal(total, sizeof(data) + 8);
	sys_close(fd);
}

static int accept_peer(int listener)
{
	char data[2000];
	unsigned size;
	long fd;

	peer.port++;
	peer.guest_port = 80;
	peer.sequence = 1000;
	forget_sent();
	peer_says(SYN, "");
	run_stack();
	assert_int_equal(guest_said(data, &size), SYN | ACK);
	peer_says(ACK, "");
	fd = sys_accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	return (int)fd;
}

static int listening_socket(void)
{
	int fd = bound_socket(SOCK_STREAM, 80);

	assert_int_equal(sys_listen(fd, 16), 0);
	return fd;
}

static void test_tcp_server(void **state)
{
	char data[2000];
	unsigned size;
	int listener = listening_socket(), fd;

	(void)state;
	introduce();
	fd = accept_peer(listener);
	peer_says(ACK | PSH, "hello");
	assert_int_equal(sys_recvfrom(fd, data, sizeof(data), 0, NULL, NULL), 5);
	assert_memory_equal(data, "hello", 5);
	assert_int_equal(sys_sendto(fd, "world", 5, 0, NULL, 0), 5);
	/* One segment: the answer with the acknowledgement in it. */
	assert_int_equal(guest_said(data, &size), ACK | PSH);
	assert_int_equal(size, 5);
	assert_memory_equal(data, "world", 5);
	assert_int_equal(guest_said(data, &size), 0);
	peer_says(ACK, "");
	peer_says(ACK | FIN, "");
	assert_int_equal(sys_recvfrom(fd, data, sizeof(data), 0, NULL, NULL), 0);
	sys_close(fd);
	assert_true(guest_said(data, &size) & ACK);
	while (!(guest_said(data, &size) & FIN))
		run_stack();
	peer_says(ACK, "");
	run_stack();
	sys_close(listener);
}

static void test_tcp_resets(void **state)
{
	char data[2000];
	unsigned size;
	int listener = listening_socket(), fd;

	(void)state;
	introduce();
	fd = accept_peer(listener);
	peer_says(RST | ACK, "");
	assert_int_equal(sys_recvfrom(fd, data, 10, 0, NULL, NULL), -ECONNRESET);
	assert_int_equal(sys_sendto(fd, "x", 1, 0, NULL, 0), -EPIPE);
	assert_int_equal(raised, SIGPIPE);
	sys_close(fd);

	/* Closed with data unread: the peer hears of it. */
	fd = accept_peer(listener);
	peer_says(ACK | PSH, "unread");
	run_stack();
	forget_sent();
	sys_close(fd);
	assert_true(guest_said(data, &size) & RST);

	/* A connection that nobody accepts any more. */
	peer.port++;
	peer.guest_port = 80;
	peer.sequence = 5000;
	peer_says(SYN, "");
	run_stack();
	assert_int_equal(guest_said(data, &size), SYN | ACK);
	peer_says(ACK, "");
	run_stack();
	sys_close(listener);
	assert_true(guest_said(data, &size) & RST);
}

/* Answers SYN, and acknowledges what comes. */
static void react_as_server(void)
{
	char data[2000];
	unsigned size, flags;

	while ((flags = guest_said(data, &size))) {
		if (flags & SYN)
			peer_says(SYN | ACK, "");
		else if (size || flags & FIN)
			peer_says(ACK, "");
	}
}

static void test_tcp_client(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(9000),
				  .sin_addr.s_addr = htonl(PEER) };
	static char data[300000];
	int fd = (int)sys_socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	introduce();
	peer.sequence = 77;
	peer_react = react_as_server;
	assert_int_equal(sys_connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	/* More than the send buffer and through a ring that is small. */
	card.ring = 8;
	card.kicks = card.sends = 0;
	assert_int_equal(sys_sendto(fd, data, sizeof(data), 0, NULL, 0), sizeof(data));
	assert_true(card.kicks < card.sends);
	sys_close(fd);
	for (unsigned i = 0; i < 200; i++)
		world();
}

static void test_ring_full(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(4000),
				  .sin_addr.s_addr = htonl(PEER) };
	int fd = bound_socket(SOCK_DGRAM, 7), sent = 0;

	(void)state;
	introduce();
	card.ring = 4;
	card.hold_sent = true;
	while (sys_sendto(fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) ==
		       1 &&
	       sent < 10000)
		sent++;
	assert_in_range(sent, 100, 9999); /* the ring and the backlog behind it */
	assert_int_equal(card.outgoing_count, 4);
	card.hold_sent = false;
	ferrule_net_reap(&card);
	for (unsigned i = 0; i < 1000 && card.outgoing_count; i++) {
		forget_sent();
		run_stack();
	}
	assert_int_equal(
		sys_sendto(fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)),
		1);
	sys_close(fd);
	card.broken = true; /* a broken card loses frames, and nothing else */
	fd = bound_socket(SOCK_DGRAM, 7);
	sys_sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	sys_close(fd);
}

static bool interface(struct net_interface *out)
{
	LINKSET_EACH(net_status, status)
	return (*status)->interface(0, out);
	return false;
}

static void test_link_and_status(void **state)
{
	struct net_interface info;
	char server[NET_ADDRESS_BYTES];

	(void)state;
	assert_true(interface(&info));
	assert_string_equal(info.name, "net0");
	assert_string_equal(info.ipv4, "10.0.2.15/24");
	assert_string_equal(info.gateway, "10.0.2.2");
	assert_true(info.rx_packets > 0 && info.tx_packets > 0);
	LINKSET_EACH(net_status, status)
	assert_true((*status)->name_server(0, server));
	assert_string_equal(server, "10.0.2.3");
	for (unsigned i = 0; i < 6; i++) {
		card.link_up = i & 1;
		card.client.link_changed(card.client.context);
		card.armed = true;
		run_stack();
		assert_true(interface(&info));
		assert_int_equal(info.link_up, card.link_up);
	}
}

static unsigned random_number(void)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 11);
}

/* Frames that are nearly right, cut anywhere, in any pieces: nothing may happen. */
static void test_malformed(void **state)
{
	static const char options[] =
		"\x02\x04\x05\xb4\x03\x03\x07\x04\x02\x08\x0a\0\0\0";
	int listener = listening_socket(), udp = bound_socket(SOCK_DGRAM, 7), fd;
	uint8_t frame[1600];
	char data[2000];

	(void)state;
	introduce();
	fd = accept_peer(listener);
	for (unsigned round = 0; round < 30000; round++) {
		uint32_t size;
		unsigned changes = random_number() % 6;

		memset(data, (int)round, 200);
		switch (random_number() % 6) {
		case 0:
			size = make_udp(frame, 4000, random_number() & 1 ? 7 : 68, data,
					random_number() % 200);
			break;
		case 1:
			memcpy(data, options, sizeof(options));
			size = make_tcp(frame, random_number() & 63, data,
					random_number() % 200);
			frame[46] = (uint8_t)(random_number() << 4);
			break;
		case 2:
			size = make_tcp(frame, ACK, data, random_number() % 200);
			break;
		case 3: /* IPv6 with whatever follows */
			for (size = 0; size < 120; size++)
				frame[size] = (uint8_t)random_number();
			wrap(frame, 17, 60);
			put16(frame + 12, 0x86dd);
			frame[14] = 0x60;
			put16(frame + 18, random_number() % 80);
			frame[20] = (uint8_t)(const uint8_t[]){
				0, 6, 17, 43, 44, 58, 60, 59
			}[random_number() % 8];
			memset(frame + 38, 0, 16);
			frame[38] = 0xff;
			frame[39] = 2;
			frame[53] = 1;
			break;
		case 4: /* fragments */
			size = make_udp(frame, 4000, 7, data, random_number() % 200);
			put16(frame + 20, random_number());
			frame[24] = frame[25] = 0;
			break;
		default:
			size = wrap(frame, (uint8_t)(random_number() % 4), 100);
		}
		while (changes--)
			frame[12 + random_number() % (size - 12)] = (uint8_t)
				random_number();
		if (random_number() % 4 == 0)
			size = random_number() % (size + 1);
		if (random_number() & 1) { /* or the checksums stop all of it */
			uint16_t sum;

			frame[24] = frame[25] = 0;
			sum = (uint16_t)~net_lwip_checksum(frame + 14,
							   (frame[14] & 15) * 4);
			memcpy(frame + 24, &sum, 2);
		}
		inject_in_pieces(frame, size, 1 + random_number() % 300);
		if (random_number() & 1)
			card.incoming[(card.incoming_head + card.incoming_count - 1) %
				      QUEUE_MAX]
				->meta.checksum_valid = true;
		if (round % 8 == 0) {
			run_stack();
			forget_sent();
			sys_recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, NULL, NULL);
			sys_recvfrom(udp, data, sizeof(data), MSG_DONTWAIT, NULL, NULL);
			host_clock_advance(random_number() % 100 * NS_PER_MS);
		}
	}
	run_stack();
	sys_close(fd);
	sys_close(udp);
	sys_close(listener);
	/* In an hour or so the last connection has given up. */
	for (unsigned i = 0; i < 20000; i++) {
		host_clock_advance(NS_PER_SEC / 4);
		run_stack();
		forget_sent();
	}
}

static void test_no_memory(void **state)
{
	uint8_t frame[200];
	int listener = bound_socket(SOCK_STREAM | SOCK_NONBLOCK, 80),
	    udp = bound_socket(SOCK_DGRAM, 7);
	char data[2000];

	(void)state;
	assert_int_equal(sys_listen(listener, 16), 0);
	introduce();
	for (long budget = 0; budget < 40; budget++) {
		unsigned size;
		long fd;

		peer.port++;
		peer.guest_port = 80;
		peer.sequence = 1000;
		forget_sent();
		host_heap_budget = budget;
		peer_says(SYN, "");
		run_stack();
		if (guest_said(data, &size) == (SYN | ACK)) {
			peer_says(ACK, "");
			peer_says(ACK | PSH, "data");
		}
		inject(frame, make_udp(frame, 4000, 7, "data", 4));
		run_stack();
		fd = sys_accept(listener, NULL, NULL);
		if (fd >= 0) {
			sys_recvfrom((int)fd, data, 10, MSG_DONTWAIT, NULL, NULL);
			sys_sendto((int)fd, data, 1000, MSG_DONTWAIT, NULL, 0);
			sys_close((int)fd);
		}
		sys_recvfrom(udp, data, 10, MSG_DONTWAIT, NULL, NULL);
		host_heap_budget = -1;
		run_stack();
	}
	while (1) {
		long fd = sys_accept(listener, NULL, NULL);

		if (fd < 0)
			break;
		sys_close((int)fd);
	}
	while (sys_recvfrom(udp, data, 10, MSG_DONTWAIT, NULL, NULL) >= 0)
		continue;
	sys_close(udp);
	sys_close(listener);
}

static void test_config(void **state)
{
	static const struct {
		const char *value;
		bool good;
	} cases[] = {
		{ "dhcp", true },
		{ "off", true },
		{ "10.0.0.5/8", true },
		{ "10.0.0.5/24,gw=10.0.0.1,dns=10.0.0.1,dns=fd00::53", true },
		{ "fd00::5/64,dhcp", true },
		{ "fd00::5/64,10.1.2.3/16", true },
		{ "", false },
		{ "10.0.0.5", false },
		{ "10.0.0.5/33", false },
		{ "10.0.0.5/", false },
		{ "10.0.0/24", false },
		{ "0.0.0.0/0", false },
		{ "224.0.0.1/4", false },
		{ "10.0.0.5/24,10.0.0.6/24", false },
		{ "fd00::5/48", false },
		{ "ff02::1/64", false },
		{ "dhcp,gw=10.0.0.1", false },
		{ "off,dns=10.0.0.1", false },
		{ "10.0.0.5/24,gw=x", false },
		{ "10.0.0.5/24,,", false },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  false },
	};

	(void)state;
	for (unsigned i = 0; i < array_count(cases); i++) {
		struct net_config config;
		char error[96] = "";
		bool good = net_config_parse(cases[i].value, &config, error,
					     sizeof(error));

		if (good != cases[i].good)
			fail_msg("net=%s: %s", cases[i].value, error);
		assert_int_equal(!good, error[0] != 0);
	}
}

static void test_checksum(void **state)
{
	uint8_t data[80];

	(void)state;
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)random_number();
	for (unsigned size = 0; size < 64; size++)
		for (unsigned start = 0; start < 8; start++) {
			uint32_t sum = 0;

			for (unsigned i = 0; i < size; i++)
				sum += (uint32_t)data[start + i] << (i & 1 ? 8 : 0);
			while (sum >> 16)
				sum = (sum & 0xffff) + (sum >> 16);
			assert_int_equal(net_lwip_checksum(data + start, (int)size), sum);
		}
	memset(data, 0xff, sizeof(data));
	for (unsigned size = 2; size < 64; size += 2)
		assert_int_equal(net_lwip_checksum(data, (int)size), 0xffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_config, settle),
		cmocka_unit_test_teardown(test_checksum, settle),
		cmocka_unit_test_teardown(test_arp_and_ping, settle),
		cmocka_unit_test_teardown(test_udp, settle),
		cmocka_unit_test_teardown(test_slow_reader, settle),
		cmocka_unit_test_teardown(test_fragments, settle),
		cmocka_unit_test_teardown(test_tcp_server, settle),
		cmocka_unit_test_teardown(test_tcp_resets, settle),
		cmocka_unit_test_teardown(test_tcp_client, settle),
		cmocka_unit_test_teardown(test_ring_full, settle),
		cmocka_unit_test_teardown(test_link_and_status, settle),
		cmocka_unit_test_teardown(test_no_memory, settle),
		cmocka_unit_test_teardown(test_malformed, settle),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
