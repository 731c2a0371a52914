/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The bytes of a TCP connection. Received ones stay in the buffers they came in until
 * they are read, and the window opens as they are; sent ones are copied once, into the
 * segments themselves. */

#include <errno.h>
#include <string.h>
#include <posix/socket_tcp.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>

#define WRITE_MAX 0xffff /* tcp_write() and tcp_recved() count in 16 bits */

/* ---- what lwIP tells ---- */

/* The peer's FIN. If ours was sent before it, lwIP goes on to TIME-WAIT alone and frees
 * the control block without a word, so it is let go now. */
static void on_finished(struct tcp_socket *self, struct tcp_pcb *pcb)
{
	self->finished = true;
	if (pcb->state == TIME_WAIT || pcb->state == CLOSING) {
		tcp_arg(pcb, NULL);
		tcp_recv(pcb, NULL);
		tcp_sent(pcb, NULL);
		tcp_err(pcb, NULL);
		self->pcb = NULL;
	}
	socket_changed(&self->socket, POLLIN | POLLRDHUP);
}

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	struct tcp_socket *self = arg;

	(void)error;
	if (!p) {
		on_finished(self, pcb);
		return ERR_OK;
	}
	if (self->socket.shut_read) {
		tcp_recved(pcb, p->tot_len);
		pbuf_free(p);
		return ERR_OK;
	}
	self->bytes += p->tot_len;
	if (self->last)
		self->last->next = p;
	else
		self->first = p;
	while (p->next)
		p = p->next;
	self->last = p;
	socket_changed(&self->socket, POLLIN);
	return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes)
{
	struct tcp_socket *self = arg;

	(void)bytes;
	if (self->socket.linger.l_onoff && !pcb->unsent && !pcb->unacked)
		net_wake(self->socket.waiters, POLLOUT);
	if (!(self->socket.events & POLLOUT))
		socket_changed(&self->socket, 0);
	return ERR_OK;
}

/* The control block is gone already. */
static void on_error(void *arg, err_t error)
{
	struct tcp_socket *self = arg;

	if (!self)
		return;
	self->pcb = NULL;
	if (error == ERR_CLSD) { /* both sides have closed: no error */
		self->finished = true;
		socket_changed(&self->socket, POLLIN | POLLHUP);
		return;
	}
	if (error == ERR_RST)
		self->socket.error = self->state == TCP_CONNECTING ? ECONNREFUSED
								   : ECONNRESET;
	else /* lwIP gave up on retransmissions or keep-alives */
		self->socket.error = ETIMEDOUT;
	self->state = TCP_ENDED;
	socket_changed(&self->socket, POLLIN | POLLOUT | POLLERR | POLLHUP);
}

void tcp_stream_attach(struct tcp_socket *self)
{
	tcp_arg(self->pcb, self);
	tcp_recv(self->pcb, on_received);
	tcp_sent(self->pcb, on_sent);
	tcp_err(self->pcb, on_error);
}

/* ---- receive ---- */

/* Takes n bytes off the front. */
static void consume(struct tcp_socket *self, size_t n)
{
	self->bytes -= n;
	while (self->first && n >= self->first->len - self->first_offset) {
		struct pbuf *p = self->first;

		n -= p->len - self->first_offset;
		self->first_offset = 0;
		self->first = p->next;
		p->next = NULL;
		pbuf_free(p);
	}
	if (!self->first)
		self->last = NULL;
	else
		self->first_offset += n;
}

static void open_window(struct tcp_socket *self, size_t n)
{
	while (n && self->pcb) {
		u16_t part = (u16_t)(n > WRITE_MAX ? WRITE_MAX : n);

		tcp_recved(self->pcb, part);
		n -= part;
	}
}

/* Copies out without taking anything off; returns how much. */
static size_t peek(const struct tcp_socket *self, const struct socket_message *message,
		   size_t done)
{
	size_t offset = self->first_offset, copied = 0;

	for (const struct pbuf *p = self->first; p && done + copied < message->bytes;
	     p = p->next) {
		size_t n = p->len - offset;

		if (n > message->bytes - done - copied)
			n = message->bytes - done - copied;
		if (!(message->flags & MSG_TRUNC)) /* TCP: reads into nowhere */
			iovec_copy_out((uint8_t *)p->payload + offset, n, message->vector,
				       message->count, done + copied);
		copied += n;
		offset = 0;
	}
	return copied;
}

/* Why a receive with an empty queue does not wait: 1 end of stream, or a negative errno. */
static int receive_obstacle(struct tcp_socket *self)
{
	if (self->socket.error)
		return socket_take_error(&self->socket);
	switch (self->state) {
	case TCP_FRESH:
	case TCP_LISTENING:
		return -ENOTCONN;
	case TCP_ENDED:
		return 1;
	default:
		return self->finished || self->socket.shut_read;
	}
}

static ssize_t receive(struct tcp_socket *self, struct socket_message *message)
{
	struct socket *socket = &self->socket;
	bool peeking = message->flags & MSG_PEEK;
	uint64_t deadline = socket_deadline(socket->receive_timeout_ns);
	size_t done = 0;
	int error;

	while (done < message->bytes) {
		if (self->first) {
			size_t n = peek(self, message, done);

			done += n;
			if (peeking)
				break;
			consume(self, n);
			open_window(self, n);
			if (!(message->flags & MSG_WAITALL))
				break;
			continue;
		}
		if (done && socket->error)
			break; /* told by the next call */
		error = receive_obstacle(self);
		if (!error)
			error = socket_wait(socket, POLLIN,
					    socket_nonblocking(socket) ||
						    message->flags & MSG_DONTWAIT,
					    deadline);
		if (error > 0)
			break;
		if (error < 0)
			return done ? (ssize_t)done : error;
	}
	return (ssize_t)done;
}

ssize_t tcp_stream_receive(struct socket *socket, struct socket_message *message)
{
	ssize_t result;

	if (!message->bytes)
		return 0;
	net_lock();
	result = receive(tcp_socket(socket), message);
	if (result <= 0 || !tcp_socket(socket)->first)
		socket_changed(socket, 0);
	net_unlock();
	return result;
}

void tcp_stream_drop(struct tcp_socket *self)
{
	struct pbuf *p;

	while ((p = self->first)) {
		self->first = p->next;
		p->next = NULL;
		pbuf_free(p);
	}
	self->last = NULL;
	self->bytes = self->first_offset = 0;
}

/* ---- send ---- */

bool tcp_stream_has_room(const struct tcp_socket *self)
{
	return tcp_sndbuf(self->pcb) > TCP_SNDLOWAT &&
	       tcp_sndqueuelen(self->pcb) < TCP_SNDQUEUELOWAT;
}

/* Hands over to lwIP what fits now; returns how much, or a negative errno. */
static ssize_t write_some(struct tcp_socket *self, const struct socket_message *message,
			  size_t done, bool hold)
{
	size_t skip = done, written = 0;

	for (int i = 0; i < message->count; i++) {
		const uint8_t *data = message->vector[i].iov_base;
		size_t left = message->vector[i].iov_len;

		if (skip >= left) {
			skip -= left;
			continue;
		}
		data += skip;
		left -= skip;
		skip = 0;
		while (left) {
			size_t n = tcp_sndbuf(self->pcb);
			bool more = hold || done + written + left < message->bytes;

			if (n > WRITE_MAX)
				n = WRITE_MAX;
			if (n > left)
				n = left;
			if (!n)
				return (ssize_t)written;
			if (tcp_write(self->pcb, data, (u16_t)n,
				      (u8_t)(TCP_WRITE_FLAG_COPY |
					     (more ? TCP_WRITE_FLAG_MORE : 0))) != ERR_OK)
				return written || self->pcb->unacked || self->pcb->unsent
					       ? (ssize_t)written
					       : -ENOBUFS;
			written += n;
			data += n;
			left -= n;
		}
	}
	return (ssize_t)written;
}

/* Why nothing can be sent, or 0. While connecting it waits. */
static int send_obstacle(struct tcp_socket *self)
{
	if (self->socket.error)
		return socket_take_error(&self->socket);
	if (self->state == TCP_LISTENING || self->state == TCP_FRESH)
		return self->state == TCP_FRESH ? -EPIPE : -ENOTCONN;
	if (self->state == TCP_ENDED || self->socket.shut_write ||
	    (self->state == TCP_CONNECTED && !self->pcb))
		return -EPIPE;
	return 0;
}

/* Corked, or more is to come: full segments go, the rest of one waits. */
static void push(struct tcp_socket *self, bool hold)
{
	if (!self->pcb)
		return;
	if (hold && self->pcb->unsent && !self->pcb->unsent->next &&
	    self->pcb->unsent->len < tcp_mss(self->pcb))
		return;
	tcp_output(self->pcb);
}

void tcp_stream_push(struct tcp_socket *self)
{
	if (self->state == TCP_CONNECTED)
		push(self, self->corked);
}

static ssize_t send_all(struct tcp_socket *self, struct socket_message *message)
{
	struct socket *socket = &self->socket;
	uint64_t deadline = socket_deadline(socket->send_timeout_ns);
	bool hold = self->corked || message->more;
	size_t done = 0;

	for (;;) {
		ssize_t n = send_obstacle(self);

		if (!n && self->state == TCP_CONNECTED)
			n = write_some(self, message, done, hold);
		if (n < 0)
			return done ? (ssize_t)done : n;
		done += (size_t)n;
		if (done == message->bytes)
			break;
		push(self, false);
		socket_changed(socket, 0);
		n = socket_wait(socket, POLLOUT,
				socket_nonblocking(socket) ||
					message->flags & MSG_DONTWAIT,
				deadline);
		if (n)
			return done ? (ssize_t)done : n;
	}
	push(self, hold);
	return (ssize_t)done;
}

ssize_t tcp_stream_send(struct socket *socket, struct socket_message *message)
{
	ssize_t result;

	net_lock();
	result = send_all(tcp_socket(socket), message);
	if (socket->events & POLLOUT)
		socket_changed(socket, 0);
	net_unlock();
	return result;
}
