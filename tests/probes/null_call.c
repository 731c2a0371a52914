/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Calls a null pointer: the backtrace must still find the caller.
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
	uintptr_t nowhere = 0;

	__asm__ volatile("" : "+r"(nowhere)); /* the compiler must not know it */
	return call(nowhere);
}
