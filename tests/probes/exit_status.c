/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Leaves by exit() with a status of its own.
 *
 * status: 7
 * expect: leaving
 * expect: at exit
 */

#include <stdio.h>
#include <stdlib.h>

static void last_words(void)
{
	printf("at exit\n");
}

int main(void)
{
	atexit(last_words);
	printf("leaving\n");
	exit(7);
}
