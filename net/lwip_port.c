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

/* RFC 1071: the sum of 16-bit words in memory order does not depend on the byte order or
 * on the word size it is computed with, so it is done in 32-bit words. */
uint16_t net_lwip_checksum(const void *data, int bytes)
{
	const uint8_t *at = data;
	uint64_t sum = 0, last = 0;

	for (; bytes >= 16; bytes -= 16, at += 16) {
		uint64_t words[2];

		memcpy(words, at, 16);
		sum += (uint32_t)words[0] + (words[0] >> 32);
		sum += (uint32_t)words[1] + (words[1] >> 32);
	}
	if (bytes >= 8) {
		uint64_t word;

		memcpy(&word, at, 8);
		sum += (uint32_t)word + (word >> 32);
		bytes -= 8;
		at += 8;
	}
	if (bytes > 0) {
		memcpy(&last, at, (size_t)bytes);
		sum += (uint32_t)last + (last >> 32);
	}
	sum = (uint32_t)sum + (sum >> 32);
	sum = (uint32_t)sum + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}
