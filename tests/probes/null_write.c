/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Writes a member of a structure that is not there.
 *
 * status: trap
 * expect: page fault|Page fault|#PF
 * expect: \bpoke\b
 * expect: \bmain\b
 */

#include <stdint.h>

static __attribute__((noinline)) void poke(uintptr_t where)
{
	*(volatile int *)(where + 1024) = 1;
}

int main(void)
{
	uintptr_t nowhere = 0;

	__asm__ volatile("" : "+r"(nowhere)); /* the compiler must not know it */
	poke(nowhere);
	__asm__ volatile(""); /* the call above is not the last thing: it returns here */
	return 0;
}
