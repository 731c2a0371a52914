/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* System calls for a transport whose devices are other processes. Nothing here waits
 * longer than it is told. Errors: negative errno. */

#ifndef HOST_SOCKET_H
#define HOST_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A connection to the Unix socket of that name: a descriptor. */
int host_socket_connect(const char *path);
/* Two ends of a connection. */
int host_socket_pair(int ends[2]);
void host_close(int fd);

#define HOST_FDS_MAX 8
/* Sends all of it; the descriptors go with the first byte. */
int host_socket_send(int fd, const void *data, size_t bytes, const int *fds,
		     unsigned fd_count, uint64_t deadline_ns);
/* Receives exactly `bytes`. -EPIPE: the other end closed; -ETIMEDOUT. Descriptors that
 * came with it are closed. */
int host_socket_receive(int fd, void *data, size_t bytes, uint64_t deadline_ns);
/* Whether the other end has closed. */
bool host_socket_closed(int fd);

/* A counter that wakes who waits for it (eventfd(2)). */
int host_counter(void);
void host_counter_raise(int fd);
/* Whether it had been raised; it is not any more. */
bool host_counter_take(int fd);

#endif
