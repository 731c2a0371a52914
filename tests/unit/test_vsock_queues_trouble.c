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

/* A socket device's queues that are reset alone (VIRTIO 1.3 §2.6.1) at a bad moment: in the
 * middle of a call, while the device breaks or goes, with more connections than their hosts
 * can be told of at once. */

#include <string.h>
#include <unit.h>
#include "host/host.h"
#include "mock/mock.h"
#include "vsock_device.h"

#define CROWD 200 /* more than can be told at once */
#define PORT  77

/* --- in the middle of a call ------------------------------------------------------------ */

/* Who is about to send is waited for, and nothing of it went. */
static void while_sending(void **state)
{
	struct vsock_socket *self = connected();
	struct vsock_header header = vsock_packet(self, VIRTIO_VSOCK_OP_RW, 0);
	void *payload;

	(void)state;
	vsock_turn();
	payload = vsock_send_begin();
	assert_non_null(payload);
	break_queue(VSOCK_TX);
	break_queue(VSOCK_RX);
	assert_int_equal(mock->device.counters.queue_resets, 0);
	memset(payload, 1, 8);
	assert_false(vsock_send_end(&header, 8));
	host_clock_advance(2 * NS_PER_MS);
	check_resets(2);
	vsock_turn();
	mock_run_all();
	assert_int_equal(seen.packets, 0);
	check_over(self);
	stop();
}

static const char *look_at_a_packet(void)
{
	struct vsock_header header = { .len = 4, .dst_cid = CID };
	const char *payload;

	push(VSOCK_RX, &header, sizeof(header), "data", 4);
	payload = vsock_receive(&header);
	assert_non_null(payload);
	return payload;
}

/* A packet that is looked at stays, and its buffer goes back with the others. */
static void while_receiving(void **state)
{
	const char *payload;

	(void)state;
	start(7 | QUEUES_ALONE);
	payload = look_at_a_packet();
	break_queue(VSOCK_RX);
	assert_int_equal(mock->device.counters.queue_resets, 0);
	assert_memory_equal(payload, "data", 4);
	vsock_received();
	host_clock_advance(2 * NS_PER_MS);
	check_resets(1);
	assert_int_equal(mock_available(mock, VSOCK_RX), 0);
	vsock_turn();
	assert_int_equal(mock_available(mock, VSOCK_RX), VSOCK_RX_BUFFERS);
	stop();
}

/* Then the queue is the smaller trouble. */
static void device_breaks_meanwhile(void **state)
{
	struct vsock_socket *self = connected();

	(void)state;
	look_at_a_packet();
	break_queue(VSOCK_RX);
	virtio_device_break(&mock->device, "a test");
	host_clock_advance(2 * NS_PER_MS);
	vsock_turn();
	check_over(self);
	vsock_received();
	host_clock_advance(2 * NS_PER_MS);
	host_threads_run();
	host_clock_advance(2 * NS_PER_MS);
	assert_int_equal(mock->device.counters.queue_resets, 0);
	assert_int_equal(mock->device.counters.recoveries, 1);
	self = connect_again();
	check_alive(self);
	assert_int_equal(seen.resets, 0);
	end(self);
}

/* A gap that nobody was told of yet is forgotten with the connections. */
static void device_breaks_behind(void **state)
{
	struct vsock_socket *self = connected();

	(void)state;
	break_queue(VSOCK_RX);
	virtio_device_break(&mock->device, "a test");
	host_clock_advance(2 * NS_PER_MS);
	host_threads_run();
	assert_int_equal(mock->device.counters.recoveries, 1);
	vsock_turn();
	mock_run_all();
	assert_int_equal(seen.resets, 0);
	check_over(self);
	self = connect_again();
	check_alive(self);
	end(self);
}

static void gone_meanwhile(void **state)
{
	struct vsock_socket *self = connected();

	(void)state;
	look_at_a_packet();
	break_queue(VSOCK_RX);
	threads_see_it_gone();
	vsock_received();
	vsock_turn();
	check_over(self);
	threads_see_it_gone();
	stop();
	assert_null(vsock_device);
}

/* --- many ------------------------------------------------------------------------------- */

static struct socket *crowd[CROWD];

static struct vsock_socket *gather(void)
{
	struct vsock_socket *listener;

	start(7 | QUEUES_ALONE);
	listener = listen_on(PORT);
	listener->options.buffer = 4096;
	for (unsigned i = 0; i < CROWD; i++) {
		deliver_to(PORT, 1 + i, VIRTIO_VSOCK_TYPE_STREAM,
			   VIRTIO_VSOCK_OP_REQUEST);
		assert_int_equal(vsock_protocol->accept(&listener->socket, &crowd[i]), 0);
	}
	mock->serve = serve_nothing;
	break_queue(VSOCK_RX);
	return listener;
}

static void disperse(struct vsock_socket *listener)
{
	for (unsigned i = 0; i < 16; i++)
		run_device();
	assert_int_equal(seen.resets, CROWD);
	vsock_protocol->release(&listener->socket);
	stop();
}

/* All end at once; peers for whom there is no room are told when there is some. */
static void more_than_can_be_told(void **state)
{
	struct vsock_socket *listener = gather();

	(void)state;
	vsock_turn();
	for (unsigned i = 0; i < CROWD; i++)
		assert_int_equal(vsock_socket(crowd[i])->state, VSOCK_CLOSED);
	for (unsigned i = 0; i < 16; i++)
		run_device();
	assert_int_equal(seen.resets, CROWD);
	for (unsigned i = 0; i < CROWD; i++)
		check_over(vsock_socket(crowd[i]));
	disperse(listener);
}

/* Also if they are closed before. */
static void closed_before_it_is_told(void **state)
{
	struct vsock_socket *listener = gather();

	(void)state;
	vsock_turn();
	for (unsigned i = 0; i < CROWD; i++) {
		if (vsock_socket(crowd[i])->untold)
			serve(mock, VSOCK_TX);
		vsock_protocol->release(crowd[i]);
	}
	disperse(listener);
}

/* Those that nobody has any more wait with their news until their time is over. */
static void more_that_close(void **state)
{
	struct vsock_socket *listener = gather();

	(void)state;
	for (unsigned i = 0; i < CROWD; i++)
		vsock_socket(crowd[i])->state = VSOCK_CLOSING;
	for (unsigned i = 0; i < CROWD; i++)
		vsock_socket(crowd[i])->deadline_ns = clock_ns() + VSOCK_CLOSE_NS;
	vsock_turn();
	assert_non_null(vsock_sockets->next);
	for (unsigned i = 0; i < 16; i++)
		run_device();
	host_clock_advance(VSOCK_CLOSE_NS);
	vsock_turn();
	assert_ptr_equal(vsock_sockets, listener);
	assert_null(listener->next);
	disperse(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(while_sending),
		cmocka_unit_test(while_receiving),
		cmocka_unit_test(device_breaks_meanwhile),
		cmocka_unit_test(device_breaks_behind),
		cmocka_unit_test(gone_meanwhile),
		cmocka_unit_test(more_than_can_be_told),
		cmocka_unit_test(closed_before_it_is_told),
		cmocka_unit_test(more_that_close),
	};

	host_cpu.current = thread_current(); /* so that mutexes have an owner */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
