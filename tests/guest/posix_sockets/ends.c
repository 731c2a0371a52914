/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The sockets that the cases work with: ends that are bound, connected, watched. */

#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

socklen_t loopback(int family, struct sockaddr_storage *out, uint16_t port)
{
	memset(out, 0, sizeof(*out));
	if (family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;

		in->sin_family = AF_INET;
		in->sin_port = port;
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*in);
	} else {
		struct sockaddr_in6 *in = (struct sockaddr_in6 *)out;

		in->sin6_family = AF_INET6;
		in->sin6_port = port;
		in->sin6_addr = in6addr_loopback;
		return sizeof(*in);
	}
}

uint16_t port_bound(int fd)
{
	struct sockaddr_storage name;
	socklen_t bytes = sizeof(name);

	CHECK(!getsockname(fd, (struct sockaddr *)&name, &bytes));
	return name.ss_family == AF_INET ? ((struct sockaddr_in *)&name)->sin_port
					 : ((struct sockaddr_in6 *)&name)->sin6_port;
}

int bound(int family, int type)
{
	struct sockaddr_storage name;
	socklen_t bytes = loopback(family, &name, 0);
	int fd = socket(family, type, 0);

	CHECK(fd >= 0);
	CHECK(!bind(fd, (struct sockaddr *)&name, bytes));
	CHECK(port_bound(fd) != 0);
	return fd;
}

int connected_to(int family, int type, uint16_t port)
{
	struct sockaddr_storage name;
	socklen_t bytes = loopback(family, &name, port);
	int fd = socket(family, type, 0);

	CHECK(fd >= 0);
	CHECK(!connect(fd, (struct sockaddr *)&name, bytes));
	return fd;
}

void tcp_pair(int family, int ends[2])
{
	int listener = bound(family, SOCK_STREAM);

	CHECK(!listen(listener, 4));
	ends[0] = connected_to(family, SOCK_STREAM, port_bound(listener));
	ends[1] = accept(listener, NULL, NULL);
	CHECK(ends[1] >= 0);
	close(listener);
}

void close_pair(int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

short events_of(int fd, short wanted, int timeout_ms)
{
	struct pollfd watched = { fd, wanted, 0 };

	poll(&watched, 1, timeout_ms);
	return watched.revents;
}

double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}
