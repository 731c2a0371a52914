/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A listening TCP socket and the connections that wait to be accepted. */

#include <errno.h>
#include <kernel/heap.h>
#include <posix/socket_tcp.h>
#include <lwip/priv/tcp_priv.h>

#define BACKLOG_LIMIT 4096 /* net.core.somaxconn elsewhere */

static void update_backlog(struct tcp_socket *self)
{
	/* While the queue is full lwIP drops SYNs: peers try again. Its own limit counts
	 * only the half-open ones. */
	((struct tcp_pcb_listen *)self->pcb)->backlog =
		self->accept_count < self->accept_limit ? TCP_DEFAULT_LISTEN_BACKLOG : 0;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
	struct tcp_socket *self = arg, *child;

	if (error || !pcb || !self)
		return ERR_VAL;
	child = tcp_socket_make(self->socket.family, 0);
	if (!child)
		return ERR_MEM;
	child->pcb = pcb;
	child->state = TCP_CONNECTED;
	child->socket.v6only = self->socket.v6only;
	child->socket.keep_alive = self->socket.keep_alive;
	child->socket.reuse_address = self->socket.reuse_address;
	child->socket.linger = self->socket.linger;
	child->socket.receive_timeout_ns = self->socket.receive_timeout_ns;
	child->socket.send_timeout_ns = self->socket.send_timeout_ns;
	child->no_delay = self->no_delay;
	child->keep_idle_s = self->keep_idle_s;
	child->keep_interval_s = self->keep_interval_s;
	child->keep_count = self->keep_count;
	tcp_stream_attach(child);
	tcp_options_apply(&child->socket);
	tcp_socket_remember_names(child);
	socket_changed(&child->socket, 0);

	if (self->accept_last)
		self->accept_last->accept_next = child;
	else
		self->accept_first = child;
	self->accept_last = child;
	self->accept_count++;
	update_backlog(self);
	socket_changed(&self->socket, POLLIN);
	return ERR_OK;
}

int tcp_listen_start(struct socket *socket, int backlog)
{
	struct tcp_socket *self = tcp_socket(socket);
	struct tcp_pcb *listener;
	err_t error;

	if (backlog < 0 || backlog > BACKLOG_LIMIT)
		backlog = BACKLOG_LIMIT;
	self->accept_limit = backlog ? (unsigned)backlog : 1;
	if (self->state == TCP_LISTENING) {
		update_backlog(self);
		return 0;
	}
	if (self->state != TCP_FRESH)
		return -EINVAL;
	if (!tcp_socket_have_pcb(self))
		return -ENOBUFS;
	if (!self->pcb->local_port) {
		ip_addr_t any = { .type = socket_ip_type(socket) };

		error = tcp_bind(self->pcb, &any, 0);
		if (error)
			return -EADDRINUSE;
	}
	tcp_socket_remember_names(self);
	listener = tcp_listen_with_backlog_and_err(self->pcb, TCP_DEFAULT_LISTEN_BACKLOG,
						   &error);
	if (!listener)
		return socket_error(error);
	self->pcb = listener;
	self->state = TCP_LISTENING;
	tcp_arg(listener, self);
	tcp_accept(listener, on_accept);
	update_backlog(self);
	socket_changed(socket, 0);
	return 0;
}

int tcp_listen_accept(struct socket *socket, struct socket **out)
{
	struct tcp_socket *self = tcp_socket(socket), *child;
	uint64_t deadline = socket_deadline(socket->receive_timeout_ns);
	int error;

	if (self->state != TCP_LISTENING)
		return -EINVAL;
	while (!(child = self->accept_first)) {
		error = socket_wait(socket, POLLIN, socket_nonblocking(socket), deadline);
		if (error)
			return error;
		if (self->state != TCP_LISTENING || socket->shut_read)
			return -EINVAL;
	}
	self->accept_first = child->accept_next;
	if (!self->accept_first)
		self->accept_last = NULL;
	child->accept_next = NULL;
	self->accept_count--;
	update_backlog(self);
	socket_changed(socket, 0);
	*out = &child->socket;
	return 0;
}

void tcp_listen_stop(struct tcp_socket *self)
{
	struct tcp_pcb *listener = self->pcb;
	struct tcp_socket *child;

	tcp_arg(listener, NULL);
	tcp_accept(listener, NULL);
	self->pcb = NULL;
	tcp_close(listener);
	while ((child = self->accept_first)) {
		self->accept_first = child->accept_next;
		tcp_stream_drop(child);
		if (child->pcb) {
			struct tcp_pcb *pcb = child->pcb;

			tcp_socket_forget_pcb(child);
			tcp_abort(pcb);
		}
		kfree(child);
	}
}
