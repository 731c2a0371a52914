/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Calls an array of data that holds a return instruction.
 *
 * status: trap
 * expect: page fault|Page fault|#PF
 * expect: \bmain\b
 */

#include <stdint.h>

static volatile uint8_t code[16] = { 0xc3 };

static __attribute__((noinline)) int call(uintptr_t where)
{
	int (*function)(void) = (int (*)(void))where;

	return function() + 1; /* not a tail call: this frame is in the backtrace */
}

int main(void)
{
	code[1] = 0xc3;
	return call((uintptr_t)code);
}
