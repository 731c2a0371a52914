/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* TCP connections: data, half closes, resets, much of it, many of them; a socketpair. */

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "check.h"

void test_stream_basics(void)
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

void test_half_close(void)
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

void test_reset(void)
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

void test_bulk(void)
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

#define MANY 100

void test_many(void)
{
	int listener = bound(AF_INET, SOCK_STREAM), clients[MANY], servers[MANY];
	unsigned sum = 0;

	CHECK(!listen(listener, MANY));
	for (int i = 0; i < MANY; i++)
		clients[i] = connected_to(AF_INET, SOCK_STREAM, port_bound(listener));
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

void test_socketpair(void)
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
