/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Sockets as POSIX and Linux define them, over the loopback, so that it needs no card. The
 * same program passes on Linux. Prints a line a case; the exit status counts the failures. */

#include <stdio.h>
#include "check.h"

int failures;
const char *current;

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "names", test_names },
	{ "errors", test_errors },
	{ "stream", test_stream_basics },
	{ "half close", test_half_close },
	{ "reset", test_reset },
	{ "nonblocking", test_nonblocking },
	{ "bulk", test_bulk },
	{ "datagrams", test_datagrams },
	{ "message headers", test_message_headers },
	{ "options", test_options },
	{ "dual stack", test_dual_stack },
	{ "epoll", test_epoll },
	{ "many", test_many },
	{ "socketpair", test_socketpair },
	{ "threads", test_threads },
	{ "restart", test_restart },
};

int main(void)
{
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		int before = failures;

		current = tests[i].name;
		tests[i].run();
		printf("%s %s\n", failures == before ? "ok" : "FAIL", current);
		fflush(stdout);
	}
	printf("%d failures\n", failures);
	return failures != 0;
}
