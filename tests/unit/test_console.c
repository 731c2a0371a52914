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

/* virtio-console against a host that is strict, slow, silent or lying (requirements CON): one
 * port, the system's console. The first device of the program is that; so the first test has
 * that one. */

#include "virtio_console/host.h"

/* [CON-01] [CON-02] Two queues, and what they carry. */
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

/* [CON-11] a host that does not read costs one bounded wait; later text is dropped at once,
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

/* [CON-09] */
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

static void set_size(struct mock *mock, unsigned columns, unsigned rows)
{
	mock->config[0] = (uint8_t)columns;
	mock->config[2] = (uint8_t)rows;
}

/* [CON-07] Who watches is told of a new size. */
static void sizes(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	resizes = 0;
	set_size(mock, 132, 50);
	mock_config_changed(mock);
	assert_int_equal(resizes, 1);
	assert_int_equal(console_size(console).columns, 132);
	assert_int_equal(console_size(console).rows, 50);
	finish(mock);
	mock = fresh(); /* without the feature nothing is read */
	mock_withhold(mock, VIRTIO_CONSOLE_F_SIZE);
	start(mock);
	assert_int_equal(console_size(console).columns, 0);
	finish(mock);
}

static unsigned races;

/* The size changes between the two fields, a few times. */
static void tear(struct mock *mock)
{
	if (races && !(races-- & 1)) {
		set_size(mock, 200 + races, 100 + races);
		mock->generation++;
	}
}

/* [CFG-01] [CFG-02] Never the columns of one moment with the rows of another; and a device
 * that never stands still makes no wait. */
static void torn_size(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_console_size size;

	(void)state;
	start(mock);
	mock->config_race = tear;
	for (races = 1; races < 12; races++) {
		unsigned before = races;

		set_size(mock, 200 + before, 100 + before);
		size = console_size(console);
		assert_int_equal(size.columns, size.rows + 100);
		races = before;
	}
	mock->config_race = NULL;
	mock->generation_runs = true;
	console_size(console);
	finish(mock);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_port), cmocka_unit_test(nobody_reads),
		cmocka_unit_test(emergency),   cmocka_unit_test(sizes),
		cmocka_unit_test(torn_size),   cmocka_unit_test(comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
