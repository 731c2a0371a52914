/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* An x87 exception that the application unmasked is a trap, not an interrupt of 1980.
 *
 * expect: trap 16: x87 floating-point error
 * expect: thread 1 "main"
 * status: trap
 */
#include <stdint.h>

int main(void)
{
	uint16_t control = 0x037b; /* division by zero is not masked */

	__asm__ volatile("fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(control));
	return 0;
}
