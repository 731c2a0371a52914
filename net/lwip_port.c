/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What lwIP asks of its platform: memory, messages, checksums. */

#include <arch/cc.h>
#include <lwip/opt.h>
#include <string.h>
#include <ferrule/entropy.h>
#include <kernel/format.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/panic.h>

void *net_lwip_calloc(size_t count, size_t bytes)
{
	size_t total;

	if (__builtin_mul_overflow(count, bytes, &total))
		return NULL;
	return kzalloc(total);
}

void net_lwip_diagnostic(const char *fmt, ...)
{
	char line[120];
	va_list args;

	va_start(args, fmt);
	format_args(line, sizeof(line), fmt, args);
	va_end(args);
	line[strcspn(line, "\n")] = 0;
	log_debug("lwip: %s", line);
}

_Noreturn void net_lwip_assert(const char *what, const char *file, int line)
{
	panic("lwip: %s (%s:%d)", what, file, line);
}

uint32_t net_lwip_random(void)
{
	uint32_t value;

	ferrule_entropy_read(&value, sizeof(value));
	return value;
}

static uint64_t load64(const uint8_t *at)
{
	uint64_t word;

	__builtin_memcpy(&word, at, sizeof(word));
	return word;
}

static uint32_t load32(const uint8_t *at)
{
	uint32_t word;

	__builtin_memcpy(&word, at, sizeof(word));
	return word;
}

/* The end-around carry of an addition of 64-bit words. */
static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;
	bool carry = __builtin_add_overflow(a, b, &sum);

	return sum + carry;
}

/* Down to 16 bits; a carry goes around: a half that is added to its rotation has both. */
static uint16_t fold(uint64_t sum)
{
	uint32_t half = (uint32_t)(sum >> 32) + (uint32_t)sum;

	half += half < (uint32_t)sum;
	return (uint16_t)((half + (half << 16 | half >> 16)) >> 16);
}

/* With one to three bytes more, as the first of a word of four. */
static __attribute__((noinline)) uint16_t fold_with(uint64_t sum, const uint8_t *at,
						    int bytes)
{
	uint8_t word[4] = { at[0] };

	if (bytes > 1)
		word[1] = at[1];
	if (bytes > 2)
		word[2] = at[2];
	return fold(add(sum, load32(word)));
}

/* RFC 1071: the sum of 16-bit words in memory order does not depend on the byte order or
 * on the word size it is computed with, so it is done in 64-bit words. */
uint16_t net_lwip_checksum(const void *data, int bytes)
{
	const uint8_t *at = data, *end = at + ((unsigned)bytes & ~15u);
	uint64_t sum = 0;

	for (; at != end; at += 16)
		sum = add(add(sum, load64(at)), load64(at + 8));
	if (bytes & 8) {
		sum = add(sum, load64(at));
		at += 8;
	}
	if (bytes & 4) {
		sum = add(sum, load32(at));
		at += 4;
	}
	return bytes & 3 ? fold_with(sum, at, bytes & 3) : fold(sum);
}
