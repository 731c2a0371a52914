/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <linux/vm_sockets.h>
#include <kernel/time.h>
#include <posix/vsock.h>
#include "fuzz.h"
#include "sockets.h"

static bool locked;

void fuzz_attention(void)
{
}

void net_lock(void)
{
	FUZZ_ASSERT(!locked);
	locked = true;
}

void net_unlock(void)
{
	FUZZ_ASSERT(locked);
	locked = false;
}

/* The lock is not released by a call that a signal ends at once. */
int net_wait(struct net_waiter **list, short events, uint64_t deadline_ns)
{
	static unsigned turns;

	(void)list;
	(void)events;
	FUZZ_ASSERT(locked);
	if (turns++ % 16 == 15) {
		FUZZ_ASSERT(turns < 100000);
		return -EINTR;
	}
	net_unlock();
	host_world();
	vsock_turn();
	host_clock_advance(NS_PER_SEC);
	net_lock();
	return clock_ns() < deadline_ns ? 0 : -ETIMEDOUT;
}

void socket_changed(struct socket *socket, short news)
{
	FUZZ_ASSERT(locked);
	(void)news;
	socket->events = socket->protocol->events(socket);
}

uint64_t socket_deadline(uint64_t timeout_ns)
{
	return timeout_ns ? clock_ns() + timeout_ns : NO_DEADLINE;
}

int socket_wait(struct socket *socket, short events, bool dont_wait, uint64_t deadline_ns)
{
	int error = dont_wait ? -EAGAIN : net_wait(&socket->waiters, events, deadline_ns);

	return error == -ETIMEDOUT ? -EAGAIN : error;
}

uint32_t fuzz_port(struct socket *socket)
{
	return socket ? vsock_socket(socket)->local_port : 9;
}

static void close_socket(struct socket **socket)
{
	struct socket *each = *socket;

	*socket = NULL;
	each->protocol->release(each);
}

long fuzz_socket(struct socket **socket, unsigned call, void *memory, size_t bytes)
{
	const struct socket_protocol *protocol = (*socket)->protocol;
	struct iovec vector = { memory, bytes };
	struct socket_message message = { .vector = &vector,
					  .count = 1,
					  .bytes = bytes,
					  .flags = (int)call & MSG_PEEK };
	ip_addr_t address = { .u_addr.ip6.addr = { VMADDR_CID_HOST, 1 } };
	struct socket *child = NULL;
	uint16_t unused;
	long result = 0;

	message.flags |= bytes & 1 ? MSG_DONTWAIT : 0;
	(*socket)->send_timeout_ns = bytes & 2 ? NS_PER_SEC : 0;
	vsock_socket(*socket)->options.connect_timeout_ns = bytes & 2 ? NS_PER_SEC
								      : VSOCK_CONNECT_NS;
	switch (call & 7) {
	case 0:
		return protocol->send(*socket, &message);
	case 1:
		return protocol->receive(*socket, &message);
	case 2:
		close_socket(socket);
		return 0;
	default:
		break;
	}
	net_lock();
	if (call & 0x20) {
		uint64_t size = bytes * 20;

		(void)protocol->option_set(*socket, SO_VM_SOCKETS_BUFFER_SIZE, &size,
					   sizeof(size));
	}
	switch (call & 7) {
	case 3:
		address.u_addr.ip6.addr[0] = VMADDR_CID_ANY;
		if (!protocol->bind(*socket, &address, 0))
			result = protocol->listen(*socket, 4);
		break;
	case 4:
		if (protocol->is_listening(*socket) &&
		    vsock_socket(*socket)->pending_count)
			result = protocol->accept(*socket, &child);
		break;
	case 5:
		result = protocol->shutdown(*socket, bytes & 1, bytes & 2);
		break;
	default:
		address.u_addr.ip6.addr[1] = 1 + (call & 1);
		result = protocol->connect(*socket, &address, 0);
	}
	protocol->peer(*socket, &address, &unused);
	net_unlock();
	if (child) { /* in its listener's place */
		close_socket(socket);
		*socket = child;
	}
	return result;
}
