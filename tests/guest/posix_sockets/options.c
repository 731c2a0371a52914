/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Options of a socket, and what they change. */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "check.h"

/* What a cork holds back comes with the rest. Not for ever: a timer of the stack may let it
 * go, now and then while we look, so the first time that it is held is enough. */
static bool cork_holds(const int ends[2])
{
	const int on = 1, off = 0;
	bool held = false;
	char data[4];

	for (int i = 0; i < 5 && !held; i++) {
		setsockopt(ends[0], IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
		if (send(ends[0], "head", 4, 0) != 4)
			return false;
		held = !(events_of(ends[1], POLLIN, 20) & POLLIN);
		setsockopt(ends[0], IPPROTO_TCP, TCP_CORK, &off, sizeof(off));
		if (recv(ends[1], data, 4, MSG_WAITALL) != 4)
			return false;
	}
	return held;
}

void test_options(void)
{
	struct timeval short_time = { 0, 100000 };
	struct linger linger;
	int fd = socket(AF_INET, SOCK_STREAM, 0), value, one = 1, ends[2];
	socklen_t bytes = sizeof(value);
	double before;
	char data[8];
	static const struct {
		int level, option;
	} flags[] = {
		{ SOL_SOCKET, SO_REUSEADDR }, { SOL_SOCKET, SO_KEEPALIVE },
		{ SOL_SOCKET, SO_BROADCAST }, { IPPROTO_TCP, TCP_NODELAY },
		{ IPPROTO_TCP, TCP_CORK },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		value = 7;
		CHECK(!getsockopt(fd, flags[i].level, flags[i].option, &value, &bytes));
		CHECK(!value);
		CHECK(!setsockopt(fd, flags[i].level, flags[i].option, &one,
				  sizeof(one)));
		CHECK(!getsockopt(fd, flags[i].level, flags[i].option, &value, &bytes));
		CHECK(value == 1);
	}
	value = 33;
	CHECK(!setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, sizeof(value)));
	value = 0;
	CHECK(!getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &bytes) && value == 33);
	CHECK(!getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &bytes) &&
	      value == SOCK_STREAM);
	value = 50000;
	CHECK(!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof(value)));
	CHECK(!getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &bytes) && value == 100000);
	bytes = sizeof(linger);
	CHECK(!getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &bytes) && !linger.l_onoff);
	close(fd);

	tcp_pair(AF_INET, ends);
	CHECK(!setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &short_time,
			  sizeof(short_time)));
	before = now();
	FAILS(recv(ends[0], data, 1, 0), EAGAIN);
	CHECK(now() - before > 0.09 && now() - before < 2);

	CHECK(cork_holds(ends));
	close_pair(ends);
}
