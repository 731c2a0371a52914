/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* One address space, one program: there is nothing to fork. Counted as any other call
 * that nothing implements. */

#include <unistd.h>
#include "syscall.h"

pid_t vfork(void)
{
	return syscall(SYS_vfork);
}
