/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Threads map and unmap memory at every depth of a fresh stack, whose pages are populated
 * by faults: none may come while the system holds a lock.
 *
 * expect: ^depths: 128$
 * status: 0
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>

static void *map_at_depth(void *depth)
{
	volatile char room[(size_t)depth];

	room[0] = 0;
	for (int i = 0; i < 3; i++) {
		void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (page == MAP_FAILED)
			return NULL;
		*(volatile char *)page = 0;
		munmap(page, 4096);
	}
	return room[0] ? NULL : depth;
}

int main(void)
{
	int done = 0;

	for (size_t depth = 1; depth < 2 * 4096; depth += 64) {
		pthread_t thread;
		void *result;

		if (pthread_create(&thread, NULL, map_at_depth, (void *)depth) ||
		    pthread_join(thread, &result))
			return 1;
		done += result == (void *)depth;
	}
	printf("depths: %d\n", done);
	return 0;
}
