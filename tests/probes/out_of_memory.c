/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Allocates until there is no more: malloc() says so, and after free() all goes on.
 *
 * status: 0
 * expect: no more memory
 * expect: memory is back
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	void **chain = NULL, **next;
	size_t count = 0;

	while ((next = malloc(1 << 20))) {
		memset(next, 0x5a, 1 << 20); /* all of it is really there */
		*next = chain;
		chain = next;
		count++;
	}
	printf("no more memory after %zu MiB, errno %d\n", count, errno);
	if (errno != ENOMEM || count == 0)
		return 1;
	for (; chain; chain = next) {
		next = *chain;
		free(chain);
	}
	chain = malloc(count / 2 << 20);
	printf("memory is %s\n", chain ? "back" : "lost");
	return chain ? 0 : 1;
}
