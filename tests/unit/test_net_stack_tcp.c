/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The network stack against a card and a peer that are scripted here: TCP.
 *
 * sources: net/stack.c posix/file.c posix/fd.c kernel/format.c tests/unit/host/cmdline.c
 *	tests/unit/host/cpu.c tests/unit/host/files.c tests/unit/host/heap.c
 *	tests/unit/host/log.c tests/unit/host/panic.c tests/unit/host/thread.c
 *	tests/unit/host/time.c */

#include "net_stack/sockets.h"

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

/* A connection that the guest closes: it is in TIME-WAIT afterwards. */
static void close_first(int listener)
{
	char data[2000];
	unsigned size;
	int fd = accept_peer(listener);

	sys_close(fd);
	while (!(guest_said(data, &size) & FIN))
		run_stack();
	peer_says(ACK | FIN, "");
	run_stack();
	assert_int_equal(guest_said(data, &size), ACK);
}

/* A peer that opens anew what is in TIME-WAIT is not kept waiting, and hears of numbers
 * beyond those of before; what may be late from the old connection opens nothing. */
static void test_tcp_time_wait(void **state)
{
	char data[2000];
	unsigned size;
	int listener = listening_socket(), fd;
	uint32_t next, guest_next;

	(void)state;
	introduce();
	close_first(listener);
	next = peer.sequence;
	guest_next = peer.acknowledge;
	peer.sequence = next - 5;
	peer_says(SYN, "");
	run_stack();
	assert_int_equal(guest_said(data, &size), ACK);
	peer.sequence = next + 100000;
	peer_says(SYN | ACK, "");
	run_stack();
	assert_false(guest_said(data, &size) & SYN);

	peer.sequence = next + 100000;
	peer_says(SYN, "");
	run_stack();
	assert_int_equal(guest_said(data, &size), SYN | ACK);
	assert_true((int32_t)(peer.acknowledge - 1 - guest_next) > 0);
	peer_says(ACK, "");
	fd = (int)sys_accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	peer_says(ACK | PSH, "again");
	assert_int_equal(sys_recvfrom(fd, data, sizeof(data), 0, NULL, NULL), 5);
	peer_says(RST | ACK, "");
	run_stack();
	sys_close(fd);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		stack_test(test_tcp_server),
		stack_test(test_tcp_time_wait),
		stack_test(test_tcp_resets),
		stack_test(test_tcp_client),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
