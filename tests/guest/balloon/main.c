/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The balloon as the host drives it. Each change is a line; ends when the balloon has been
 * full and is empty again.
 *
 *	use	first takes 32 MiB and frees them, so that there is idle memory
 *	starve	once the balloon has something: allocates until that fails */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <ferrule/balloon.h>

#define BLOCK ((size_t)1 << 20)

static void use(unsigned blocks)
{
	unsigned char *memory = mmap(NULL, blocks * BLOCK, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		puts("no memory to use");
		exit(1);
	}
	memset(memory, 0x5a, blocks * BLOCK);
	munmap(memory, blocks * BLOCK);
	printf("used %u MiB\n", blocks);
}

/* Pages are populated as they are written: a failure would be this program's death, so it
 * stops before that, when the balloon is empty. */
static void starve(void)
{
	struct ferrule_balloon_info info = { 0 };
	unsigned taken = 0;

	while (ferrule_balloon_info(&info) && info.held_bytes) {
		unsigned char *memory = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			break;
		memset(memory, ++taken & 255, BLOCK);
	}
	ferrule_balloon_info(&info);
	printf("starved after %u MiB, reclaimed %llu\n", taken,
	       (unsigned long long)info.reclaimed_bytes);
}

int main(int argc, char **argv)
{
	struct ferrule_balloon_info now, before = { 0 };
	bool full = false;

	if (!ferrule_balloon_info(&before)) {
		puts("no balloon");
		return 1;
	}
	puts("balloon found");
	if (argc > 1 && !strcmp(argv[1], "use"))
		use(32);
	memset(&before, 0xff, sizeof(before));
	for (;;) {
		if (!ferrule_balloon_info(&now)) {
			puts("balloon gone");
			usleep(100000);
			continue;
		}
		if (memcmp(&now, &before, sizeof(now)))
			printf("target %llu held %llu reported %llu hinted %llu\n",
			       (unsigned long long)now.target_bytes,
			       (unsigned long long)now.held_bytes,
			       (unsigned long long)now.reported_bytes,
			       (unsigned long long)now.hinted_bytes);
		before = now;
		if (now.held_bytes && now.held_bytes == now.target_bytes && !full) {
			full = true;
			if (argc > 1 && !strcmp(argv[1], "starve")) {
				starve();
				return 0;
			}
		}
		if (full && !now.held_bytes)
			break;
		usleep(20000);
	}
	puts("balloon empty");
	return 0;
}
