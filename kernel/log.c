/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The ring holds records end to end, oldest first: a header, then the text of the line. */

#include <kernel/cmdline.h>
#include <kernel/console.h>
#include <kernel/format.h>
#include <kernel/lock.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/time.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define RING_BYTES (16 * 1024) /* a power of two */
#define LINE_BYTES 256	       /* a longer line is cut, and ends in "..." */

struct record {
	uint64_t time_ns;
	uint16_t length; /* of the text */
	uint16_t level;
};

static struct spinlock lock;
static char ring[RING_BYTES];	/* under lock */
static uint32_t oldest, newest; /* offsets that only grow; under lock */
static enum log_level max_level = LOG_WARN;

static void ring_read(uint32_t offset, void *out, size_t bytes)
{
	size_t at = offset % RING_BYTES;
	size_t first = RING_BYTES - at < bytes ? RING_BYTES - at : bytes;

	memcpy(out, ring + at, first);
	memcpy((char *)out + first, ring, bytes - first);
}

static void ring_write(const void *data, size_t bytes)
{
	size_t at = newest % RING_BYTES;
	size_t first = RING_BYTES - at < bytes ? RING_BYTES - at : bytes;

	memcpy(ring + at, data, first);
	memcpy(ring, (const char *)data + first, bytes - first);
	newest += (uint32_t)bytes;
}

static uint32_t record_end(uint32_t offset)
{
	struct record record;

	ring_read(offset, &record, sizeof(record));
	return offset + (uint32_t)sizeof(record) + record.length;
}

static void keep(const struct record *record, const char *text)
{
	/* In a panic the lock's holder may never go on. */
	unsigned long flags = panic_active ? 0 : spin_lock(&lock);

	while (newest - oldest + sizeof(*record) + record->length > RING_BYTES)
		oldest = record_end(oldest);
	ring_write(record, sizeof(*record));
	ring_write(text, record->length);
	if (!panic_active)
		spin_unlock(&lock, flags);
}

/* "[    0.001234] text\n" */
static size_t render(char *out, size_t size, const struct record *record,
		     const char *text)
{
	int length = format(
		out, size, "[%5llu.%06llu] %s%.*s\n",
		(unsigned long long)(record->time_ns / NS_PER_SEC),
		(unsigned long long)(record->time_ns % NS_PER_SEC / NS_PER_US),
		record->level == LOG_ERROR  ? "error: "
		: record->level == LOG_WARN ? "warning: "
					    : "",
		(int)record->length, text);

	return (size_t)length < size ? (size_t)length : size - 1;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	struct record record = { .time_ns = clock_ns(), .level = (uint16_t)level };
	char text[LINE_BYTES], line[LINE_BYTES + 40];
	va_list args;
	int length;

	va_start(args, fmt);
	length = format_args(text, sizeof(text), fmt, args);
	va_end(args);
	if (length >= LINE_BYTES) {
		memcpy(text + LINE_BYTES - 4, "...", 4);
		length = LINE_BYTES - 1;
	}
	record.length = (uint16_t)length;
	keep(&record, text);
	if (level > max_level)
		return;
	if (panic_active)
		console_panic_write(line, render(line, sizeof(line), &record, text));
	else
		console_write(line, render(line, sizeof(line), &record, text));
}

void log_set_level(enum log_level level)
{
	max_level = level;
}

/* Without the lock, as it is for panics; another CPU that logs meanwhile can garble what
 * is shown, no more: each length is checked against what the ring holds. */
void log_replay(unsigned lines, void (*emit)(const char *line, size_t length))
{
	uint32_t end = newest, start = oldest;
	unsigned count = 0;

	for (uint32_t at = start; end - at - 1 < RING_BYTES; at = record_end(at))
		count++;
	for (uint32_t at = start; end - at - 1 < RING_BYTES; at = record_end(at)) {
		char text[LINE_BYTES], line[LINE_BYTES + 40];
		struct record record;

		if (count-- > lines)
			continue;
		ring_read(at, &record, sizeof(record));
		if (record.length >= LINE_BYTES)
			return;
		ring_read(at + (uint32_t)sizeof(record), text, record.length);
		emit(line, render(line, sizeof(line), &record, text));
	}
}

static void apply_level(const char *value)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			log_set_level((enum log_level)i);
			return;
		}
	}
	log_warn("log: log=%s is none of error, warn, info, debug", value);
}
CMDLINE_KEY_APPLY(log, "error|warn|info|debug: the least serious lines to print",
		  apply_level);
