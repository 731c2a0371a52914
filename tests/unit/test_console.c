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
 *	virtio/device/console_control.c virtio/device/console_multiport.c
 *	virtio/device/console_api.c virtio/device/pieces.c */

/* virtio-console against a host that is strict, slow, silent or lying (requirements CON).
 * The first device of the program is the console; so the first test has that one. */

#include <errno.h>
#include <stdio.h>
#include <unit.h>
#include <kernel/time.h>
#include <virtio/device/console.h>
#include "host/host.h"
#include "mock/mock.h"

static struct console *text_console; /* what the driver announced */
static char typed[256];
static size_t typed_bytes;

void console_add(struct console *console)
{
	assert_null(text_console);
	text_console = console;
}

void console_input(const char *text, size_t length)
{
	assert_true(typed_bytes + length <= sizeof(typed));
	memcpy(typed + typed_bytes, text, length);
	typed_bytes += length;
}

enum { EVENT_READY, ADD, REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, OPEN, NAME };

struct message {
	uint32_t id;
	uint16_t event, value;
};

static struct {
	char seen[1 << 16]; /* what arrived, of all ports */
	size_t seen_bytes;
	bool stopped;		  /* takes no output */
	struct message said[256]; /* control messages of the guest */
	unsigned said_count;
	char emergency[64];
	unsigned emergency_bytes;
} host;

static void serve_output(struct mock *mock, unsigned queue)
{
	static struct mock_chain chain;

	while (!host.stopped && mock_pop(mock, queue, &chain)) {
		assert_int_equal(chain.writable, 0); /* CON-02 */
		assert_true(host.seen_bytes + chain.readable <= sizeof(host.seen));
		host.seen_bytes += mock_read(&chain, 0, host.seen + host.seen_bytes,
					     chain.readable);
		mock_push(mock, queue, &chain, 0);
	}
	mock->queues[queue].kicked |= host.stopped && mock_available(mock, queue);
	mock_interrupt(mock, queue);
}

/* A message to the guest, with `extra` after it. */
static void say(struct mock *mock, uint32_t id, uint16_t event, uint16_t value,
		const char *extra)
{
	static struct mock_chain chain;
	struct message message = { id, event, value };
	uint32_t bytes = (uint32_t)strlen(extra);

	assert_true(mock_pop(mock, 2, &chain)); /* the guest keeps the queue filled */
	assert_true(chain.writable >= 72);
	mock_write(&chain, 0, &message, 8);
	mock_write(&chain, 8, extra, bytes);
	mock_push(mock, 2, &chain, 8 + (bytes < 120 ? bytes : 120));
}

static unsigned host_ports; /* existing: 0 is a console, the others have names */

static void serve_control(struct mock *mock)
{
	static struct mock_chain chain;

	while (mock_pop(mock, 3, &chain)) {
		struct message message;
		char name[16];

		assert_int_equal(chain.count, 1); /* CON-12 */
		assert_int_equal(mock_read(&chain, 0, &message, 8), 8);
		assert_true(host.said_count < array_count(host.said));
		host.said[host.said_count++] = message;
		mock_push(mock, 3, &chain, 0);
		if (host.said_count == 1) {
			assert_int_equal(message.event, EVENT_READY); /* CON-03 */
			assert_int_equal(message.value, 1);
			for (unsigned id = 0; id < host_ports; id++)
				say(mock, id, ADD, 1, "");
		} else if (message.event == PORT_READY && message.value) {
			snprintf(name, sizeof(name), "org.test.%u", message.id);
			say(mock, message.id, message.id ? NAME : CONSOLE_PORT, 1,
			    message.id ? name : "");
			say(mock, message.id, OPEN, 1, "");
		}
	}
	mock_interrupt(mock, 2);
	mock_interrupt(mock, 3);
}

static void serve(struct mock *mock, unsigned queue)
{
	if (queue == 3)
		serve_control(mock);
	else if (queue & 1)
		serve_output(mock, queue);
}

static void emergency_race(struct mock *mock)
{
	uint32_t value;

	memcpy(&value, mock->config + 8, 4);
	if (value)
		host.emergency[host.emergency_bytes++] = (char)value;
}

static struct mock *fresh(void)
{
	struct mock *mock = mock_new(VIRTIO_ID_CONSOLE);

	memset(&host, 0, sizeof(host));
	typed_bytes = 0;
	for (unsigned i = 0; i < 16; i++)
		mock->queue_max[i] = 64;
	mock->serve = serve;
	mock->config_bytes = 12;
	for (unsigned i = 8; i < 12; i++)
		mock->config_writable[i] = true;
	mock_offer(mock, VIRTIO_CONSOLE_F_SIZE);
	mock_offer(mock, VIRTIO_CONSOLE_F_EMERG_WRITE);
	memcpy(mock->config, "\x50\0\x18\0", 4);
	return mock;
}

static struct console_device *console;

/* Devices are never forgotten: this one's ports must not be found any more. */
static void finish(struct mock *mock)
{
	for (unsigned i = 0; console->device == &mock->device && i < console->port_count;
	     i++)
		console->ports[i].present = false;
	mock_remove(mock);
	host_world = mock_run_all;
}

static void run(struct mock *mock)
{
	while (mock_run(mock))
		if (host.stopped)
			break;
}

static void start(struct mock *mock)
{
	assert_int_equal(mock_add(mock), 0);
	for (console = console_devices(); console->next; console = console->next)
		;
	assert_ptr_equal(console->device, &mock->device);
	run(mock);
}

static struct mock *start_multiport(unsigned ports)
{
	struct mock *mock = fresh();

	host_ports = ports;
	mock_offer(mock, VIRTIO_CONSOLE_F_MULTIPORT);
	memcpy(mock->config + 4, "\7\0\0\0", 4);
	start(mock);
	return mock;
}

static void type(struct mock *mock, unsigned queue, const char *text, size_t bytes)
{
	static struct mock_chain chain;

	assert_true(mock_pop(mock, queue, &chain));
	assert_int_equal(chain.readable, 0); /* CON-02 */
	mock_write(&chain, 0, text, (uint32_t)bytes);
	mock_push(mock, queue, &chain, (uint32_t)bytes);
	mock_interrupt(mock, queue);
}

static void single_port(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_console_size size;
	char many[5000];

	(void)state;
	start(mock);
	assert_int_equal(mock->device.queue_count, 2);
	assert_non_null(text_console);
	assert_string_equal(text_console->name, "virtio");
	text_console->write(text_console, "hello", 5);
	run(mock);
	assert_memory_equal(host.seen, "hello", 5);
	for (unsigned i = 0; i < 20; i++) /* more than the input holds, one at a time */
		type(mock, 0, "ab", 2);
	type(mock, 0, "", 0);
	assert_int_equal(typed_bytes, 40);
	assert_true(mock_available(mock, 0) >= 3);
	size = ferrule_console_size();
	assert_int_equal(size.columns, 80);
	assert_int_equal(size.rows, 24);
	mock->config[0] = 132;
	mock_config_changed(mock);
	assert_int_equal(ferrule_console_size().columns, 132);
	/* Writes gather behind the one that is out: few kicks for many. */
	host.seen_bytes = 0;
	mock->queues[1].kicks = 0;
	memset(many, 'x', sizeof(many));
	for (unsigned i = 0; i < 50; i++)
		text_console->write(text_console, many, 100);
	run(mock);
	assert_int_equal(host.seen_bytes, 5000);
	assert_true(mock->queues[1].kicks <= 3);
	finish(mock);
}

/* CON-11: a host that does not read costs one bounded wait; later text is dropped at once,
 * and when it reads again, it is told. */
static void nobody_reads(void **state)
{
	struct mock *mock = fresh();
	uint64_t before;
	char text[4096];

	(void)state;
	start(mock);
	memset(text, 'y', sizeof(text));
	host.stopped = true;
	host_clock_step_ns = NS_PER_US;
	before = host_clock_ns;
	for (unsigned i = 0; i < 3; i++)
		port_write_bounded(&console->ports[0], text, sizeof(text));
	assert_in_range(host_clock_ns - before, 100 * NS_PER_MS, NS_PER_SEC);
	assert_true(console->ports[0].dropped > 0);
	before = host_clock_ns;
	for (unsigned i = 0; i < 100; i++)
		port_write_bounded(&console->ports[0], text, 100);
	assert_in_range(host_clock_ns - before, 0, NS_PER_MS);
	assert_int_equal(console->ports[0].dropped, 4096 + 10000);
	host_clock_step_ns = 0;
	host.stopped = false;
	run(mock);
	assert_int_equal(host.seen_bytes, 8192);
	port_write_bounded(&console->ports[0], "ok", 2);
	run(mock);
	host.seen[host.seen_bytes] = '\0';
	assert_string_equal(host.seen + 8192,
			    "\r\n[14096 bytes lost: nobody read]\r\nok");
	finish(mock);
}

static void emergency(void **state)
{
	struct mock *mock = fresh();
	struct console text = { 0 };

	(void)state;
	start(mock);
	/* This device is not the first, so it is not announced; its calls are the same. */
	text = *text_console;
	console->text = text;
	for (const char *each = "oops"; *each; each++) {
		console->text.panic_write(&console->text, each, 1);
		emergency_race(mock);
	}
	assert_memory_equal(host.emergency, "oops", 4);
	assert_int_equal(host.emergency_bytes, 4);
	console->text.name = NULL;
	finish(mock);
}

static unsigned said(uint32_t id, uint16_t event, uint16_t value)
{
	unsigned count = 0;

	for (unsigned i = 0; i < host.said_count; i++)
		count += host.said[i].id == id && host.said[i].event == event &&
			 host.said[i].value == value;
	return count;
}

static void several_ports(void **state)
{
	struct mock *mock = start_multiport(7);
	struct ferrule_port *port;
	char text[64];

	(void)state;
	assert_int_equal(mock->device.queue_count, 16); /* CON-01 */
	for (unsigned id = 0; id < 7; id++)
		assert_int_equal(said(id, PORT_READY, 1), 1);
	assert_int_equal(said(0, OPEN, 1), 1); /* CON-04 */
	assert_int_equal(said(3, OPEN, 1), 0);
	port = ferrule_port_find("org.test.3", 0);
	assert_non_null(port);
	assert_true(ferrule_port_host_open(port));
	run(mock);
	assert_int_equal(said(3, OPEN, 1), 1); /* CON-05 */
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
	for (unsigned i = 0; i < 2; i++) { /* twice removed, twice added (CON-08) */
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

static void absurd_messages(void **state)
{
	struct mock *mock = start_multiport(2);
	static struct mock_chain chain;
	char long_name[200];

	(void)state;
	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	for (unsigned i = 0; i < 200; i++) {
		uint32_t id = i % 4 == 0 ? 1 : i * 0x01010101u;

		say(mock, id, (uint16_t)(i % 19), (uint16_t)i, i % 3 ? "" : long_name);
		mock_interrupt(mock, 2);
		run(mock);
	}
	for (uint32_t bytes = 0; bytes < 8; bytes++) { /* CON-10: too short */
		assert_true(mock_pop(mock, 2, &chain));
		mock_push(mock, 2, &chain, bytes);
		mock_interrupt(mock, 2);
	}
	say(mock, 1, ADD, 1, "");
	mock_interrupt(mock, 2);
	run(mock);
	say(mock, 1, NAME, 1, "alive");
	say(mock, 1, OPEN, 1, "");
	mock_interrupt(mock, 2);
	run(mock);
	assert_non_null(ferrule_port_find("alive", 0));
	finish(mock);
}

static void port_count_is_capped(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock_offer(mock, VIRTIO_CONSOLE_F_MULTIPORT);
	memset(mock->config + 4, 0xff, 4);
	/* The mock has queues for 7 ports, so this fails, but cleanly. */
	assert_int_not_equal(mock_add(mock), 0);
	assert_true(mock->status & VIRTIO_STATUS_FAILED);
	finish(mock);
	mock = fresh();
	mock_offer(mock, VIRTIO_CONSOLE_F_MULTIPORT);
	memset(mock->config + 4, 0, 4); /* none: one at least */
	host_ports = 1;
	start(mock);
	assert_int_equal(console->port_count, 1);
	finish(mock);
}

static struct mock *babbler;

/* Something new at every moment, and nothing of use. */
static bool babble(void)
{
	host_clock_advance(NS_PER_MS);
	say(babbler, 1, 99, 0, "");
	mock_interrupt(babbler, 2);
	return true;
}

/* A host that never stops talking makes no wait any longer. */
static void waits_end(void **state)
{
	struct mock *mock = start_multiport(2);
	uint64_t start = host_clock_ns;

	(void)state;
	babbler = mock;
	host_world = babble;
	assert_null(ferrule_port_find("nobody", 20 * NS_PER_MS));
	assert_in_range(host_clock_ns - start, 20 * NS_PER_MS, 25 * NS_PER_MS);
	finish(mock);
}

static void broken_device(void **state)
{
	struct mock *mock = start_multiport(2);
	struct ferrule_port *port = ferrule_port_find("org.test.1", 0);
	char text[4];

	(void)state;
	mock->lenient = true;
	run(mock);
	mock_push_raw(mock, 4, 77777, 5);
	mock_interrupt_always(mock, 4);
	host_clock_advance(1);
	assert_true(mock->device.broken);
	assert_int_equal(ferrule_port_read(port, text, 4, NO_DEADLINE), 0);
	assert_int_equal(ferrule_port_write(port, text, 4, NO_DEADLINE), -EPIPE);
	port_write_bounded(port, "text", 4); /* returns */
	finish(mock);
}

static void back_after_reset(struct mock *mock)
{
	mock_needs_reset(mock);
	host_clock_advance(1);
	assert_true(mock->device.broken);
	host.said_count = 0;
	assert_int_equal(host_threads_run(), 1);
	assert_true(mock->device.live && !mock->device.broken);
	run(mock);
}

/* [INI-10] [CON-08] What was not printed is printed, what was not read can be read. */
static void comes_back(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	host.stopped = true;
	port_write_bounded(&console->ports[0], "on its way", 10);
	mock_needs_reset(mock);
	port_write_bounded(&console->ports[0], ", waiting", 9);
	host.stopped = false;
	back_after_reset(mock);
	host.seen[host.seen_bytes] = '\0';
	assert_string_equal(host.seen, "on its way, waiting");
	port_write_bounded(&console->ports[0], "!", 1);
	run(mock);
	assert_int_equal(host.seen_bytes, 20);
	assert_true(mock_available(mock, 0) >= 3);
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
		cmocka_unit_test(single_port),
		cmocka_unit_test(nobody_reads),
		cmocka_unit_test(emergency),
		cmocka_unit_test(several_ports),
		cmocka_unit_test(slow_reader),
		cmocka_unit_test(slow_host),
		cmocka_unit_test(open_close_remove),
		cmocka_unit_test(absurd_messages),
		cmocka_unit_test(port_count_is_capped),
		cmocka_unit_test(waits_end),
		cmocka_unit_test(broken_device),
		cmocka_unit_test(comes_back),
		cmocka_unit_test(ports_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
