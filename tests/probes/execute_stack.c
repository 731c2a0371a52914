/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Calls bytes on its stack that are a return instruction.
 *
 * status: trap
 * expect: page fault|Page fault|#PF
 * expect: \bmain\b
 */

#include <stdint.h>

static __attribute__((noinline)) int call(uintptr_t where)
{
	int (*function)(void) = (int (*)(void))where;

	return function() + 1; /* not a tail call: this frame is in the backtrace */
}

int main(void)
{
	volatile uint8_t code[16];

	for (unsigned i = 0; i < sizeof(code); i++)
		code[i] = 0xc3;
	return call((uintptr_t)code);
}
