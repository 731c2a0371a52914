/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A detached thread ends: its stack, on which it still runs, goes with it. */

#include "pthread_impl.h"

_Noreturn void posix_exit_unmapping(void *base, size_t bytes);

void __unmapself(void *base, size_t size)
{
	posix_exit_unmapping(base, size);
}
