/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The base of POSIX, in the guest and, for comparison, on the host: memory, threads,
 * clocks, process, signals. The exit status is the number of failures. */

#include <stdio.h>
#include "check.h"

static int failures;

void check(bool good, const char *name)
{
	printf("%s %s\n", good ? "PASS" : "FAIL", name);
	failures += !good;
}

int main(int argc, char **argv)
{
	check(argc >= 1 && argv[0] && !argv[argc], "arguments");
	test_process();
	test_time();
	test_memory();
	test_threads();
	test_signals();
	printf("failures: %d\n", failures);
	return failures > 99 ? 99 : failures;
}
