/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Says much on the console. */

#include <stdio.h>

int main(void)
{
	for (int line = 0; line < 20000; line++)
		printf("line %d of many, which nobody reads on one of the consoles\n",
		       line);
	printf("said all\n");
	return 0;
}
