/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The log: a ring of the last lines in memory, printed on the consoles up to a level.
 *
 * Context: any, also interrupt and panic. Never sleeps, never allocates. */

#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <stdarg.h>
#include <stddef.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Writes one line; fmt carries no newline and begins with "subsystem: ". */
void log_write(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

/* Lines above this level are kept in the ring but not printed (command line: log=). */
void log_set_level(enum log_level level);

/* Calls emit for each of the last `lines` lines, oldest first. Safe in a panic. */
void log_replay(unsigned lines, void (*emit)(const char *line, size_t length));

#endif
