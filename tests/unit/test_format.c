/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/format.c */

/* format() must say what the C library's snprintf says. */

#include <unit.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <kernel/format.h>

/* The directives are built at run time. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat"

#define same(fmt, ...)                                                      \
	do {                                                                \
		char ours[300], theirs[300];                                \
		int a = format(ours, sizeof(ours), fmt, __VA_ARGS__);       \
		int b = snprintf(theirs, sizeof(theirs), fmt, __VA_ARGS__); \
		assert_string_equal(ours, theirs);                          \
		assert_int_equal(a, b);                                     \
	} while (0)

static const char *const lengths[] = { "hh", "h", "", "l", "ll", "z", "j", "t" };

static void random_directive(char *fmt, char conversion, const char *length)
{
	static const char flags[] = "-0+ #";
	char *at = fmt;

	*at++ = '<';
	*at++ = '%';
	for (unsigned i = 0; i < 5; i++)
		if (rand() % 4 == 0)
			*at++ = flags[i];
	if (rand() % 2)
		at += sprintf(at, "%d", rand() % 30);
	if (rand() % 2)
		at += rand() % 4 ? sprintf(at, ".%d", rand() % 30) : sprintf(at, ".");
	sprintf(at, "%s%c>", length, conversion);
}

static void integers(void **state)
{
	static const char conversions[] = "diuxXo";
	static const long values[] = {
		0,   1,	    -1,	     42,      127,	128,	  -128,
		255, 65535, INT_MAX, INT_MIN, LONG_MAX, LONG_MIN, 0x12345678abcdef
	};

	(void)state;
	srand(3);
	for (unsigned i = 0; i < 100000; i++) {
		const char *length = lengths[(unsigned)rand() % array_count(lengths)];
		long value = values[(unsigned)rand() % array_count(values)];
		char fmt[40];

		random_directive(fmt, conversions[rand() % 6], length);
		if (length[0] == 'h' || !length[0])
			same(fmt, (int)value);
		else
			same(fmt, value);
	}
}

static void strings_and_characters(void **state)
{
	static const char *const texts[] = { "", "a", "hello",
					     "a longer one, cut or padded" };

	(void)state;
	same("%s|%10s|%-10s|%.3s|%10.3s|%-*.*s|%%|%c|%3c|%-3c|", "abc", "abc", "abc",
	     "abcdef", "abcdef", 8, 2, "abcdef", 'x', 'y', 'z');
	for (unsigned i = 0; i < 4; i++)
		for (int width = -30; width < 30; width++)
			for (int precision = -2; precision < 30; precision++)
				same("[%*.*s]", width, precision, texts[i]);
	same("%*d|%-*d|%.*d", 5, 3, -6, 4, 3, 7);
	same("no directive %s", "");
	same("%.4s", "abcdefgh");
}

static void not_terminated(void **state)
{
	char four[4] = { 'a', 'b', 'c', 'd' };
	char out[8];

	(void)state;
	assert_int_equal(format(out, sizeof(out), "%.4s", four), 4);
	assert_string_equal(out, "abcd");
}

static void pointers(void **state)
{
	char out[32];

	(void)state;
	same("%p", (void *)0x1234abcd);
	same("%20p|%-20p|", (void *)0xffffffff80101234, (void *)16);
	format(out, sizeof(out), "%p %s", NULL, (char *)NULL);
	assert_string_equal(out, "0x0 (null)");
}

static void truncation(void **state)
{
	for (size_t size = 0; size < 40; size++) {
		char ours[64], theirs[64];

		memset(ours, 'x', sizeof(ours));
		memset(theirs, 'x', sizeof(theirs));
		assert_int_equal(
			format(ours, size, "%08d|%-12s|%x", 42, "text", 0xbeef),
			snprintf(theirs, size, "%08d|%-12s|%x", 42, "text", 0xbeef));
		assert_memory_equal(ours, theirs, sizeof(ours));
	}
	assert_int_equal(format(NULL, 0, "%200d", 1), 200);
	(void)state;
}

static void not_ours(void **state)
{
	char out[64];

	(void)state;
	format(out, sizeof(out), "%q %d", 7);
	assert_string_equal(out, "%q 7");
	format(out, sizeof(out), "100%");
	assert_string_equal(out, "100%");
	format(out, sizeof(out), "%-5");
	assert_string_equal(out, "%-5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers),
		cmocka_unit_test(strings_and_characters),
		cmocka_unit_test(not_terminated),
		cmocka_unit_test(pointers),
		cmocka_unit_test(truncation),
		cmocka_unit_test(not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
