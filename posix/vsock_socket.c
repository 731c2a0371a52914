/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* AF_VSOCK sockets from socket() to close() (VIRTIO 1.3 §5.10.6.5). The words of an
 * ip_addr_t hold the context id and the port. */

#include <linux/vm_sockets.h>
#include <kernel/time.h>
#include <posix/vsock.h>

static uint32_t cid_of(const ip_addr_t *address)
{
	return ip_2_ip6(address)->addr[0];
}

static uint32_t port_of(const ip_addr_t *address)
{
	return ip_2_ip6(address)->addr[1];
}

static void make_address(ip_addr_t *address, uint32_t cid, uint32_t port)
{
	*address = (ip_addr_t){ 0 };
	ip_2_ip6(address)->addr[0] = cid;
	ip_2_ip6(address)->addr[1] = port;
}

/* A device may come later: only who connects must have one. */
int socket_vsock_new(int type, int number, int flags, struct socket **out)
{
	struct vsock_socket *self;

	if (number && number != AF_VSOCK)
		return -EPROTONOSUPPORT;
	if (type == SOCK_DGRAM)
		return -ENODEV; /* no device carries them */
	if (type != SOCK_STREAM && type != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	self = vsock_create(type, flags);
	if (!self)
		return -ENOBUFS;
	*out = &self->socket;
	return 0;
}

static int vsock_bind(struct socket *socket, const ip_addr_t *address, uint16_t unused)
{
	struct vsock_socket *self = vsock_socket(socket);
	uint32_t cid = cid_of(address);

	(void)unused;
	if (self->state != VSOCK_NEW || self->local_port)
		return -EINVAL;
	if (cid != VMADDR_CID_ANY && (!vsock_cid() || cid != vsock_cid()))
		return -EADDRNOTAVAIL;
	return vsock_take_port(self, port_of(address));
}

static int wait_connected(struct vsock_socket *self)
{
	int error;

	while (self->state == VSOCK_CONNECTING) {
		error = socket_wait(&self->socket, POLLOUT, false, NO_DEADLINE);
		if (error)
			return error;
	}
	return socket_take_error(&self->socket);
}

static int vsock_connect(struct socket *socket, const ip_addr_t *address, uint16_t unused)
{
	struct vsock_socket *self = vsock_socket(socket);
	int error;

	(void)unused;
	if (self->state == VSOCK_CONNECTING)
		return socket_nonblocking(socket) ? -EALREADY : wait_connected(self);
	if (self->state == VSOCK_CONNECTED)
		return -EISCONN;
	if (self->state != VSOCK_NEW)
		return -EINVAL;
	if (!vsock_cid())
		return -ENODEV;
	if (!vsock_has_type(vsock_type_of(self)))
		return -ESOCKTNOSUPPORT;
	if (cid_of(address) == VMADDR_CID_ANY || cid_of(address) == vsock_cid() ||
	    cid_of(address) == VMADDR_CID_LOCAL)
		return -ENODEV; /* nothing leads back here */
	error = vsock_open(self);
	if (!error && !self->local_port)
		error = vsock_take_port(self, VMADDR_PORT_ANY);
	if (error)
		return error;
	self->peer_cid = cid_of(address);
	self->peer_port = port_of(address);
	self->state = VSOCK_CONNECTING;
	socket->error = 0; /* of an attempt before */
	self->untold = false;
	self->deadline_ns = clock_ns() + self->options.connect_timeout_ns;
	socket_changed(socket, 0);
	if (!vsock_say(self, VIRTIO_VSOCK_OP_REQUEST, 0)) {
		vsock_end(self, 0);
		return vsock_cid() ? -ENOBUFS : -ENODEV;
	}
	vsock_deadline_changed();
	return socket_nonblocking(socket) ? -EINPROGRESS : wait_connected(self);
}

/* AF_UNSPEC is an address like any other of a wrong family. */
static int vsock_disconnect(struct socket *socket)
{
	return vsock_socket(socket)->state == VSOCK_CONNECTED ? -EISCONN : -EINVAL;
}

static int vsock_listen(struct socket *socket, int backlog)
{
	struct vsock_socket *self = vsock_socket(socket);

	if ((self->state != VSOCK_NEW && self->state != VSOCK_LISTENING) ||
	    !self->local_port)
		return -EINVAL;
	self->state = VSOCK_LISTENING;
	self->backlog = backlog < 1 ? 1 : (unsigned)backlog;
	if (self->backlog > VSOCK_BACKLOG_MAX)
		self->backlog = VSOCK_BACKLOG_MAX;
	socket_changed(socket, 0);
	return 0;
}

static int vsock_accept(struct socket *socket, struct socket **out)
{
	struct vsock_socket *self = vsock_socket(socket), *child;
	uint64_t deadline = socket_deadline(socket->receive_timeout_ns);
	int error;

	if (self->state != VSOCK_LISTENING)
		return -EINVAL;
	while (!self->pending) {
		error = socket_wait(socket, POLLIN, socket_nonblocking(socket), deadline);
		if (error)
			return error;
	}
	child = self->pending;
	self->pending = child->pending_next;
	child->pending_next = NULL;
	self->pending_count--;
	socket_changed(socket, 0);
	*out = &child->socket;
	return 0;
}

static int vsock_shutdown(struct socket *socket, bool read, bool write)
{
	struct vsock_socket *self = vsock_socket(socket);
	uint32_t flags;

	if (self->state != VSOCK_CONNECTED)
		return -ENOTCONN;
	read |= socket->shut_read;
	write |= socket->shut_write;
	flags = (read ? VIRTIO_VSOCK_SHUTDOWN_RECEIVE : 0) |
		(write ? VIRTIO_VSOCK_SHUTDOWN_SEND : 0);
	if (!vsock_say(self, VIRTIO_VSOCK_OP_SHUTDOWN, flags))
		return -ENOBUFS; /* the peer knows nothing of it: it may be tried again */
	socket->shut_read = read;
	socket->shut_write = write;
	socket_changed(socket, POLLIN | POLLOUT);
	return 0;
}

static int vsock_local(struct socket *socket, ip_addr_t *address, uint16_t *unused)
{
	struct vsock_socket *self = vsock_socket(socket);

	*unused = 0;
	make_address(address,
		     self->local_port && vsock_cid() ? (uint32_t)vsock_cid()
						     : VMADDR_CID_ANY,
		     self->local_port ? self->local_port : VMADDR_PORT_ANY);
	return 0;
}

static int vsock_peer(struct socket *socket, ip_addr_t *address, uint16_t *unused)
{
	struct vsock_socket *self = vsock_socket(socket);

	*unused = 0;
	make_address(address, self->peer_cid, self->peer_port);
	return self->state == VSOCK_CONNECTED ? 0 : -ENOTCONN;
}

static bool vsock_is_listening(const struct socket *socket)
{
	return vsock_socket(socket)->state == VSOCK_LISTENING;
}

static void vsock_options_changed(struct socket *socket)
{
	(void)socket;
}

/* Clean: SHUTDOWN both ways, and the peer answers RST, for which the rest of the socket
 * waits without its file, so that the pair of addresses is not used again before
 * (§5.10.6.5) [VSK-07]. What was not read is thrown away, and the peer is told that. */
static void close_connection(struct vsock_socket *self)
{
	if (self->head != self->tail || self->peer_no_receive) {
		vsock_say(self, VIRTIO_VSOCK_OP_RST, 0);
		vsock_free(self);
		return;
	}
	vsock_say(self, VIRTIO_VSOCK_OP_SHUTDOWN,
		  VIRTIO_VSOCK_SHUTDOWN_RECEIVE | VIRTIO_VSOCK_SHUTDOWN_SEND);
	self->state = VSOCK_CLOSING;
	self->deadline_ns = clock_ns() + VSOCK_CLOSE_NS;
	vsock_deadline_changed();
}

static void vsock_close(struct vsock_socket *self)
{
	struct vsock_socket *child;

	while ((child = self->pending)) {
		self->pending = child->pending_next;
		vsock_close(child);
	}
	if (self->state == VSOCK_CONNECTED) {
		close_connection(self);
		return;
	}
	if (self->state == VSOCK_CONNECTING || self->untold)
		vsock_say(self, VIRTIO_VSOCK_OP_RST, 0);
	vsock_free(self);
}

static void vsock_release(struct socket *socket)
{
	net_lock();
	vsock_close(vsock_socket(socket));
	net_unlock();
}

const struct socket_protocol socket_vsock = {
	.bind = vsock_bind,
	.connect = vsock_connect,
	.disconnect = vsock_disconnect,
	.listen = vsock_listen,
	.accept = vsock_accept,
	.send = vsock_socket_send,
	.receive = vsock_socket_receive,
	.shutdown = vsock_shutdown,
	.local = vsock_local,
	.peer = vsock_peer,
	.events = vsock_events,
	.readable = vsock_readable,
	.is_listening = vsock_is_listening,
	.options_changed = vsock_options_changed,
	.level = AF_VSOCK,
	.option_set = vsock_option_set,
	.option_get = vsock_option_get,
	.release = vsock_release,
};
