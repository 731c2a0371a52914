/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The string functions of C that the kernel uses, eight bytes at a time where that is
 * safe: an aligned word never crosses into another page. memcpy, memmove and memset are
 * the architecture's (arch/…/string.S). */

#include <stdint.h>
#include <string.h>

typedef uint64_t __attribute__((may_alias)) word;
typedef uint64_t __attribute__((may_alias, aligned(1))) loose_word;

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* Not 0 if a byte of the word is 0; the lowest bit set marks the first such byte. */
static uint64_t zero_bytes(uint64_t value)
{
	return (value - ONES) & ~value & HIGHS;
}

static unsigned first_marked(uint64_t marks)
{
	return (unsigned)__builtin_ctzll(marks) / 8;
}

int memcmp(const void *a, const void *b, size_t count)
{
	const unsigned char *x = a, *y = b;

	while (count >= 8) {
		uint64_t left = *(const loose_word *)x, right = *(const loose_word *)y;

		if (left != right) {
			left = __builtin_bswap64(left); /* the first byte weighs most */
			right = __builtin_bswap64(right);
			return left < right ? -1 : 1;
		}
		x += 8;
		y += 8;
		count -= 8;
	}
	for (; count; count--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *memchr(const void *memory, int c, size_t count)
{
	const unsigned char *at = memory;
	uint64_t pattern = ONES * (unsigned char)c;

	for (; count >= 8; at += 8, count -= 8) {
		uint64_t marks = zero_bytes(*(const loose_word *)at ^ pattern);

		if (marks)
			return (void *)(at + first_marked(marks));
	}
	for (; count; count--, at++)
		if (*at == (unsigned char)c)
			return (void *)at;
	return NULL;
}

/* Reads whole aligned words, beyond the end too, but never into the next page. */
__attribute__((no_sanitize("address"))) size_t strlen(const char *text)
{
	const char *at = text;
	uint64_t marks;

	for (; (uintptr_t)at % 8; at++)
		if (!*at)
			return (size_t)(at - text);
	while (!(marks = zero_bytes(*(const word *)at)))
		at += 8;
	return (size_t)(at - text) + first_marked(marks);
}

size_t strnlen(const char *text, size_t max)
{
	const char *end = memchr(text, 0, max);

	return end ? (size_t)(end - text) : max;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t count)
{
	for (; count && *a && *a == *b; a++, b++, count--)
		;
	return count ? (unsigned char)*a - (unsigned char)*b : 0;
}

char *strchr(const char *text, int c)
{
	for (; *text != (char)c; text++)
		if (!*text)
			return NULL;
	return (char *)text;
}

char *strrchr(const char *text, int c)
{
	const char *found = NULL;

	do {
		if (*text == (char)c)
			found = text;
	} while (*text++);
	return (char *)found;
}
