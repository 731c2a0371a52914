/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Waiting: not at all, by poll and epoll, in threads, and disturbed by signals. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>
#include "check.h"

void test_nonblocking(void)
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
	bytes = loopback(AF_INET, &name, port_bound(listener));
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
	bytes = loopback(AF_INET, &name, port_bound(listener));
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

void test_epoll(void)
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

/* A second thread blocked in the same call is woken by what the first one does. */
static void *receive_one(void *argument)
{
	char byte = 0;

	recv(*(int *)argument, &byte, 1, 0);
	return (void *)(uintptr_t)byte;
}

void test_threads(void)
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
void test_restart(void)
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
	it.bytes = loopback(AF_INET, &it.to, port_bound(listener));
	CHECK(!pthread_create(&thread, NULL, disturb, &it));
	fd = accept(listener, NULL, NULL);
	CHECK(fd >= 0 && handled == 1);
	pthread_join(thread, NULL);
	close(fd);
	close(listener);
}
