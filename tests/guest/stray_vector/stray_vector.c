/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Interrupts on vectors that nobody asked for, as a device may send them: they are counted
 * and that is all. */

#include <stdio.h>

int main(void)
{
	__asm__ volatile("int $33; int $48; int $100; int $238; int $240; int $254");
	printf("still here\n");
	return 0;
}
