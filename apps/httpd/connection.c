/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _GNU_SOURCE

#include "connection.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "answer.h"
#include "connection_state.h"
#include "output.h"
#include "request.h"
#include "resource.h"

#define CHUNK_BYTES  (64 * 1024)  /* read from a large file at once */
#define TURN_BYTES   (512 * 1024) /* sent on one connection before the next has its turn */
#define LINGER_MS    2000
#define LINGER_BYTES (1024 * 1024)

struct list {
	struct connection *first, *last; /* by deadline: each is put at the end */
};

struct server server;
static struct list active, lingering;
static struct connection *unused; /* by next */
static char received[REQUEST_HEAD_MAX];

static void list_remove(struct connection *c)
{
	*(c->previous ? &c->previous->next : &c->list->first) = c->next;
	*(c->next ? &c->next->previous : &c->list->last) = c->previous;
}

static void list_append(struct connection *c, struct list *list)
{
	c->list = list;
	c->next = NULL;
	c->previous = list->last;
	*(list->last ? &list->last->next : &list->first) = c;
	list->last = c;
}

/* The peer did its part: its time begins anew. */
static void touch(struct connection *c)
{
	c->deadline_ms = server.now_ms + server.timeout_ms;
	if (c->next) {
		list_remove(c);
		list_append(c, c->list);
	}
}

static void watch(struct connection *c, bool blocked)
{
	struct epoll_event event = { .events = blocked ? EPOLLOUT : EPOLLIN,
				     .data.ptr = c };

	if (c->blocked == blocked)
		return;
	c->blocked = blocked;
	epoll_ctl(server.epoll, EPOLL_CTL_MOD, c->fd, &event);
}

bool connection_open(int fd)
{
	struct connection *c = unused;
	struct epoll_event event = { .events = EPOLLIN };

	if (c)
		unused = c->next;
	else
		c = malloc(sizeof(*c));
	if (!c) {
		close(fd);
		return false;
	}
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	event.data.ptr = c;
	if (epoll_ctl(server.epoll, EPOLL_CTL_ADD, fd, &event)) {
		close(fd);
		c->next = unused;
		unused = c;
		return false;
	}
	list_append(c, &active);
	touch(c);
	server.connections++;
	return true;
}

static void close_connection(struct connection *c)
{
	close(c->fd); /* leaves the epoll set by that */
	list_remove(c);
	free(c->input);
	free(c->pending);
	if (c->body)
		resource_put(c->body);
	output_reset();
	c->next = unused;
	unused = c;
	server.connections--;
}

/* Closing a socket that still has input resets the connection, and the peer may lose our
 * last answer: so we say that we are done, and read until it is done too. */
static void finish(struct connection *c)
{
	if (!c->linger || shutdown(c->fd, SHUT_WR)) {
		close_connection(c);
		return;
	}
	c->lingering = true;
	c->skip = 0;
	free(c->input);
	c->input = NULL;
	list_remove(c);
	list_append(c, &lingering);
	c->deadline_ms = server.now_ms + LINGER_MS;
	watch(c, false);
}

static void drain(struct connection *c)
{
	ssize_t n = recv(c->fd, received, sizeof(received), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		c->skip += (uint64_t)n;
	if (n <= 0 || c->skip > LINGER_BYTES)
		close_connection(c);
}

enum progress { SENT, BLOCKED, BROKEN };

/* The next bytes of the body, or NULL: the file cannot be read or was cut short. */
static const char *next_of_body(struct connection *c, size_t *bytes)
{
	static char chunk[CHUNK_BYTES];
	const char *content = resource_content(c->body);
	ssize_t n;

	if (content) {
		*bytes = (size_t)c->left;
		return content + c->offset;
	}
	do
		n = pread(c->body->fd, chunk,
			  c->left < CHUNK_BYTES ? (size_t)c->left : CHUNK_BYTES,
			  (off_t)c->offset);
	while (n < 0 && errno == EINTR);
	*bytes = n > 0 ? (size_t)n : 0;
	return n > 0 ? chunk : NULL;
}

/* Puts aside what the socket did not take of what was gathered. */
static enum progress put_aside(struct connection *c, size_t sent)
{
	if (c->pending) { /* it is all that was gathered */
		c->pending_sent += sent;
	} else {
		c->pending = malloc(output_bytes() - sent);
		if (!c->pending)
			return BROKEN;
		c->pending_bytes = output_rest(sent, c->pending);
		c->pending_sent = 0;
	}
	output_reset();
	return BLOCKED;
}

static void end_of_body(struct connection *c)
{
	resource_put(c->body);
	c->body = NULL;
}

/* Sends what is pending or was gathered, then the body. */
static enum progress transmit(struct connection *c)
{
	size_t budget = TURN_BYTES;

	if (c->pending)
		output_add(c->pending + c->pending_sent,
			   c->pending_bytes - c->pending_sent);
	for (;;) {
		size_t gathered = output_bytes(), extra_bytes = 0;
		const char *extra = NULL;
		ssize_t n;

		if (c->body && !(extra = next_of_body(c, &extra_bytes)))
			return BROKEN;
		if (!gathered && !extra_bytes)
			return SENT;
		n = output_send(c->fd, extra, extra_bytes);
		if (n == -EAGAIN || n == -ENOBUFS || n == -ENOMEM)
			n = 0;
		if (n < 0)
			return BROKEN;
		if (n > 0)
			touch(c);
		if ((size_t)n < gathered)
			return put_aside(c, (size_t)n);
		output_reset();
		free(c->pending);
		c->pending = NULL;
		if (!c->body)
			return SENT;
		c->offset += (size_t)n - gathered;
		c->left -= (size_t)n - gathered;
		if (!c->left) {
			end_of_body(c);
			return SENT;
		}
		if ((size_t)n - gathered < extra_bytes || (size_t)n >= budget)
			return BLOCKED;
		budget -= (size_t)n;
	}
}

/* Keeps what was received and not used for when more has come; false without memory. */
static bool keep_input(struct connection *c, const char *rest, size_t bytes)
{
	if (!bytes) {
		free(c->input);
		c->input = NULL;
	} else if (c->input) {
		memmove(c->input, rest, bytes);
	} else {
		c->input = malloc(REQUEST_HEAD_MAX);
		if (!c->input)
			return false;
		memcpy(c->input, rest, bytes);
		touch(c); /* a request has begun: this is when it must be complete */
	}
	c->input_bytes = bytes;
	return true;
}

/* Serves the requests in data, as far as the peer takes the answers. */
static void serve(struct connection *c, const char *data, size_t length)
{
	size_t at = 0;
	enum progress progress;
	bool more;

	do {
		at += answer_all(c, data + at, length - at, &more);
		progress = transmit(c);
	} while (progress == SENT && more);

	if (progress == BROKEN) {
		close_connection(c);
		return;
	}
	if (c->closing) {
		c->linger |= at < length;
		at = length;
	}
	if (progress == SENT && c->closing) {
		finish(c);
		return;
	}
	if (keep_input(c, data + at, length - at))
		watch(c, progress == BLOCKED);
	else
		close_connection(c);
}

static void receive(struct connection *c)
{
	char *data = c->input ? c->input : received;
	size_t had = c->input ? c->input_bytes : 0;
	ssize_t n = recv(c->fd, data + had, REQUEST_HEAD_MAX - had, 0);

	if (n > 0)
		serve(c, data, had + (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_connection(c);
}

static void resume_sending(struct connection *c)
{
	switch (transmit(c)) {
	case BROKEN:
		close_connection(c);
		break;
	case BLOCKED:
		break;
	case SENT:
		if (c->closing)
			finish(c);
		else
			serve(c, c->input, c->input ? c->input_bytes : 0);
	}
}

void connection_event(struct connection *c, uint32_t events)
{
	if (c->lingering)
		drain(c);
	else if (c->blocked)
		resume_sending(c);
	else if (events)
		receive(c);
}

/* A peer that began a request is told; one that is idle or does not read is not. */
static void expire(struct connection *c)
{
	if (!c->lingering && !c->blocked && c->input) {
		answer_refuse(c, 408, NULL);
		if (transmit(c) == SENT) {
			finish(c);
			return;
		}
	}
	close_connection(c);
}

int connection_expire(void)
{
	struct list *lists[] = { &active, &lingering };
	int64_t next_ms = -1;

	for (int i = 0; i < 2; i++) {
		struct connection *c;

		while ((c = lists[i]->first) && c->deadline_ms <= server.now_ms)
			expire(c);
		if (c && (next_ms < 0 || c->deadline_ms - server.now_ms < next_ms))
			next_ms = c->deadline_ms - server.now_ms;
	}
	return next_ms > INT32_MAX ? INT32_MAX : (int)next_ms;
}

void connection_close_all(void)
{
	while (active.first)
		close_connection(active.first);
	while (lingering.first)
		close_connection(lingering.first);
	while (unused) {
		struct connection *c = unused;

		unused = c->next;
		free(c);
	}
}
