/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _GNU_SOURCE

#include "answer.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "connection_state.h"
#include "output.h"
#include "response.h"

#define BATCH_BYTES (64 * 1024) /* answers to pipelined requests gathered at most */

static void log_request(struct connection *c, struct slice line,
			const struct response *response)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	char host[INET6_ADDRSTRLEN] = "?";

	if (!getpeername(c->fd, (struct sockaddr *)&peer, &length)) {
		if (peer.ss_family == AF_INET6)
			inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&peer)->sin6_addr,
				  host, sizeof(host));
		else if (peer.ss_family == AF_INET)
			inet_ntop(AF_INET, &((struct sockaddr_in *)&peer)->sin_addr, host,
				  sizeof(host));
	}
	printf("%s \"", host);
	for (size_t i = 0; i < line.length; i++)
		putchar(line.text[i] < ' ' || line.text[i] > '~' ? '?' : line.text[i]);
	printf("\" %d %llu\n", response->status, (unsigned long long)response->bytes);
	fflush(stdout);
}

void answer_refuse(struct connection *c, int status, const struct request *request)
{
	struct response response;

	response_error(status, request && request->head_only, false, &response);
	c->closing = true;
	c->linger = true;
	if (server.verbose)
		log_request(c, request ? request->line : (struct slice){ "", 0 },
			    &response);
}

static void answer_one(struct connection *c, const char *head, size_t length)
{
	struct request request;
	struct response response;
	int status = request_parse(head, length, &request);

	if (status) {
		answer_refuse(c, status, &request);
		return;
	}
	c->skip = request.content_length;
	response_make(&request, server.now_ms, &response);
	c->body = response.body;
	c->offset = response.offset;
	c->left = response.bytes_left;
	if (!request.keep_alive) {
		c->closing = true;
		c->linger = c->skip > 0;
	}
	if (server.verbose)
		log_request(c, request.line, &response);
}

/* The bytes received do not make up a head yet. Can they ever? */
static void check_incomplete(struct connection *c, const char *data, size_t length)
{
	int status = request_hopeless(data, length);

	if (!status && length >= REQUEST_HEAD_MAX)
		status = memchr(data, '\n', length) ? 431 : 414;
	if (status)
		answer_refuse(c, status, NULL);
}

size_t answer_all(struct connection *c, const char *data, size_t length, bool *more)
{
	size_t at = 0;

	*more = false;
	while (at < length && !c->closing) {
		size_t head;

		if (c->body || !output_has_room() || output_bytes() > BATCH_BYTES) {
			*more = true;
			break;
		}
		if (c->skip) {
			size_t step = c->skip < length - at ? (size_t)c->skip
							    : length - at;

			c->skip -= step;
			at += step;
			continue;
		}
		head = request_head_end(data + at, length - at, &c->scanned);
		if (!head) {
			check_incomplete(c, data + at, length - at);
			break;
		}
		answer_one(c, data + at, head);
		c->scanned = 0;
		at += head;
	}
	return at;
}
