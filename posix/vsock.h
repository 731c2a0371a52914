/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* AF_VSOCK sockets, between the files that make them:
 *
 *	vsock.c		the table of sockets, the thread, packets that come in
 *	vsock_credit.c	what is said of buffer space, and believed
 *	vsock_data.c	sending and receiving
 *	vsock_socket.c	making, binding, connecting, closing
 *	vsock_end.c	how connections end
 *	vsock_options.c	options, and the buffer for what is received
 *
 * Everything is under net_lock(). An address is a context id and a port; a connection is
 * known by our port and the peer's address. */

#ifndef POSIX_VSOCK_H
#define POSIX_VSOCK_H

#include <posix/socket.h>
#include <virtio/device/vsock.h>

#define VSOCK_BUFFER_BYTES 262144u /* per connection, if the program wants no other */
#define VSOCK_BUFFER_MOST  (16u << 20)
#define VSOCK_CONNECT_NS   (2 * NS_PER_SEC) /* likewise */
#define VSOCK_CLOSE_NS	   (8 * NS_PER_SEC)
/* So long the rest of a message may wait for room with the device. */
#define VSOCK_REST_NS	   (10 * NS_PER_SEC)
#define VSOCK_BACKLOG_MAX  128
#define VSOCK_MESSAGES_MAX 16384 /* of a seqpacket socket, that wait to be read */

enum vsock_state {
	VSOCK_NEW, /* perhaps bound */
	VSOCK_LISTENING,
	VSOCK_CONNECTING,
	VSOCK_CONNECTED,
	VSOCK_CLOSING, /* SHUTDOWN was sent; waits for RST, without a file */
	VSOCK_CLOSED,
};

/* The end of a message in the stream of bytes. */
struct vsock_message_end {
	uint32_t at; /* tail after its last byte */
	bool record; /* MSG_EOR */
};

/* As set; accepted connections have their listener's. */
struct vsock_options {
	uint64_t buffer, buffer_min, buffer_max; /* bytes; buffer: at most BUFFER_MOST */
	uint64_t connect_timeout_ns;
};

struct vsock_socket {
	struct socket socket; /* first */
	enum vsock_state state;
	struct vsock_socket *next; /* in the table of all that have a port */
	bool listed;
	bool bound;			/* the port is its own, no listener's */
	uint32_t local_port, peer_port; /* 0: none */
	uint32_t peer_cid;
	uint64_t deadline_ns; /* connecting, closing */
	struct vsock_options options;

	/* Listening. */
	struct vsock_socket *pending, *pending_next; /* oldest first */
	unsigned pending_count, backlog;

	/* Receiving: the ring's indices run freely; head is also what we tell the peer as
	 * fwd_cnt, tail is all that ever came. */
	uint8_t *ring;
	uint32_t ring_bytes; /* a power of two */
	uint32_t buf_alloc;  /* of them, as the peer is told; only grows */
	bool grown;	     /* what the peer was not told yet */
	uint32_t head, tail;
	uint32_t told;			/* the last fwd_cnt the peer was told */
	struct vsock_message_end *ends; /* seqpacket: a ring of ends_size */
	unsigned ends_first, ends_count, ends_size;

	/* Sending: §5.10.6.3. */
	uint32_t peer_buf_alloc, peer_fwd_cnt, tx_cnt;
	bool message_open; /* a message is sent in part, others wait */
	bool asked;	   /* CREDIT_REQUEST was sent since the last news */

	bool peer_no_receive, peer_no_send; /* its SHUTDOWN flags; they stay */
	bool untold; /* it is over, but there was no room to tell the peer */
};

static inline struct vsock_socket *vsock_socket(const struct socket *socket)
{
	return (struct vsock_socket *)socket;
}

static inline uint16_t vsock_type_of(const struct vsock_socket *self)
{
	return self->socket.type == SOCK_SEQPACKET ? VIRTIO_VSOCK_TYPE_SEQPACKET
						   : VIRTIO_VSOCK_TYPE_STREAM;
}

/* Where in the ring the byte of that number lies. */
static inline uint32_t vsock_ring_index(const struct vsock_socket *self, uint32_t number)
{
	return number & (self->ring_bytes - 1);
}

/* vsock.c */
extern const struct socket_protocol socket_vsock; /* vsock_socket.c */
struct vsock_socket *vsock_create(int type, int flags);
/* Gives the socket a port of its own, or the one that is wanted; 0, -EADDRINUSE. */
int vsock_take_port(struct vsock_socket *self, uint32_t port);
void vsock_list(struct vsock_socket *self);
void vsock_unlist(struct vsock_socket *self);
void vsock_free(struct vsock_socket *self); /* unlists */
extern struct vsock_socket *vsock_sockets;  /* all that have a port */
void vsock_deadline_changed(void);	    /* the thread looks at deadlines again */
/* One turn of the thread; returns when there is to be another, in clock_ns() time. */
uint64_t vsock_turn(void);
extern struct net_waiter *vsock_room_waiters; /* for room in the transmit queue */

/* vsock_end.c */
/* The connection is over, with that error (positive, 0: orderly). */
void vsock_end(struct vsock_socket *self, int error);
/* The same by our own doing: the peer is told by RST. */
void vsock_abort(struct vsock_socket *self, int error);
/* All are, with ECONNRESET; told: each peer by RST, else they have forgotten them. */
void vsock_end_all(bool told);
/* Ends what has waited too long; when to look again. */
uint64_t vsock_expire(void);
void vsock_say_again(void);
extern bool vsock_unsaid; /* some connection's news or end found no room */

/* vsock_credit.c */
/* A packet of this connection, all fields but len filled in. */
struct vsock_header vsock_packet(const struct vsock_socket *self, enum vsock_operation op,
				 uint32_t flags);
/* Without payload; false: lost. */
bool vsock_say(struct vsock_socket *self, enum vsock_operation op, uint32_t flags);
/* Takes what a packet says of the peer's buffer; false: it cannot be true. */
bool vsock_believe(struct vsock_socket *self, const struct vsock_header *header);
/* Bytes the peer has room for. */
uint32_t vsock_credit(const struct vsock_socket *self);
/* Something was read: tells the peer when it has reason to wait for that. */
void vsock_was_read(struct vsock_socket *self);

/* A packet with that header went. */
void vsock_told(struct vsock_socket *self, const struct vsock_header *header);

/* vsock_options.c */
void vsock_options_begin(struct vsock_socket *self);
/* Room for what is received on a new connection; -ENOBUFS. */
int vsock_open(struct vsock_socket *self);
int vsock_option_set(struct socket *socket, int option, const void *value,
		     socklen_t bytes);
int vsock_option_get(struct socket *socket, int option, void *out, socklen_t *bytes);

/* vsock_data.c */
/* Takes in the payload of a packet; false: it is more than it may be. */
bool vsock_take(struct vsock_socket *self, const struct vsock_header *header,
		const void *payload);
ssize_t vsock_socket_send(struct socket *socket, struct socket_message *message);
ssize_t vsock_socket_receive(struct socket *socket, struct socket_message *message);
short vsock_events(const struct socket *socket);
size_t vsock_readable(const struct socket *socket);

#endif
