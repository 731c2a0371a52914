/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Reads through an address that no x86-64 page table can hold.
 *
 * status: trap
 * expect: protection|#GP
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
	uintptr_t wild = 0x0123456789abcdef;

	__asm__ volatile("" : "+r"(wild)); /* the compiler must not know it */
	return peek(wild) + 1; /* no tail call: this frame is in the backtrace */
}
