/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Sockets of the guest, and the peer at their other end. Included by one test file each. */

#ifndef NET_STACK_SOCKETS_H
#define NET_STACK_SOCKETS_H

#include "net_stack/peer.h"

static inline int bound_socket(int type, unsigned port)
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

/* Port 80. */
static inline int listening_socket(void)
{
	int fd = bound_socket(SOCK_STREAM, 80);

	assert_int_equal(sys_listen(fd, 16), 0);
	return fd;
}

/* The peer calls, from a port that is new each time. True: the guest answered. */
static inline bool peer_calls(void)
{
	char data[2000];
	unsigned size;

	peer.port++;
	peer.guest_port = 80;
	peer.sequence = 1000;
	forget_sent();
	peer_says(SYN, "");
	run_stack();
	return guest_said(data, &size) == (SYN | ACK);
}

static inline int accept_peer(int listener)
{
	long fd;

	assert_true(peer_calls());
	peer_says(ACK, "");
	fd = sys_accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	return (int)fd;
}

#endif
