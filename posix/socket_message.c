/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The calls that carry data with flags and addresses; read() and write() come by the file
 * operations instead. */

#include <errno.h>
#include <limits.h>
#include <posix/pointer.h>
#include <posix/signal.h>
#include <posix/socket.h>

#define SEND_FLAGS \
	(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_CONFIRM | MSG_DONTROUTE | MSG_EOR)
#define RECEIVE_FLAGS                                                       \
	(MSG_DONTWAIT | MSG_PEEK | MSG_WAITALL | MSG_TRUNC | MSG_NOSIGNAL | \
	 MSG_CMSG_CLOEXEC | MSG_ERRQUEUE)

static long send_on(struct socket *socket, struct socket_message *message)
{
	long result;

	if (message->flags & ~SEND_FLAGS)
		return -EOPNOTSUPP; /* urgent data among them */
	message->more = message->flags & MSG_MORE;
	result = socket->protocol->send(socket, message);
	if (result == -EPIPE && !(message->flags & MSG_NOSIGNAL))
		signal_raise(SIGPIPE);
	return socket_interrupted(result, socket->send_timeout_ns);
}

static long receive_on(struct socket *socket, struct socket_message *message)
{
	if (message->flags & ~RECEIVE_FLAGS)
		return -EOPNOTSUPP;
	if (message->flags & MSG_ERRQUEUE)
		return -EAGAIN; /* it is always empty */
	return socket_interrupted(socket->protocol->receive(socket, message),
				  socket->receive_timeout_ns);
}

/* The destination of a datagram; a stream ignores it. */
static int set_destination(struct socket *socket, struct socket_message *message,
			   const struct sockaddr *address, socklen_t bytes)
{
	if (!address || !bytes || socket->type == SOCK_STREAM)
		return 0;
	message->has_address = true;
	return socket_address_parse(socket, address, bytes, &message->address,
				    &message->port);
}

/* The sender's address; a stream has none to tell. */
static int store_source(struct socket *socket, const struct socket_message *message,
			struct sockaddr *address, socklen_t *bytes)
{
	if (!address)
		return 0;
	if (!message->has_address) {
		if (buffer_is_bad(bytes, sizeof(*bytes)))
			return -EFAULT;
		*bytes = 0;
		return 0;
	}
	return socket_address_store(socket, &message->address, message->port, address,
				    bytes);
}

static long send_data(int fd, const void *data, size_t bytes, int flags,
		      const struct sockaddr *address, socklen_t address_bytes)
{
	struct iovec vector = { (void *)data, bytes > SSIZE_MAX ? SSIZE_MAX : bytes };
	struct socket_message message = {
		.vector = &vector, .count = 1, .bytes = vector.iov_len, .flags = flags
	};
	long result;
	struct socket *socket = socket_get(fd, &result);

	if (!socket)
		return result;
	result = buffer_is_bad(data, bytes)
			 ? -EFAULT
			 : set_destination(socket, &message, address, address_bytes);
	if (!result)
		result = send_on(socket, &message);
	file_put(&socket->file);
	return result;
}

long sys_sendto(int fd, const void *data, size_t bytes, int flags,
		const struct sockaddr *address, socklen_t address_bytes)
{
	long result;

	do
		result = send_data(fd, data, bytes, flags, address, address_bytes);
	while (socket_restart(&result));
	return result;
}

static long receive_data(int fd, void *data, size_t bytes, int flags,
			 struct sockaddr *address, socklen_t *address_bytes)
{
	struct iovec vector = { data, bytes > SSIZE_MAX ? SSIZE_MAX : bytes };
	struct socket_message message = {
		.vector = &vector, .count = 1, .bytes = vector.iov_len, .flags = flags
	};
	long result;
	struct socket *socket = socket_get(fd, &result);
	int error;

	if (!socket)
		return result;
	result = -EFAULT;
	if (!buffer_is_bad(data, bytes))
		result = receive_on(socket, &message);
	if (result >= 0) {
		error = store_source(socket, &message, address, address_bytes);
		if (error)
			result = error;
	}
	file_put(&socket->file);
	return result;
}

long sys_recvfrom(int fd, void *data, size_t bytes, int flags, struct sockaddr *address,
		  socklen_t *address_bytes)
{
	long result;

	do
		result = receive_data(fd, data, bytes, flags, address, address_bytes);
	while (socket_restart(&result));
	return result;
}

static long check_vector(const struct iovec *vector, size_t count, size_t *bytes)
{
	*bytes = 0;
	if (count > IOV_MAX)
		return -EMSGSIZE;
	if (buffer_is_bad(vector, count * sizeof(*vector)))
		return -EFAULT;
	for (size_t i = 0; i < count; i++) {
		if (vector[i].iov_len > SSIZE_MAX - *bytes)
			return -EINVAL;
		if (buffer_is_bad(vector[i].iov_base, vector[i].iov_len))
			return -EFAULT;
		*bytes += vector[i].iov_len;
	}
	return 0;
}

static long prepare(const struct msghdr *header, int flags,
		    struct socket_message *message)
{
	if (buffer_is_bad(header, sizeof(*header)))
		return -EFAULT;
	*message = (struct socket_message){ .vector = header->msg_iov,
					    .count = (int)header->msg_iovlen,
					    .flags = flags };
	return check_vector(header->msg_iov, (size_t)header->msg_iovlen, &message->bytes);
}

static long send_message(int fd, const struct msghdr *header, int flags)
{
	struct socket_message message;
	long result;
	struct socket *socket = socket_get(fd, &result);

	if (!socket)
		return result;
	result = prepare(header, flags, &message);
	if (!result)
		result = set_destination(socket, &message, header->msg_name,
					 header->msg_namelen);
	if (!result)
		result = send_on(socket, &message);
	file_put(&socket->file);
	return result;
}

long sys_sendmsg(int fd, const struct msghdr *header, int flags)
{
	long result;

	do
		result = send_message(fd, header, flags);
	while (socket_restart(&result));
	return result;
}

static long receive_message(int fd, struct msghdr *header, int flags)
{
	struct socket_message message;
	long result;
	struct socket *socket = socket_get(fd, &result);
	int error;

	if (!socket)
		return result;
	result = prepare(header, flags, &message);
	if (!result)
		result = receive_on(socket, &message);
	if (result >= 0) {
		header->msg_flags = message.out_flags;
		header->msg_controllen = 0;
		error = store_source(socket, &message, header->msg_name,
				     &header->msg_namelen);
		if (error)
			result = error;
	}
	file_put(&socket->file);
	return result;
}

long sys_recvmsg(int fd, struct msghdr *header, int flags)
{
	long result;

	do
		result = receive_message(fd, header, flags);
	while (socket_restart(&result));
	return result;
}
