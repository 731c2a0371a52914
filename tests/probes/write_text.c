/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Writes to its own code.
 *
 * status: trap
 * expect: page fault|Page fault|#PF
 * expect: \bscribble\b
 * expect: \bmain\b
 */

#include <stdint.h>

static __attribute__((noinline)) void scribble(uintptr_t where)
{
	*(volatile uint8_t *)where = 0xc3;
}

int main(void)
{
	scribble((uintptr_t)&main);
	__asm__ volatile(""); /* the call above is not the last thing: it returns here */
	return 0;
}
