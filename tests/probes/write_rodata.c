/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Writes to a constant.
 *
 * status: trap
 * expect: page fault|Page fault|#PF
 * expect: \bscribble\b
 * expect: \bmain\b
 */

#include <stdint.h>

static const uint32_t constant[16] = { 1, 2, 3 };

static __attribute__((noinline)) void scribble(uintptr_t where)
{
	*(volatile uint32_t *)where = 4;
}

int main(void)
{
	scribble((uintptr_t)constant);
	__asm__ volatile(""); /* the call above is not the last thing: it returns here */
	return 0;
}
