/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A UDP or raw socket: made, named and sent from in socket_datagram.c; what it receives is
 * kept and read in socket_datagram_receive.c. Everything is under net_lock(). */

#ifndef POSIX_SOCKET_DATAGRAM_H
#define POSIX_SOCKET_DATAGRAM_H

#include <posix/socket.h>
#include <lwip/raw.h>
#include <lwip/udp.h>

struct datagram {
	struct pbuf *p;
	ip_addr_t from;
	uint16_t port;
};

struct datagram_socket {
	struct socket socket; /* first */
	union {
		struct udp_pcb *udp;
		struct raw_pcb *raw;
	};
	bool connected;
	/* Received and not read: a ring of `capacity` messages, a power of two. */
	struct datagram *ring;
	unsigned head, count, capacity;
	size_t bytes;
};

static inline struct datagram_socket *datagram_socket(const struct socket *socket)
{
	return (struct datagram_socket *)socket;
}

static inline bool datagram_is_raw(const struct datagram_socket *self)
{
	return self->socket.type == SOCK_RAW;
}

/* socket_datagram_receive.c: lwIP's callbacks, recv(), and the end of what was not read. */
void datagram_on_udp(void *arg, struct udp_pcb *pcb, struct pbuf *p,
		     const ip_addr_t *from, u16_t port);
u8_t datagram_on_raw(void *arg, struct raw_pcb *pcb, struct pbuf *p,
		     const ip_addr_t *from);
ssize_t datagram_receive(struct socket *socket, struct socket_message *message);
void datagram_drop(struct datagram_socket *self);

#endif
