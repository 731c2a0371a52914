/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A TCP socket: connections in socket_tcp.c, those that come in socket_tcp_listen.c, their
 * bytes in socket_stream.c. Everything is under net_lock(). */

#ifndef POSIX_SOCKET_TCP_H
#define POSIX_SOCKET_TCP_H

#include <lwip/tcp.h>
#include <posix/socket.h>

enum tcp_socket_state {
	TCP_FRESH, /* made, perhaps bound */
	TCP_LISTENING,
	TCP_CONNECTING,
	TCP_CONNECTED, /* also while one or both directions are closed */
	TCP_ENDED, /* lwIP has nothing for us any more: reset, refused, or closed by both */
};

struct tcp_socket {
	struct socket socket; /* first */
	enum tcp_socket_state state;
	/* lwIP's; a struct tcp_pcb_listen when listening. NULL when it is gone (ENDED). */
	struct tcp_pcb *pcb;
	bool no_delay, corked;
	bool finished; /* the peer will send no more */
	int keep_idle_s, keep_interval_s, keep_count;

	/* What was received and not read: pbufs linked by next. Their tot_len is not kept,
	 * since the chain grows and shrinks at both ends. */
	struct pbuf *first, *last;
	size_t first_offset, bytes;

	/* A listener's connections nobody accepted yet, oldest first. */
	struct tcp_socket *accept_first, *accept_last, *accept_next;
	unsigned accept_count, accept_limit;

	/* Names that outlive the pcb. */
	ip_addr_t local_ip, remote_ip;
	uint16_t local_port, remote_port;
};

static inline struct tcp_socket *tcp_socket(const struct socket *socket)
{
	return (struct tcp_socket *)socket;
}

/* socket_tcp.c */
struct tcp_socket *tcp_socket_make(int family, int flags); /* without a control block */
/* Makes lwIP's control block: at first, and again after a failed connect. */
bool tcp_socket_have_pcb(struct tcp_socket *self);
void tcp_socket_forget_pcb(struct tcp_socket *self); /* ends its callbacks */
void tcp_socket_remember_names(struct tcp_socket *self);

/* socket_tcp_listen.c */
int tcp_listen_start(struct socket *socket, int backlog);
int tcp_listen_accept(struct socket *socket, struct socket **out);
void tcp_listen_stop(struct tcp_socket *self);

/* socket_tcp_options.c */
void tcp_options_apply(struct socket *socket);
int tcp_option_set(struct socket *socket, int option, const void *from, socklen_t bytes);
int tcp_option_get(struct socket *socket, int option, void *out, socklen_t *bytes);

/* socket_stream.c */
void tcp_stream_attach(struct tcp_socket *self); /* its callbacks */
void tcp_stream_drop(struct tcp_socket *self);	 /* frees what was not read */
void tcp_stream_push(struct tcp_socket *self);	 /* sends what a cork held back */
ssize_t tcp_stream_send(struct socket *socket, struct socket_message *message);
ssize_t tcp_stream_receive(struct socket *socket, struct socket_message *message);
bool tcp_stream_has_room(const struct tcp_socket *self);

#endif
