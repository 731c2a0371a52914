/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "check.h"

#define TOTAL 3000000

static unsigned char pattern(size_t i)
{
	return (unsigned char)(i * 7 + i / 1000);
}

static void *writer(void *argument)
{
	static unsigned char data[5003];
	int fd = *(int *)argument;

	for (size_t at = 0; at < TOTAL;) {
		size_t part = TOTAL - at < sizeof(data) ? TOTAL - at : sizeof(data);

		for (size_t i = 0; i < part; i++)
			data[i] = pattern(at + i);
		if (write(fd, data, part) != (ssize_t)part)
			break;
		at += part;
	}
	close(fd);
	return NULL;
}

static void between_threads(void)
{
	unsigned char data[3001];
	size_t at = 0;
	bool good = true;
	pthread_t thread;
	ssize_t got;
	int ends[2];

	check(pipe(ends) == 0, "pipe");
	pthread_create(&thread, NULL, writer, &ends[1]);
	while ((got = read(ends[0], data, sizeof(data))) > 0) {
		for (ssize_t i = 0; i < got; i++)
			good &= data[i] == pattern(at + (size_t)i);
		at += (size_t)got;
	}
	pthread_join(thread, NULL);
	check(got == 0 && at == TOTAL && good, "3 MB through a pipe between threads");
	close(ends[0]);
}

static volatile sig_atomic_t pipe_signals;

static void count_signal(int number)
{
	(void)number;
	pipe_signals++;
}

static void full_and_broken(void)
{
	static char block[4096];
	struct sigaction action = { .sa_handler = count_signal };
	int ends[2], count = 0;
	ssize_t done;

	check(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0, "pipe2");
	check(fcntl(ends[0], F_GETFD) == FD_CLOEXEC &&
		      fcntl(ends[0], F_GETFL) & O_NONBLOCK,
	      "its flags");
	check(read(ends[0], block, 1) == -1 && errno == EAGAIN, "an empty pipe: EAGAIN");
	while ((done = write(ends[1], block, sizeof(block))) > 0)
		count++;
	check(done == -1 && errno == EAGAIN && count == 16,
	      "a full pipe: EAGAIN at 64 KiB");
	check(ioctl(ends[0], FIONREAD, &count) == 0 && count == 65536,
	      "FIONREAD of a pipe");
	check(read(ends[0], block, 100) == 100 && write(ends[1], block, 4096) == -1 &&
		      errno == EAGAIN,
	      "PIPE_BUF bytes go in whole or not at all");
	check(write(ends[0], block, 1) == -1 && errno == EBADF,
	      "write to the reading end");
	sigaction(SIGPIPE, &action, NULL);
	close(ends[0]);
	check(write(ends[1], block, 1) == -1 && errno == EPIPE && pipe_signals == 1,
	      "EPIPE and SIGPIPE");
	signal(SIGPIPE, SIG_IGN);
	check(write(ends[1], block, 1) == -1 && errno == EPIPE, "EPIPE");
	close(ends[1]);
}

static void counters(void)
{
	struct itimerspec time = { .it_value.tv_nsec = 20000000,
				   .it_interval.tv_nsec = 10000000 };
	struct pollfd poll_one;
	uint64_t value = 5;
	int fd = eventfd(3, EFD_NONBLOCK);

	check(fd >= 0 && write(fd, &value, 8) == 8 && read(fd, &value, 8) == 8 &&
		      value == 8,
	      "eventfd adds up");
	check(read(fd, &value, 8) == -1 && errno == EAGAIN, "an empty eventfd");
	close(fd);
	fd = timerfd_create(CLOCK_MONOTONIC, 0);
	check(fd >= 0 && timerfd_settime(fd, 0, &time, NULL) == 0, "timerfd");
	poll_one = (struct pollfd){ fd, POLLIN, 0 };
	check(poll(&poll_one, 1, 0) == 0, "it has not expired yet");
	check(poll(&poll_one, 1, 5000) == 1 && read(fd, &value, 8) == 8 && value >= 1,
	      "it expires");
	usleep(35000);
	check(read(fd, &value, 8) == 8 && value >= 2, "and again, counted");
	time.it_value.tv_nsec = time.it_interval.tv_nsec = 1;
	check(timerfd_settime(fd, 0, &time, NULL) == 0, "an interval of 1 ns");
	usleep(10000);
	check(read(fd, &value, 8) == 8 && value >= 5000000, "leaves time for others");
	close(fd);
}

void test_pipes(void)
{
	between_threads();
	full_and_broken();
	counters();
}
