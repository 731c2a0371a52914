/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Recurses without end in a thread.
 *
 * status: stack
 * expect: [Ss]tack overflow|overflowed
 * expect: \bdeeper\b
 */

#include <pthread.h>
#include <stddef.h>

static __attribute__((noinline)) int deeper(int depth)
{
	volatile char frame[256];

	frame[0] = (char)depth;
	return depth < 0 ? 0 : deeper(depth + 1) + frame[0];
}

static void *run(void *unused)
{
	(void)unused;
	deeper(0);
	return NULL;
}

int main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL))
		return 1;
	pthread_join(thread, NULL);
	return 0;
}
