/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Reads through a null pointer.
 *
 * status: trap
 * expect: page fault|Page fault|#PF
 * expect: \bpeek\b
 * expect: \bmain\b
 */

#include <stdint.h>

static __attribute__((noinline)) int peek(uintptr_t where)
{
	return *(volatile int *)where;
}

int main(void)
{
	uintptr_t nowhere = 0;

	__asm__ volatile("" : "+r"(nowhere)); /* the compiler must not know it */
	return peek(nowhere) + 1; /* no tail call: this frame is in the backtrace */
}
