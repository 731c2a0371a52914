/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/ring.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c
 *	virtio/device/console.c virtio/device/console_port.c
 *	virtio/device/console_port_input.c virtio/device/console_recover.c
 *	virtio/device/console_control.c virtio/device/console_say.c
 *	virtio/device/console_multiport.c
 *	virtio/device/console_api.c virtio/device/pieces.c */

/* virtio-console: queues that are reset alone (requirements VQ, CON). */

#include <kernel/log.h>
#include "virtio_console/host.h"

static struct mock *start_ports(unsigned ports)
{
	struct mock *mock = fresh();

	mock_offer(mock, VIRTIO_F_RING_RESET);
	host_ports = ports;
	mock_offer(mock, VIRTIO_CONSOLE_F_MULTIPORT);
	memcpy(mock->config + 4, "\7\0\0\0", 4);
	start(mock);
	return mock;
}

static struct ferrule_port *open_port(struct mock *mock, const char *name)
{
	struct ferrule_port *port = ferrule_port_find(name, 0);

	assert_non_null(port);
	run(mock);
	return port;
}

static void read_back(struct ferrule_port *port, const char *expected)
{
	char text[64];

	assert_int_equal(ferrule_port_read(port, text, sizeof(text), 0),
			 strlen(expected));
	assert_memory_equal(text, expected, strlen(expected));
}

static void write_through(struct mock *mock, struct ferrule_port *port, const char *text)
{
	size_t bytes = strlen(text);

	assert_int_equal(ferrule_port_write(port, text, bytes, NO_DEADLINE), bytes);
	run(mock);
	assert_true(host.seen_bytes >= bytes);
	assert_memory_equal(host.seen + host.seen_bytes - bytes, text, bytes);
}

/* [VQ-26] Both queues of the one port. */
static void single_port(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock_offer(mock, VIRTIO_F_RING_RESET);
	start(mock);
	console->ports[0].sink = console_input; /* only the first device is announced */
	type(mock, 0, "ab", 2);
	break_queue(mock, 0);
	assert_int_equal(mock_available(mock, 0), 4);
	for (unsigned i = 0; i < 10; i++)
		type(mock, 0, "cd", 2);
	assert_int_equal(typed_bytes, 22);
	port_write_bounded(&console->ports[0], "before", 6);
	run(mock);
	break_queue(mock, 1);
	port_write_bounded(&console->ports[0], ", behind", 8);
	run(mock);
	host.seen[host.seen_bytes] = '\0';
	assert_string_equal(host.seen, "before, behind");
	finish(mock);
}

/* What is said of it may be written by this very port. */
static void port_is_free(void)
{
	assert_false(console->ports[0].lock.held);
}

/* [VQ-26] The device lies in the queues of the port that the system's console is: what is
 * found under the port's lock is not told under it. */
static void lies(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock_offer(mock, VIRTIO_F_RING_RESET);
	start(mock);
	mock->lenient = true;
	for (unsigned queue = 0; queue < 2; queue++) {
		unsigned lines = host_log_counts[LOG_ERROR];

		host_log_hook = port_is_free;
		mock_push_raw(mock, queue, 31337, 1);
		mock_interrupt_always(mock, queue);
		host_clock_advance(1);
		host_log_hook = NULL;
		assert_int_equal(host_log_counts[LOG_ERROR], lines + 1);
		assert_int_equal(mock->device.counters.queue_resets, queue + 1);
	}
	finish(mock);
}

/* [VQ-26] What was received and not read stays; the port's writers and other ports notice
 * nothing. */
static void input_of_a_port(void **state)
{
	struct mock *mock = start_ports(3);
	struct ferrule_port *port = open_port(mock, "org.test.1");
	struct ferrule_port *other = open_port(mock, "org.test.2");

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		type(mock, 4, "kept", 4);
	type(mock, 6, "other", 5);
	break_queue(mock, 4);
	assert_int_equal(mock_available(mock, 4), 2);
	type(mock, 4, "new", 3);
	write_through(mock, port, "to host");
	read_back(port, "keptkeptnew");
	read_back(other, "other");
	assert_int_equal(mock_available(mock, 4), 4);
	assert_int_equal(said(1, PORT_READY, 1), 1);
	finish(mock);
}

static struct ferrule_port *talker;

/* The queue breaks while somebody waits for room. */
static bool break_output(void)
{
	host_world = mock_run_all;
	virtio_queue_break(talker->transmit, "a test");
	host_clock_advance(1);
	host_threads_run();
	host.stopped = false;
	return true;
}

/* [VQ-26] Output that is idle is reset alone. QEMU goes on with what is in it: then the device
 * is reset, and all is printed, if twice. */
static void output_of_a_port(void **state)
{
	struct mock *mock = start_ports(2);
	static char big[3 * PORT_OUTPUT_BYTES];

	(void)state;
	talker = open_port(mock, "org.test.1");
	break_queue(mock, 5);
	write_through(mock, talker, "to host");
	host.stopped = true;
	host_world = break_output;
	memset(big, 'b', sizeof(big));
	port_write_bounded(talker, big, PORT_OUTPUT_BYTES);
	port_write_bounded(&console->ports[0], "console", 7);
	assert_int_equal(ferrule_port_write(talker, big, sizeof(big), NO_DEADLINE),
			 -EPIPE);
	assert_int_equal(mock->device.counters.queue_resets, 1);
	assert_int_equal(mock->device.counters.recoveries, 1);
	host.seen_bytes = 0;
	run(mock);
	assert_int_equal(host.seen_bytes, PORT_OUTPUT_BYTES + 7);
	write_through(mock, talker, "again");
	finish(mock);
}

/* [CON-08] But not what a port had left that was removed. */
static void output_of_a_removed_port(void **state)
{
	struct mock *mock = start_ports(2);
	struct ferrule_port *port = open_port(mock, "org.test.1");

	(void)state;
	host.stopped = true;
	assert_int_equal(ferrule_port_write(port, "secret", 6, NO_DEADLINE), 6);
	say(mock, 1, REMOVE, 1, "");
	say(mock, 1, ADD, 1, "");
	mock_interrupt(mock, 2);
	virtio_queue_break(port->transmit, "a test");
	host_clock_advance(1);
	assert_int_equal(host_threads_run(), 1);
	host.stopped = false;
	run(mock);
	assert_int_equal(host.seen_bytes, 0);
	port = open_port(mock, "org.test.1");
	write_through(mock, port, "fresh");
	assert_int_equal(host.seen_bytes, 5);
	finish(mock);
}

/* [VQ-26] [CON-03] The host greets anew, and nobody notices. */
static void control_input(void **state)
{
	struct mock *mock = start_ports(4);
	struct ferrule_port *port = open_port(mock, "org.test.1");

	(void)state;
	type(mock, 4, "kept", 4);
	for (unsigned i = 1; i < 4; i++) {
		break_queue(mock, 2);
		assert_true(ferrule_port_host_open(port));
		assert_ptr_equal(ferrule_port_find("org.test.1", 0), port);
		run(mock);
		assert_int_equal(said(0, EVENT_READY, 1), 1 + i);
		assert_int_equal(said(1, PORT_READY, 1), 1 + i);
		assert_int_equal(said(1, OPEN, 1), 1);
	}
	assert_int_equal(mock_available(mock, 2), 32);
	assert_true(ferrule_port_host_open(port));
	read_back(port, "kept");
	write_through(mock, port, "to host");
	assert_non_null(ferrule_port_find("org.test.3", 0));
	finish(mock);
}

/* [VQ-26] [CON-05] [CON-08] What was said while nobody heard is made good. */
static void lost_messages(void **state)
{
	struct mock *mock = start_ports(6);
	struct ferrule_port *gone = open_port(mock, "org.test.1");
	struct ferrule_port *closed = open_port(mock, "org.test.2");
	struct ferrule_port *another = open_port(mock, "org.test.3");
	struct ferrule_port *same = open_port(mock, "org.test.4");
	char text[8];

	(void)state;
	type(mock, 8, "old", 3);
	type(mock, 10, "same", 4);
	say(mock, 1, REMOVE, 1, "");
	say(mock, 2, OPEN, 0, "");
	say(mock, 3, REMOVE, 1, "");
	say(mock, 6, ADD, 1, "");
	host_ports = 7;
	host.gone = 1 << 1;
	host.closed = 1 << 2;
	host.renamed = 1 << 3;
	break_queue(mock, 2);
	run(mock);
	assert_int_equal(ferrule_port_read(gone, text, sizeof(text), 0), 0);
	assert_int_equal(ferrule_port_write(gone, "x", 1, 0), -EPIPE);
	assert_null(ferrule_port_find("org.test.1", 0));
	assert_false(ferrule_port_host_open(closed));
	assert_int_equal(ferrule_port_read(closed, text, sizeof(text), 0), 0);
	assert_ptr_equal(ferrule_port_find("org.test.2", 0), closed);
	assert_int_equal(ferrule_port_write(another, "x", 1, 0), -EPIPE);
	assert_int_equal(ferrule_port_read(another, text, sizeof(text), 0), 0);
	assert_null(ferrule_port_find("org.test.3", 0));
	assert_ptr_equal(open_port(mock, "org.other.3"), another);
	write_through(mock, another, "to another");
	read_back(same, "same");
	write_through(mock, same, "to the same");
	assert_non_null(ferrule_port_find("org.test.6", 0));
	finish(mock);
}

/* [VQ-26] [CON-05] What the host has not read is said again, but of a port that is gone. */
static void control_output(void **state)
{
	struct mock *mock = start_ports(4);
	struct ferrule_port *port;

	(void)state;
	port = ferrule_port_find("org.test.1", 0);
	assert_non_null(port);
	assert_non_null(ferrule_port_find("org.test.2", 0));
	say(mock, 2, REMOVE, 1, "");
	say(mock, 2, ADD, 1, ""); /* which nobody opened */
	say(mock, 3, REMOVE, 1, "");
	say(mock, 3, ADD, 1, "");
	mock_interrupt(mock, 2);
	assert_true(mock_available(mock, 3) > 2);
	break_queue(mock, 3);
	run(mock);
	assert_int_equal(said(0, EVENT_READY, 1), 1);
	assert_int_equal(said(1, OPEN, 1), 1);
	assert_int_equal(said(2, OPEN, 1), 0);
	assert_int_equal(said(3, PORT_READY, 1), 2);
	assert_non_null(ferrule_port_find("org.test.3", 0));
	write_through(mock, port, "to host");
	break_queue(mock, 2); /* and a greeting that is lost is made again */
	break_queue(mock, 3);
	run(mock);
	assert_int_equal(said(0, EVENT_READY, 1), 2);
	write_through(mock, port, "to host");
	finish(mock);
}

/* A host that does not hear the first of them: nothing is taken as said. */
static void lost_twice(void **state)
{
	struct mock *mock = start_ports(3);
	struct ferrule_port *port = open_port(mock, "org.test.1");

	(void)state;
	break_queue(mock, 2);
	assert_int_equal(mock_available(mock, 3), 1);
	serve_control(mock);  /* ports were added … */
	break_queue(mock, 2); /* … and what they are is lost */
	run(mock);
	assert_true(ferrule_port_host_open(port));
	assert_ptr_equal(ferrule_port_find("org.test.1", 0), port);
	write_through(mock, port, "to host");
	finish(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_port),
		cmocka_unit_test(lies),
		cmocka_unit_test(input_of_a_port),
		cmocka_unit_test(output_of_a_port),
		cmocka_unit_test(output_of_a_removed_port),
		cmocka_unit_test(control_input),
		cmocka_unit_test(lost_messages),
		cmocka_unit_test(control_output),
		cmocka_unit_test(lost_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
