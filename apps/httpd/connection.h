/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Connections: reading requests, answering them in order, sending, closing in good order,
 * and deadlines for peers that are slow. One thread serves all. */

#ifndef HTTPD_CONNECTION_H
#define HTTPD_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;

struct server {
	int epoll;
	int64_t timeout_ms; /* for a request to arrive, and between two; and to move on
			     * when the peer does not read */
	bool verbose;	    /* a line for each request */
	int64_t now_ms;	    /* when this turn began */
	size_t connections; /* open now */
};
extern struct server server;

/* Serves the connected socket fd; false: out of memory, fd is closed. */
bool connection_open(int fd);
/* epoll reported `events`. The connection may be gone after that. */
void connection_event(struct connection *connection, uint32_t events);
/* Ends what is overdue; milliseconds to the next deadline, -1 if there is none. */
int connection_expire(void);
void connection_close_all(void);

#endif
