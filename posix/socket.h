/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Sockets over lwIP's raw API. All fields are under net_lock() save where said.
 *
 * socket.c has the calls that make and connect sockets, socket_message.c those that carry
 * data, socket_options.c the options, socket_file.c those that any file has; each finds the
 * socket and asks its protocol: socket_tcp.c with socket_tcp_listen.c and socket_stream.c,
 * or socket_datagram.c with socket_datagram_receive.c (UDP and raw). */

#ifndef POSIX_SOCKET_H
#define POSIX_SOCKET_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <arch/cc.h>
#include <lwip/opt.h>
#include <lwip/err.h>
#include <lwip/ip_addr.h>
#include <net/stack.h>
#include <posix/file.h>

struct socket;

/* One message on its way in or out. */
struct socket_message {
	const struct iovec *vector;
	int count;
	size_t bytes; /* the vector's length */
	bool has_address;
	ip_addr_t address; /* out: where to; in: where from */
	uint16_t port;
	int flags;     /* MSG_…, of the call */
	int out_flags; /* MSG_TRUNC */
	bool more;     /* MSG_MORE */
};

struct socket_protocol {
	int (*bind)(struct socket *socket, const ip_addr_t *address, uint16_t port);
	int (*connect)(struct socket *socket, const ip_addr_t *address, uint16_t port);
	int (*disconnect)(struct socket *socket); /* connect() to AF_UNSPEC */
	int (*listen)(struct socket *socket, int backlog);
	int (*accept)(struct socket *socket, struct socket **out);
	ssize_t (*send)(struct socket *socket, struct socket_message *message);
	ssize_t (*receive)(struct socket *socket, struct socket_message *message);
	int (*shutdown)(struct socket *socket, bool read, bool write);
	/* 0, or -ENOTCONN for a peer that is not there. */
	int (*local)(struct socket *socket, ip_addr_t *address, uint16_t *port);
	int (*peer)(struct socket *socket, ip_addr_t *address, uint16_t *port);
	/* The POLL… events that are true. */
	short (*events)(const struct socket *socket);
	size_t (*readable)(const struct socket *socket);   /* FIONREAD */
	bool (*is_listening)(const struct socket *socket); /* NULL: never */
	/* An option this socket keeps was set: hand it to lwIP. */
	void (*options_changed)(struct socket *socket);
	/* Options of a level of its own; 0: there are none. */
	int level;
	int (*option_set)(struct socket *socket, int option, const void *value,
			  socklen_t bytes);
	int (*option_get)(struct socket *socket, int option, void *out, socklen_t *bytes);
	/* Closes and frees it. */
	void (*release)(struct socket *socket);
};

struct socket {
	struct file file; /* first */
	const struct socket_protocol *protocol;
	sa_family_t family; /* AF_INET, AF_INET6 */
	int type, number;   /* SOCK_…, IPPROTO_… */
	struct net_waiter *waiters;
	short events; /* what poll() answers; atomic, written under net_lock() */
	int error;    /* SO_ERROR: a positive errno, told once */

	bool v6only, reuse_address, broadcast, keep_alive;
	bool shut_read, shut_write;
	struct linger linger;
	int receive_buffer, send_buffer;	      /* bytes, as set */
	uint64_t receive_timeout_ns, send_timeout_ns; /* 0: none */
};

extern const struct file_operations socket_file_operations;
extern const struct socket_protocol socket_tcp, socket_datagram;

void socket_init(struct socket *socket, const struct socket_protocol *protocol,
		 int family, int type, int number, int flags);
struct socket *socket_tcp_new(int family, int flags);
struct socket *socket_datagram_new(int family, int type, int number, int flags);

/* AF_VSOCK; there if the image refers to ferrule_vsock_cid(). 0, or -errno. */
__attribute__((weak)) int socket_vsock_new(int type, int number, int flags,
					   struct socket **out);

/* The socket behind a descriptor, with a reference to give back with file_put(); NULL and
 * *error: -EBADF or -ENOTSOCK. */
struct socket *socket_get(int fd, long *error);

/* Looks again at what poll() would answer; `news`: events that happened anew even if they
 * were true before (edge-triggered watchers want to know). */
void socket_changed(struct socket *socket, short news);

/* The pending error as a negative errno, which is then no longer pending. */
int socket_take_error(struct socket *socket);

/* Waits for one of `events`: 0 (look again), -EAGAIN if the call may not sleep or its time
 * is up, -EINTR. */
int socket_wait(struct socket *socket, short events, bool dont_wait,
		uint64_t deadline_ns);
uint64_t socket_deadline(uint64_t timeout_ns);
bool socket_nonblocking(const struct socket *socket);

/* Signals and SA_RESTART: a call made again begins its time anew, so that of a socket with
 * a timeout is not (as signal(7) has it). With the socket still referred to, this turns the
 * -EINTR of one that may be into -SOCKET_RESTART; and when nothing is held any more,
 * socket_restart() runs the handlers, and is true if the call is to be made again, else
 * makes it -EINTR. */
#define SOCKET_RESTART 512 /* no error number that a program sees */
static inline long socket_interrupted(long result, uint64_t timeout_ns)
{
	return result == -EINTR && !timeout_ns ? -SOCKET_RESTART : result;
}
bool socket_restart(long *result);

/* The number that an option's value is: -EINVAL if it has none. */
int socket_option_number(const void *value, socklen_t bytes, int *out);

/* A negative errno for what lwIP said. */
int socket_error(err_t error);

/* socket_address.c. Parse: 0, -EINVAL, -EFAULT, -EAFNOSUPPORT. */
int socket_address_parse(const struct socket *socket, const struct sockaddr *from,
			 socklen_t bytes, ip_addr_t *address, uint16_t *port);
/* Fills as much as *bytes allows and sets it to what there is. */
int socket_address_store(const struct socket *socket, const ip_addr_t *address,
			 uint16_t port, struct sockaddr *to, socklen_t *bytes);
/* An address of one of our interfaces. Under net_lock(). */
bool socket_address_is_local(const ip_addr_t *address);
/* A destination of all zeros means this host: puts the loopback's address there. */
void socket_address_loopback(ip_addr_t *address);
/* lwIP's type for a new control block of this socket: 4, 6 or both. */
uint8_t socket_ip_type(const struct socket *socket);

/* The calls, in the kernel's argument order. */
long sys_socket(int family, int type, int number);
long sys_socketpair(int family, int type, int number, int fds[2]);
long sys_bind(int fd, const struct sockaddr *address, socklen_t bytes);
long sys_listen(int fd, int backlog);
long sys_accept(int fd, struct sockaddr *address, socklen_t *bytes);
long sys_accept4(int fd, struct sockaddr *address, socklen_t *bytes, int flags);
long sys_connect(int fd, const struct sockaddr *address, socklen_t bytes);
long sys_shutdown(int fd, int how);
long sys_getsockname(int fd, struct sockaddr *address, socklen_t *bytes);
long sys_getpeername(int fd, struct sockaddr *address, socklen_t *bytes);
long sys_setsockopt(int fd, int level, int option, const void *value, socklen_t bytes);
long sys_getsockopt(int fd, int level, int option, void *value, socklen_t *bytes);
long sys_sendto(int fd, const void *data, size_t bytes, int flags,
		const struct sockaddr *address, socklen_t address_bytes);
long sys_recvfrom(int fd, void *data, size_t bytes, int flags, struct sockaddr *address,
		  socklen_t *address_bytes);
long sys_sendmsg(int fd, const struct msghdr *message, int flags);
long sys_recvmsg(int fd, struct msghdr *message, int flags);

#endif
