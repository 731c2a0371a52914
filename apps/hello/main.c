/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <stdio.h>

int main(int argc, char **argv)
{
	printf("Hello from %s!\n", argc > 0 ? argv[0] : "nowhere");
	for (int i = 1; i < argc; i++)
		printf("argument %d: %s\n", i, argv[i]);
	return 0;
}
