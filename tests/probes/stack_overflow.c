/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Recurses without end in main().
 *
 * status: stack
 * expect: [Ss]tack overflow|overflowed
 * expect: \bdeeper\b
 */

static __attribute__((noinline)) int deeper(int depth)
{
	volatile char frame[256];

	frame[0] = (char)depth;
	return depth < 0 ? 0 : deeper(depth + 1) + frame[0];
}

int main(void)
{
	return deeper(0);
}
