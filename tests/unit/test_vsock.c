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

/* AF_VSOCK and its driver against the mock (requirements VSK): what QEMU's device lacks,
 * messages, and what it does only after a migration, resets; and a device that lies. The
 * driver's thread is run by hand: one turn is vsock_turn(). */

#include <string.h>
#include <unit.h>
#include "host/host.h"
#include "mock/mock.h"
#include "vsock_device.h"

/* --- messages --------------------------------------------------------------------------- */

/* [VSK-08] A message is what was sent by one call, in as many packets as it took; records
 * end where the sender said. */
static void messages_keep_their_ends(void **state)
{
	struct vsock_socket *self = establish(SOCK_SEQPACKET, 65536);
	char out[32];
	int flags;

	(void)state;
	deliver(self, VIRTIO_VSOCK_OP_RW, 0, "first ", 6);
	deliver(self, VIRTIO_VSOCK_OP_RW, VIRTIO_VSOCK_SEQ_EOM, "half", 4);
	deliver(self, VIRTIO_VSOCK_OP_RW, VIRTIO_VSOCK_SEQ_EOM | VIRTIO_VSOCK_SEQ_EOR,
		"second", 6);
	deliver(self, VIRTIO_VSOCK_OP_RW, VIRTIO_VSOCK_SEQ_EOM, "", 0);
	deliver(self, VIRTIO_VSOCK_OP_RW, 0, "unfinished", 10);
	assert_int_equal(receive(self, out, 32, 0, &flags), 10);
	assert_memory_equal(out, "first half", 10);
	assert_int_equal(flags, 0);
	assert_int_equal(receive(self, out, 3, 0, &flags), 3);
	assert_int_equal(flags, MSG_EOR | MSG_TRUNC);
	assert_int_equal(receive(self, out, 32, 0, &flags), 0);
	assert_int_equal(receive(self, out, 32, MSG_DONTWAIT, &flags), -EAGAIN);
	end(self);
}

/* [VSK-08] */
static void messages_go_whole(void **state)
{
	struct vsock_socket *self = establish(SOCK_SEQPACKET, 20000);
	static char data[20001];

	(void)state;
	assert_int_equal(transmit(self, data, 20001, 0), -EMSGSIZE);
	assert_int_equal(transmit(self, data, 20000, MSG_EOR), 20000);
	assert_int_equal(seen.packets, 2);
	assert_int_equal(seen.payload, 20000);
	assert_int_equal(seen.last.flags, VIRTIO_VSOCK_SEQ_EOM | VIRTIO_VSOCK_SEQ_EOR);
	/* No credit for all of it: nothing goes, and the peer is asked once. */
	assert_int_equal(transmit(self, data, 100, MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(transmit(self, data, 100, MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(seen.payload, 20000);
	assert_int_equal(seen.credit_requests, 1);
	peer.fwd_cnt = 19950;
	deliver(self, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0);
	assert_int_equal(transmit(self, data, 51, MSG_DONTWAIT), 51);
	end(self);
}

/* [VSK-08] What fills all our space and does not end would never be read. */
static void endless_message(void **state)
{
	struct vsock_socket *self = establish(SOCK_SEQPACKET, 65536);
	static char data[4000];

	(void)state;
	for (unsigned sent = 0; self->state == VSOCK_CONNECTED; sent += 4000) {
		assert_true(sent <= VSOCK_BUFFER_BYTES);
		deliver(self, VIRTIO_VSOCK_OP_RW, 0, data, 4000);
	}
	assert_int_equal(seen.last.op, VIRTIO_VSOCK_OP_RST);
	end(self);
}

/* Empty messages take no credit, but memory: there is an end to them. */
static void countless_messages(void **state)
{
	struct vsock_socket *self = establish(SOCK_SEQPACKET, 65536);

	(void)state;
	for (unsigned count = 0; self->state == VSOCK_CONNECTED; count++) {
		assert_true(count <= VSOCK_MESSAGES_MAX);
		deliver(self, VIRTIO_VSOCK_OP_RW, VIRTIO_VSOCK_SEQ_EOM, "", 0);
	}
	assert_int_equal(seen.last.op, VIRTIO_VSOCK_OP_RST);
	end(self);
}

/* --- credit ----------------------------------------------------------------------------- */

/* [VSK-04] The counters run freely: past 2^32 nothing changes. */
static void credit_wraps(void **state)
{
	struct vsock_socket *self = establish(SOCK_STREAM, 1000);
	static char data[1000];

	(void)state;
	self->tx_cnt = self->peer_fwd_cnt = UINT32_MAX - 500;
	peer.fwd_cnt = self->peer_fwd_cnt;
	assert_int_equal(transmit(self, data, 1000, 0), 1000);
	assert_int_equal(vsock_credit(self), 0);
	peer.fwd_cnt += 700;
	deliver(self, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0);
	assert_int_equal(vsock_credit(self), 700);
	peer.fwd_cnt += 301; /* more than was sent */
	deliver(self, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0);
	assert_int_equal(self->state, VSOCK_CLOSED);
	end(self);
}

/* [VSK-05] */
static void credit_goes_back(void **state)
{
	struct vsock_socket *self = establish(SOCK_STREAM, 1000);
	static char data[600];

	(void)state;
	assert_int_equal(transmit(self, data, 600, 0), 600);
	peer.fwd_cnt = 500;
	deliver(self, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0);
	assert_int_equal(self->state, VSOCK_CONNECTED);
	peer.fwd_cnt = 400;
	deliver(self, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0);
	assert_int_equal(self->state, VSOCK_CLOSED);
	assert_int_equal(self->socket.error, ECONNRESET);
	end(self);
}

/* --- the device ------------------------------------------------------------------------- */

/* [VSK-09] Connections end, listeners stay and have the new context id. */
static void transport_reset(void **state)
{
	struct vsock_socket *self = establish(SOCK_STREAM, 1000);
	struct vsock_socket *listener = listen_on(77);
	uint32_t event = 0;
	char byte;

	(void)state;
	for (unsigned i = 0; i < 3 * VSOCK_EVENTS; i++) { /* buffers come back at once */
		mock->config[0] = (uint8_t)(50 + i);
		push_event(&event, sizeof(event));
		vsock_turn();
	}
	assert_int_equal(vsock_cid(), 50 + 3 * VSOCK_EVENTS - 1);
	assert_int_equal(receive(self, &byte, 1, 0, NULL), -ECONNRESET);
	assert_int_equal(listener->state, VSOCK_LISTENING);
	peer.dst_cid = vsock_cid();
	deliver_to(77, 1234, VIRTIO_VSOCK_TYPE_STREAM, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(listener->pending_count, 1);
	assert_int_equal(seen.last.op, VIRTIO_VSOCK_OP_RESPONSE);
	assert_int_equal(seen.last.src_cid, vsock_cid());
	vsock_protocol->release(&listener->socket);
	end(self);
}

/* [VSK-09] What is no reset, or too short to be an event, changes nothing. */
static void other_events(void **state)
{
	struct vsock_socket *self = establish(SOCK_STREAM, 1000);
	uint32_t event = 9;

	(void)state;
	push_event(&event, sizeof(event));
	event = 0;
	push_event(&event, 1);
	vsock_turn();
	assert_int_equal(self->state, VSOCK_CONNECTED);
	end(self);
}

/* After the device was reset its connections are over and new ones work. */
static void recovers(void **state)
{
	struct vsock_socket *self = establish(SOCK_STREAM, 1000);
	char byte;

	(void)state;
	virtio_device_break(&mock->device, "the test says so");
	host_clock_advance(1);
	vsock_turn();
	assert_int_equal(receive(self, &byte, 1, 0, NULL), -ECONNRESET);
	vsock_protocol->release(&self->socket);
	host_threads_run();
	assert_true(mock->device.live);
	self = connect_again();
	assert_int_equal(transmit(self, "x", 1, 0), 1);
	end(self);
}

/* [VSK-01] Streams are meant, unless they are said not to be. */
static void implied_types(void **state)
{
	static const struct {
		uint64_t offered;
		bool stream, messages;
	} cases[] = { { 0, true, false },
		      { 1, true, false },
		      { 2, true, true },
		      { 6, false, true },
		      { 7, true, true } };

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(cases[i].offered);
		assert_int_equal(vsock_has_type(VIRTIO_VSOCK_TYPE_STREAM),
				 cases[i].stream);
		assert_int_equal(vsock_has_type(VIRTIO_VSOCK_TYPE_SEQPACKET),
				 cases[i].messages);
		assert_int_equal(mock_has(mock, VIRTIO_VSOCK_F_NO_IMPLIED_STREAM),
				 cases[i].offered >> 2 & 1);
		stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_keep_their_ends),
		cmocka_unit_test(messages_go_whole),
		cmocka_unit_test(endless_message),
		cmocka_unit_test(countless_messages),
		cmocka_unit_test(credit_wraps),
		cmocka_unit_test(credit_goes_back),
		cmocka_unit_test(transport_reset),
		cmocka_unit_test(other_events),
		cmocka_unit_test(recovers),
		cmocka_unit_test(implied_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
