/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Writes past an array on the stack.
 *
 * status: smash
 * expect: [Ss]tack.*(smash|protector|corrupt)|smash
 * expect: \bmain\b
 */

#include <stddef.h>

static __attribute__((noinline)) void fill(volatile char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		text[i] = 'x';
}

static __attribute__((noinline)) int overrun(size_t bytes)
{
	char text[24];

	fill(text, bytes);
	return text[3];
}

int main(void)
{
	/* Over the guard, not as far as the frame pointer and return address. */
	return overrun(32) + 1;
}
