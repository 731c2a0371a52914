/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Calls abort().
 *
 * status: signal
 * expect: [Aa]bort|SIGABRT|signal 6
 * expect: \bmain\b
 */

#include <stdlib.h>

int main(void)
{
	abort();
}
