/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The first thread ends by itself; the program ends with the last one.
 *
 * status: 0
 * expect: thread is done
 */

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *run(void *unused)
{
	usleep(20000);
	printf("thread is done\n");
	return unused;
}

int main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL))
		return 1;
	pthread_exit(NULL);
}
