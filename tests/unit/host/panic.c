/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A panic on the host fails the test. */

#include <stdio.h>
#include <stdlib.h>
#include <stdarg.h>
#include <kernel/panic.h>
#include "host.h"

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, " (panic)\n");
	abort();
}

void panic_with(enum exit_code code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, " (panic %d)\n", (int)code);
	abort();
}

void panic_print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
}

void machine_exit(int status)
{
	exit(status);
}

void machine_reboot(void)
{
	exit(0);
}

void backtrace_print(uintptr_t pc, uintptr_t fp)
{
	(void)pc;
	(void)fp;
}
