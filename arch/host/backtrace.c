/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The trail of a panic: the C library finds the names. */

#include <execinfo.h>
#include <unistd.h>
#include <kernel/panic.h>

void backtrace_print(uintptr_t pc, uintptr_t fp)
{
	void *frames[32];

	(void)pc;
	(void)fp;
	backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
}
