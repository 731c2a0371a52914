/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Fails an assertion.
 *
 * status: signal
 * expect: Assertion failed: one == 2
 * expect: [Aa]bort|SIGABRT|signal 6
 */

#include <assert.h>

int main(void)
{
	volatile int one = 1;

	assert(one == 2);
	return 0;
}
