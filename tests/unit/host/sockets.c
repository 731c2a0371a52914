/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What sockets stand on, on the host, as far as it does not matter who waits for whom: that
 * each test says itself. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ferrule/entropy.h>
#include <posix/vsock.h>

static void expect(bool condition)
{
	if (condition)
		return;
	fprintf(stderr, "copied beyond the only piece there is\n");
	abort();
}

void net_wake(struct net_waiter *list, short events)
{
	(void)list;
	(void)events;
}

void socket_init(struct socket *socket, const struct socket_protocol *protocol,
		 int family, int type, int number, int flags)
{
	(void)flags;
	socket->protocol = protocol;
	socket->family = (sa_family_t)family;
	socket->type = type;
	socket->number = number;
}

int socket_take_error(struct socket *socket)
{
	int error = socket->error;

	socket->error = 0;
	return -error;
}

bool socket_nonblocking(const struct socket *socket)
{
	(void)socket;
	return false;
}

size_t iovec_copy_in(void *to, size_t bytes, const struct iovec *vector, int count,
		     size_t position)
{
	expect(count == 1 && position + bytes <= vector->iov_len);
	memcpy(to, (char *)vector->iov_base + position, bytes);
	return bytes;
}

size_t iovec_copy_out(const void *from, size_t bytes, const struct iovec *vector,
		      int count, size_t position)
{
	expect(count == 1 && position + bytes <= vector->iov_len);
	memcpy((char *)vector->iov_base + position, from, bytes);
	return bytes;
}

void ferrule_entropy_read(void *out, size_t bytes)
{
	memset(out, 7, bytes);
}
