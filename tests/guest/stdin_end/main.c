/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The console's input belongs to the status shell where that is linked in: standard input
 * is at its end, at once. The exit status is the number of failures. */

#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

void ferrule_shell(void);
void (*const volatile linked)(void) = ferrule_shell;

int main(void)
{
	struct pollfd in = { STDIN_FILENO, POLLIN, 0 };
	int failures = !linked, count = 1;
	char c;

	failures += poll(&in, 1, 5000) != 1 || !(in.revents & POLLIN);
	failures += read(STDIN_FILENO, &c, 1) != 0;
	failures += getchar() != EOF || !feof(stdin) || ferror(stdin);
	failures += ioctl(STDIN_FILENO, FIONREAD, &count) != 0 || count != 0;
	failures += tcflush(STDIN_FILENO, TCIFLUSH) != 0;
	printf("failures: %d\n", failures);
	return failures;
}
