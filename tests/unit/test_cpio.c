/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* cpio archives, good and bad: whatever the bytes say, nothing outside is read (the
 * archive is in a heap block of its exact size, under ASan). */
/* sources: fs/cpio.c */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fs/cpio.h>

static char text[8192];
static size_t text_length;

static void add(const char *name, unsigned mode, const char *data, size_t bytes)
{
	text_length += (size_t)sprintf(
		text + text_length,
		"070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 7, mode,
		1, 2, 1, 0x5f000000, bytes, 8, 1, 0, 0, strlen(name) + 1, 0);
	memcpy(text + text_length, name, strlen(name) + 1);
	text_length += strlen(name) + 1;
	while (text_length % 4)
		text[text_length++] = 0;
	memcpy(text + text_length, data, bytes);
	text_length += bytes;
	while (text_length % 4)
		text[text_length++] = 0;
}

static void build(void)
{
	text_length = 0;
	add("bin", 040755, "", 0);
	add("bin/hello", 0100755, "hello, world\n", 13);
	add("empty", 0100644, "", 0);
	add("TRAILER!!!", 0, "", 0);
}

static enum cpio_result walk(const void *bytes, size_t length, unsigned *entries)
{
	uint8_t *copy = malloc(length ? length : 1);
	volatile uint8_t sum = 0;
	struct cpio archive;
	struct cpio_entry entry;
	enum cpio_result result;

	memcpy(copy, bytes, length);
	cpio_open(&archive, copy, length);
	*entries = 0;
	while ((result = cpio_next(&archive, &entry)) == CPIO_ENTRY) {
		(*entries)++;
		assert_true(strlen(entry.name) == entry.name_length);
		for (size_t i = 0; i < entry.data_bytes; i++)
			sum += entry.data[i];
	}
	free(copy);
	return result;
}

static void test_good(void **state)
{
	struct cpio archive;
	struct cpio_entry entry;

	(void)state;
	build();
	cpio_open(&archive, text, text_length);
	assert_int_equal(cpio_next(&archive, &entry), CPIO_ENTRY);
	assert_string_equal(entry.name, "bin");
	assert_int_equal(entry.mode, 040755);
	assert_int_equal(cpio_next(&archive, &entry), CPIO_ENTRY);
	assert_string_equal(entry.name, "bin/hello");
	assert_int_equal(entry.data_bytes, 13);
	assert_memory_equal(entry.data, "hello, world\n", 13);
	assert_int_equal(entry.number, 7);
	assert_int_equal(entry.uid, 1);
	assert_int_equal(entry.gid, 2);
	assert_int_equal(entry.mtime, 0x5f000000);
	assert_int_equal(entry.device, 0x801);
	assert_int_equal(cpio_next(&archive, &entry), CPIO_ENTRY);
	assert_int_equal(entry.data_bytes, 0);
	assert_int_equal(cpio_next(&archive, &entry), CPIO_END);
}

static void test_every_length(void **state)
{
	unsigned entries;

	(void)state;
	build();
	for (size_t length = 0; length < text_length; length++) {
		enum cpio_result result = walk(text, length, &entries);

		assert_true(entries <= 3);
		/* The padding behind the trailer may be missing, nothing else. */
		assert_true(result == CPIO_TRUNCATED || text_length - length < 4);
	}
}

static void test_lengths_lie(void **state)
{
	static const char huge[] = "FFFFFFFF";
	unsigned entries;

	(void)state;
	for (int field = 0; field < 13; field++) {
		build();
		memcpy(text + 6 + field * 8, huge, 8);
		walk(text, text_length, &entries);
	}
	build();
	memcpy(text + 6 + 11 * 8, "00000000", 8); /* a name without its terminator */
	assert_int_equal(walk(text, text_length, &entries), CPIO_CORRUPT);
	build();
	memcpy(text + 6 + 11 * 8, "00000003", 8); /* a terminator too late */
	assert_int_equal(walk(text, text_length, &entries), CPIO_CORRUPT);
	build();
	text[6] = 'G';
	assert_int_equal(walk(text, text_length, &entries), CPIO_CORRUPT);
}

static void test_flipped_bytes(void **state)
{
	unsigned entries;

	(void)state;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		build();
		for (int flips = rand() % 8; flips >= 0; flips--)
			text[(size_t)rand() % text_length] = (char)rand();
		walk(text, (size_t)rand() % (text_length + 1), &entries);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_lengths_lie),
		cmocka_unit_test(test_flipped_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
