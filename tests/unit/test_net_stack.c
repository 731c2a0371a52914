/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The network stack and its sockets against a card and a peer that are scripted here:
 * addresses, datagrams, configuration.
 *
 * sources: net/stack.c posix/file.c posix/fd.c kernel/format.c tests/unit/host/cmdline.c
 *	tests/unit/host/cpu.c tests/unit/host/files.c tests/unit/host/heap.c
 *	tests/unit/host/log.c tests/unit/host/panic.c tests/unit/host/thread.c
 *	tests/unit/host/time.c */

#include "net_stack/sockets.h"

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

static unsigned random_number(void)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 11);
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
		stack_test(test_config),       stack_test(test_checksum),
		stack_test(test_arp_and_ping), stack_test(test_udp),
		stack_test(test_slow_reader),  stack_test(test_fragments),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
