/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/cmdline.c kernel/cmdline_number.c tests/unit/host/heap.c
 *	tests/unit/host/log.c */

#include <unit.h>
#include <stdlib.h>
#include <kernel/cmdline.h>
#include <kernel/log.h>
#include "host/host.h"

/* The copies of command lines are kept for ever, on purpose. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static char applied[256];

static void apply(const char *value)
{
	strcat(applied, value);
	strcat(applied, ";");
}
CMDLINE_KEY_APPLY(verbosity, "how much to say", apply);
CMDLINE_KEY(root, "where the files are");

static unsigned seen_roots;

static const char *next_root(void)
{
	return cmdline_value("root", seen_roots++);
}

static void pairs_and_arguments(void **state)
{
	char **argv;

	(void)state;
	cmdline_parse(
		"  root=disk0 \"root=a b\" root=\"c  d\"e root= root -- one \"two 3\" "
		"root=x -- \"\" \"--\" ");
	assert_string_equal(next_root(), "disk0");
	assert_string_equal(next_root(), "a b");
	assert_string_equal(next_root(), "c  de");
	assert_string_equal(next_root(), "");
	assert_string_equal(next_root(), "");
	assert_null(cmdline_value("root", seen_roots));
	assert_null(cmdline_value("roo", 0));
	assert_int_equal(cmdline_arguments(&argv), 6);
	assert_string_equal(argv[0], "one");
	assert_string_equal(argv[1], "two 3");
	assert_string_equal(argv[2], "root=x");
	assert_string_equal(argv[3], "--");
	assert_string_equal(argv[4], "");
	assert_string_equal(argv[5], "--");
	assert_null(argv[6]);
}

static void keys_are_applied(void **state)
{
	(void)state;
	applied[0] = '\0';
	cmdline_parse(
		"verbosity=1 other=2 verbosity=a=b \"--\" verbosity=3 -- verbosity=4");
	assert_string_equal(applied, "1;a=b;3;");
}

static void unknown_keys_are_reported(void **state)
{
	unsigned before = host_log_counts[LOG_WARN];

	(void)state;
	cmdline_parse("root=1");
	cmdline_report_unknown();
	assert_int_equal(host_log_counts[LOG_WARN], before);
	cmdline_parse("rooot=1 root=2");
	cmdline_report_unknown();
	assert_int_equal(host_log_counts[LOG_WARN],
			 before + 3); /* it, and what is known */
}

static void no_memory(void **state)
{
	char **argv;

	(void)state;
	for (long budget = 0; budget < 3; budget++) {
		long live = host_heap_live;

		host_heap_budget = budget;
		cmdline_parse("root=1 -- a b");
		host_heap_budget = -1;
		assert_int_equal(host_heap_live, live);
		assert_int_equal(cmdline_arguments(&argv), 0);
		assert_null(argv[0]);
		assert_null(cmdline_value("root", 0));
	}
	assert_int_equal(host_log_counts[LOG_ERROR], 3);
}

static void nonsense(void **state)
{
	static const char pieces[] = "ab=\"-  \t\n\\";
	char **argv;

	(void)state;
	srand(4);
	for (unsigned i = 0; i < 20000; i++) {
		size_t length = (unsigned)rand() % 40;
		char *line = malloc(length + 1);

		for (size_t at = 0; at < length; at++)
			line[at] = pieces[(unsigned)rand() % (sizeof(pieces) - 1)];
		line[length] = '\0';
		cmdline_parse(line);
		free(line);
		for (int at = 0, count = cmdline_arguments(&argv); at <= count; at++)
			assert_int_equal(argv[at] == NULL, at == count);
		if (i % 100 == 0)
			cmdline_report_unknown();
	}
}

/* What a loader appended behind the application's arguments. */
static void taken_arguments(void **state)
{
	char **argv;

	(void)state;
	cmdline_parse("root=/ -- one device=1 two device device=2 xdevice=3");
	assert_string_equal(cmdline_take("device"), "1");
	assert_string_equal(cmdline_take("device"), "2");
	assert_null(cmdline_take("device"));
	assert_int_equal(cmdline_arguments(&argv), 4);
	assert_string_equal(argv[0], "one");
	assert_string_equal(argv[1], "two");
	assert_string_equal(argv[2], "device");
	assert_string_equal(argv[3], "xdevice=3");
	assert_null(argv[4]);
	assert_null(cmdline_take("root"));
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes; /* 0: none from 1 to 2^64 - 1 */
	} cases[] = {
		{ "1", 1 },
		{ "4096", 4096 },
		{ "3K", 3 << 10 },
		{ "8M", 8 << 20 },
		{ "5G", UINT64_C(5) << 30 },
		{ "18446744073709551615", UINT64_MAX },
		{ "18446744073709551616", 0 },
		{ "17179869183G", UINT64_C(17179869183) << 30 },
		{ "17179869184G", 0 },
		{ "18446744073709551615K", 0 },
		{ "99999999999999999999999M", 0 },
		{ "", 0 },
		{ "M", 0 },
		{ "0", 0 },
		{ "0M", 0 },
		{ "8MB", 0 },
		{ "8m", 0 },
		{ "8 M", 0 },
		{ "-1", 0 },
		{ "1.5M", 0 },
		{ "0x10", 0 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t bytes = 7;
		bool good = cmdline_bytes(cases[i].text, 1, UINT64_MAX, &bytes);

		assert_int_equal(good, cases[i].bytes != 0);
		assert_true(bytes == (good ? cases[i].bytes : 7));
	}
}

static void numbers_in_their_range(void **state)
{
	uint64_t number = 7;

	(void)state;
	assert_true(cmdline_number("0", 0, 255, &number));
	assert_int_equal(number, 0);
	assert_true(cmdline_number("255", 0, 255, &number));
	assert_int_equal(number, 255);
	assert_false(cmdline_number("256", 0, 255, &number));
	assert_false(cmdline_number("1", 2, 3, &number));
	assert_false(cmdline_number("1K", 0, UINT64_MAX, &number));
	assert_false(cmdline_number("", 0, 255, &number));
	assert_int_equal(number, 255);
	assert_true(cmdline_bytes("1024K", 1 << 20, 1 << 20, &number));
	assert_int_equal(number, 1 << 20);
	assert_false(cmdline_bytes("1025K", 1 << 20, 1 << 20, &number));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_and_arguments),
		cmocka_unit_test(taken_arguments),
		cmocka_unit_test(sizes),
		cmocka_unit_test(numbers_in_their_range),
		cmocka_unit_test(keys_are_applied),
		cmocka_unit_test(unknown_keys_are_reported),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
