/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* UDP: datagrams of all sizes, and what a message header tells of one. */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "check.h"

void test_datagrams(void)
{
	struct sockaddr_storage name, from;
	socklen_t bytes;
	static char data[70000];
	int a, b;

	for (int i = 0; i < 2; i++) {
		int family = i ? AF_INET6 : AF_INET;

		a = bound(family, SOCK_DGRAM);
		b = bound(family, SOCK_DGRAM);
		bytes = loopback(family, &name, port_bound(b));
		CHECK(sendto(a, "one", 3, 0, (struct sockaddr *)&name, bytes) == 3);
		CHECK(sendto(a, "", 0, 0, (struct sockaddr *)&name, bytes) == 0);
		CHECK(sendto(a, "three", 5, 0, (struct sockaddr *)&name, bytes) == 5);
		bytes = sizeof(from);
		CHECK(recvfrom(b, data, 64, MSG_PEEK, (struct sockaddr *)&from, &bytes) ==
		      3);
		CHECK(recvfrom(b, data, 64, 0, (struct sockaddr *)&from, &bytes) == 3);
		CHECK(!memcmp(data, "one", 3));
		loopback(family, &name, port_bound(a));
		CHECK(!memcmp(&name, &from, bytes));
		CHECK(recv(b, data, 64, 0) == 0); /* empty ones count */
		CHECK(recv(b, data, 2, MSG_TRUNC) == 5 && !memcmp(data, "th", 2));
		FAILS(recv(b, data, 64, MSG_DONTWAIT), EAGAIN);

		/* Large ones travel in fragments where they must. */
		memset(data, 'x', sizeof(data));
		bytes = loopback(family, &name, port_bound(b));
		CHECK(sendto(a, data, 60000, 0, (struct sockaddr *)&name, bytes) ==
		      60000);
		CHECK(recv(b, data, sizeof(data), 0) == 60000);
		FAILS(sendto(a, data, 65536, 0, (struct sockaddr *)&name, bytes),
		      EMSGSIZE);

		/* Connected: a default peer and no one else's messages. */
		CHECK(!connect(a, (struct sockaddr *)&name, bytes));
		CHECK(send(a, "hi", 2, 0) == 2);
		CHECK(recv(b, data, 64, 0) == 2);
		CHECK(!getpeername(a, (struct sockaddr *)&from, &bytes));
		close(a);
		close(b);
	}
}

void test_message_headers(void)
{
	struct sockaddr_storage name, from;
	struct iovec out[2] = { { "ab", 2 }, { "cdef", 4 } }, in;
	struct msghdr header = { 0 };
	char data[4];
	int a = bound(AF_INET, SOCK_DGRAM), b = bound(AF_INET, SOCK_DGRAM);

	header.msg_name = &name;
	header.msg_namelen = loopback(AF_INET, &name, port_bound(b));
	header.msg_iov = out;
	header.msg_iovlen = 2;
	CHECK(sendmsg(a, &header, 0) == 6);
	in = (struct iovec){ data, sizeof(data) };
	memset(&header, 0, sizeof(header));
	header.msg_name = &from;
	header.msg_namelen = sizeof(from);
	header.msg_iov = &in;
	header.msg_iovlen = 1;
	CHECK(recvmsg(b, &header, 0) == 4);
	CHECK(header.msg_flags & MSG_TRUNC);
	CHECK(header.msg_namelen == sizeof(struct sockaddr_in));
	CHECK(!memcmp(data, "abcd", 4));
	close(a);
	close(b);
}
