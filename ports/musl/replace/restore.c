/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Where a signal handler would return to. Handlers are called, and return to their
 * caller; musl only takes this address. */

#include "ksigaction.h"

void __restore_rt()
{
	__builtin_trap();
}
