/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* socketpair(AF_UNIX, SOCK_STREAM): two sockets with a ring of bytes each way. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <kernel/heap.h>
#include <posix/files.h>
#include <posix/pointer.h>
#include <posix/socket.h>

#define RING_BYTES 65536u /* a power of two */

struct pair_socket {
	struct socket socket;	  /* first; everything under net_lock() */
	struct pair_socket *peer; /* NULL: it was closed */
	/* What came in and was not read. The indices run freely. */
	uint8_t *ring;
	uint32_t head, tail;
	bool finished; /* the peer will send no more */
};

static const struct socket_protocol socket_pair;

static struct pair_socket *pair_socket(const struct socket *socket)
{
	return (struct pair_socket *)socket;
}

static uint32_t used(const struct pair_socket *self)
{
	return self->tail - self->head;
}

/* The stretch of the ring from an index on that does not wrap. */
static uint32_t stretch(uint32_t index, uint32_t wanted)
{
	uint32_t to_end = RING_BYTES - (index & (RING_BYTES - 1));

	return wanted < to_end ? wanted : to_end;
}

/* Copies out without taking anything off. */
static size_t copy_out(const struct pair_socket *self,
		       const struct socket_message *message, size_t done)
{
	uint32_t at = self->head, left = used(self);

	if (left > message->bytes - done)
		left = (uint32_t)(message->bytes - done);
	while (left) {
		uint32_t n = stretch(at, left);

		iovec_copy_out(self->ring + (at & (RING_BYTES - 1)), n, message->vector,
			       message->count, done);
		at += n;
		done += n;
		left -= n;
	}
	return at - self->head;
}

static ssize_t receive(struct pair_socket *self, const struct socket_message *message)
{
	struct socket *socket = &self->socket;
	uint64_t deadline = socket_deadline(socket->receive_timeout_ns);
	size_t done = 0;
	int error;

	while (done < message->bytes) {
		if (used(self)) {
			size_t n = copy_out(self, message, done);

			done += n;
			if (message->flags & MSG_PEEK)
				break;
			self->head += (uint32_t)n;
			if (self->peer)
				socket_changed(&self->peer->socket, POLLOUT);
			if (!(message->flags & MSG_WAITALL))
				break;
			continue;
		}
		if (self->finished || socket->shut_read)
			break;
		error = socket_wait(socket, POLLIN,
				    socket_nonblocking(socket) ||
					    message->flags & MSG_DONTWAIT,
				    deadline);
		if (error)
			return done ? (ssize_t)done : error;
	}
	return (ssize_t)done;
}

static ssize_t pair_receive(struct socket *socket, struct socket_message *message)
{
	ssize_t result;

	net_lock();
	result = receive(pair_socket(socket), message);
	socket_changed(socket, 0);
	net_unlock();
	return result;
}

static size_t copy_in(struct pair_socket *to, const struct socket_message *message,
		      size_t done)
{
	uint32_t room = RING_BYTES - used(to), n;
	size_t start = done;

	while (room && done < message->bytes) {
		n = stretch(to->tail, room);
		if (n > message->bytes - done)
			n = (uint32_t)(message->bytes - done);
		iovec_copy_in(to->ring + (to->tail & (RING_BYTES - 1)), n,
			      message->vector, message->count, done);
		to->tail += n;
		room -= n;
		done += n;
	}
	return done - start;
}

static ssize_t send_all(struct pair_socket *self, const struct socket_message *message)
{
	struct socket *socket = &self->socket;
	uint64_t deadline = socket_deadline(socket->send_timeout_ns);
	size_t done = 0;

	for (;;) {
		size_t n;
		int error;

		if (!self->peer || socket->shut_write || self->peer->socket.shut_read)
			return done ? (ssize_t)done : -EPIPE;
		n = copy_in(self->peer, message, done);
		done += n;
		if (n)
			socket_changed(&self->peer->socket, POLLIN);
		if (done == message->bytes)
			return (ssize_t)done;
		socket_changed(socket, 0);
		error = socket_wait(socket, POLLOUT,
				    socket_nonblocking(socket) ||
					    message->flags & MSG_DONTWAIT,
				    deadline);
		if (error)
			return done ? (ssize_t)done : error;
	}
}

static ssize_t pair_send(struct socket *socket, struct socket_message *message)
{
	ssize_t result;

	net_lock();
	result = send_all(pair_socket(socket), message);
	socket_changed(socket, 0);
	net_unlock();
	return result;
}

static void finish_peer(struct pair_socket *self)
{
	if (!self->peer)
		return;
	self->peer->finished = true;
	socket_changed(&self->peer->socket, POLLIN | POLLRDHUP);
}

static int pair_shutdown(struct socket *socket, bool read, bool write)
{
	struct pair_socket *self = pair_socket(socket);

	if (!self->peer)
		return -ENOTCONN;
	socket->shut_read |= read;
	if (write && !socket->shut_write) {
		socket->shut_write = true;
		finish_peer(self);
	}
	socket_changed(socket, POLLIN | POLLOUT);
	socket_changed(&self->peer->socket, POLLOUT);
	return 0;
}

static short pair_events(const struct socket *socket)
{
	const struct pair_socket *self = pair_socket(socket);
	bool no_input = self->finished || socket->shut_read;
	short events = 0;

	if (used(self) || no_input)
		events |= POLLIN | POLLRDNORM;
	if (no_input)
		events |= POLLRDHUP;
	if (!self->peer)
		return events | POLLHUP | POLLOUT | POLLWRNORM;
	if (no_input && socket->shut_write)
		events |= POLLHUP;
	if (socket->shut_write || used(self->peer) < RING_BYTES)
		events |= POLLOUT | POLLWRNORM;
	return events;
}

static size_t pair_readable(const struct socket *socket)
{
	return used(pair_socket(socket));
}

static void pair_free(struct pair_socket *self)
{
	kfree(self->ring);
	kfree(self);
}

static void pair_release(struct socket *socket)
{
	struct pair_socket *self = pair_socket(socket);

	net_lock();
	finish_peer(self);
	if (self->peer) {
		self->peer->peer = NULL;
		socket_changed(&self->peer->socket, POLLOUT | POLLHUP);
	}
	net_unlock();
	pair_free(self);
}

static int pair_bind(struct socket *socket, const ip_addr_t *address, uint16_t port)
{
	(void)socket;
	(void)address;
	(void)port;
	return -EINVAL;
}

static int pair_connect(struct socket *socket, const ip_addr_t *address, uint16_t port)
{
	(void)socket;
	(void)address;
	(void)port;
	return -EISCONN;
}

static int pair_disconnect(struct socket *socket)
{
	(void)socket;
	return -EINVAL;
}

/* Neither end has a name; the caller writes the family alone. */
static int pair_name(struct socket *socket, ip_addr_t *address, uint16_t *port)
{
	(void)socket;
	memset(address, 0, sizeof(*address));
	*port = 0;
	return 0;
}

static void pair_options_changed(struct socket *socket)
{
	(void)socket;
}

static const struct socket_protocol socket_pair = {
	.bind = pair_bind,
	.connect = pair_connect,
	.disconnect = pair_disconnect,
	.send = pair_send,
	.receive = pair_receive,
	.shutdown = pair_shutdown,
	.local = pair_name,
	.peer = pair_name,
	.events = pair_events,
	.readable = pair_readable,
	.options_changed = pair_options_changed,
	.release = pair_release,
};

static struct pair_socket *new_end(void)
{
	struct pair_socket *self = kzalloc(sizeof(*self));

	if (!self)
		return NULL;
	self->ring = kmalloc(RING_BYTES);
	if (self->ring)
		return self;
	kfree(self);
	return NULL;
}

static long install(struct pair_socket *ends[2], int flags, int fds[2])
{
	fds[0] = fd_install(&ends[0]->socket.file, flags & SOCK_CLOEXEC);
	if (fds[0] < 0) {
		file_put(&ends[1]->socket.file);
		return fds[0];
	}
	fds[1] = fd_install(&ends[1]->socket.file, flags & SOCK_CLOEXEC);
	if (fds[1] < 0) {
		sys_close(fds[0]);
		return fds[1];
	}
	return 0;
}

long sys_socketpair(int family, int type, int number, int fds[2])
{
	int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct pair_socket *ends[2];

	if (family != AF_UNIX)
		return -EOPNOTSUPP;
	if ((type & ~flags) != SOCK_STREAM || number > 1 || number < 0)
		return -EPROTONOSUPPORT;
	if (buffer_is_bad(fds, 2 * sizeof(fds[0])))
		return -EFAULT;
	ends[0] = new_end();
	ends[1] = new_end();
	if (!ends[0] || !ends[1]) {
		for (unsigned i = 0; i < 2; i++)
			if (ends[i])
				pair_free(ends[i]);
		return -ENOBUFS;
	}
	ends[0]->peer = ends[1];
	ends[1]->peer = ends[0];
	for (unsigned i = 0; i < 2; i++)
		socket_init(&ends[i]->socket, &socket_pair, AF_UNIX, SOCK_STREAM, 0,
			    flags);
	return install(ends, flags, fds);
}
