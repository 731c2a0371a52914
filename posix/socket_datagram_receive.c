/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What UDP and raw sockets receive: messages, each with its sender, in the buffers they came
 * in. */

#include <errno.h>
#include <kernel/heap.h>
#include <posix/socket_datagram.h>
#include <lwip/ip.h>

#define FIRST_CAPACITY 16 /* messages; grows by doubling */

static bool grow(struct datagram_socket *self)
{
	unsigned capacity = self->capacity ? self->capacity * 2 : FIRST_CAPACITY;
	struct datagram *ring = kmalloc(capacity * sizeof(*ring));

	if (!ring)
		return false;
	for (unsigned i = 0; i < self->count; i++)
		ring[i] = self->ring[(self->head + i) & (self->capacity - 1)];
	kfree(self->ring);
	self->ring = ring;
	self->head = 0;
	self->capacity = capacity;
	return true;
}

/* Takes the pbuf; one too many is lost, as datagrams are. */
static void enqueue(struct datagram_socket *self, struct pbuf *p, const ip_addr_t *from,
		    uint16_t port)
{
	struct datagram *slot;

	if (self->socket.shut_read ||
	    self->bytes + p->tot_len > (size_t)self->socket.receive_buffer ||
	    (self->count == self->capacity && !grow(self))) {
		pbuf_free(p);
		return;
	}
	slot = &self->ring[(self->head + self->count++) & (self->capacity - 1)];
	slot->p = p;
	ip_addr_copy(slot->from, *from);
	slot->port = port;
	self->bytes += p->tot_len;
	socket_changed(&self->socket, POLLIN);
}

static void dequeue(struct datagram_socket *self)
{
	struct datagram *first = &self->ring[self->head];

	self->bytes -= first->p->tot_len;
	self->head = (self->head + 1) & (self->capacity - 1);
	self->count--;
	pbuf_free(first->p);
}

void datagram_on_udp(void *arg, struct udp_pcb *pcb, struct pbuf *p,
		     const ip_addr_t *from, u16_t port)
{
	(void)pcb;
	enqueue(arg, p, from, port);
}

/* Others want the packet too, so this socket takes a copy: with the IP header for IPv4,
 * without for IPv6 (RFC 3542 §3). */
u8_t datagram_on_raw(void *arg, struct raw_pcb *pcb, struct pbuf *p,
		     const ip_addr_t *from)
{
	struct datagram_socket *self = arg;
	struct pbuf *copy = pbuf_clone(PBUF_RAW, PBUF_RAM, p);

	(void)pcb;
	if (!copy)
		return 0;
	if (IP_IS_V6(from) && pbuf_remove_header(copy, ip_current_header_tot_len())) {
		pbuf_free(copy);
		return 0;
	}
	enqueue(self, copy, from, 0);
	return 0;
}

static size_t copy_out(const struct pbuf *p, const struct socket_message *message)
{
	size_t done = 0;

	for (; p && done < message->bytes; p = p->next) {
		size_t n = p->len;

		if (n > message->bytes - done)
			n = message->bytes - done;
		done += iovec_copy_out(p->payload, n, message->vector, message->count,
				       done);
	}
	return done;
}

static ssize_t take(struct datagram_socket *self, struct socket_message *message)
{
	const struct datagram *first = &self->ring[self->head];
	size_t all = first->p->tot_len, copied = copy_out(first->p, message);

	message->has_address = true;
	ip_addr_copy(message->address, first->from);
	message->port = first->port;
	if (copied < all)
		message->out_flags |= MSG_TRUNC;
	if (!(message->flags & MSG_PEEK)) {
		dequeue(self);
		if (!self->count)
			socket_changed(&self->socket, 0);
	}
	return (ssize_t)(message->flags & MSG_TRUNC ? all : copied);
}

ssize_t datagram_receive(struct socket *socket, struct socket_message *message)
{
	struct datagram_socket *self = datagram_socket(socket);
	uint64_t deadline;
	ssize_t result = 0;

	net_lock();
	deadline = socket_deadline(socket->receive_timeout_ns);
	while (!self->count && !result) {
		if (socket->error) {
			result = socket_take_error(socket);
			socket_changed(socket, 0);
		} else if (socket->shut_read) {
			break;
		} else {
			result = socket_wait(socket, POLLIN,
					     socket_nonblocking(socket) ||
						     message->flags & MSG_DONTWAIT,
					     deadline);
		}
	}
	if (!result && self->count)
		result = take(self, message);
	net_unlock();
	return result;
}

void datagram_drop(struct datagram_socket *self)
{
	while (self->count)
		dequeue(self);
	kfree(self->ring);
	self->ring = NULL;
	self->capacity = 0;
}
