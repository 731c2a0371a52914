/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void *write_later(void *argument)
{
	usleep(50000);
	(void)!write(*(int *)argument, "x", 1);
	return NULL;
}

void test_polling(void)
{
	struct pollfd fds[12];
	struct timeval time = { 0, 30000 };
	pthread_t thread;
	fd_set set;
	long start;
	int ends[2];
	char c;

	(void)!pipe(ends);
	fds[0] = (struct pollfd){ ends[0], POLLIN, 0 };
	fds[1] = (struct pollfd){ ends[1], POLLOUT, 0 };
	fds[2] = (struct pollfd){ -1, POLLIN, 7 };
	fds[3] = (struct pollfd){ 999, POLLIN, 0 };
	check(poll(fds, 4, 0) == 2 && !fds[0].revents && fds[1].revents == POLLOUT &&
		      !fds[2].revents && fds[3].revents == POLLNVAL,
	      "poll without waiting");
	start = now_ms();
	check(poll(fds, 1, 40) == 0 && now_ms() - start >= 40, "poll times out");
	pthread_create(&thread, NULL, write_later, &ends[1]);
	check(poll(fds, 1, 10000) == 1 && fds[0].revents == POLLIN, "poll is woken");
	pthread_join(thread, NULL);
	for (int i = 0; i < 12; i++)
		fds[i] = (struct pollfd){ ends[0], POLLIN, 0 };
	check(poll(fds, 12, -1) == 12, "poll of many");
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	check(select(ends[0] + 1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(ends[0], &set),
	      "select");
	(void)!read(ends[0], &c, 1);
	check(select(ends[0] + 1, &set, NULL, NULL, &time) == 0 &&
		      !FD_ISSET(ends[0], &set),
	      "select times out");
	FD_SET(998, &set);
	check(select(999, &set, NULL, NULL, &time) == -1 && errno == EBADF,
	      "select of nothing");
	close(ends[1]);
	check(poll(fds, 1, -1) == 1 && fds[0].revents == POLLHUP, "POLLHUP");
	close(ends[0]);
}

static void add(int set, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	check(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0, "EPOLL_CTL_ADD");
}

static void modes(int set, int ends[2])
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.fd = 7 }, out[4];
	char c;

	add(set, ends[0], EPOLLIN);
	check(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event) == -1 && errno == EEXIST,
	      "adding twice");
	check(epoll_wait(set, out, 4, 0) == 0, "nothing yet");
	(void)!write(ends[1], "ab", 2);
	check(epoll_wait(set, out, 4, -1) == 1 && out[0].data.fd == ends[0] &&
		      epoll_wait(set, out, 4, 0) == 1,
	      "level-triggered: again and again");
	check(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event) == 0 &&
		      epoll_wait(set, out, 4, 0) == 1 && out[0].data.fd == 7,
	      "EPOLL_CTL_MOD looks again");
	check(epoll_wait(set, out, 4, 0) == 0, "edge-triggered: once");
	(void)!write(ends[1], "c", 1);
	check(epoll_wait(set, out, 4, 0) == 1, "once more with the next edge");
	check(epoll_wait(set, out, 4, 0) == 0, "and not again");
	event.events = EPOLLIN | EPOLLONESHOT;
	epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event);
	check(epoll_wait(set, out, 4, 0) == 1, "one shot");
	(void)!write(ends[1], "d", 1);
	check(epoll_wait(set, out, 4, 0) == 0, "only one");
	while (read(ends[0], &c, 1) == 1 && c != 'd')
		;
	check(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL) == 0, "EPOLL_CTL_DEL");
	check(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL) == -1 && errno == ENOENT,
	      "deleting twice");
}

static void lifetimes(int set)
{
	struct epoll_event out[4];
	int ends[2], second, other = epoll_create1(0);
	pthread_t thread;

	(void)!pipe(ends);
	add(set, ends[0], EPOLLIN);
	second = dup(ends[0]);
	(void)!write(ends[1], "x", 1);
	close(ends[0]);
	check(epoll_wait(set, out, 4, 0) == 1, "a duplicate keeps the file in the set");
	close(second);
	check(epoll_wait(set, out, 4, 0) == 0, "the last close takes it out");
	close(ends[1]);

	(void)!pipe(ends);
	add(set, ends[0], EPOLLIN);
	add(other, set, EPOLLIN);
	check(epoll_wait(other, out, 4, 0) == 0, "a set in a set");
	pthread_create(&thread, NULL, write_later, &ends[1]);
	check(epoll_wait(other, out, 4, 10000) == 1 && out[0].data.fd == set,
	      "is ready when it is");
	pthread_join(thread, NULL);
	out[0].events = EPOLLIN;
	check(epoll_ctl(set, EPOLL_CTL_ADD, other, out) == -1 && errno == ELOOP,
	      "but not in a circle");
	close(other);
	close(ends[0]);
	close(ends[1]);
}

#define MANY 200

static void many(int set)
{
	static int fd[MANY];
	static struct epoll_event out[MANY];
	uint64_t one = 1;
	int count = 0, seen = 0;

	for (count = 0; count < MANY; count++) {
		struct epoll_event event = { .events = EPOLLIN,
					     .data.u32 = (uint32_t)count };

		fd[count] = eventfd(0, 0);
		epoll_ctl(set, EPOLL_CTL_ADD, fd[count], &event);
	}
	for (int i = 0; i < MANY; i += 2)
		(void)!write(fd[i], &one, 8);
	check(epoll_wait(set, out, 30, 0) == 30, "as many as asked for");
	check(epoll_wait(set, out, MANY, 0) == MANY / 2, "all of them");
	for (int i = 0; i < MANY / 2; i++)
		seen += out[i].data.u32 % 2 == 0;
	check(seen == MANY / 2, "the right ones");
	while (count)
		close(fd[--count]);
	check(epoll_wait(set, out, MANY, 0) == 0, "all closed");
}

void test_epoll(void)
{
	struct epoll_event out[2];
	int set = epoll_create1(EPOLL_CLOEXEC), ends[2];
	pthread_t thread;
	long start = now_ms();

	check(set >= 0, "epoll_create1");
	check(epoll_wait(set, out, 2, 30) == 0 && now_ms() - start >= 30,
	      "epoll_wait times out");
	(void)!pipe(ends);
	modes(set, ends);
	add(set, ends[0], EPOLLIN | EPOLLET | EPOLLEXCLUSIVE);
	pthread_create(&thread, NULL, write_later, &ends[1]);
	check(epoll_wait(set, out, 2, 10000) == 1, "epoll_wait is woken");
	pthread_join(thread, NULL);
	close(ends[1]);
	check(epoll_wait(set, out, 2, 0) == 1 && out[0].events & EPOLLHUP, "EPOLLHUP");
	close(ends[0]);
	lifetimes(set);
	many(set);
	close(set);
}
