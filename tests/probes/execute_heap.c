/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Calls memory of malloc() that holds a return instruction.
 *
 * status: trap
 * expect: page fault|Page fault|#PF
 * expect: \bmain\b
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static __attribute__((noinline)) int call(uintptr_t where)
{
	int (*function)(void) = (int (*)(void))where;

	return function() + 1; /* not a tail call: this frame is in the backtrace */
}

int main(void)
{
	void *code = malloc(4096);

	if (!code)
		return 1;
	memset(code, 0xc3, 4096);
	return call((uintptr_t)code);
}
