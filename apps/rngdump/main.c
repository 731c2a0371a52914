/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* rngdump [BYTES]: prints random bytes. Shows <ferrule/entropy.h>. */

#include <stdio.h>
#include <stdlib.h>
#include <ferrule/entropy.h>

#define LINE_BYTES 32

int main(int argc, char **argv)
{
	unsigned long left = argc > 1 ? strtoul(argv[1], NULL, 0) : 64;
	unsigned char line[LINE_BYTES];

	if (!ferrule_entropy_ready())
		fprintf(stderr, "rngdump: not seeded yet, these can be guessed\n");
	while (left) {
		unsigned long count = left < LINE_BYTES ? left : LINE_BYTES;

		ferrule_entropy_read(line, count);
		for (unsigned long i = 0; i < count; i++)
			printf("%02x", line[i]);
		printf("\n");
		left -= count;
	}
	return 0;
}
