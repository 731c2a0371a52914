/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the cases share. */

#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

extern int failures;
extern const char *current; /* the case that runs */

#define CHECK(condition)                                                             \
	do {                                                                         \
		if (!(condition)) {                                                  \
			printf("FAIL %s: %s:%d: %s (errno %d)\n", current, __FILE__, \
			       __LINE__, #condition, errno);                         \
			failures++;                                                  \
		}                                                                    \
	} while (0)
/* A call that must fail with this errno. */
#define FAILS(call, error)               \
	do {                             \
		errno = 0;               \
		CHECK((call) == -1);     \
		CHECK(errno == (error)); \
	} while (0)

/* ends.c. The loopback's address in `out`, with a port in network byte order; its size. */
socklen_t loopback(int family, struct sockaddr_storage *out, uint16_t port);
/* The port that a socket is bound to, as loopback() takes it. */
uint16_t port_bound(int fd);
/* A bound socket on a port of the system's choice. */
int bound(int family, int type);
int connected_to(int family, int type, uint16_t port);
/* Two ends of one TCP connection. */
void tcp_pair(int family, int ends[2]);
void close_pair(int ends[2]);
/* What poll() tells of one descriptor. */
short events_of(int fd, short wanted, int timeout_ms);
/* Seconds, on a clock that is never set. */
double now(void);

void test_names(void);
void test_errors(void);
void test_stream_basics(void);
void test_half_close(void);
void test_reset(void);
void test_nonblocking(void);
void test_bulk(void);
void test_datagrams(void);
void test_message_headers(void);
void test_options(void);
void test_dual_stack(void);
void test_epoll(void);
void test_many(void);
void test_socketpair(void);
void test_threads(void);
void test_restart(void);

#endif
