/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What is known of a connection, for connection.c and answer.c alone. */

#ifndef HTTPD_CONNECTION_STATE_H
#define HTTPD_CONNECTION_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct list;
struct resource;

struct connection {
	struct connection *next, *previous;
	struct list *list;
	int64_t deadline_ms;
	int fd;
	bool blocked;	/* waits to send; else to receive */
	bool closing;	/* after what is being sent */
	bool linger;	/* then waits for the peer to stop sending */
	bool lingering; /* does so now */
	uint64_t skip;	/* bytes of a request's body still to come, or drained so far */
	char *input;	/* received and not yet used; NULL: nothing */
	size_t input_bytes;
	size_t scanned; /* of the incomplete head, see request_head_end() */
	char *pending;	/* made and not yet sent; NULL: nothing */
	size_t pending_bytes, pending_sent;
	struct resource *body; /* being sent; NULL: none */
	uint64_t offset, left;
};

#endif
