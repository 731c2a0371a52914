/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Sockets as POSIX and Linux define them, over the loopback, so that it needs no card. The
 * same file passes on Linux. Prints a line a case; the exit status counts the failures. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int failures;
static const char *current;

#define CHECK(condition)                                                               \
	do {                                                                           \
		if (!(condition)) {                                                    \
			printf("FAIL %s: line %d: %s (errno %d)\n", current, __LINE__, \
			       #condition, errno);                                     \
			failures++;                                                    \
		}                                                                      \
	} while (0)
/* A call that must fail with this errno. */
#define FAILS(call, error)               \
	do {                             \
		errno = 0;               \
		CHECK((call) == -1);     \
		CHECK(errno == (error)); \
	} while (0)

static socklen_t loopback(int family, struct sockaddr_storage *out, uint16_t port)
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

static uint16_t port_of(int fd)
{
	struct sockaddr_storage name;
	socklen_t bytes = sizeof(name);

	CHECK(!getsockname(fd, (struct sockaddr *)&name, &bytes));
	return name.ss_family == AF_INET ? ((struct sockaddr_in *)&name)->sin_port
					 : ((struct sockaddr_in6 *)&name)->sin6_port;
}

/* A bound socket on a port of the system's choice. */
static int bound(int family, int type)
{
	struct sockaddr_storage name;
	socklen_t bytes = loopback(family, &name, 0);
	int fd = socket(family, type, 0);

	CHECK(fd >= 0);
	CHECK(!bind(fd, (struct sockaddr *)&name, bytes));
	CHECK(port_of(fd) != 0);
	return fd;
}

static int connected_to(int family, int type, uint16_t port)
{
	struct sockaddr_storage name;
	socklen_t bytes = loopback(family, &name, port);
	int fd = socket(family, type, 0);

	CHECK(fd >= 0);
	CHECK(!connect(fd, (struct sockaddr *)&name, bytes));
	return fd;
}

/* Two ends of one TCP connection. */
static void tcp_pair(int family, int ends[2])
{
	int listener = bound(family, SOCK_STREAM);

	CHECK(!listen(listener, 4));
	ends[0] = connected_to(family, SOCK_STREAM, port_of(listener));
	ends[1] = accept(listener, NULL, NULL);
	CHECK(ends[1] >= 0);
	close(listener);
}

static void close_pair(int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static short events_of(int fd, short wanted, int timeout_ms)
{
	struct pollfd watched = { fd, wanted, 0 };

	poll(&watched, 1, timeout_ms);
	return watched.revents;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void test_names(void)
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

static void test_errors(void)
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
	loopback(AF_INET, &name, port_of(fd));
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

static void test_stream_basics(void)
{
	char data[64];
	int ends[2], waiting;
	struct iovec out[2] = { { "hello, ", 7 }, { "world", 5 } }, in[2];
	struct stat st;

	for (int i = 0; i < 2; i++) {
		tcp_pair(i ? AF_INET6 : AF_INET, ends);
		CHECK(writev(ends[0], out, 2) == 12);
		CHECK(recv(ends[1], data, 12, MSG_PEEK | MSG_WAITALL) == 12);
		CHECK(!ioctl(ends[1], FIONREAD, &waiting) && waiting == 12);
		in[0] = (struct iovec){ data, 5 };
		in[1] = (struct iovec){ data + 5, 59 };
		CHECK(readv(ends[1], in, 2) == 12);
		CHECK(!memcmp(data, "hello, world", 12));
		FAILS(recv(ends[1], data, 1, MSG_DONTWAIT), EAGAIN);
		CHECK(events_of(ends[1], POLLIN | POLLOUT, 0) == POLLOUT);
		CHECK(send(ends[1], "abc", 3, 0) == 3);
		CHECK(events_of(ends[0], POLLIN, 1000) == POLLIN);
		CHECK(recv(ends[0], data, 1, 0) == 1 && data[0] == 'a');
		CHECK(read(ends[0], data, 64) == 2 && data[1] == 'c');
		CHECK(!fstat(ends[0], &st) && S_ISSOCK(st.st_mode));
		CHECK(lseek(ends[0], 0, SEEK_SET) == -1 && errno == ESPIPE);
		close_pair(ends);
	}
}

static void test_half_close(void)
{
	char data[16];
	int ends[2];

	tcp_pair(AF_INET, ends);
	CHECK(send(ends[0], "last", 4, 0) == 4);
	CHECK(!shutdown(ends[0], SHUT_WR));
	CHECK(recv(ends[1], data, 16, MSG_WAITALL) == 4);
	CHECK(recv(ends[1], data, 16, 0) == 0);
	CHECK(events_of(ends[1], POLLIN | POLLRDHUP | POLLOUT, 1000) ==
	      (POLLIN | POLLRDHUP | POLLOUT));
	CHECK(send(ends[1], "answer", 6, 0) == 6); /* the other half still works */
	CHECK(recv(ends[0], data, 16, 0) == 6);
	FAILS(send(ends[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK(!shutdown(ends[1], SHUT_WR));
	CHECK(recv(ends[0], data, 16, 0) == 0);
	CHECK(events_of(ends[0], POLLIN, 1000) & POLLHUP);
	close_pair(ends);
}

static volatile sig_atomic_t pipe_signals;

static void on_sigpipe(int number)
{
	(void)number;
	pipe_signals++;
}

static void test_reset(void)
{
	struct linger hard = { 1, 0 };
	char data[16];
	int ends[2], error = 0;
	socklen_t bytes = sizeof(error);

	tcp_pair(AF_INET, ends);
	CHECK(!setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	close(ends[0]);
	CHECK(events_of(ends[1], POLLIN, 1000) & POLLERR);
	CHECK(!getsockopt(ends[1], SOL_SOCKET, SO_ERROR, &error, &bytes));
	CHECK(error == ECONNRESET);
	CHECK(recv(ends[1], data, 16, 0) == 0); /* the error was told already */
	close(ends[1]);

	/* Closing with data unread resets; so does sending to who is gone. */
	tcp_pair(AF_INET, ends);
	CHECK(send(ends[0], "unread", 6, 0) == 6);
	CHECK(events_of(ends[1], POLLIN, 1000) & POLLIN);
	close(ends[1]);
	CHECK(events_of(ends[0], POLLIN, 1000) & POLLIN);
	FAILS(recv(ends[0], data, 16, 0), ECONNRESET);
	signal(SIGPIPE, on_sigpipe);
	FAILS(send(ends[0], "x", 1, 0), EPIPE);
	CHECK(pipe_signals == 1);
	FAILS(send(ends[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK(pipe_signals == 1);
	signal(SIGPIPE, SIG_DFL);
	close(ends[0]);
}

static void test_nonblocking(void)
{
	struct sockaddr_storage name;
	socklen_t bytes;
	int listener = bound(AF_INET, SOCK_STREAM), fd, child, error = -1;
	static char block[65536];
	size_t sent = 0, got = 0;
	ssize_t n;

	CHECK(!listen(listener, 4));
	CHECK(!fcntl(listener, F_SETFL, O_NONBLOCK));
	FAILS(accept(listener, NULL, NULL), EAGAIN);
	bytes = loopback(AF_INET, &name, port_of(listener));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	if (connect(fd, (struct sockaddr *)&name, bytes))
		CHECK(errno == EINPROGRESS);
	CHECK(events_of(fd, POLLOUT, 1000) == POLLOUT);
	bytes = sizeof(error);
	CHECK(!getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) && !error);
	CHECK(events_of(listener, POLLIN, 1000) == POLLIN);
	child = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	CHECK(child >= 0 && fcntl(child, F_GETFL) & O_NONBLOCK);
	FAILS(recv(child, block, 1, 0), EAGAIN);

	/* Fills up, drains, and is writable again. */
	while ((n = send(fd, block, sizeof(block), 0)) > 0)
		sent += (size_t)n;
	CHECK(n == -1 && errno == EAGAIN);
	CHECK(sent > 100000);
	CHECK(!(events_of(fd, POLLOUT, 0) & POLLOUT));
	while (got < sent && events_of(child, POLLIN, 1000)) {
		n = recv(child, block, sizeof(block), 0);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	CHECK(got == sent);
	CHECK(events_of(fd, POLLOUT, 1000) & POLLOUT);

	/* Refused: found out by poll and SO_ERROR. */
	close(fd);
	close(child);
	bytes = loopback(AF_INET, &name, port_of(listener));
	close(listener);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connect(fd, (struct sockaddr *)&name, bytes) && errno == EINPROGRESS) {
		CHECK(events_of(fd, POLLOUT, 1000) & POLLERR);
		bytes = sizeof(error);
		CHECK(!getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes));
		CHECK(error == ECONNREFUSED);
	} else {
		CHECK(errno == ECONNREFUSED);
	}
	close(fd);
}

#define BULK_BYTES (4 * 1024 * 1024)

static unsigned char pattern(size_t i)
{
	return (unsigned char)(i * 7 + i / 251);
}

static void *send_bulk(void *argument)
{
	int fd = *(int *)argument;
	static unsigned char data[30011];

	for (size_t done = 0; done < BULK_BYTES;) {
		size_t n = sizeof(data);
		ssize_t sent;

		if (n > BULK_BYTES - done)
			n = BULK_BYTES - done;
		for (size_t i = 0; i < n; i++)
			data[i] = pattern(done + i);
		sent = send(fd, data, n, 0);
		if (sent <= 0)
			return (void *)1;
		done += (size_t)sent;
	}
	shutdown(fd, SHUT_WR);
	return NULL;
}

static void test_bulk(void)
{
	static unsigned char data[50021];
	size_t got = 0, wrong = 0;
	pthread_t thread;
	void *result;
	int ends[2];
	ssize_t n;

	for (int i = 0; i < 2; i++) {
		tcp_pair(i ? AF_INET6 : AF_INET, ends);
		CHECK(!pthread_create(&thread, NULL, send_bulk, &ends[0]));
		for (got = wrong = 0; (n = recv(ends[1], data, sizeof(data), 0)) > 0;
		     got += (size_t)n)
			for (ssize_t j = 0; j < n; j++)
				wrong += data[j] != pattern(got + (size_t)j);
		CHECK(n == 0);
		CHECK(got == BULK_BYTES);
		CHECK(wrong == 0);
		pthread_join(thread, &result);
		CHECK(!result);
		close_pair(ends);
	}
}

static void test_datagrams(void)
{
	struct sockaddr_storage name, from;
	socklen_t bytes;
	static char data[70000];
	int a, b;

	for (int i = 0; i < 2; i++) {
		int family = i ? AF_INET6 : AF_INET;

		a = bound(family, SOCK_DGRAM);
		b = bound(family, SOCK_DGRAM);
		bytes = loopback(family, &name, port_of(b));
		CHECK(sendto(a, "one", 3, 0, (struct sockaddr *)&name, bytes) == 3);
		CHECK(sendto(a, "", 0, 0, (struct sockaddr *)&name, bytes) == 0);
		CHECK(sendto(a, "three", 5, 0, (struct sockaddr *)&name, bytes) == 5);
		bytes = sizeof(from);
		CHECK(recvfrom(b, data, 64, MSG_PEEK, (struct sockaddr *)&from, &bytes) ==
		      3);
		CHECK(recvfrom(b, data, 64, 0, (struct sockaddr *)&from, &bytes) == 3);
		CHECK(!memcmp(data, "one", 3));
		loopback(family, &name, port_of(a));
		CHECK(!memcmp(&name, &from, bytes));
		CHECK(recv(b, data, 64, 0) == 0); /* empty ones count */
		CHECK(recv(b, data, 2, MSG_TRUNC) == 5 && !memcmp(data, "th", 2));
		FAILS(recv(b, data, 64, MSG_DONTWAIT), EAGAIN);

		/* Large ones travel in fragments where they must. */
		memset(data, 'x', sizeof(data));
		bytes = loopback(family, &name, port_of(b));
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

static void test_message_headers(void)
{
	struct sockaddr_storage name, from;
	struct iovec out[2] = { { "ab", 2 }, { "cdef", 4 } }, in;
	struct msghdr header = { 0 };
	char data[4];
	int a = bound(AF_INET, SOCK_DGRAM), b = bound(AF_INET, SOCK_DGRAM);

	header.msg_name = &name;
	header.msg_namelen = loopback(AF_INET, &name, port_of(b));
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

static void test_options(void)
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

static void test_dual_stack(void)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 }, from;
	struct sockaddr_storage name;
	socklen_t bytes;
	int listener = socket(AF_INET6, SOCK_STREAM, 0), a, b, one = 1;
	char data[4];

	CHECK(!bind(listener, (struct sockaddr *)&any, sizeof(any)));
	CHECK(!listen(listener, 2));
	a = connected_to(AF_INET, SOCK_STREAM, port_of(listener));
	bytes = sizeof(from);
	b = accept(listener, (struct sockaddr *)&from, &bytes);
	CHECK(b >= 0 && IN6_IS_ADDR_V4MAPPED(&from.sin6_addr));
	CHECK(send(a, "4", 1, 0) == 1 && recv(b, data, 1, 0) == 1);
	close(a);
	close(b);
	a = connected_to(AF_INET6, SOCK_STREAM, port_of(listener));
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
	bytes = loopback(AF_INET, &name, port_of(listener));
	FAILS(connect(a, (struct sockaddr *)&name, bytes), ECONNREFUSED);
	close(a);
	close(listener);

	/* An IPv6 socket reaches IPv4 by mapped addresses. */
	a = bound(AF_INET, SOCK_DGRAM);
	b = socket(AF_INET6, SOCK_DGRAM, 0);
	memset(&from, 0, sizeof(from));
	from.sin6_family = AF_INET6;
	from.sin6_port = port_of(a);
	from.sin6_addr.s6_addr[10] = from.sin6_addr.s6_addr[11] = 0xff;
	from.sin6_addr.s6_addr[12] = 127;
	from.sin6_addr.s6_addr[15] = 1;
	CHECK(sendto(b, "x", 1, 0, (struct sockaddr *)&from, sizeof(from)) == 1);
	CHECK(recv(a, data, 4, 0) == 1);
	close(a);
	close(b);
}

static void test_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = 5 };
	struct epoll_event told[4];
	int ends[2], set = epoll_create1(0);
	char data[8];

	tcp_pair(AF_INET, ends);
	CHECK(!epoll_ctl(set, EPOLL_CTL_ADD, ends[1], &event));
	CHECK(epoll_wait(set, told, 4, 0) == 0);
	CHECK(send(ends[0], "a", 1, 0) == 1);
	CHECK(epoll_wait(set, told, 4, 1000) == 1 && told[0].data.u64 == 5);
	CHECK(epoll_wait(set, told, 4, 20) == 0); /* an edge comes once */
	CHECK(send(ends[0], "b", 1, 0) == 1);
	CHECK(epoll_wait(set, told, 4, 1000) == 1);
	CHECK(recv(ends[1], data, 8, 0) == 2);
	close(ends[0]);
	CHECK(epoll_wait(set, told, 4, 1000) == 1);
	CHECK(recv(ends[1], data, 8, 0) == 0);
	close(ends[1]);
	CHECK(epoll_wait(set, told, 4, 0) == 0);
	close(set);
}

#define MANY 100

static void test_many(void)
{
	int listener = bound(AF_INET, SOCK_STREAM), clients[MANY], servers[MANY];
	unsigned sum = 0;

	CHECK(!listen(listener, MANY));
	for (int i = 0; i < MANY; i++)
		clients[i] = connected_to(AF_INET, SOCK_STREAM, port_of(listener));
	for (int i = 0; i < MANY; i++) {
		servers[i] = accept(listener, NULL, NULL);
		CHECK(servers[i] >= 0);
	}
	for (int i = 0; i < MANY; i++) {
		unsigned char byte = (unsigned char)i;

		CHECK(send(clients[i], &byte, 1, 0) == 1);
	}
	for (int i = 0; i < MANY; i++) {
		unsigned char byte = 0;

		CHECK(recv(servers[i], &byte, 1, 0) == 1);
		sum += byte;
		close(servers[i]);
	}
	CHECK(sum == MANY * (MANY - 1) / 2);
	for (int i = 0; i < MANY; i++) {
		unsigned char byte;

		CHECK(recv(clients[i], &byte, 1, 0) == 0);
		close(clients[i]);
	}
	close(listener);

	/* The same port again at once, with connections in TIME-WAIT. */
	listener = bound(AF_INET, SOCK_STREAM);
	CHECK(!listen(listener, 1));
	close(listener);
}

static void test_socketpair(void)
{
	char data[16];
	int ends[2];

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	CHECK(write(ends[0], "ping", 4) == 4);
	CHECK(read(ends[1], data, 16) == 4);
	CHECK(send(ends[1], "pong", 4, 0) == 4);
	CHECK(recv(ends[0], data, 16, 0) == 4 && !memcmp(data, "pong", 4));
	FAILS(recv(ends[0], data, 16, MSG_DONTWAIT), EAGAIN);
	CHECK(write(ends[0], "bye", 3) == 3);
	close(ends[0]);
	CHECK(events_of(ends[1], POLLIN, 0) & POLLHUP);
	CHECK(read(ends[1], data, 16) == 3);
	CHECK(read(ends[1], data, 16) == 0);
	FAILS(send(ends[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(ends[1]);
}

/* A second thread blocked in the same call is woken by what the first one does. */
static void *receive_one(void *argument)
{
	char byte = 0;

	recv(*(int *)argument, &byte, 1, 0);
	return (void *)(uintptr_t)byte;
}

static void test_threads(void)
{
	pthread_t threads[4];
	int ends[4][2];
	void *result;

	for (int i = 0; i < 4; i++) {
		tcp_pair(AF_INET, ends[i]);
		CHECK(!pthread_create(&threads[i], NULL, receive_one, &ends[i][1]));
	}
	usleep(10000);
	for (int i = 3; i >= 0; i--) {
		char byte = (char)('a' + i);

		CHECK(send(ends[i][0], &byte, 1, 0) == 1);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		CHECK((uintptr_t)result == (uintptr_t)('a' + i));
		close_pair(ends[i]);
	}
}

static volatile int handled;

static void on_signal(int number)
{
	(void)number;
	handled++;
}

/* Interrupts `thread` in the call it sleeps in, and a while later ends its wait. */
struct disturbance {
	pthread_t thread;
	int fd;			    /* a byte is sent there, */
	struct sockaddr_storage to; /* or a connection made, or neither */
	socklen_t bytes;
};

static void *disturb(void *argument)
{
	struct disturbance *it = argument;

	usleep(30000);
	pthread_kill(it->thread, SIGUSR1);
	usleep(30000);
	if (it->fd >= 0)
		CHECK(send(it->fd, "x", 1, 0) == 1);
	if (it->bytes) {
		int fd = socket(it->to.ss_family, SOCK_STREAM, 0);

		CHECK(!connect(fd, (struct sockaddr *)&it->to, it->bytes));
		close(fd);
	}
	return NULL;
}

static void set_handler(int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	sigemptyset(&action.sa_mask);
	CHECK(!sigaction(SIGUSR1, &action, NULL));
	handled = 0;
}

/* SA_RESTART: calls that moved nothing go on after the handler; those with a timeout, and
 * all without the flag, end with EINTR (signal(7)). */
static void test_restart(void)
{
	struct disturbance it = { .thread = pthread_self(), .fd = -1 };
	struct timeval second = { 1, 0 };
	struct iovec vector;
	struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1 };
	pthread_t thread;
	int ends[2], listener, fd;
	char byte;

	tcp_pair(AF_INET, ends);
	vector = (struct iovec){ &byte, 1 };
	for (int way = 0; way < 4; way++) {
		set_handler(way == 2 ? 0 : SA_RESTART);
		if (way == 3)
			CHECK(!setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &second,
					  sizeof(second)));
		it.fd = ends[0];
		CHECK(!pthread_create(&thread, NULL, disturb, &it));
		if (way == 1)
			CHECK(recvmsg(ends[1], &header, 0) == 1);
		else if (way == 0)
			CHECK(recv(ends[1], &byte, 1, 0) == 1);
		else
			CHECK(recv(ends[1], &byte, 1, 0) == -1 && errno == EINTR);
		CHECK(handled == 1);
		pthread_join(thread, NULL);
		if (way >= 2)
			CHECK(recv(ends[1], &byte, 1, 0) == 1);
	}
	close_pair(ends);

	listener = bound(AF_INET, SOCK_STREAM);
	CHECK(!listen(listener, 4));
	set_handler(SA_RESTART);
	it.fd = -1;
	it.bytes = loopback(AF_INET, &it.to, port_of(listener));
	CHECK(!pthread_create(&thread, NULL, disturb, &it));
	fd = accept(listener, NULL, NULL);
	CHECK(fd >= 0 && handled == 1);
	pthread_join(thread, NULL);
	close(fd);
	close(listener);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "names", test_names },
	{ "errors", test_errors },
	{ "stream", test_stream_basics },
	{ "half close", test_half_close },
	{ "reset", test_reset },
	{ "nonblocking", test_nonblocking },
	{ "bulk", test_bulk },
	{ "datagrams", test_datagrams },
	{ "message headers", test_message_headers },
	{ "options", test_options },
	{ "dual stack", test_dual_stack },
	{ "epoll", test_epoll },
	{ "many", test_many },
	{ "socketpair", test_socketpair },
	{ "threads", test_threads },
	{ "restart", test_restart },
};

int main(void)
{
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		int before = failures;

		current = tests[i].name;
		tests[i].run();
		printf("%s %s\n", failures == before ? "ok" : "FAIL", current);
		fflush(stdout);
	}
	printf("%d failures\n", failures);
	return failures != 0;
}
