/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Making, naming and connecting sockets. A reference to this file is what brings the
 * network into an image. */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <kernel/time.h>
#include <posix/pointer.h>
#include <posix/signal.h>
#include <posix/socket.h>

#define BUFFER_BYTES 212992 /* what Linux answers for SO_RCVBUF and SO_SNDBUF */

void socket_init(struct socket *socket, const struct socket_protocol *protocol,
		 int family, int type, int number, int flags)
{
	file_init(&socket->file, &socket_file_operations,
		  O_RDWR | (flags & SOCK_NONBLOCK ? O_NONBLOCK : 0));
	socket->protocol = protocol;
	socket->family = (sa_family_t)family;
	socket->type = type;
	socket->number = number;
	socket->receive_buffer = socket->send_buffer = BUFFER_BYTES;
	socket->events = protocol->events(socket);
}

struct socket *socket_get(int fd, long *error)
{
	struct file *file = fd_get(fd);

	*error = -EBADF;
	if (!file)
		return NULL;
	if (file->operations == &socket_file_operations)
		return (struct socket *)file;
	file_put(file);
	*error = -ENOTSOCK;
	return NULL;
}

/* ---- state and waiting ---- */

void socket_changed(struct socket *socket, short news)
{
	short before = socket->events, now = socket->protocol->events(socket);

	news &= now;
	__atomic_store_n(&socket->events, now, __ATOMIC_RELEASE);
	news |= (short)(now & ~before);
	if (!news)
		return;
	if (socket->waiters)
		net_wake(socket->waiters, news | POLLERR | POLLHUP);
	file_notify(&socket->file, news);
}

int socket_take_error(struct socket *socket)
{
	int error = socket->error;

	socket->error = 0;
	return -error;
}

bool socket_nonblocking(const struct socket *socket)
{
	return __atomic_load_n(&socket->file.flags, __ATOMIC_RELAXED) & O_NONBLOCK;
}

uint64_t socket_deadline(uint64_t timeout_ns)
{
	return timeout_ns ? clock_ns() + timeout_ns : NO_DEADLINE;
}

int socket_wait(struct socket *socket, short events, bool dont_wait, uint64_t deadline_ns)
{
	int error;

	if (dont_wait)
		return -EAGAIN;
	error = net_wait(&socket->waiters, events | POLLERR | POLLHUP, deadline_ns);
	return error == -ETIMEDOUT ? -EAGAIN : error;
}

bool socket_restart(long *result)
{
	if (*result != -SOCKET_RESTART)
		return false;
	*result = -EINTR;
	return signal_restart();
}

int socket_error(err_t error)
{
	switch (error) {
	case ERR_OK:
		return 0;
	case ERR_MEM:
	case ERR_BUF:
		return -ENOBUFS;
	case ERR_TIMEOUT:
		return -ETIMEDOUT;
	case ERR_RTE:
		return -ENETUNREACH;
	case ERR_INPROGRESS:
		return -EINPROGRESS;
	case ERR_WOULDBLOCK:
		return -EAGAIN;
	case ERR_USE:
		return -EADDRINUSE;
	case ERR_ALREADY:
		return -EALREADY;
	case ERR_ISCONN:
		return -EISCONN;
	case ERR_CONN:
		return -ENOTCONN;
	case ERR_ABRT:
		return -ECONNABORTED;
	case ERR_RST:
		return -ECONNRESET;
	case ERR_CLSD:
		return -EPIPE;
	case ERR_IF:
		return -EIO;
	default: /* ERR_VAL, ERR_ARG */
		return -EINVAL;
	}
}

/* ---- calls ---- */

static int choose(int family, int type, int number, int flags, struct socket **out)
{
	*out = NULL;
	if (family == AF_VSOCK && socket_vsock_new)
		return socket_vsock_new(type, number, flags, out);
	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	if (number < 0 || number > 255)
		return -EINVAL;
	switch (type) {
	case SOCK_STREAM:
		if (number && number != IPPROTO_TCP)
			return -EPROTONOSUPPORT;
		*out = socket_tcp_new(family, flags);
		break;
	case SOCK_DGRAM:
		if (number && number != IPPROTO_UDP)
			return -EPROTONOSUPPORT;
		*out = socket_datagram_new(family, type, IPPROTO_UDP, flags);
		break;
	case SOCK_RAW:
		if (!number)
			return -EPROTONOSUPPORT;
		*out = socket_datagram_new(family, type, number, flags);
		break;
	default:
		return -ESOCKTNOSUPPORT;
	}
	return *out ? 0 : -ENOBUFS;
}

long sys_socket(int family, int type, int number)
{
	int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct socket *socket;
	int error = choose(family, type & ~flags, number, flags, &socket);

	return error ? error : fd_install(&socket->file, flags & SOCK_CLOEXEC);
}

long sys_bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
	long error;
	struct socket *socket = socket_get(fd, &error);
	ip_addr_t ip;
	uint16_t port;

	if (!socket)
		return error;
	error = socket_address_parse(socket, address, bytes, &ip, &port);
	if (!error) {
		net_lock();
		error = socket->protocol->bind(socket, &ip, port);
		net_unlock();
	}
	file_put(&socket->file);
	return error;
}

long sys_listen(int fd, int backlog)
{
	long error;
	struct socket *socket = socket_get(fd, &error);

	if (!socket)
		return error;
	error = -EOPNOTSUPP;
	if (socket->protocol->listen) {
		net_lock();
		error = socket->protocol->listen(socket, backlog);
		net_unlock();
	}
	file_put(&socket->file);
	return error;
}

static long accept_on(struct socket *socket, struct sockaddr *address, socklen_t *bytes,
		      int flags)
{
	struct socket *child = NULL;
	ip_addr_t ip;
	uint16_t port;
	long error = -EOPNOTSUPP;

	if (!socket->protocol->accept)
		return error;
	net_lock();
	error = socket->protocol->accept(socket, &child);
	if (!error && address)
		(void)child->protocol->peer(child, &ip, &port);
	net_unlock();
	if (error)
		return error;
	if (flags & SOCK_NONBLOCK)
		child->file.flags |= O_NONBLOCK;
	if (address)
		error = socket_address_store(child, &ip, port, address, bytes);
	if (error) {
		file_put(&child->file);
		return error;
	}
	return fd_install(&child->file, flags & SOCK_CLOEXEC);
}

static long accept_once(int fd, struct sockaddr *address, socklen_t *bytes, int flags)
{
	long error;
	struct socket *socket;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	socket = socket_get(fd, &error);
	if (!socket)
		return error;
	error = socket_interrupted(accept_on(socket, address, bytes, flags),
				   socket->receive_timeout_ns);
	file_put(&socket->file);
	return error;
}

long sys_accept4(int fd, struct sockaddr *address, socklen_t *bytes, int flags)
{
	long result;

	do
		result = accept_once(fd, address, bytes, flags);
	while (socket_restart(&result));
	return result;
}

long sys_accept(int fd, struct sockaddr *address, socklen_t *bytes)
{
	return sys_accept4(fd, address, bytes, 0);
}

static long connect_once(int fd, const struct sockaddr *address, socklen_t bytes)
{
	long error;
	struct socket *socket = socket_get(fd, &error);
	ip_addr_t ip;
	uint16_t port;

	if (!socket)
		return error;
	if (!buffer_is_bad(address, sizeof(sa_family_t)) &&
	    bytes >= sizeof(sa_family_t) && address->sa_family == AF_UNSPEC) {
		net_lock();
		error = socket->protocol->disconnect(socket);
		net_unlock();
	} else {
		error = socket_address_parse(socket, address, bytes, &ip, &port);
		if (!error) {
			net_lock();
			error = socket->protocol->connect(socket, &ip, port);
			net_unlock();
			error = socket_interrupted(error, socket->send_timeout_ns);
		}
	}
	file_put(&socket->file);
	return error;
}

long sys_connect(int fd, const struct sockaddr *address, socklen_t bytes)
{
	long result = connect_once(fd, address, bytes);

	while (socket_restart(&result)) {
		result = connect_once(fd, address, bytes);
		if (result == -EISCONN) /* it came about while the handlers ran */
			result = 0;
	}
	return result;
}

long sys_shutdown(int fd, int how)
{
	long error;
	struct socket *socket = socket_get(fd, &error);

	if (!socket)
		return error;
	error = -EINVAL;
	if (how == SHUT_RD || how == SHUT_WR || how == SHUT_RDWR) {
		net_lock();
		error = socket->protocol->shutdown(socket, how != SHUT_WR,
						   how != SHUT_RD);
		net_unlock();
	}
	file_put(&socket->file);
	return error;
}

static long name_of(int fd, struct sockaddr *address, socklen_t *bytes, bool peer)
{
	long error;
	struct socket *socket = socket_get(fd, &error);
	ip_addr_t ip;
	uint16_t port;

	if (!socket)
		return error;
	net_lock();
	error = peer ? socket->protocol->peer(socket, &ip, &port)
		     : socket->protocol->local(socket, &ip, &port);
	net_unlock();
	if (!error)
		error = socket_address_store(socket, &ip, port, address, bytes);
	file_put(&socket->file);
	return error;
}

long sys_getsockname(int fd, struct sockaddr *address, socklen_t *bytes)
{
	return name_of(fd, address, bytes, false);
}

long sys_getpeername(int fd, struct sockaddr *address, socklen_t *bytes)
{
	return name_of(fd, address, bytes, true);
}
