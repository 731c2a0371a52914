/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Two disks, one of which may lie: reads the first block of each over and over, in threads
 * of their own, and says when what the liar answers changes. The honest one must never
 * fail, and must go on while the other is reset. Ends after ROUNDS right answers of the
 * honest one. */

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ferrule/block.h>

#define BYTES 4096

static bool ended;

static void *watch(void *argument)
{
	struct ferrule_block *liar = argument;
	static unsigned char data[BYTES];
	int before = 1;

	while (!__atomic_load_n(&ended, __ATOMIC_ACQUIRE)) {
		int status;

		memset(data, 0xee, sizeof(data));
		status = ferrule_block_read(liar, 0, data, sizeof(data));
		if (status != before)
			printf("liar: status %d, first byte %02x\n", status, data[0]);
		before = status;
		usleep(1000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
	struct ferrule_block *liar = ferrule_block_find("vda");
	struct ferrule_block *honest = ferrule_block_find("vdb");
	static unsigned char first[BYTES], data[BYTES];
	pthread_t watcher;

	if (!liar || !honest) {
		puts("two disks are wanted");
		return 1;
	}
	if (ferrule_block_read(honest, 0, first, sizeof(first)) ||
	    pthread_create(&watcher, NULL, watch, liar))
		return 1;
	puts("reading");
	for (unsigned i = 0; i < rounds; i++) {
		if (ferrule_block_read(honest, 0, data, sizeof(data)) ||
		    memcmp(first, data, sizeof(data))) {
			printf("the honest disk failed in round %u\n", i);
			return 1;
		}
		usleep(1000);
	}
	printf("honest: %u right\n", rounds);
	__atomic_store_n(&ended, true, __ATOMIC_RELEASE);
	pthread_join(watcher, NULL);
	puts("both have ended");
	return 0;
}
