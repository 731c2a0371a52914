/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Executes an instruction that does not exist.
 *
 * status: trap
 * expect: [Ii]nvalid (opcode|instruction)|#UD
 * expect: \bmain\b
 */

int main(void)
{
	__asm__ volatile("ud2");
	return 0;
}
