/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Divides by zero.
 *
 * status: trap
 * expect: [Dd]ivi|#DE
 * expect: \bratio\b
 * expect: \bmain\b
 */

static __attribute__((noinline)) int ratio(int a, int b)
{
	return a / b;
}

int main(void)
{
	int zero = 0;

	__asm__ volatile("" : "+r"(zero)); /* the compiler must not know it */
	return ratio(100, zero) + 1; /* no tail call: this frame is in the backtrace */
}
