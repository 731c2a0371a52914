/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Files, in the guest and, for comparison, on the host: descriptors, pipes, poll, epoll,
 * the file tree (writes only where the root can be written). The exit status is the number
 * of failures. */

#include <errno.h>
#include <stdio.h>
#include "check.h"

static int failures;

void check(bool good, const char *name)
{
	if (good)
		printf("PASS %s\n", name);
	else
		printf("FAIL %s (errno %d)\n", name, errno);
	failures += !good;
}

int main(void)
{
	test_descriptors();
	test_pipes();
	test_polling();
	test_epoll();
	test_times();
	test_tree();
	printf("failures: %d\n", failures);
	return failures > 99 ? 99 : failures;
}
