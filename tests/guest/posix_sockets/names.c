/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Names and addresses: who is at the ends, IPv4 by IPv6 sockets; what calls refuse. */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "check.h"

void test_names(void)
{
	struct sockaddr_storage name, other;
	socklen_t bytes;
	int ends[2], fd;

	for (int i = 0; i < 2; i++) {
		int family = i ? AF_INET6 : AF_INET;

		tcp_pair(family, ends);
		bytes = sizeof(name);
		CHECK(!getpeername(ends[0], (struct sockaddr *)&name, &bytes));
		CHECK(bytes ==
		      (i ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)));
		bytes = sizeof(other);
		CHECK(!getsockname(ends[1], (struct sockaddr *)&other, &bytes));
		CHECK(!memcmp(&name, &other, bytes));
		close_pair(ends);
	}
	fd = socket(AF_INET, SOCK_STREAM, 0);
	bytes = sizeof(name);
	FAILS(getpeername(fd, (struct sockaddr *)&name, &bytes), ENOTCONN);
	bytes = 4; /* truncated, and the true size told */
	CHECK(!getsockname(fd, (struct sockaddr *)&name, &bytes));
	CHECK(bytes == sizeof(struct sockaddr_in));
	close(fd);
}

void test_errors(void)
{
	struct sockaddr_storage name;
	socklen_t bytes = loopback(AF_INET, &name, 0);
	char byte;
	int fd, second, pipes[2];

	FAILS(socket(AF_INET, 9, 0), ESOCKTNOSUPPORT);
	FAILS(socket(250, SOCK_STREAM, 0), EAFNOSUPPORT);
	FAILS(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	FAILS(bind(-1, (struct sockaddr *)&name, bytes), EBADF);
	CHECK(!pipe(pipes));
	FAILS(listen(pipes[0], 1), ENOTSOCK);
	close_pair(pipes);

	fd = socket(AF_INET, SOCK_STREAM, 0);
	FAILS(bind(fd, (struct sockaddr *)&name, 3), EINVAL);
	((struct sockaddr_in *)&name)->sin_addr.s_addr = htonl(0xc0000201); /* TEST-NET */
	FAILS(bind(fd, (struct sockaddr *)&name, bytes), EADDRNOTAVAIL);
	FAILS(recv(fd, &byte, 1, 0), ENOTCONN);
	FAILS(accept(fd, NULL, NULL), EINVAL);
	FAILS(shutdown(fd, SHUT_RD), ENOTCONN);
	FAILS(setsockopt(fd, SOL_SOCKET, 9999, &fd, sizeof(fd)), ENOPROTOOPT);
	close(fd);

	fd = bound(AF_INET, SOCK_STREAM);
	CHECK(!listen(fd, 1));
	loopback(AF_INET, &name, port_bound(fd));
	second = socket(AF_INET, SOCK_STREAM, 0);
	FAILS(bind(second, (struct sockaddr *)&name, bytes), EADDRINUSE);
	close(fd);
	/* Nobody listens there now. */
	FAILS(connect(second, (struct sockaddr *)&name, bytes), ECONNREFUSED);
	close(second);

	fd = bound(AF_INET, SOCK_DGRAM);
	FAILS(send(fd, "x", 1, 0), EDESTADDRREQ);
	FAILS(listen(fd, 1), EOPNOTSUPP);
	close(fd);
}

void test_dual_stack(void)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 }, from;
	struct sockaddr_storage name;
	socklen_t bytes;
	int listener = socket(AF_INET6, SOCK_STREAM, 0), a, b, one = 1;
	char data[4];

	CHECK(!bind(listener, (struct sockaddr *)&any, sizeof(any)));
	CHECK(!listen(listener, 2));
	a = connected_to(AF_INET, SOCK_STREAM, port_bound(listener));
	bytes = sizeof(from);
	b = accept(listener, (struct sockaddr *)&from, &bytes);
	CHECK(b >= 0 && IN6_IS_ADDR_V4MAPPED(&from.sin6_addr));
	CHECK(send(a, "4", 1, 0) == 1 && recv(b, data, 1, 0) == 1);
	close(a);
	close(b);
	a = connected_to(AF_INET6, SOCK_STREAM, port_bound(listener));
	b = accept(listener, NULL, NULL);
	CHECK(b >= 0);
	close(a);
	close(b);
	close(listener);

	listener = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK(!setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)));
	CHECK(!bind(listener, (struct sockaddr *)&any, sizeof(any)));
	CHECK(!listen(listener, 2));
	a = socket(AF_INET, SOCK_STREAM, 0);
	bytes = loopback(AF_INET, &name, port_bound(listener));
	FAILS(connect(a, (struct sockaddr *)&name, bytes), ECONNREFUSED);
	close(a);
	close(listener);

	/* An IPv6 socket reaches IPv4 by mapped addresses. */
	a = bound(AF_INET, SOCK_DGRAM);
	b = socket(AF_INET6, SOCK_DGRAM, 0);
	memset(&from, 0, sizeof(from));
	from.sin6_family = AF_INET6;
	from.sin6_port = port_bound(a);
	from.sin6_addr.s6_addr[10] = from.sin6_addr.s6_addr[11] = 0xff;
	from.sin6_addr.s6_addr[12] = 127;
	from.sin6_addr.s6_addr[15] = 1;
	CHECK(sendto(b, "x", 1, 0, (struct sockaddr *)&from, sizeof(from)) == 1);
	CHECK(recv(a, data, 4, 0) == 1);
	close(a);
	close(b);
}
