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

/* AF_VSOCK in trouble: devices that go away at a bad moment, no room, signals, a peer that
 * does not stop. */

#include <string.h>
#include <unit.h>
#include "host/host.h"
#include "mock/mock.h"
#include "vsock_device.h"

static char data[600000];

/* --- removal ---------------------------------------------------------------------------- */

/* Who is about to send finishes, though nothing goes any more. */
static void gone_while_sending(void **state)
{
	struct vsock_header header = { .op = VIRTIO_VSOCK_OP_RW };
	void *payload;

	(void)state;
	start(7);
	payload = vsock_send_begin();
	assert_non_null(payload);
	threads_see_it_gone();
	memset(payload, 1, VSOCK_PAYLOAD_MAX);
	assert_false(vsock_send_end(&header, VSOCK_PAYLOAD_MAX));
	assert_null(vsock_send_begin());
	threads_see_it_gone();
	stop();
	assert_null(vsock_device);
}

/* A packet that is looked at stays. */
static void gone_while_receiving(void **state)
{
	struct vsock_header header = { .len = 4, .dst_cid = CID };
	const char *payload;

	(void)state;
	start(7);
	push(0, &header, sizeof(header), "data", 4);
	payload = vsock_receive(&header);
	assert_non_null(payload);
	threads_see_it_gone();
	threads_see_it_gone();
	assert_memory_equal(payload, "data", 4);
	vsock_received();
	threads_see_it_gone();
	stop();
	assert_null(vsock_device);
}

/* Connections end although the driver was gone before the sockets' thread looked. */
static void gone_before_the_turn(void **state)
{
	struct vsock_socket *self = establish(SOCK_STREAM, 1000);
	char byte;

	(void)state;
	mock_unplug(mock);
	assert_null(vsock_device);
	vsock_turn();
	assert_int_equal(receive(self, &byte, 1, MSG_DONTWAIT, NULL), -ECONNRESET);
	vsock_protocol->release(&self->socket);
	mock_remove(mock);
}

/* --- no room ---------------------------------------------------------------------------- */

/* What waits for a signal's handler neither spins nor leaves half a message. */
static int interrupted(void)
{
	return -EINTR;
}

static void signal_in_a_message(void **state)
{
	struct vsock_socket *self = establish(SOCK_SEQPACKET, 1 << 20);

	(void)state;
	mock->serve = serve_nothing;
	while_waiting = interrupted;
	assert_int_equal(transmit(self, data, sizeof(data), 0), -ETIMEDOUT);
	while_waiting = NULL;
	assert_int_equal(self->state, VSOCK_CLOSED);
	assert_false(self->message_open);
	run_device();
	assert_int_equal(seen.last.op, VIRTIO_VSOCK_OP_RST);
	end(self);
}

static struct vsock_socket *sender;

static int shrink(void)
{
	static unsigned step;

	switch (step++) {
	case 0: /* in the middle, but not below what is on its way */
		peer.buf_alloc = sizeof(data) - 1;
		deliver(sender, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0);
		run_device();
		break;
	default:
		peer.fwd_cnt = sender->tx_cnt;
		deliver(sender, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0);
	}
	return 0;
}

/* [VSK-08] A message that was begun is ended, though one like it could not begin now. */
static void peer_shrinks_in_a_message(void **state)
{
	(void)state;
	sender = establish(SOCK_SEQPACKET, 1 << 20);
	mock->serve = serve_nothing;
	while_waiting = shrink;
	assert_int_equal(transmit(sender, data, sizeof(data), 0), sizeof(data));
	while_waiting = NULL;
	assert_int_equal(seen.payload, sizeof(data));
	assert_int_equal(seen.last.flags & VIRTIO_VSOCK_SEQ_EOM, VIRTIO_VSOCK_SEQ_EOM);
	assert_int_equal(transmit(sender, data, sizeof(data), 0), -EMSGSIZE);
	assert_int_equal(transmit(sender, data, 10, 0), 10);
	end(sender);
}

/* [VSK-08] An empty message is no success before it went. */
static void empty_message_without_room(void **state)
{
	struct vsock_socket *self = establish(SOCK_SEQPACKET, 1 << 20);

	(void)state;
	mock->serve = serve_nothing;
	assert_int_equal(transmit(self, data, VSOCK_TX_SLOTS * VSOCK_PAYLOAD_MAX, 0),
			 VSOCK_TX_SLOTS * VSOCK_PAYLOAD_MAX);
	assert_int_equal(transmit(self, data, 0, MSG_DONTWAIT), -EAGAIN);
	end(self);
}

/* [VSK-11] The news that there is space again find no room: they go later, unasked. What
 * cannot be said at all is an error of the call. */
static void news_without_room(void **state)
{
	struct vsock_socket *self = establish(SOCK_STREAM, 1000);
	struct vsock_header filler = { .op = VIRTIO_VSOCK_OP_RST };

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		deliver(self, VIRTIO_VSOCK_OP_RW, 0, data, 4000);
	mock->serve = serve_nothing;
	while (vsock_reply(&filler))
		;
	assert_int_equal(receive(self, data, 200000, 0, NULL), 200000);
	assert_int_equal(vsock_protocol->shutdown(&self->socket, false, true), -ENOBUFS);
	assert_int_equal(transmit(self, "x", 1, MSG_DONTWAIT), -EAGAIN);
	for (unsigned i = 0; i < 8; i++)
		run_device();
	assert_int_equal(seen.last.op, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(seen.last.fwd_cnt, 200000);
	assert_int_equal(vsock_protocol->shutdown(&self->socket, false, true), 0);
	end(self);
}

/* --- a peer that does not stop ---------------------------------------------------------- */

static unsigned endless;

static void more(struct mock *device, unsigned queue)
{
	struct mock_chain chain;
	uint32_t bytes = endless == 1 ? 3 : sizeof(peer);

	if (queue != 0 || !endless || !mock_pop(device, 0, &chain))
		return;
	mock_write(&chain, 0, &peer, bytes);
	mock_push(device, 0, &chain, bytes);
}

/* The network's lock is others', too: a turn has an end, and is followed by the next. */
static void endless_packets(void **state)
{
	struct vsock_socket *self = establish(SOCK_STREAM, 1000);

	(void)state;
	peer.dst_port = self->local_port;
	peer.type = VIRTIO_VSOCK_TYPE_STREAM;
	peer.op = VIRTIO_VSOCK_OP_CREDIT_UPDATE;
	mock->kicked = more;
	for (endless = 1; endless <= 2; endless++) { /* rubbish, packets */
		more(mock, 0);
		vsock_turn();
		assert_int_equal(self->state, VSOCK_CONNECTED);
	}
	endless = 0;
	end(self);
}

/* --- addresses -------------------------------------------------------------------------- */

/* As on Linux: connections do not keep their listener's port from the next one. */
static void port_of_a_closed_listener(void **state)
{
	struct vsock_socket *listener, *again;
	struct socket *child;

	(void)state;
	start(7);
	listener = listen_on(77);
	deliver_to(77, 1234, VIRTIO_VSOCK_TYPE_STREAM, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(vsock_protocol->accept(&listener->socket, &child), 0);
	vsock_protocol->release(&listener->socket);
	again = listen_on(77);
	deliver_to(77, 1235, VIRTIO_VSOCK_TYPE_STREAM, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(again->pending_count, 1);
	assert_int_equal(vsock_socket(child)->state, VSOCK_CONNECTED);
	vsock_protocol->release(child);
	vsock_protocol->release(&again->socket);
	host_clock_advance(VSOCK_CLOSE_NS);
	stop();
}

/* As on Linux: sockets are there before a device is, and go when one comes. */
static void before_the_device(void **state)
{
	ip_addr_t address = { .u_addr.ip6.addr = { VMADDR_CID_HOST, HOST_PORT } };
	ip_addr_t nowhere = { .u_addr.ip6.addr = { 0, 78 } };
	struct vsock_socket *listener = listen_on(77);
	struct socket *socket;
	uint16_t unused;

	(void)state;
	assert_int_equal(socket_vsock_new(SOCK_DGRAM, 0, 0, &socket), -ENODEV);
	assert_int_equal(socket_vsock_new(SOCK_RAW, 0, 0, &socket), -ESOCKTNOSUPPORT);
	assert_int_equal(socket_vsock_new(SOCK_STREAM, 1, 0, &socket), -EPROTONOSUPPORT);
	assert_int_equal(socket_vsock_new(SOCK_SEQPACKET, 0, 0, &socket), 0);
	assert_int_equal(vsock_protocol->bind(socket, &nowhere, 0), -EADDRNOTAVAIL);
	assert_int_equal(vsock_protocol->connect(socket, &address, 0), -ENODEV);
	assert_int_equal(vsock_protocol->local(&listener->socket, &nowhere, &unused), 0);
	assert_int_equal(nowhere.u_addr.ip6.addr[0], VMADDR_CID_ANY);
	start(1); /* no messages */
	assert_int_equal(vsock_protocol->connect(socket, &address, 0), -ESOCKTNOSUPPORT);
	deliver_to(77, 1234, VIRTIO_VSOCK_TYPE_STREAM, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(listener->pending_count, 1);
	vsock_protocol->release(socket);
	vsock_protocol->release(&listener->socket);
	host_clock_advance(VSOCK_CLOSE_NS);
	stop();
}

static int refuse_then_answer(void)
{
	static unsigned step;

	while (mock_run_all())
		;
	deliver(sender, step++ ? VIRTIO_VSOCK_OP_RESPONSE : VIRTIO_VSOCK_OP_RST, 0, NULL,
		0);
	return 0;
}

/* As on Linux: a socket that was refused may try again. */
static void refused_once(void **state)
{
	ip_addr_t address = { .u_addr.ip6.addr = { VMADDR_CID_HOST, HOST_PORT } };
	struct socket *socket;

	(void)state;
	start(7);
	assert_int_equal(socket_vsock_new(SOCK_STREAM, 0, 0, &socket), 0);
	sender = vsock_socket(socket);
	while_waiting = refuse_then_answer;
	assert_int_equal(vsock_protocol->connect(socket, &address, 0), -ECONNRESET);
	assert_int_equal(vsock_protocol->connect(socket, &address, 0), 0);
	while_waiting = NULL;
	assert_int_equal(vsock_protocol->connect(socket, &address, 0), -EISCONN);
	end(sender);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gone_while_sending),
		cmocka_unit_test(gone_while_receiving),
		cmocka_unit_test(gone_before_the_turn),
		cmocka_unit_test(signal_in_a_message),
		cmocka_unit_test(peer_shrinks_in_a_message),
		cmocka_unit_test(empty_message_without_room),
		cmocka_unit_test(news_without_room),
		cmocka_unit_test(endless_packets),
		cmocka_unit_test(port_of_a_closed_listener),
		cmocka_unit_test(before_the_device),
		cmocka_unit_test(refused_once),
	};

	host_cpu.current = thread_current(); /* so that mutexes have an owner */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
