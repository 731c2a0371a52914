/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Makes a system call that nothing implements: it fails, is counted, and listed at the end.
 *
 * status: 0
 * expect: answer: -1, errno 38
 * expect: ENOSYS:.*acct \(3\)
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	int answer = 0;

	for (int i = 0; i < 3; i++)
		answer = acct("/nowhere");
	printf("answer: %d, errno %d\n", answer, errno);
	return 0;
}
