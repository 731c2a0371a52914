/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* UDP and raw sockets: making and naming them, and sending. */

#include <errno.h>
#include <netinet/in.h>
#include <kernel/heap.h>
#include <posix/socket_datagram.h>
#include <lwip/netif.h>
#include <lwip/prot/icmp6.h>

#define DATAGRAM_MAX (65535 - 8) /* UDP's length field */
#define HEADROOM_MAX 65000	 /* larger ones leave no room for headers in a pbuf */
#define PORT_FIRST   49152u	 /* RFC 6335 §6: dynamic ports */
#define PORT_COUNT   16384u
#define PORT_TRIES   32

/* ---- names ---- */

static int bind_random(struct datagram_socket *self, const ip_addr_t *address)
{
	err_t error = ERR_USE;

	/* At random, so that who forges answers must guess the port (RFC 6056). */
	for (unsigned i = 0; i < PORT_TRIES && error == ERR_USE; i++)
		error = udp_bind(self->udp, address,
				 (u16_t)(PORT_FIRST + net_lwip_random() % PORT_COUNT));
	if (error == ERR_USE)
		error = udp_bind(self->udp, address, 0);
	return socket_error(error);
}

static int have_port(struct datagram_socket *self)
{
	ip_addr_t any = { .type = socket_ip_type(&self->socket) };

	if (datagram_is_raw(self) || self->udp->local_port)
		return 0;
	return bind_random(self, &any);
}

static bool can_bind(const ip_addr_t *address)
{
	struct netif *netif;

	if (ip_addr_isany(address) || ip_addr_ismulticast(address) ||
	    socket_address_is_local(address))
		return true;
	NETIF_FOREACH(netif)
	{
		if (IP_IS_V4(address) && ip4_addr_isbroadcast(ip_2_ip4(address), netif))
			return true;
	}
	return false;
}

static int datagram_bind(struct socket *socket, const ip_addr_t *address, uint16_t port)
{
	struct datagram_socket *self = datagram_socket(socket);
	ip_addr_t local = *address;

	if (!can_bind(address))
		return -EADDRNOTAVAIL;
	if (IP_IS_V6(address) && ip_addr_isany(address))
		IP_SET_TYPE_VAL(local, socket_ip_type(socket));
	if (datagram_is_raw(self))
		return socket_error(raw_bind(self->raw, &local));
	if (self->udp->local_port)
		return -EINVAL;
	return port ? socket_error(udp_bind(self->udp, &local, port))
		    : bind_random(self, &local);
}

static int datagram_connect(struct socket *socket, const ip_addr_t *address,
			    uint16_t port)
{
	struct datagram_socket *self = datagram_socket(socket);
	ip_addr_t to = *address;
	int error = have_port(self);

	if (error)
		return error;
	socket_address_loopback(&to);
	error = socket_error(datagram_is_raw(self) ? raw_connect(self->raw, &to)
						   : udp_connect(self->udp, &to, port));
	if (!error)
		self->connected = true;
	return error;
}

static int datagram_disconnect(struct socket *socket)
{
	struct datagram_socket *self = datagram_socket(socket);

	if (datagram_is_raw(self)) {
		raw_disconnect(self->raw);
	} else {
		udp_disconnect(self->udp);
		IP_SET_TYPE_VAL(self->udp->remote_ip, socket_ip_type(socket));
	}
	self->connected = false;
	return 0;
}

static int datagram_local(struct socket *socket, ip_addr_t *address, uint16_t *port)
{
	struct datagram_socket *self = datagram_socket(socket);
	struct netif *netif;

	*address = datagram_is_raw(self) ? self->raw->local_ip : self->udp->local_ip;
	*port = datagram_is_raw(self) ? 0 : self->udp->local_port;
	/* A connected socket tells the address it will send from; programs that ask the
	 * way out of a host rely on it. */
	if (self->connected && !datagram_is_raw(self) && ip_addr_isany(address)) {
		netif = ip_route(&self->udp->local_ip, &self->udp->remote_ip);
		if (netif) {
			const ip_addr_t *from = ip_netif_get_local_ip(
				netif, &self->udp->remote_ip);

			if (from)
				*address = *from;
		}
	}
	return 0;
}

static int datagram_peer(struct socket *socket, ip_addr_t *address, uint16_t *port)
{
	struct datagram_socket *self = datagram_socket(socket);

	*address = datagram_is_raw(self) ? self->raw->remote_ip : self->udp->remote_ip;
	*port = datagram_is_raw(self) ? 0 : self->udp->remote_port;
	return self->connected ? 0 : -ENOTCONN;
}

/* ---- send ---- */

static err_t send_udp(struct datagram_socket *self, struct pbuf *p, const ip_addr_t *to,
		      uint16_t port)
{
	struct netif *netif = ip_route(&self->udp->local_ip, to);
	u16_t checksums;
	err_t error;

	if (!netif)
		return ERR_RTE;
	if (p->tot_len + 48 <= netif->mtu)
		return udp_sendto_if(self->udp, p, to, port, netif);
	/* Of a datagram in fragments a card cannot finish the checksum. */
	checksums = netif->chksum_flags;
	netif->chksum_flags |= NETIF_CHECKSUM_GEN_UDP;
	error = udp_sendto_if(self->udp, p, to, port, netif);
	netif->chksum_flags = checksums;
	return error;
}

static err_t send_once(struct datagram_socket *self, const struct socket_message *message,
		       const ip_addr_t *to, uint16_t port)
{
	struct pbuf *p = pbuf_alloc(message->bytes > HEADROOM_MAX ? PBUF_RAW
								  : PBUF_TRANSPORT,
				    (u16_t)message->bytes, PBUF_RAM);
	err_t error;

	if (!p)
		return ERR_MEM;
	iovec_copy_in(p->payload, message->bytes, message->vector, message->count, 0);
	error = datagram_is_raw(self) ? raw_sendto(self->raw, p, to)
				      : send_udp(self, p, to, port);
	pbuf_free(p);
	return error;
}

/* Where a message goes, and whether it may. */
static int destination(struct datagram_socket *self, const struct socket_message *message,
		       ip_addr_t *to, uint16_t *port)
{
	if (self->socket.shut_write)
		return -EPIPE;
	if (message->bytes > DATAGRAM_MAX)
		return -EMSGSIZE;
	if (message->has_address) {
		*to = message->address;
		*port = message->port;
	} else if (datagram_peer(&self->socket, to, port)) {
		return -EDESTADDRREQ;
	}
	if (!datagram_is_raw(self) && !*port)
		return -EINVAL;
	socket_address_loopback(to);
	return have_port(self);
}

static ssize_t datagram_send(struct socket *socket, struct socket_message *message)
{
	struct datagram_socket *self = datagram_socket(socket);
	bool dont_wait = socket_nonblocking(socket) || message->flags & MSG_DONTWAIT;
	uint64_t deadline;
	ip_addr_t to;
	uint16_t port;
	ssize_t result;

	net_lock();
	deadline = socket_deadline(socket->send_timeout_ns);
	result = socket->error ? socket_take_error(socket)
			       : destination(self, message, &to, &port);
	while (!result) {
		err_t error = send_once(self, message, &to, port);

		if (error == ERR_OK) {
			result = (ssize_t)message->bytes;
			break;
		}
		if (error == ERR_RTE && net_wait_for_address())
			continue;
		/* The card's queue is full: there will be room. */
		if (error == ERR_BUF && !dont_wait) {
			result = net_wait(&net_room_waiters, POLLOUT, deadline);
			if (result == -ETIMEDOUT)
				result = -EAGAIN;
			continue;
		}
		if (error == ERR_BUF)
			result = -EAGAIN;
		else if (error == ERR_VAL) /* a broadcast without SO_BROADCAST */
			result = -EACCES;
		else
			result = socket_error(error);
	}
	net_unlock();
	return result;
}

/* ---- the rest ---- */

static int datagram_shutdown(struct socket *socket, bool read, bool write)
{
	if (!datagram_socket(socket)->connected)
		return -ENOTCONN;
	socket->shut_read |= read;
	socket->shut_write |= write;
	socket_changed(socket, POLLIN | POLLOUT);
	return 0;
}

static short datagram_events(const struct socket *socket)
{
	short events = POLLOUT | POLLWRNORM;

	if (datagram_socket(socket)->count || socket->shut_read)
		events |= POLLIN | POLLRDNORM;
	if (socket->shut_read)
		events |= POLLRDHUP;
	if (socket->shut_read && socket->shut_write)
		events |= POLLHUP;
	if (socket->error)
		events |= POLLERR | POLLIN;
	return events;
}

static size_t datagram_readable(const struct socket *socket)
{
	const struct datagram_socket *self = datagram_socket(socket);

	return self->count ? self->ring[self->head].p->tot_len : 0;
}

static void options_changed(struct socket *socket)
{
	struct datagram_socket *self = datagram_socket(socket);
	u8_t *options = datagram_is_raw(self) ? &self->raw->so_options
					      : &self->udp->so_options;

	*options = (u8_t)((*options & ~(SOF_REUSEADDR | SOF_BROADCAST)) |
			  (socket->reuse_address ? SOF_REUSEADDR : 0) |
			  (socket->broadcast ? SOF_BROADCAST : 0));
	if (!datagram_is_raw(self) && !self->udp->local_port && !self->connected) {
		IP_SET_TYPE_VAL(self->udp->local_ip, socket_ip_type(socket));
		IP_SET_TYPE_VAL(self->udp->remote_ip, socket_ip_type(socket));
	}
}

static void datagram_release(struct socket *socket)
{
	struct datagram_socket *self = datagram_socket(socket);

	net_lock();
	datagram_drop(self);
	if (datagram_is_raw(self))
		raw_remove(self->raw);
	else
		udp_remove(self->udp);
	net_unlock();
	kfree(self);
}

static bool make_pcb(struct datagram_socket *self)
{
	uint8_t type = socket_ip_type(&self->socket);

	if (!datagram_is_raw(self)) {
		self->udp = udp_new_ip_type(type);
		if (self->udp)
			udp_recv(self->udp, datagram_on_udp, self);
		return self->udp;
	}
	/* A raw IPv6 socket sees no IPv4. */
	self->raw = raw_new_ip_type(type == IPADDR_TYPE_ANY ? IPADDR_TYPE_V6 : type,
				    (u8_t)self->socket.number);
	if (!self->raw)
		return false;
	raw_recv(self->raw, datagram_on_raw, self);
	if (self->socket.number == IPPROTO_ICMPV6) { /* RFC 3542 §3.1 */
		self->raw->chksum_reqd = 1;
		self->raw->chksum_offset = offsetof(struct icmp6_hdr, chksum);
	}
	return true;
}

struct socket *socket_datagram_new(int family, int type, int number, int flags)
{
	struct datagram_socket *self = kzalloc(sizeof(*self));
	bool made;

	if (!self)
		return NULL;
	socket_init(&self->socket, &socket_datagram, family, type, number, flags);
	self->socket.v6only = type == SOCK_RAW && family == AF_INET6;
	net_lock();
	made = make_pcb(self);
	net_unlock();
	if (made)
		return &self->socket;
	kfree(self);
	return NULL;
}

const struct socket_protocol socket_datagram = {
	.bind = datagram_bind,
	.connect = datagram_connect,
	.disconnect = datagram_disconnect,
	.send = datagram_send,
	.receive = datagram_receive,
	.shutdown = datagram_shutdown,
	.local = datagram_local,
	.peer = datagram_peer,
	.events = datagram_events,
	.readable = datagram_readable,
	.options_changed = options_changed,
	.release = datagram_release,
};
