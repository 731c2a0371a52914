/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	tests/unit/host/sockets.c
 *	kernel/sync.c kernel/format.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c virtio/device/vsock.c virtio/device/vsock_rx.c
 *	virtio/device/vsock_tx.c
 *	posix/vsock.c posix/vsock_credit.c posix/vsock_data.c posix/vsock_socket.c
 *	posix/vsock_options.c posix/vsock_end.c */

/* Options of AF_VSOCK sockets: what they are, as on Linux, and what they do. */

#include <string.h>
#include <unit.h>
#include <sys/time.h>
#include "host/host.h"
#include "mock/mock.h"
#include "vsock_device.h"

static struct vsock_socket *dialing;

static int set(struct socket *socket, int option, uint64_t value)
{
	return vsock_protocol->option_set(socket, option, &value, sizeof(value));
}

static uint64_t get(struct socket *socket, int option)
{
	uint64_t value[2] = { 0 };
	socklen_t bytes = sizeof(value);

	assert_int_equal(vsock_protocol->option_get(socket, option, value, &bytes), 0);
	assert_int_equal(bytes, 8);
	return value[0];
}

static struct socket *fresh(int type)
{
	struct socket *socket;

	assert_int_equal(socket_vsock_new(type, 0, 0, &socket), 0);
	return socket;
}

static int answer(void)
{
	while (mock_run_all())
		;
	deliver(dialing, VIRTIO_VSOCK_OP_RESPONSE, 0, NULL, 0);
	return 0;
}

/* Connected to the host, by a buffer of that size. */
static struct vsock_socket *with_buffer(uint64_t bytes)
{
	ip_addr_t address = { .u_addr.ip6.addr = { VMADDR_CID_HOST, HOST_PORT } };
	struct socket *socket = fresh(SOCK_STREAM);

	start(7);
	peer.buf_alloc = 65536;
	dialing = vsock_socket(socket);
	assert_int_equal(set(socket, SO_VM_SOCKETS_BUFFER_MIN_SIZE, 0), 0);
	assert_int_equal(set(socket, SO_VM_SOCKETS_BUFFER_SIZE, bytes), 0);
	while_waiting = answer;
	assert_int_equal(vsock_protocol->connect(socket, &address, 0), 0);
	while_waiting = NULL;
	assert_int_equal(seen.last.op, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(seen.last.buf_alloc, bytes);
	return dialing;
}

/* The size stays between the limits, which move it when they are set. */
static void sizes(void **state)
{
	struct socket *socket = fresh(SOCK_STREAM);
	uint64_t value = 5;
	socklen_t bytes = 7;

	(void)state;
	assert_int_equal(get(socket, SO_VM_SOCKETS_BUFFER_SIZE), 262144);
	assert_int_equal(get(socket, SO_VM_SOCKETS_BUFFER_MIN_SIZE), 128);
	assert_int_equal(get(socket, SO_VM_SOCKETS_BUFFER_MAX_SIZE), 262144);
	assert_int_equal(set(socket, SO_VM_SOCKETS_BUFFER_SIZE, 1 << 20), 0);
	assert_int_equal(get(socket, SO_VM_SOCKETS_BUFFER_SIZE), 262144);
	assert_int_equal(set(socket, SO_VM_SOCKETS_BUFFER_SIZE, 1), 0);
	assert_int_equal(get(socket, SO_VM_SOCKETS_BUFFER_SIZE), 128);
	assert_int_equal(set(socket, SO_VM_SOCKETS_BUFFER_MIN_SIZE, 1000), 0);
	assert_int_equal(get(socket, SO_VM_SOCKETS_BUFFER_SIZE), 1000);
	assert_int_equal(set(socket, SO_VM_SOCKETS_BUFFER_MAX_SIZE, UINT64_MAX), 0);
	assert_int_equal(set(socket, SO_VM_SOCKETS_BUFFER_SIZE, UINT64_MAX), 0);
	assert_int_equal(get(socket, SO_VM_SOCKETS_BUFFER_SIZE), VSOCK_BUFFER_MOST);
	assert_int_equal(set(socket, SO_VM_SOCKETS_BUFFER_MAX_SIZE, 5000), 0);
	assert_int_equal(get(socket, SO_VM_SOCKETS_BUFFER_SIZE), 5000);
	assert_int_equal(
		vsock_protocol->option_set(socket, SO_VM_SOCKETS_BUFFER_SIZE, &value, 4),
		-EINVAL);
	assert_int_equal(vsock_protocol->option_get(socket, SO_VM_SOCKETS_BUFFER_SIZE,
						    &value, &bytes),
			 -EINVAL);
	assert_int_equal(set(socket, 7, 0), -ENOPROTOOPT);
	bytes = 8;
	assert_int_equal(vsock_protocol->option_get(socket, 3, &value, &bytes),
			 -ENOPROTOOPT);
	vsock_protocol->release(socket);
}

static int set_timeout(struct socket *socket, long seconds, long microseconds)
{
	struct timeval time = { seconds, microseconds };

	return vsock_protocol->option_set(socket, SO_VM_SOCKETS_CONNECT_TIMEOUT, &time,
					  sizeof(time));
}

static void expect_timeout(struct socket *socket, long seconds, long microseconds)
{
	struct timeval time[2];
	socklen_t bytes = sizeof(time);

	assert_int_equal(vsock_protocol->option_get(
				 socket, SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW, time, &bytes),
			 0);
	assert_int_equal(bytes, sizeof(time[0]));
	assert_int_equal(time[0].tv_sec, seconds);
	assert_int_equal(time[0].tv_usec, microseconds);
}

static void timeouts(void **state)
{
	struct socket *socket = fresh(SOCK_SEQPACKET);

	(void)state;
	expect_timeout(socket, 2, 0);
	assert_int_equal(set_timeout(socket, 7, 250000), 0);
	assert_int_equal(set_timeout(socket, -1, 0), -ERANGE);
	assert_int_equal(set_timeout(socket, 0, 1000000), -ERANGE);
	assert_int_equal(set_timeout(socket, INT64_MAX, 0), -ERANGE);
	expect_timeout(socket, 7, 250000);
	assert_int_equal(vsock_protocol->option_set(socket, SO_VM_SOCKETS_CONNECT_TIMEOUT,
						    "12345678", 8),
			 -EINVAL);
	assert_int_equal(set_timeout(socket, 0, 0), 0); /* as it was */
	expect_timeout(socket, 2, 0);
	vsock_protocol->release(socket);
}

static int time_passes(void)
{
	host_clock_advance(NS_PER_SEC);
	while (mock_run_all())
		;
	vsock_turn();
	return 0;
}

/* connect() gives up when its own option says, whatever SO_SNDTIMEO is. */
static void patience(void **state)
{
	ip_addr_t address = { .u_addr.ip6.addr = { VMADDR_CID_HOST, HOST_PORT } };
	struct socket *socket = fresh(SOCK_STREAM);
	uint64_t begun = host_clock_ns;

	(void)state;
	start(7);
	socket->send_timeout_ns = 1;
	assert_int_equal(set_timeout(socket, 60, 0), 0);
	while_waiting = time_passes;
	assert_int_equal(vsock_protocol->connect(socket, &address, 0), -ETIMEDOUT);
	while_waiting = NULL;
	assert_in_range(host_clock_ns - begun, 60 * NS_PER_SEC, 62 * NS_PER_SEC);
	end(vsock_socket(socket));
}

/* [VSK-05] The peer has what it was told, and no more. */
static void small_buffer(void **state)
{
	struct vsock_socket *self = with_buffer(1000);
	static char data[1001];

	(void)state;
	deliver(self, VIRTIO_VSOCK_OP_RW, 0, data, 1000);
	assert_int_equal(self->state, VSOCK_CONNECTED);
	assert_int_equal(receive(self, data, 1000, 0, NULL), 1000);
	while (mock_run_all())
		;
	assert_int_equal(seen.last.op, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	deliver(self, VIRTIO_VSOCK_OP_RW, 0, data, 1001);
	assert_int_equal(self->state, VSOCK_CLOSED);
	assert_int_equal(seen.last.op, VIRTIO_VSOCK_OP_RST);
	end(self);
}

/* [VSK-11] Half of one byte is none, but it is worth telling. */
static void one_byte(void **state)
{
	struct vsock_socket *self = with_buffer(1);
	char byte;

	(void)state;
	for (unsigned i = 1; i < 4; i++) {
		deliver(self, VIRTIO_VSOCK_OP_RW, 0, "x", 1);
		assert_int_equal(receive(self, &byte, 1, 0, NULL), 1);
		while (mock_run_all())
			;
		assert_int_equal(seen.last.op, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
		assert_int_equal(seen.last.fwd_cnt, i);
	}
	end(self);
}

/* What waits, across the ring's end, is kept; the peer hears of the space at once. What it was
 * told is not taken back. */
static void grows_and_does_not_shrink(void **state)
{
	struct vsock_socket *self = with_buffer(4096);
	static char data[7000], back[7000];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + (i >> 8));
	deliver(self, VIRTIO_VSOCK_OP_RW, 0, data, 3000);
	assert_int_equal(receive(self, back, 2500, 0, NULL), 2500);
	deliver(self, VIRTIO_VSOCK_OP_RW, 0, data + 3000, 3000);
	assert_int_equal(set(&self->socket, SO_VM_SOCKETS_BUFFER_SIZE, 10000), 0);
	while (mock_run_all())
		;
	assert_int_equal(seen.last.op, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(seen.last.buf_alloc, 10000);
	deliver(self, VIRTIO_VSOCK_OP_RW, 0, data + 6000, 1000);
	assert_int_equal(set(&self->socket, SO_VM_SOCKETS_BUFFER_SIZE, 200), 0);
	assert_int_equal(get(&self->socket, SO_VM_SOCKETS_BUFFER_SIZE), 200);
	deliver(self, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0, NULL, 0);
	assert_int_equal(seen.last.buf_alloc, 10000);
	assert_int_equal(receive(self, back + 2500, 4500, 0, NULL), 4500);
	assert_memory_equal(data, back, 7000);
	end(self);
}

/* [VSK-06] News of more space that finds no room is told later. */
static void grows_without_room(void **state)
{
	struct vsock_socket *self = with_buffer(4096);

	(void)state;
	mock->serve = serve_nothing;
	while (vsock_say(self, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0))
		;
	assert_int_equal(set(&self->socket, SO_VM_SOCKETS_BUFFER_SIZE, 8192), 0);
	mock->serve = serve;
	for (unsigned i = 0; i < 8; i++) {
		serve(mock, 1);
		vsock_turn();
		mock_run_all();
	}
	assert_int_equal(seen.last.buf_alloc, 8192);
	assert_false(self->grown);
	end(self);
}

/* Accepted connections have their listener's options. */
static void inherited(void **state)
{
	struct vsock_socket *listener = listen_on(77);
	struct socket *child;

	(void)state;
	start(7);
	assert_int_equal(set(&listener->socket, SO_VM_SOCKETS_BUFFER_SIZE, 3333), 0);
	deliver_to(77, 1234, VIRTIO_VSOCK_TYPE_STREAM, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(seen.last.op, VIRTIO_VSOCK_OP_RESPONSE);
	assert_int_equal(seen.last.buf_alloc, 3333);
	assert_int_equal(vsock_protocol->accept(&listener->socket, &child), 0);
	assert_int_equal(get(child, SO_VM_SOCKETS_BUFFER_SIZE), 3333);
	vsock_protocol->release(child);
	vsock_protocol->release(&listener->socket);
	host_clock_advance(VSOCK_CLOSE_NS);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(timeouts),
		cmocka_unit_test(patience),
		cmocka_unit_test(small_buffer),
		cmocka_unit_test(one_byte),
		cmocka_unit_test(grows_and_does_not_shrink),
		cmocka_unit_test(grows_without_room),
		cmocka_unit_test(inherited),
	};

	host_cpu.current = thread_current(); /* so that mutexes have an owner */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
