/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* musl's own file compares call numbers in the preprocessor, which addresses do not
 * allow. Time is 64 bits wide here: there is one call and nothing to fall back to. */

#define _GNU_SOURCE
#include <sys/sem.h>
#include "syscall.h"

int semtimedop(int id, struct sembuf *operations, size_t count,
	       const struct timespec *timeout)
{
	return syscall(SYS_semtimedop, id, operations, count, timeout);
}
