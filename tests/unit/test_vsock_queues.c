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

/* A socket device's queues, each reset alone (VIRTIO 1.3 §2.6.1): what becomes of the
 * connections, and what the host hears of it. */

#include <string.h>
#include <unit.h>
#include "host/host.h"
#include "mock/mock.h"
#include "vsock_device.h"

#define PORT 77

/* --- each queue ------------------------------------------------------------------------- */

/* [VQ-26] Nothing was on its way out, so nothing is lost. */
static void idle_transmit_queue(void **state)
{
	struct vsock_socket *self = connected();

	(void)state;
	for (unsigned round = 1; round <= 3; round++) {
		vsock_turn();
		break_queue(VSOCK_TX);
		check_resets(round);
		vsock_turn();
		check_alive(self);
	}
	assert_int_equal(seen.resets, 0);
	end(self);
}

/* [VQ-26] The stream has a gap: nothing goes behind it, and the host is told that it is
 * over. Listeners stay, and so does the context id. */
static void busy_transmit_queue(void **state)
{
	struct vsock_socket *self = connected(), *listener = listen_on(PORT);
	uint32_t port = self->local_port;

	(void)state;
	mock->serve = serve_nothing;
	assert_int_equal(transmit(self, "lost", 4, 0), 4);
	break_queue(VSOCK_TX);
	check_resets(1);
	assert_int_equal(transmit(self, "more", 4, MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(mock_available(mock, VSOCK_TX), 0);
	vsock_turn();
	run_device();
	assert_int_equal(seen.packets, 0);
	assert_int_equal(seen.resets, 1);
	assert_int_equal(seen.last.src_port, port);
	assert_int_equal(seen.last.dst_port, HOST_PORT);
	assert_int_equal(seen.last.src_cid, CID);
	assert_int_equal(transmit(self, "more", 4, 0), -ECONNRESET);
	vsock_protocol->release(&self->socket);

	assert_int_equal(listener->state, VSOCK_LISTENING);
	deliver_to(PORT, 1, VIRTIO_VSOCK_TYPE_STREAM, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(listener->pending_count, 1);
	self = connect_again();
	check_alive(self);
	check_resets(1);
	vsock_protocol->release(&listener->socket);
	end(self);
}

/* Replies that never went do so: they were in no queue of the device's. */
static void replies_wait(void **state)
{
	struct vsock_socket *self = connected();
	struct vsock_header header = { .dst_cid = VSOCK_CID_HOST,
				       .op = VIRTIO_VSOCK_OP_RST };

	(void)state;
	virtio_queue_break(QUEUES[VSOCK_TX], "a test");
	for (unsigned i = 0; i < VSOCK_REPLIES; i++) {
		header.dst_port = i;
		assert_true(vsock_reply(&header));
	}
	assert_false(vsock_may_reply());
	host_clock_advance(1);
	for (unsigned i = 0; i < 8; i++)
		run_device();
	assert_int_equal(seen.resets, VSOCK_REPLIES);
	assert_int_equal(seen.last.dst_port, VSOCK_REPLIES - 1);
	check_alive(self);
	check_resets(1);
	end(self);
}

static unsigned attentions;

static void count_attention(void)
{
	attentions++;
}

/* The device has used some, but a dead queue gives nothing back: nobody is to try again and
 * again before it lives. */
static void no_room_in_a_dead_queue(void **state)
{
	struct vsock_socket *self = connected();
	void (*attention)(void) = vsock_attention;

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(transmit(self, "gone", 4, 0), 4);
	vsock_attention = count_attention;
	virtio_queue_break(QUEUES[VSOCK_TX], "a test");
	assert_int_equal(transmit(self, "more", 4, MSG_DONTWAIT), -EAGAIN);
	vsock_turn();
	assert_int_equal(attentions, 0);
	host_clock_advance(1);
	assert_int_equal(attentions, 1);
	vsock_attention = attention;
	vsock_turn();
	check_over(self);
	stop();
}

/* [VQ-26] What the device had received and not yet said is not known. Before the connections
 * are over it has no buffer to go on with. */
static void receive_queue(void **state)
{
	struct vsock_socket *self = connected(), *listener = listen_on(PORT);

	(void)state;
	deliver(self, VIRTIO_VSOCK_OP_RW, 0, "seen", 4);
	break_queue(VSOCK_RX);
	check_resets(1);
	assert_int_equal(mock_available(mock, VSOCK_RX), 0);
	assert_int_equal(self->state, VSOCK_CONNECTED);
	vsock_turn();
	mock_run_all();
	assert_int_equal(mock_available(mock, VSOCK_RX), VSOCK_RX_BUFFERS);
	assert_int_equal(seen.resets, 1);
	assert_int_equal(seen.last.dst_port, HOST_PORT);
	assert_int_equal(self->tail - self->head, 4); /* what came before stays */
	assert_int_equal(receive(self, (char[4]){ 0 }, 4, 0, NULL), 4);
	check_over(self);

	deliver_to(PORT, 1, VIRTIO_VSOCK_TYPE_STREAM, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(listener->pending_count, 1);
	self = connect_again();
	check_alive(self);
	vsock_turn();
	break_queue(
		VSOCK_TX); /* with nothing in it: what was lost was lost with the other */
	vsock_turn();
	check_alive(self);
	check_resets(2);
	vsock_protocol->release(&listener->socket);
	end(self);
}

/* [VQ-26] [VSK-09] With the events a TRANSPORT_RESET may be lost, which another context id
 * shows: then the host knows of no connection that it could be told of. */
static void event_queue(void **state)
{
	struct vsock_socket *self = connected();
	uint32_t event = 0;

	(void)state;
	break_queue(VSOCK_EVENT);
	vsock_turn();
	check_resets(1);
	assert_int_equal(mock_available(mock, VSOCK_EVENT), VSOCK_EVENTS);
	check_alive(self);

	mock->config[0] = CID + 1;
	break_queue(VSOCK_EVENT);
	vsock_turn();
	check_resets(2);
	mock_run_all();
	assert_int_equal(vsock_cid(), CID + 1);
	assert_int_equal(seen.resets, 0);
	check_over(self);

	peer.dst_cid = CID + 1;
	self = connect_again();
	push_event(&event, sizeof(event));
	vsock_turn();
	check_over(self);
	stop();
}

/* All three at once. */
static void every_queue(void **state)
{
	struct vsock_socket *self = connected();

	(void)state;
	for (unsigned i = 0; i < VSOCK_QUEUES; i++)
		virtio_queue_break(QUEUES[i], "a test");
	vsock_turn(); /* dead queues are no reason to spin */
	host_clock_advance(1);
	vsock_turn();
	mock_run_all();
	check_resets(3);
	assert_int_equal(seen.resets, 1);
	check_over(self);
	self = connect_again();
	check_alive(self);
	end(self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_transmit_queue),
		cmocka_unit_test(busy_transmit_queue),
		cmocka_unit_test(replies_wait),
		cmocka_unit_test(no_room_in_a_dead_queue),
		cmocka_unit_test(receive_queue),
		cmocka_unit_test(event_queue),
		cmocka_unit_test(every_queue),
	};

	host_cpu.current = thread_current(); /* so that mutexes have an owner */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
