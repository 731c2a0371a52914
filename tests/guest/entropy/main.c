/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Random bytes, twice, in hexadecimal: no two lines and no two boots may be alike. */

#include <stdio.h>
#include <ferrule/entropy.h>

int main(void)
{
	unsigned char bytes[32];

	for (int line = 0; line < 2; line++) {
		ferrule_entropy_read(bytes, sizeof(bytes));
		printf("random ");
		for (unsigned i = 0; i < sizeof(bytes); i++)
			printf("%02x", bytes[i]);
		printf("\n");
	}
	printf("entropy %s\n", ferrule_entropy_ready() ? "ready" : "not ready");
	return 0;
}
