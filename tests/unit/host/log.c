/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The log on the host. */

#include <stdio.h>
#include <stdlib.h>
#include <kernel/log.h>
#include "host.h"

unsigned host_log_counts[4];
char host_log_last[256];
void (*host_log_hook)(void);

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list args;

	host_log_counts[level]++;
	if (host_log_hook)
		host_log_hook();
	va_start(args, fmt);
	vsnprintf(host_log_last, sizeof(host_log_last), fmt, args);
	va_end(args);
	if (getenv("FERRULE_TEST_LOG"))
		fprintf(stderr, "log %d: %s\n", (int)level, host_log_last);
}

void log_set_level(enum log_level level)
{
	(void)level;
}

void log_replay(unsigned lines, void (*emit)(const char *line, size_t length))
{
	(void)lines;
	(void)emit;
}
