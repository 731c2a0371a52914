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

/* virtio-console with several ports (requirements CON). */

#include "virtio_console/host.h"

/* [CON-01] [CON-03] [CON-04] [CON-05] [CON-06] [CON-12] */
static void several_ports(void **state)
{
	struct mock *mock = start_multiport(7);
	struct ferrule_port *port;
	char text[64];

	(void)state;
	assert_int_equal(mock->device.queue_count, 16); /* [CON-01] */
	for (unsigned id = 0; id < 7; id++)
		assert_int_equal(said(id, PORT_READY, 1), 1);
	assert_int_equal(said(0, OPEN, 1), 1); /* [CON-04] */
	assert_int_equal(said(3, OPEN, 1), 0);
	port = ferrule_port_find("org.test.3", 0);
	assert_non_null(port);
	assert_true(ferrule_port_host_open(port));
	run(mock);
	assert_int_equal(said(3, OPEN, 1), 1); /* [CON-05] */
	assert_ptr_equal(ferrule_port_find("org.test.3", 0), port);
	assert_null(ferrule_port_find("org.test.9", 1000));
	assert_int_equal(ferrule_port_write(port, "to host", 7, NO_DEADLINE), 7);
	run(mock);
	assert_memory_equal(host.seen, "to host", 7);
	type(mock, 8, "to guest", 8);
	assert_int_equal(ferrule_port_read(port, text, 3, NO_DEADLINE), 3);
	assert_int_equal(ferrule_port_read(port, text + 3, 60, NO_DEADLINE), 5);
	assert_memory_equal(text, "to guest", 8);
	assert_int_equal(ferrule_port_read(port, text, 64, host_clock_ns + 10),
			 -ETIMEDOUT);
	assert_int_equal(ferrule_port_read(port, text, 0, 0), 0);
	finish(mock);
}

/* A reader that does not read holds the host back, and nothing is lost. */
static void slow_reader(void **state)
{
	struct mock *mock = start_multiport(2);
	struct ferrule_port *port = ferrule_port_find("org.test.1", 0);
	char block[1000], text[5000];
	size_t sent = 0, got = 0;

	(void)state;
	memset(block, 'z', sizeof(block));
	while (mock_available(mock, 4)) {
		block[0] = (char)('a' + sent / 1000);
		type(mock, 4, block, 1000);
		sent += 1000;
	}
	assert_int_equal(sent, 4000);
	while (got < sent)
		got += (size_t)ferrule_port_read(port, text + got, 700, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(text[i * 1000], 'a' + i);
	assert_int_equal(mock_available(mock, 4), 4);
	finish(mock);
}

static void slow_host(void **state)
{
	static char big[100000];
	struct mock *mock = start_multiport(2);
	struct ferrule_port *port = ferrule_port_find("org.test.1", 0);
	long written;

	(void)state;
	for (unsigned i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 256);
	assert_int_equal(ferrule_port_write(port, big, 60000, NO_DEADLINE), 60000);
	run(mock);
	assert_memory_equal(host.seen, big, 60000);
	host.stopped = true;
	host_world = NULL; /* nobody else runs */
	written = ferrule_port_write(port, big, sizeof(big), host_clock_ns + 1000);
	assert_int_equal(written, PORT_OUTPUT_BYTES);
	assert_int_equal(ferrule_port_write(port, big, 1, host_clock_ns + 1000),
			 -ETIMEDOUT);
	finish(mock);
}

/* [CON-05] [CON-08] */
static void open_close_remove(void **state)
{
	struct mock *mock = start_multiport(3);
	struct ferrule_port *port = ferrule_port_find("org.test.2", 0);
	char text[16];

	(void)state;
	type(mock, 6, "last", 4);
	say(mock, 2, OPEN, 0, "");
	mock_interrupt(mock, 2);
	assert_int_equal(ferrule_port_write(port, "x", 1, NO_DEADLINE), -EPIPE);
	assert_int_equal(ferrule_port_read(port, text, 16, NO_DEADLINE), 4);
	assert_int_equal(ferrule_port_read(port, text, 16, NO_DEADLINE), 0);
	say(mock, 2, OPEN, 1, "");
	mock_interrupt(mock, 2);
	assert_int_equal(ferrule_port_write(port, "x", 1, NO_DEADLINE), 1);
	run(mock);
	for (unsigned i = 0; i < 2; i++) { /* twice removed, twice added ([CON-08]) */
		say(mock, 2, REMOVE, 1, "");
		mock_interrupt(mock, 2);
		assert_null(ferrule_port_find("org.test.2", 0));
		assert_int_equal(ferrule_port_read(port, text, 16, NO_DEADLINE), 0);
		assert_int_equal(ferrule_port_write(port, "x", 1, NO_DEADLINE), -EPIPE);
	}
	say(mock, 2, ADD, 1, "");
	say(mock, 2, ADD, 1, "");
	mock_interrupt(mock, 2);
	run(mock);
	assert_ptr_equal(ferrule_port_find("org.test.2", 0), port);
	type(mock, 6, "again", 5);
	assert_int_equal(ferrule_port_read(port, text, 16, NO_DEADLINE), 5);
	finish(mock);
}

static struct mock *replacing;

/* While the reader of a port sleeps, the host takes that away and adds another. */
static bool replace_port(void)
{
	host_world = NULL;
	say(replacing, 1, REMOVE, 1, "");
	say(replacing, 1, ADD, 1, "");
	say(replacing, 1, NAME, 1, "other");
	say(replacing, 1, OPEN, 1, "");
	mock_interrupt(replacing, 2);
	return true;
}

/* [CON-08] A port that takes another's number is not that one: its reader and writer hear of
 * the end. */
static void another_under_its_number(void **state)
{
	struct mock *mock = start_multiport(3);
	struct ferrule_port *port = ferrule_port_find("org.test.1", 0);
	char text[16];

	(void)state;
	run(mock);
	replacing = mock;
	host_world = replace_port;
	assert_int_equal(ferrule_port_read(port, text, sizeof(text), NO_DEADLINE), 0);
	assert_int_equal(ferrule_port_write(port, "x", 1, NO_DEADLINE), -EPIPE);
	assert_ptr_equal(ferrule_port_find("other", 0), port);
	host_world = mock_run_all;
	run(mock);
	type(mock, 4, "new", 3);
	assert_int_equal(ferrule_port_read(port, text, sizeof(text), NO_DEADLINE), 3);
	assert_int_equal(ferrule_port_write(port, "x", 1, NO_DEADLINE), 1);
	finish(mock);
}

/* [CON-07] The message has rows first, and counts where the configuration has no size. */
static void resize_messages(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	host_ports = 2;
	mock_withhold(mock, VIRTIO_CONSOLE_F_SIZE);
	mock_offer(mock, VIRTIO_CONSOLE_F_MULTIPORT);
	memcpy(mock->config + 4, "\7\0\0\0", 4);
	start(mock);
	say(mock, 0, RESIZE, 0, "\x20\x01\x50\x02");
	mock_interrupt(mock, 2);
	assert_int_equal(console_size(console).rows, 0x120);
	assert_int_equal(console_size(console).columns, 0x250);
	say(mock, 1, RESIZE, 0, "\x11\x01\x11\x02"); /* not the console */
	say(mock, 0, RESIZE, 0, "\x11\x01\x11");     /* cut off */
	mock_interrupt(mock, 2);
	assert_int_equal(console_size(console).rows, 0x120);
	finish(mock);
	mock = start_multiport(1);
	say(mock, 0, RESIZE, 0, "\x20\x01\x50\x02");
	mock_interrupt(mock, 2);
	assert_int_equal(console_size(console).columns, 80);
	finish(mock);
}

/* [CON-08] What a removed port had not sent does not reach one that is added later under
 * its number. */
static void unsent_output_is_dropped(void **state)
{
	struct mock *mock = start_multiport(2);
	struct ferrule_port *port = ferrule_port_find("org.test.1", 0);

	(void)state;
	run(mock);
	host.stopped = true;
	assert_int_equal(ferrule_port_write(port, "held", 4, NO_DEADLINE), 4);
	assert_int_equal(ferrule_port_write(port, "secret", 6, NO_DEADLINE), 6);
	say(mock, 1, REMOVE, 1, "");
	mock_interrupt(mock, 2);
	say(mock, 1, ADD, 1, "");
	mock_interrupt(mock, 2);
	host.stopped = false;
	host.seen_bytes = 0;
	run(mock);
	assert_int_equal(host.seen_bytes, 4); /* that was the device's */
	say(mock, 1, NAME, 1, "other");
	say(mock, 1, OPEN, 1, "");
	mock_interrupt(mock, 2);
	assert_ptr_equal(ferrule_port_find("other", 0), port);
	assert_int_equal(ferrule_port_write(port, "fresh", 5, NO_DEADLINE), 5);
	run(mock);
	assert_int_equal(host.seen_bytes, 9);
	assert_memory_equal(host.seen, "heldfresh", 9);
	finish(mock);
}

/* [CON-03] Ports are announced again, and one that we had open is opened again. */
static void ports_come_back(void **state)
{
	struct mock *mock = start_multiport(3);
	struct ferrule_port *port = ferrule_port_find("org.test.1", 0);
	char text[16];

	(void)state;
	run(mock);
	type(mock, 4, "unread", 6);
	back_after_reset(mock);
	assert_int_equal(said(0, EVENT_READY, 1), 1);
	assert_int_equal(said(1, PORT_READY, 1), 1);
	assert_int_equal(said(1, OPEN, 1), 1);
	assert_int_equal(said(2, OPEN, 1), 0);
	assert_int_equal(ferrule_port_read(port, text, sizeof(text), 0), 6);
	for (unsigned i = 0; i < 10; i++) {
		type(mock, 4, "again", 5);
		assert_int_equal(ferrule_port_read(port, text, sizeof(text), 0), 5);
	}
	assert_int_equal(ferrule_port_write(port, "to host", 7, NO_DEADLINE), 7);
	run(mock);
	assert_memory_equal(host.seen, "to host", 7);
	finish(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_ports),
		cmocka_unit_test(slow_reader),
		cmocka_unit_test(slow_host),
		cmocka_unit_test(open_close_remove),
		cmocka_unit_test(another_under_its_number),
		cmocka_unit_test(resize_messages),
		cmocka_unit_test(unsent_output_is_dropped),
		cmocka_unit_test(ports_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
