/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The data of vsock connections: a ring of bytes on the way in, packets as large as a slot
 * on the way out. Seqpacket sockets also keep where each message ends (VIRTIO 1.3
 * §5.10.6.6.1). */

#include <string.h>
#include <kernel/heap.h>
#include <kernel/time.h>
#include <posix/vsock.h>

static bool is_messages(const struct vsock_socket *self)
{
	return self->socket.type == SOCK_SEQPACKET;
}

/* The bytes that a receive call may take now: of a message, once all of it is there. */
static bool something(const struct vsock_socket *self)
{
	return is_messages(self) ? self->ends_count > 0 : self->tail != self->head;
}

static bool no_more(const struct vsock_socket *self)
{
	return self->peer_no_send || self->socket.shut_read ||
	       self->state != VSOCK_CONNECTED;
}

/* --- on the way in ---------------------------------------------------------------------- */

static bool grow_ends(struct vsock_socket *self)
{
	unsigned size = self->ends_size ? 2 * self->ends_size : 16;
	struct vsock_message_end *larger;

	if (size > VSOCK_MESSAGES_MAX)
		return false;
	larger = kmalloc(size * sizeof(*larger));
	if (!larger)
		return false;
	for (unsigned i = 0; i < self->ends_count; i++)
		larger[i] = self->ends[(self->ends_first + i) % self->ends_size];
	kfree(self->ends);
	self->ends = larger;
	self->ends_first = 0;
	self->ends_size = size;
	return true;
}

static bool end_message(struct vsock_socket *self, bool record)
{
	if (self->ends_count == self->ends_size && !grow_ends(self))
		return false;
	self->ends[(self->ends_first + self->ends_count++) % self->ends_size] =
		(struct vsock_message_end){ self->tail, record };
	return true;
}

/* [VSK-05] Never more than the space that the peer was told of. A message that fills it
 * all and does not end would never be read [VSK-08]. */
bool vsock_take(struct vsock_socket *self, const struct vsock_header *header,
		const void *payload)
{
	uint32_t left = header->len, room = self->buf_alloc - (self->tail - self->head);
	const uint8_t *from = payload;

	if (left > room)
		return false;
	while (left) {
		uint32_t at = vsock_ring_index(self, self->tail),
			 n = self->ring_bytes - at;

		if (n > left)
			n = left;
		memcpy(self->ring + at, from, n);
		self->tail += n;
		from += n;
		left -= n;
	}
	if (!is_messages(self))
		return true;
	if (header->flags & VIRTIO_VSOCK_SEQ_EOM)
		return end_message(self, header->flags & VIRTIO_VSOCK_SEQ_EOR);
	return self->ends_count || self->tail - self->head < self->buf_alloc;
}

/* Copies out up to `limit` bytes without taking them off. */
static uint32_t copy_out(const struct vsock_socket *self,
			 const struct socket_message *message, size_t done,
			 uint32_t limit)
{
	uint32_t at = self->head, left = limit;

	if (left > message->bytes - done)
		left = (uint32_t)(message->bytes - done);
	while (left) {
		uint32_t from = vsock_ring_index(self, at), n = self->ring_bytes - from;

		if (n > left)
			n = left;
		iovec_copy_out(self->ring + from, n, message->vector, message->count,
			       done);
		at += n;
		done += n;
		left -= n;
	}
	return at - self->head;
}

/* Takes bytes off. When all is read of a connection that the peer has shut both ways, that
 * is its end (§5.10.6.5). */
static void take_off(struct vsock_socket *self, uint32_t bytes)
{
	self->head += bytes;
	vsock_was_read(self);
	if (self->state == VSOCK_CONNECTED && self->peer_no_send &&
	    self->peer_no_receive && self->head == self->tail)
		vsock_abort(self, 0);
}

/* One message; what does not fit is lost, as POSIX has it. */
static ssize_t receive_message(struct vsock_socket *self, struct socket_message *message)
{
	struct vsock_message_end end = self->ends[self->ends_first];
	uint32_t bytes = end.at - self->head, copied;

	copied = copy_out(self, message, 0, bytes);
	if (end.record)
		message->out_flags |= MSG_EOR;
	if (copied < bytes)
		message->out_flags |= MSG_TRUNC;
	if (!(message->flags & MSG_PEEK)) {
		self->ends_first = (self->ends_first + 1) % self->ends_size;
		self->ends_count--;
		take_off(self, bytes);
	}
	return message->flags & MSG_TRUNC ? bytes : copied;
}

static ssize_t receive(struct vsock_socket *self, struct socket_message *message)
{
	struct socket *socket = &self->socket;
	uint64_t deadline = socket_deadline(socket->receive_timeout_ns);
	bool dont_wait = socket_nonblocking(socket) || message->flags & MSG_DONTWAIT;
	size_t done = 0;
	int error;

	if (self->state < VSOCK_CONNECTED)
		return -ENOTCONN;
	while (done < message->bytes || (is_messages(self) && !done)) {
		if (something(self) && is_messages(self))
			return receive_message(self, message);
		if (something(self)) {
			uint32_t n = copy_out(self, message, done,
					      self->tail - self->head);

			done += n;
			if (message->flags & MSG_PEEK)
				break;
			take_off(self, n);
			if (!(message->flags & MSG_WAITALL))
				break;
			continue;
		}
		if (done)
			error = 0;
		else
			error = socket_take_error(socket);
		if (error)
			return error;
		if (no_more(self))
			break;
		error = socket_wait(socket, POLLIN, dont_wait, deadline);
		if (error)
			return done ? (ssize_t)done : error;
	}
	return (ssize_t)done;
}

ssize_t vsock_socket_receive(struct socket *socket, struct socket_message *message)
{
	ssize_t result;

	net_lock();
	result = receive(vsock_socket(socket), message);
	socket_changed(socket, 0);
	net_unlock();
	return result;
}

/* --- on the way out --------------------------------------------------------------------- */

/* Sends as much as there is credit and room for; a packet that ends the call's data also
 * ends the message of a seqpacket socket. True: all is sent. */
static bool send_some(struct vsock_socket *self, const struct socket_message *message,
		      size_t *done)
{
	for (;;) {
		size_t n = message->bytes - *done;
		uint32_t credit = vsock_credit(self), flags = 0;
		struct vsock_header header;
		void *payload;
		bool last;

		if (n > VSOCK_PAYLOAD_MAX)
			n = VSOCK_PAYLOAD_MAX;
		if (n > credit)
			n = credit;
		last = *done + n == message->bytes;
		if (!n && !(last && is_messages(self)))
			return last;
		payload = vsock_send_begin();
		if (!payload)
			return false;
		iovec_copy_in(payload, n, message->vector, message->count, *done);
		if (last && is_messages(self))
			flags = VIRTIO_VSOCK_SEQ_EOM |
				(message->flags & MSG_EOR ? VIRTIO_VSOCK_SEQ_EOR : 0);
		header = vsock_packet(self, VIRTIO_VSOCK_OP_RW, flags);
		if (!vsock_send_end(&header, n))
			return false;
		vsock_told(self, &header);
		self->tx_cnt += (uint32_t)n;
		*done += n;
		if (last)
			return true;
	}
}

static int may_send(struct vsock_socket *self)
{
	int error = socket_take_error(&self->socket);

	if (error)
		return error;
	if (self->state < VSOCK_CONNECTED)
		return -ENOTCONN;
	if (self->state != VSOCK_CONNECTED || self->socket.shut_write ||
	    self->peer_no_receive)
		return -EPIPE;
	return 0;
}

/* Without credit the peer is asked, once, to tell what it has (§5.10.6.3). */
static int wait_to_send(struct vsock_socket *self, uint32_t wanted, bool dont_wait,
			uint64_t deadline)
{
	bool credit = vsock_credit(self) >= wanted;

	if (!credit && !self->asked)
		self->asked = vsock_say(self, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0);
	socket_changed(&self->socket, 0);
	if (dont_wait)
		return -EAGAIN;
	if (!credit)
		return socket_wait(&self->socket, POLLOUT, false, deadline);
	return net_wait(&vsock_room_waiters, POLLOUT, deadline) == -EINTR ? -EINTR : 0;
}

/* Neither a signal nor the program's impatience ends a message that was begun: what comes
 * next would be taken for its rest. But a device that has no room for so long, or a peer
 * that took its word back, is not waited for. */
static int wait_for_rest(struct vsock_socket *self, uint64_t patience)
{
	int error = wait_to_send(self, 1, false, patience);

	if (clock_ns() >= patience) {
		vsock_abort(self, ETIMEDOUT);
	} else if (error) { /* a signal is pending, and nothing sleeps */
		net_unlock();
		thread_sleep_until(clock_ns() + NS_PER_MS);
		net_lock();
	}
	return may_send(self);
}

/* Before the first byte. A message goes only when all of it may go: nobody's packets come
 * between. */
static int may_begin(struct vsock_socket *self, size_t bytes, bool dont_wait,
		     uint64_t deadline)
{
	int error = may_send(self);

	while (!error && self->message_open) {
		error = socket_wait(&self->socket, POLLOUT, dont_wait, deadline);
		if (!error)
			error = may_send(self);
	}
	if (!error && is_messages(self) && bytes > self->peer_buf_alloc)
		error = -EMSGSIZE;
	return error;
}

static ssize_t send_all(struct vsock_socket *self, struct socket_message *message)
{
	uint64_t deadline = socket_deadline(self->socket.send_timeout_ns);
	uint64_t patience = 0;
	bool dont_wait = socket_nonblocking(&self->socket) ||
			 message->flags & MSG_DONTWAIT;
	bool messages = is_messages(self);
	uint32_t wanted = messages ? (uint32_t)message->bytes : message->bytes != 0;
	size_t done = 0, before;
	int error = 0;

	while (!error) {
		error = done ? may_send(self)
			     : may_begin(self, message->bytes, dont_wait, deadline);
		if (error)
			break;
		before = done;
		if ((done || vsock_credit(self) >= wanted) &&
		    send_some(self, message, &done))
			break;
		if (done != before)
			patience = clock_ns() + VSOCK_REST_NS;
		self->message_open = done && messages;
		if (self->message_open)
			error = wait_for_rest(self, patience);
		else
			error = wait_to_send(self, done ? 1 : wanted, dont_wait,
					     deadline);
	}
	if (messages && done) {
		self->message_open = false;
		socket_changed(&self->socket, POLLOUT);
	}
	return !error || (done && !messages) ? (ssize_t)done : error;
}

ssize_t vsock_socket_send(struct socket *socket, struct socket_message *message)
{
	ssize_t result;

	net_lock();
	if (message->has_address)
		result = vsock_socket(socket)->state == VSOCK_CONNECTED ? -EISCONN
									: -EOPNOTSUPP;
	else
		result = send_all(vsock_socket(socket), message);
	socket_changed(socket, 0);
	net_unlock();
	return result;
}

/* --- what poll() answers ---------------------------------------------------------------- */

short vsock_events(const struct socket *socket)
{
	const struct vsock_socket *self = vsock_socket(socket);
	short events = socket->error ? POLLERR : 0;

	switch (self->state) {
	case VSOCK_NEW:
		return events | POLLHUP | POLLOUT;
	case VSOCK_LISTENING:
		return self->pending ? POLLIN | POLLRDNORM : 0;
	case VSOCK_CONNECTING:
		return 0;
	default:
		break;
	}
	if (something(self) || no_more(self))
		events |= POLLIN | POLLRDNORM;
	if (no_more(self))
		events |= POLLRDHUP;
	if (self->state != VSOCK_CONNECTED)
		return events | POLLHUP | POLLOUT | POLLWRNORM;
	if (vsock_credit(self) || self->peer_no_receive || socket->shut_write)
		events |= POLLOUT | POLLWRNORM;
	return events;
}

size_t vsock_readable(const struct socket *socket)
{
	const struct vsock_socket *self = vsock_socket(socket);

	if (is_messages(self))
		return self->ends_count ? self->ends[self->ends_first].at - self->head
					: 0;
	return self->tail - self->head;
}
