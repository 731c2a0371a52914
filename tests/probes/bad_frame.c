/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Faults with a frame pointer that leads nowhere: the report must not die of it.
 *
 * status: trap
 * expect: page fault|Page fault|#PF
 */

#include <stdint.h>

int main(void)
{
	/* A frame pointer into nowhere, and a fault through it. */
	__asm__ volatile("mov $0x10, %%rbp\n\t"
			 "movl $1, (%%rbp)"
			 :
			 :
			 : "memory");
	return 0;
}
