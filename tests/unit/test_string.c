/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: arch/x86_64/string.S */

/* The kernel's string functions against the C library's, at the edge of a page that ends
 * in an unmapped one. kernel/string.c is included under other names. */

#include <unit.h>
#include <stdlib.h>
#include <sys/mman.h>

size_t our_strlen(const char *text);
size_t our_strnlen(const char *text, size_t max);
int our_memcmp(const void *a, const void *b, size_t count);
void *our_memchr(const void *memory, int c, size_t count);
int our_strcmp(const char *a, const char *b);
int our_strncmp(const char *a, const char *b, size_t count);
char *our_strchr(const char *text, int c);
char *our_strrchr(const char *text, int c);

#define strlen	our_strlen
#define strnlen our_strnlen
#define memcmp	our_memcmp
#define memchr	our_memchr
#define strcmp	our_strcmp
#define strncmp our_strncmp
#define strchr	our_strchr
#define strrchr our_strrchr
#include "../../kernel/string.c"
#undef strlen
#undef strnlen
#undef memcmp
#undef memchr
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr

void *asm_memcpy(void *to, const void *from, size_t count);
void *asm_memmove(void *to, const void *from, size_t count);
void *asm_memset(void *to, int byte, size_t count);

#define PAGE 4096

/* A page between two that cannot be touched. */
static char *guarded(void)
{
	char *pages = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_int_equal(mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
	return pages + PAGE;
}

static void copies(void **state)
{
	char *from = guarded(), *to = guarded();
	char expected[PAGE];

	(void)state;
	for (size_t i = 0; i < PAGE; i++)
		from[i] = (char)rand();
	for (size_t count = 0; count < 300; count++) {
		for (size_t shift = 0; shift < 9; shift++) {
			memset(to, 1, PAGE);
			memset(expected, 1, PAGE);
			memcpy(expected + PAGE - count, from + shift, count);
			assert_ptr_equal(
				asm_memcpy(to + PAGE - count, from + shift, count),
				to + PAGE - count);
			assert_memory_equal(to, expected, PAGE);
			memset(to, 1, PAGE);
			memset(expected, 1, PAGE);
			memcpy(expected + shift, from + PAGE - count, count);
			asm_memmove(to + shift, from + PAGE - count, count);
			assert_memory_equal(to, expected, PAGE);
		}
	}
	asm_memcpy(to, from, PAGE);
	assert_memory_equal(to, from, PAGE);
}

static void overlapping_moves(void **state)
{
	char *page = guarded();
	char expected[PAGE];

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		size_t count = (unsigned)rand() % (round % 2 ? 60 : 1000);
		size_t from = (unsigned)rand() % (PAGE - count + 1);
		size_t to = from + (unsigned)rand() % 81 - 40;

		if (to > PAGE - count)
			continue;
		for (size_t i = 0; i < PAGE; i++)
			expected[i] = page[i] = (char)(i * 7 + i / 256);
		memmove(expected + to, expected + from, count);
		assert_ptr_equal(asm_memmove(page + to, page + from, count), page + to);
		assert_memory_equal(page, expected, PAGE);
	}
}

static void sets(void **state)
{
	char *page = guarded();
	char expected[PAGE];

	(void)state;
	for (size_t count = 0; count < 300; count++) {
		for (size_t at = 0; at <= PAGE - count; at += PAGE - count) {
			memset(page, 1, PAGE);
			memset(expected, 1, PAGE);
			memset(expected + at, 0xfe, count);
			assert_ptr_equal(asm_memset(page + at, 0x1fe, count), page + at);
			assert_memory_equal(page, expected, PAGE);
		}
	}
}

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static void compares(void **state)
{
	char *a = guarded(), *b = guarded();

	(void)state;
	for (unsigned round = 0; round < 100000; round++) {
		size_t count = (unsigned)rand() % 40;
		char *x = a + PAGE - count, *y = b + PAGE - count;

		for (size_t i = 0; i < count; i++)
			x[i] = y[i] = (char)(rand() % 3 + 254);
		if (count && rand() % 2)
			y[(unsigned)rand() % count] = (char)rand();
		assert_int_equal(sign(our_memcmp(x, y, count)),
				 sign(memcmp(x, y, count)));
		assert_int_equal(sign(our_strncmp(x, y, count)),
				 sign(strncmp(x, y, count)));
		assert_ptr_equal(our_memchr(x, 255, count), memchr(x, 255, count));
		assert_int_equal(our_strnlen(x, count), strnlen(x, count));
		if (!count)
			continue;
		x[count - 1] = y[count - 1] = '\0';
		assert_int_equal(our_strlen(x), strlen(x));
		assert_int_equal(sign(our_strcmp(x, y)), sign(strcmp(x, y)));
		assert_ptr_equal(our_strchr(x, 254), strchr(x, 254));
		assert_ptr_equal(our_strrchr(x, 254), strrchr(x, 254));
		assert_ptr_equal(our_strchr(x, 0), strchr(x, 0));
		assert_ptr_equal(our_strrchr(x, 0), strrchr(x, 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies),
		cmocka_unit_test(overlapping_moves),
		cmocka_unit_test(sets),
		cmocka_unit_test(compares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
