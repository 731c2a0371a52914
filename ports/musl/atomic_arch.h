/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* musl's atomics as they are, but for its last resort: hlt is a fault in user mode; here
 * it would only wait for the next interrupt. Found before musl's file by -iquote. */

#include_next "atomic_arch.h"

static inline void __ferrule_crash(void)
{
	__builtin_trap();
}
#undef a_crash
#define a_crash __ferrule_crash
