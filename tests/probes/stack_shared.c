/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A thread writes to memory on main's stack that nobody touched before: all threads share
 * one address space, stacks included.
 *
 * expect: ^filled: 262144$
 * status: 0
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define BYTES (256 * 1024)

static void *fill(void *memory)
{
	memset(memory, 1, BYTES);
	return NULL;
}

int main(void)
{
	char memory[BYTES];
	pthread_t thread;
	int sum = 0;

	if (pthread_create(&thread, NULL, fill, memory) || pthread_join(thread, NULL))
		return 1;
	for (int i = 0; i < BYTES; i++)
		sum += memory[i];
	printf("filled: %d\n", sum);
	return 0;
}
