/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/log.c kernel/console.c kernel/console_input.c kernel/format.c kernel/cmdline.c
 *	tests/unit/host/heap.c tests/unit/host/thread.c tests/unit/host/time.c
 *	tests/unit/host/cpu.c */

/* The log and the consoles under it. */

#include <unit.h>
#include <stdio.h>
#include <kernel/cmdline.h>
#include <kernel/console.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include "host/host.h"

/* The copies of command lines are kept for ever, on purpose. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

bool panic_active;

struct screen {
	struct console console;
	char text[8192];
};

/* There is no virtio console here. */
void console_port_start(struct ferrule_port *port)
{
	(void)port;
}

static void screen_write(struct console *console, const char *text, size_t length)
{
	struct screen *screen = (struct screen *)console;

	assert_true(length > 0);
	assert_true(strlen(screen->text) + length < sizeof(screen->text));
	strncat(screen->text, text, length);
}

static struct screen serial = {
	.console = { .name = "serial", .write = screen_write, .crlf = true }
};
static struct screen virtual = { .console = { .name = "virtio", .write = screen_write } };

static int clear(void **state)
{
	(void)state;
	serial.text[0] = virtual.text[0] = '\0';
	return 0;
}

static char replayed[32768];

static void collect(const char *line, size_t length)
{
	strncat(replayed, line, length);
}

static void levels(void **state)
{
	(void)state;
	host_clock_ns = UINT64_C(1001234567);
	log_set_level(LOG_WARN);
	log_info("test: not shown");
	log_warn("test: shown %d", 1);
	assert_string_equal(serial.text, "[    1.001234] warning: test: shown 1\r\n");
	assert_string_equal(virtual.text, "[    1.001234] warning: test: shown 1\n");
	cmdline_parse("log=debug");
	log_debug("test: shown too");
	assert_non_null(strstr(virtual.text, "\n[    1.001234] test: shown too\n"));
	cmdline_parse("log=loud");
	assert_non_null(strstr(virtual.text, "log=loud"));
	replayed[0] = '\0';
	log_replay(4, collect);
	assert_int_equal(strncmp(replayed, "[    1.001234] test: not shown\n", 31), 0);
}

static void long_lines(void **state)
{
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[999] = '\0';
	log_error("test: %s", text);
	assert_int_equal(strlen(virtual.text), strlen("[    1.001234] error: \n") + 255);
	assert_non_null(strstr(virtual.text, "xxx...\n"));
}

static void ring_keeps_the_last(void **state)
{
	char expected[64];

	(void)state;
	log_set_level(LOG_ERROR);
	for (int i = 0; i < 10000; i++) {
		log_info("test: line %d %.*s", i, i % 200,
			 "                              ");
		if (i % 97)
			continue;
		replayed[0] = '\0';
		log_replay(1, collect);
		snprintf(expected, sizeof(expected), "] test: line %d ", i);
		assert_non_null(strstr(replayed, expected));
		assert_ptr_equal(strchr(replayed, '\n'), replayed + strlen(replayed) - 1);
	}
	replayed[0] = '\0';
	log_replay(100000, collect);
	assert_true(strlen(replayed) > 12000 && strlen(replayed) < 20000);
	for (int i = 9999; i > 9800; i--) {
		snprintf(expected, sizeof(expected), "] test: line %d ", i);
		assert_non_null(strstr(replayed, expected));
	}
	assert_string_equal(virtual.text, "");
	log_set_level(LOG_DEBUG);
}

static void choice(void **state)
{
	(void)state;
	cmdline_parse("console=virtio");
	console_write("a\n", 2);
	console_remove(&virtual.console);
	console_write("b\n", 2); /* the chosen one is gone: better there than nowhere */
	console_add(&virtual.console);
	cmdline_parse("console=serial");
	console_write("c\n", 2);
	console_panic_write("d\n", 2);
	cmdline_parse("console=both");
	console_write("e", 1);
	assert_string_equal(serial.text, "b\r\nc\r\nd\r\ne");
	assert_string_equal(virtual.text, "a\nd\ne");
}

static void large_writes(void **state)
{
	static char text[2000];

	(void)state;
	memset(text, '\n', sizeof(text));
	console_write(text, sizeof(text));
	assert_int_equal(strlen(serial.text), 4000);
	assert_int_equal(strlen(virtual.text), 2000);
	console_write(text, 0);
}

static void input(void **state)
{
	static char typed[1500], read[1500];

	(void)state;
	for (unsigned i = 0; i < sizeof(typed); i++)
		typed[i] = (char)('a' + i % 26);
	assert_false(console_readable());
	console_input(typed, 100);
	assert_true(console_readable());
	assert_int_equal(console_read(read, 60), 60);
	assert_int_equal(console_read(read + 60, 60), 40);
	assert_memory_equal(read, typed, 100);
	assert_int_equal(console_read(read, 60), 0);
	console_input(typed, sizeof(typed));
	console_input(typed, 10);
	assert_int_equal(console_read(read, sizeof(read)), 1024);
	assert_memory_equal(read, typed, 1024);
	assert_non_null(strstr(virtual.text, "486 bytes of input"));
	assert_false(console_readable());
}

static void panics_write_without_locks(void **state)
{
	(void)state;
	panic_active = true;
	log_error("test: last words");
	assert_non_null(strstr(virtual.text, "last words"));
	panic_active = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(levels, clear),
		cmocka_unit_test_setup(long_lines, clear),
		cmocka_unit_test_setup(ring_keeps_the_last, clear),
		cmocka_unit_test_setup(choice, clear),
		cmocka_unit_test_setup(large_writes, clear),
		cmocka_unit_test_setup(input, clear),
		cmocka_unit_test_setup(panics_write_without_locks, clear),
	};

	console_add(&serial.console);
	console_add(&virtual.console);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
