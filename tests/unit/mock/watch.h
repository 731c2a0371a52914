/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the driver's side touches of memory that it shares with a device, access by access:
 * the memory is taken away, each fault is noted, and the access let through alone. x86-64
 * Linux. */

#ifndef MOCK_WATCH_H
#define MOCK_WATCH_H

#include <stddef.h>

struct watched {
	unsigned lines_read, lines_written; /* different ones, of 64 bytes */
	/* Of one word, which is what one access begins at: */
	unsigned reads_most, writes_most;
	unsigned read_and_written; /* words that were both */
};

/* `memory`: whole pages, none of which the caller's stack or the test's own data are in. */
void watch_begin(void *memory, size_t bytes);
/* What is touched of that does not count. */
void watch_not(const volatile void *from, size_t bytes);
struct watched watch_end(void);

#endif
