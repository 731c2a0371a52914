/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* TCP sockets: their control blocks, names, connecting, closing, and what poll() sees. */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/time.h>
#include <posix/socket_tcp.h>
#include <lwip/priv/tcp_priv.h>

/* ---- lwIP's control block ---- */

bool tcp_socket_have_pcb(struct tcp_socket *self)
{
	if (self->pcb)
		return true;
	self->pcb = tcp_new_ip_type(socket_ip_type(&self->socket));
	if (!self->pcb)
		return false;
	tcp_stream_attach(self);
	tcp_options_apply(&self->socket);
	return true;
}

void tcp_socket_forget_pcb(struct tcp_socket *self)
{
	if (self->pcb) {
		tcp_arg(self->pcb, NULL);
		tcp_recv(self->pcb, NULL);
		tcp_sent(self->pcb, NULL);
		tcp_err(self->pcb, NULL);
	}
	self->pcb = NULL;
}

void tcp_socket_remember_names(struct tcp_socket *self)
{
	ip_addr_copy(self->local_ip, self->pcb->local_ip);
	ip_addr_copy(self->remote_ip, self->pcb->remote_ip);
	self->local_port = self->pcb->local_port;
	self->remote_port = self->pcb->remote_port;
}

struct tcp_socket *tcp_socket_make(int family, int flags)
{
	struct tcp_socket *self = kzalloc(sizeof(*self));

	if (!self)
		return NULL;
	self->keep_idle_s = TCP_KEEPIDLE_DEFAULT / 1000;
	self->keep_interval_s = TCP_KEEPINTVL_DEFAULT / 1000;
	self->keep_count = TCP_KEEPCNT_DEFAULT;
	socket_init(&self->socket, &socket_tcp, family, SOCK_STREAM, IPPROTO_TCP, flags);
	return self;
}

struct socket *socket_tcp_new(int family, int flags)
{
	struct tcp_socket *self = tcp_socket_make(family, flags);
	bool made;

	if (!self)
		return NULL;
	net_lock();
	made = tcp_socket_have_pcb(self);
	net_unlock();
	if (made)
		return &self->socket;
	kfree(self);
	return NULL;
}

/* ---- names ---- */

static int tcp_socket_bind(struct socket *socket, const ip_addr_t *address, uint16_t port)
{
	struct tcp_socket *self = tcp_socket(socket);
	ip_addr_t any = *address;
	err_t error;

	if (self->state != TCP_FRESH || !tcp_socket_have_pcb(self) ||
	    self->pcb->local_port)
		return -EINVAL;
	if (!ip_addr_isany(address) && !socket_address_is_local(address))
		return -EADDRNOTAVAIL;
	/* The wildcard of a dual-stack socket is that of both families. */
	if (IP_IS_V6(address) && ip_addr_isany(address))
		IP_SET_TYPE_VAL(any, socket_ip_type(socket));
	error = tcp_bind(self->pcb, &any, port);
	if (!error)
		tcp_socket_remember_names(self);
	return error == ERR_BUF ? -EADDRINUSE : socket_error(error);
}

static int tcp_socket_local(struct socket *socket, ip_addr_t *address, uint16_t *port)
{
	*address = tcp_socket(socket)->local_ip;
	*port = tcp_socket(socket)->local_port;
	return 0;
}

static int tcp_socket_peer(struct socket *socket, ip_addr_t *address, uint16_t *port)
{
	struct tcp_socket *self = tcp_socket(socket);

	*address = self->remote_ip;
	*port = self->remote_port;
	return self->state == TCP_CONNECTED ? 0 : -ENOTCONN;
}

/* ---- connect ---- */

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
	struct tcp_socket *self = arg;

	(void)pcb;
	(void)error; /* failures come by the error callback */
	self->state = TCP_CONNECTED;
	socket_changed(&self->socket, POLLOUT);
	return ERR_OK;
}

/* An outcome that was not told yet: the connection's fate, when it is known. */
static int connect_outcome(struct tcp_socket *self)
{
	if (self->state == TCP_CONNECTED)
		return 0;
	if (self->state == TCP_CONNECTING)
		return -EINPROGRESS;
	self->state = TCP_FRESH; /* may try again */
	return socket_take_error(&self->socket) ?: -ECONNABORTED;
}

static int start_connect(struct tcp_socket *self, const ip_addr_t *address, uint16_t port)
{
	err_t error;

	if (!tcp_socket_have_pcb(self))
		return -ENOBUFS;
	/* Before the call: it may fail at once, or reach ourselves by the loopback. */
	self->state = TCP_CONNECTING;
	do
		error = tcp_connect(self->pcb, address, port, on_connected);
	while (error == ERR_RTE && net_wait_for_address() && self->pcb);
	if (error) {
		self->state = TCP_FRESH;
		return error == ERR_BUF || error == ERR_USE ? -EADDRNOTAVAIL
							    : socket_error(error);
	}
	tcp_socket_remember_names(self);
	socket_changed(&self->socket, 0);
	return 0;
}

static int tcp_socket_connect(struct socket *socket, const ip_addr_t *address,
			      uint16_t port)
{
	struct tcp_socket *self = tcp_socket(socket);
	uint64_t deadline = socket_deadline(socket->send_timeout_ns);
	ip_addr_t to = *address;
	int error;

	switch (self->state) {
	case TCP_LISTENING:
	case TCP_CONNECTED:
		return -EISCONN;
	case TCP_CONNECTING:
		if (socket_nonblocking(socket))
			return -EALREADY;
		break;
	case TCP_ENDED:
		return connect_outcome(self);
	case TCP_FRESH:
		socket_address_loopback(&to);
		error = start_connect(self, &to, port);
		if (error)
			return error;
	}
	if (self->state == TCP_CONNECTING && socket_nonblocking(socket))
		return -EINPROGRESS;
	while (self->state == TCP_CONNECTING) {
		error = socket_wait(socket, POLLOUT, false, deadline);
		if (error)
			return error == -EAGAIN ? -EINPROGRESS : error;
	}
	return connect_outcome(self);
}

/* ---- the end ---- */

static int tcp_socket_shutdown(struct socket *socket, bool read, bool write)
{
	struct tcp_socket *self = tcp_socket(socket);
	int error = 0;

	if (self->state == TCP_LISTENING && read) {
		socket->shut_read = true; /* accept() returns, as elsewhere */
		socket_changed(socket, POLLIN);
		return 0;
	}
	if (self->state != TCP_CONNECTED)
		return -ENOTCONN;
	if (write && !socket->shut_write) {
		socket->shut_write = true;
		/* Sends what is queued, then FIN; keeps receiving. */
		if (self->pcb)
			error = socket_error(tcp_shutdown(self->pcb, 0, 1));
	}
	if (read && !socket->shut_read) {
		/* What still comes is taken and forgotten: telling lwIP would answer it
		 * with a reset. */
		socket->shut_read = true;
		tcp_stream_drop(self);
	}
	socket_changed(socket, (short)((read ? POLLIN : 0) | (write ? POLLOUT : 0)));
	return error;
}

static void end_connection(struct tcp_socket *self)
{
	struct tcp_pcb *pcb = self->pcb;

	tcp_socket_forget_pcb(self);
	if (self->socket.linger.l_onoff && !self->socket.linger.l_linger)
		tcp_abort(pcb);
	else if (tcp_close(pcb) != ERR_OK) /* no memory for a FIN */
		tcp_abort(pcb);
}

/* SO_LINGER: close() waits until the peer has everything, or l_linger seconds. */
static void linger(struct tcp_socket *self)
{
	uint64_t deadline;

	if (!self->socket.linger.l_onoff || self->socket.linger.l_linger <= 0)
		return;
	deadline = clock_ns() + (uint64_t)self->socket.linger.l_linger * NS_PER_SEC;
	if (self->pcb && !self->socket.shut_write)
		tcp_output(self->pcb);
	while (self->pcb && (self->pcb->unsent || self->pcb->unacked))
		if (net_wait(&self->socket.waiters, POLLOUT | POLLERR, deadline))
			return;
}

static void tcp_socket_release(struct socket *socket)
{
	struct tcp_socket *self = tcp_socket(socket);

	net_lock();
	if (self->state == TCP_LISTENING) {
		tcp_listen_stop(self);
	} else {
		linger(self);
		if (self->first && self->pcb) /* lwIP resets: somebody's data is lost */
			self->pcb->flags |= TF_RXCLOSED;
		if (self->pcb)
			end_connection(self);
		tcp_stream_drop(self);
	}
	net_unlock();
	kfree(self);
}

static int tcp_socket_disconnect(struct socket *socket)
{
	struct tcp_socket *self = tcp_socket(socket);

	if (self->state == TCP_LISTENING)
		return -EINVAL;
	tcp_stream_drop(self);
	if (self->pcb && self->state != TCP_FRESH) {
		struct tcp_pcb *pcb = self->pcb;

		tcp_socket_forget_pcb(self);
		tcp_abort(pcb);
	}
	self->state = TCP_FRESH;
	self->finished = socket->shut_read = socket->shut_write = false;
	self->local_port = self->remote_port = 0;
	socket_changed(socket, 0);
	return 0;
}

/* ---- state ---- */

static short tcp_socket_events(const struct socket *socket)
{
	const struct tcp_socket *self = tcp_socket(socket);
	bool no_input = self->finished || socket->shut_read;
	short events = 0;

	if (socket->error)
		events |= POLLERR | POLLIN | POLLOUT;
	switch (self->state) {
	case TCP_FRESH:
		return events | POLLOUT | POLLHUP;
	case TCP_CONNECTING:
		return events;
	case TCP_LISTENING:
		return events |
		       (self->accept_first || no_input ? POLLIN | POLLRDNORM : 0);
	case TCP_ENDED:
		return events | POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLHUP |
		       POLLRDHUP;
	case TCP_CONNECTED:
		break;
	}
	if (self->first || no_input)
		events |= POLLIN | POLLRDNORM;
	if (no_input)
		events |= POLLRDHUP;
	if (no_input && socket->shut_write)
		events |= POLLHUP;
	if (socket->shut_write || !self->pcb || tcp_stream_has_room(self))
		events |= POLLOUT | POLLWRNORM;
	return events;
}

static size_t tcp_socket_readable(const struct socket *socket)
{
	return tcp_socket(socket)->bytes;
}

static bool tcp_socket_is_listening(const struct socket *socket)
{
	return tcp_socket(socket)->state == TCP_LISTENING;
}

const struct socket_protocol socket_tcp = {
	.bind = tcp_socket_bind,
	.connect = tcp_socket_connect,
	.disconnect = tcp_socket_disconnect,
	.listen = tcp_listen_start,
	.accept = tcp_listen_accept,
	.send = tcp_stream_send,
	.receive = tcp_stream_receive,
	.shutdown = tcp_socket_shutdown,
	.local = tcp_socket_local,
	.peer = tcp_socket_peer,
	.events = tcp_socket_events,
	.readable = tcp_socket_readable,
	.is_listening = tcp_socket_is_listening,
	.options_changed = tcp_options_apply,
	.level = IPPROTO_TCP,
	.option_set = tcp_option_set,
	.option_get = tcp_option_get,
	.release = tcp_socket_release,
};
