/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The host's side of a vsock device, and what the sockets stand on, for their tests. */

#ifndef UNIT_VSOCK_DEVICE_H
#define UNIT_VSOCK_DEVICE_H

#include <linux/vm_sockets.h>
#include <posix/vsock.h>

#define CID	  42
#define HOST_PORT 1234

static struct mock *mock;
static struct vsock_header peer; /* what the host says in each packet */
static struct {
	struct vsock_header last;
	unsigned packets, credit_requests, resets;
	uint64_t payload;
} seen;
#define vsock_protocol (&socket_vsock)
static int (*while_waiting)(void); /* NULL: the device and the driver's thread run */

/* --- what the sockets call: there is one thread, and it never waits --------------------- */

void net_lock(void)
{
}

void net_unlock(void)
{
}

int net_wait(struct net_waiter **list, short events, uint64_t deadline_ns)
{
	(void)list;
	(void)events;
	(void)deadline_ns;
	if (while_waiting)
		return while_waiting();
	mock_run_all();
	vsock_turn();
	return 0;
}

void socket_changed(struct socket *socket, short news)
{
	(void)news;
	socket->events = socket->protocol->events(socket);
}

uint64_t socket_deadline(uint64_t timeout_ns)
{
	(void)timeout_ns;
	return NO_DEADLINE;
}

int socket_wait(struct socket *socket, short events, bool dont_wait, uint64_t deadline_ns)
{
	(void)socket;
	return dont_wait ? -EAGAIN : net_wait(NULL, events, deadline_ns);
}

/* --- the device ------------------------------------------------------------------------- */

static void serve(struct mock *device, unsigned queue)
{
	struct mock_chain chain;

	if (queue != 1)
		return;
	while (mock_pop(device, 1, &chain)) {
		assert_int_equal(mock_read(&chain, 0, &seen.last, VSOCK_HEADER_BYTES),
				 VSOCK_HEADER_BYTES);
		assert_int_equal(chain.readable, VSOCK_HEADER_BYTES + seen.last.len);
		assert_int_equal(seen.last.src_cid, vsock_cid()); /* [VSK-02] */
		seen.packets += seen.last.op == VIRTIO_VSOCK_OP_RW;
		seen.credit_requests += seen.last.op == VIRTIO_VSOCK_OP_CREDIT_REQUEST;
		seen.resets += seen.last.op == VIRTIO_VSOCK_OP_RST;
		seen.payload += seen.last.len;
		mock_push(device, 1, &chain, 0);
	}
	mock_interrupt(device, 1);
}

static void push(unsigned queue, const void *data, uint32_t bytes, const void *more,
		 uint32_t more_bytes)
{
	struct mock_chain chain;

	assert_true(mock_pop(mock, queue, &chain));
	mock_write(&chain, 0, data, bytes);
	mock_write(&chain, bytes, more, more_bytes);
	mock_push(mock, queue, &chain, bytes + more_bytes);
	mock_interrupt(mock, queue);
}

static inline void push_event(const void *event, uint32_t bytes)
{
	push(2, event, bytes, NULL, 0);
}

/* A packet of the host's on a connection, which is looked at; and what it answers. */
static inline void deliver(struct vsock_socket *self, enum vsock_operation op,
			   uint32_t flags, const void *payload, uint32_t bytes)
{
	struct vsock_header header = peer;

	header.dst_port = self->local_port;
	header.type = vsock_type_of(self);
	header.op = (uint16_t)op;
	header.flags = flags;
	header.len = bytes;
	push(0, &header, sizeof(header), payload, bytes);
	vsock_turn();
	while (mock_run_all())
		;
}

static inline void deliver_to(uint32_t port, uint32_t from, enum vsock_type type,
			      enum vsock_operation op)
{
	struct vsock_header header = peer;

	header.dst_port = port;
	header.src_port = from;
	header.type = (uint16_t)type;
	header.op = (uint16_t)op;
	push(0, &header, sizeof(header), NULL, 0);
	vsock_turn();
	while (mock_run_all())
		;
}

static inline void serve_nothing(struct mock *device, unsigned queue)
{
	(void)device;
	(void)queue;
}

/* What was sent since then is taken, and what waited for room. */
static inline void run_device(void)
{
	mock->serve = serve;
	serve(mock, 1);
	vsock_turn();
	mock_run_all();
}

/* `features`: bits 0 to 2, and whether queues may be reset alone. */
#define QUEUES_ALONE 8
static void start(uint64_t features)
{
	mock = mock_new(VIRTIO_ID_VSOCK);
	for (unsigned i = 0; i < 3; i++) {
		mock->queue_max[i] = 64;
		if (features >> i & 1)
			mock_offer(mock, i);
	}
	if (features & QUEUES_ALONE)
		mock_offer(mock, VIRTIO_F_RING_RESET);
	mock->config[0] = CID;
	mock->config_bytes = 8;
	mock->serve = serve;
	memset(&seen, 0, sizeof(seen));
	peer = (struct vsock_header){ .src_cid = VSOCK_CID_HOST,
				      .dst_cid = CID,
				      .src_port = HOST_PORT };
	assert_int_equal(mock_add(mock), 0);
}

static void stop(void)
{
	mock_unplug(mock);
	vsock_turn();
	mock_remove(mock);
}

static inline void threads_see_it_gone(void)
{
	virtio_device_gone(&mock->device);
	mock->status = 0;
	host_clock_advance(5 * NS_PER_MS);
	host_threads_run();
}

static inline struct vsock_socket *dial(int type)
{
	struct socket *socket;

	assert_int_equal(socket_vsock_new(type, 0, 0, &socket), 0);
	assert_int_equal(vsock_open(vsock_socket(socket)), 0);
	assert_int_equal(vsock_take_port(vsock_socket(socket), VMADDR_PORT_ANY), 0);
	vsock_socket(socket)->peer_cid = VMADDR_CID_HOST;
	vsock_socket(socket)->peer_port = HOST_PORT;
	vsock_socket(socket)->state = VSOCK_CONNECTING;
	vsock_socket(socket)->deadline_ns = NO_DEADLINE;
	assert_true(vsock_say(vsock_socket(socket), VIRTIO_VSOCK_OP_REQUEST, 0));
	mock_run_all();
	deliver(vsock_socket(socket), VIRTIO_VSOCK_OP_RESPONSE, 0, NULL, 0);
	assert_int_equal(vsock_socket(socket)->state, VSOCK_CONNECTED);
	return vsock_socket(socket);
}

/* A connection to the host, whose buffer is of that size. */
static inline struct vsock_socket *establish(int type, uint32_t buf_alloc)
{
	start(7);
	peer.buf_alloc = buf_alloc;
	return dial(type);
}

static inline struct vsock_socket *connect_again(void)
{
	peer.fwd_cnt = 0;
	return dial(SOCK_STREAM);
}

static inline struct vsock_socket *listen_on(uint32_t port)
{
	struct socket *socket;
	ip_addr_t address = { 0 };

	assert_int_equal(socket_vsock_new(SOCK_STREAM, 0, 0, &socket), 0);
	address.u_addr.ip6.addr[0] = VMADDR_CID_ANY;
	address.u_addr.ip6.addr[1] = port;
	assert_int_equal(vsock_protocol->bind(socket, &address, 0), 0);
	assert_int_equal(vsock_protocol->listen(socket, 4), 0);
	return vsock_socket(socket);
}

static inline ssize_t receive(struct vsock_socket *self, void *out, size_t bytes,
			      int flags, int *out_flags)
{
	struct iovec vector = { out, bytes };
	struct socket_message message = {
		.vector = &vector, .count = 1, .bytes = bytes, .flags = flags
	};
	ssize_t result = vsock_protocol->receive(&self->socket, &message);

	if (out_flags)
		*out_flags = message.out_flags;
	return result;
}

static inline ssize_t transmit(struct vsock_socket *self, const void *data, size_t bytes,
			       int flags)
{
	struct iovec vector = { (void *)data, bytes };
	struct socket_message message = {
		.vector = &vector, .count = 1, .bytes = bytes, .flags = flags
	};
	ssize_t result = vsock_protocol->send(&self->socket, &message);

	while (mock_run_all())
		;
	return result;
}

static inline void end(struct vsock_socket *self)
{
	vsock_protocol->release(&self->socket);
	stop();
}

/* --- queues that are reset alone --------------------------------------------------------- */

#define QUEUES (mock->device.queues)

static inline struct vsock_socket *connected(void)
{
	start(7 | QUEUES_ALONE);
	peer.buf_alloc = 1 << 20;
	return dial(SOCK_STREAM);
}

static inline void break_queue(unsigned queue)
{
	virtio_queue_break(QUEUES[queue], "a test");
	host_clock_advance(2 * NS_PER_MS);
}

/* So many queues were reset, and the device never was. */
static inline void check_resets(unsigned queues)
{
	assert_int_equal(mock->device.counters.queue_resets, queues);
	assert_int_equal(mock->device.counters.recoveries, 0);
	assert_false(mock->device.broken);
	for (unsigned i = 0; i < VSOCK_QUEUES; i++)
		assert_false(virtqueue_broken(QUEUES[i]));
}

static inline void check_alive(struct vsock_socket *self)
{
	char out[4];

	assert_int_equal(self->state, VSOCK_CONNECTED);
	assert_int_equal(transmit(self, "ping", 4, 0), 4);
	assert_int_equal(seen.last.op, VIRTIO_VSOCK_OP_RW);
	deliver(self, VIRTIO_VSOCK_OP_RW, 0, "pong", 4);
	assert_int_equal(receive(self, out, 4, 0, NULL), 4);
	assert_memory_equal(out, "pong", 4);
}

static inline void check_over(struct vsock_socket *self)
{
	char out[4];

	assert_int_equal(receive(self, out, 4, MSG_DONTWAIT, NULL), -ECONNRESET);
	assert_int_equal(self->state, VSOCK_CLOSED);
	vsock_protocol->release(&self->socket);
}

#endif
