/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Options of all sockets. Those that only hint at a policy we do not have are accepted;
 * unknown ones are -ENOPROTOOPT. */

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>
#include <kernel/time.h>
#include <posix/pointer.h>
#include <posix/socket.h>

#define BUFFER_MIN 2048
#define BUFFER_MAX (16 * 1024 * 1024)

static int set_timeout(uint64_t *out, const void *value, socklen_t bytes)
{
	struct timeval time;

	if (bytes < sizeof(time))
		return -EINVAL;
	memcpy(&time, value, sizeof(time));
	if (time.tv_usec < 0 || time.tv_usec >= 1000000)
		return -EDOM;
	*out = 0;
	if (time.tv_sec > 0 || (time.tv_sec == 0 && time.tv_usec > 0))
		*out = (uint64_t)(time.tv_sec > INT_MAX ? INT_MAX : time.tv_sec) *
			       NS_PER_SEC +
		       (uint64_t)time.tv_usec * NS_PER_US;
	return 0;
}

static int set_buffer(int *out, int bytes)
{
	if (bytes > BUFFER_MAX / 2)
		bytes = BUFFER_MAX / 2;
	bytes = bytes < 0 ? BUFFER_MAX : bytes * 2; /* Linux counts overhead in, too */
	*out = bytes < BUFFER_MIN ? BUFFER_MIN : bytes;
	return 0;
}

static int set_socket_option(struct socket *socket, int option, const void *value,
			     socklen_t bytes, int number)
{
	switch (option) {
	case SO_REUSEADDR:
	case SO_REUSEPORT:
		socket->reuse_address = number;
		break;
	case SO_KEEPALIVE:
		socket->keep_alive = number;
		break;
	case SO_BROADCAST:
		socket->broadcast = number;
		break;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		return set_buffer(&socket->receive_buffer, number);
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		return set_buffer(&socket->send_buffer, number);
	case SO_LINGER:
		if (bytes < sizeof(socket->linger))
			return -EINVAL;
		memcpy(&socket->linger, value, sizeof(socket->linger));
		return 0;
	case SO_RCVTIMEO:
		return set_timeout(&socket->receive_timeout_ns, value, bytes);
	case SO_SNDTIMEO:
		return set_timeout(&socket->send_timeout_ns, value, bytes);
	case SO_OOBINLINE: /* urgent data always comes in line */
	case SO_PRIORITY:
	case SO_DONTROUTE:
	case SO_RCVLOWAT:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
	socket->protocol->options_changed(socket);
	return 0;
}

static int set_ipv6_option(struct socket *socket, int option, int number)
{
	if (socket->family != AF_INET6)
		return -ENOPROTOOPT;
	switch (option) {
	case IPV6_V6ONLY:
		if (socket->v6only == !!number)
			return 0;
		if (socket->type == SOCK_RAW)
			return -EINVAL;
		socket->v6only = number;
		socket->protocol->options_changed(socket);
		return 0;
	case IPV6_TCLASS:
	case IPV6_MTU_DISCOVER:
	case IPV6_RECVERR:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int set_ip_option(int option)
{
	switch (option) {
	case IP_TOS:
	case IP_MTU_DISCOVER:
	case IP_RECVERR:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int socket_option_number(const void *value, socklen_t bytes, int *out)
{
	if (bytes >= sizeof(*out))
		memcpy(out, value, sizeof(*out));
	else if (bytes == 1) /* BSD programs set some with a char */
		*out = *(const unsigned char *)value;
	else
		return -EINVAL;
	return 0;
}

static int set_option(struct socket *socket, int level, int option, const void *value,
		      socklen_t bytes)
{
	int number, error;

	if (level && level == socket->protocol->level)
		return socket->protocol->option_set(socket, option, value, bytes);
	error = socket_option_number(value, bytes, &number);
	if (error)
		return error;
	switch (level) {
	case SOL_SOCKET:
		return set_socket_option(socket, option, value, bytes, number);
	case IPPROTO_IPV6:
		return set_ipv6_option(socket, option, number);
	case IPPROTO_IP:
		return set_ip_option(option);
	default:
		return -ENOPROTOOPT;
	}
}

long sys_setsockopt(int fd, int level, int option, const void *value, socklen_t bytes)
{
	long error;
	struct socket *socket = socket_get(fd, &error);

	if (!socket)
		return error;
	if ((int)bytes < 0) {
		error = -EINVAL;
	} else if (buffer_is_bad(value, bytes)) {
		error = -EFAULT;
	} else {
		net_lock();
		error = set_option(socket, level, option, value, bytes);
		net_unlock();
	}
	file_put(&socket->file);
	return error;
}

static void get_timeout(uint64_t ns, struct timeval *out)
{
	out->tv_sec = (time_t)(ns / NS_PER_SEC);
	out->tv_usec = (suseconds_t)(ns % NS_PER_SEC / NS_PER_US);
}

union option_value {
	int number;
	struct linger linger;
	struct timeval time;
};

/* Fills *out and returns its size, or a negative errno. */
static int get_socket_option(struct socket *socket, int option, union option_value *out)
{
	switch (option) {
	case SO_ERROR:
		out->number = -socket_take_error(socket);
		socket_changed(socket, 0);
		break;
	case SO_TYPE:
		out->number = socket->type;
		break;
	case SO_PROTOCOL:
		out->number = socket->number;
		break;
	case SO_DOMAIN:
		out->number = socket->family;
		break;
	case SO_REUSEADDR:
	case SO_REUSEPORT:
		out->number = socket->reuse_address;
		break;
	case SO_KEEPALIVE:
		out->number = socket->keep_alive;
		break;
	case SO_BROADCAST:
		out->number = socket->broadcast;
		break;
	case SO_RCVBUF:
		out->number = socket->receive_buffer;
		break;
	case SO_SNDBUF:
		out->number = socket->send_buffer;
		break;
	case SO_ACCEPTCONN:
		out->number = socket->protocol->is_listening &&
			      socket->protocol->is_listening(socket);
		break;
	case SO_OOBINLINE:
		out->number = 1;
		break;
	case SO_LINGER:
		out->linger = socket->linger;
		return sizeof(out->linger);
	case SO_RCVTIMEO:
		get_timeout(socket->receive_timeout_ns, &out->time);
		return sizeof(out->time);
	case SO_SNDTIMEO:
		get_timeout(socket->send_timeout_ns, &out->time);
		return sizeof(out->time);
	default:
		return -ENOPROTOOPT;
	}
	return sizeof(out->number);
}

static int get_option(struct socket *socket, int level, int option, void *value,
		      socklen_t *bytes)
{
	union option_value result;
	int size;

	if (level && level == socket->protocol->level)
		return socket->protocol->option_get(socket, option, value, bytes);
	switch (level) {
	case SOL_SOCKET:
		size = get_socket_option(socket, option, &result);
		break;
	case IPPROTO_IPV6:
		if (socket->family != AF_INET6 || option != IPV6_V6ONLY)
			return -ENOPROTOOPT;
		result.number = socket->v6only;
		size = sizeof(result.number);
		break;
	default:
		return -ENOPROTOOPT;
	}
	if (size < 0)
		return size;
	if (*bytes > (socklen_t)size)
		*bytes = (socklen_t)size;
	memcpy(value, &result, *bytes);
	return 0;
}

long sys_getsockopt(int fd, int level, int option, void *value, socklen_t *bytes)
{
	long error;
	struct socket *socket = socket_get(fd, &error);

	if (!socket)
		return error;
	error = -EFAULT;
	if (!buffer_is_bad(bytes, sizeof(*bytes)) && !buffer_is_bad(value, *bytes)) {
		error = -EINVAL;
		if ((int)*bytes >= 0) {
			net_lock();
			error = get_option(socket, level, option, value, bytes);
			net_unlock();
		}
	}
	file_put(&socket->file);
	return error;
}
