/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "check.h"

#define PAGE 4096ul
#define MIB  (1024ul * 1024)

static char *map(size_t bytes, int protection, int flags)
{
	char *start = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags,
			   -1, 0);

	return start == MAP_FAILED ? NULL : start;
}

static bool all(const char *memory, size_t bytes, char value)
{
	for (size_t i = 0; i < bytes; i++)
		if (memory[i] != value)
			return false;
	return true;
}

static void test_mmap(void)
{
	char *a = map(16 * PAGE, PROT_READ | PROT_WRITE, 0), *b;

	check(a && all(a, 16 * PAGE, 0), "mmap gives zeros");
	memset(a, 1, 16 * PAGE);
	check(munmap(a + 4 * PAGE, 4 * PAGE) == 0 && all(a, 4 * PAGE, 1) &&
		      all(a + 8 * PAGE, 8 * PAGE, 1),
	      "munmap of the middle leaves the rest");
	b = mmap(a + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	check(b == a + 4 * PAGE && all(b, 4 * PAGE, 0), "MAP_FIXED into the hole");
	b = mmap(a, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		 -1, 0);
	check(b == MAP_FAILED && errno == EEXIST, "MAP_FIXED_NOREPLACE replaces nothing");
	memset(a, 2, 16 * PAGE);
	check(madvise(a, 2 * PAGE, MADV_DONTNEED) == 0 && all(a, 2 * PAGE, 0) &&
		      all(a + 2 * PAGE, 14 * PAGE, 2),
	      "MADV_DONTNEED zeroes");
	check(madvise(a, 16 * PAGE, MADV_FREE) == 0, "MADV_FREE");
	check(munmap(a, 16 * PAGE) == 0, "munmap");
	check(madvise(a, PAGE, MADV_DONTNEED) == -1 && errno == ENOMEM,
	      "madvise of nothing is ENOMEM");
	a = map(1024 * MIB * 1024, PROT_NONE, MAP_NORESERVE);
	check(a != NULL, "1 TiB can be reserved");
	check(a && mprotect(a + 512 * MIB, PAGE, PROT_READ | PROT_WRITE) == 0 &&
		      (a[512 * MIB] = 3) == 3,
	      "and a page of it used");
	munmap(a, 1024 * MIB * 1024);
	check(!map(0, PROT_READ, 0) && errno == EINVAL, "mmap of 0 bytes is EINVAL");
	check(!map(SIZE_MAX - 2 * PAGE, PROT_READ, 0) && errno == ENOMEM,
	      "mmap of everything is ENOMEM");
	check(munmap((void *)PAGE, 0) == -1 && errno == EINVAL,
	      "munmap of 0 bytes is EINVAL");
	check(munmap((void *)(PAGE + 1), PAGE) == -1 && errno == EINVAL,
	      "munmap of half a page is EINVAL");
}

static void test_protection(void)
{
	char *a = map(3 * PAGE, PROT_READ | PROT_WRITE, 0);
	struct utsname names;

	memset(a, 5, 3 * PAGE);
	check(mprotect(a + PAGE, PAGE, PROT_NONE) == 0 &&
		      mprotect(a + PAGE, PAGE, PROT_READ | PROT_WRITE) == 0 &&
		      all(a, 3 * PAGE, 5),
	      "PROT_NONE and back keeps the contents");
	check(mprotect(a, 3 * PAGE, PROT_READ) == 0 && all(a, 3 * PAGE, 5), "PROT_READ");
	check(mprotect(a, 4 * PAGE + 1024 * MIB, PROT_READ) == -1 && errno == ENOMEM,
	      "mprotect over a hole is ENOMEM");
	munmap(a, 3 * PAGE);
	uname(&names);
	if (!strcmp(names.sysname, "Ferrule")) /* others may be more lenient */
		check(!map(PAGE, PROT_WRITE | PROT_EXEC, 0) && errno == EACCES,
		      "W^X at mmap");
}

static int seven(void)
{
	return 7;
}

static void test_execute(void)
{
	/* mov $7, %eax; ret */
	static const unsigned char code[] = { 0xb8, 7, 0, 0, 0, 0xc3 };
	unsigned char *a = (void *)map(PAGE, PROT_READ | PROT_WRITE, 0);
	int (*call)(void) = (int (*)(void))(uintptr_t)a;

	memcpy(a, code, sizeof(code));
	check(mprotect(a, PAGE, PROT_READ | PROT_EXEC) == 0 && call() == seven(),
	      "written code runs once it is executable");
	munmap(a, PAGE);
}

static void test_mremap(void)
{
	char *a = map(4 * PAGE, PROT_READ | PROT_WRITE, 0), *b, *wall;

	memset(a, 6, 4 * PAGE);
	wall = mmap(a + 4 * PAGE, PAGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	check(mremap(a, 4 * PAGE, 8 * PAGE, 0) == MAP_FAILED && errno == ENOMEM,
	      "mremap cannot grow into another mapping");
	b = mremap(a, 4 * PAGE, 200 * PAGE, MREMAP_MAYMOVE);
	check(b != MAP_FAILED && b != a && all(b, 4 * PAGE, 6) &&
		      all(b + 4 * PAGE, PAGE, 0),
	      "mremap moves and grows");
	check(mremap(b, 200 * PAGE, 2 * PAGE, 0) == b && all(b, 2 * PAGE, 6),
	      "mremap shrinks");
	check(mremap(b, 2 * PAGE, 3 * PAGE, 0) == b && all(b + 2 * PAGE, PAGE, 0),
	      "mremap grows in place");
	munmap(b, 3 * PAGE);
	munmap(wall, PAGE);
}

/* Blocks of all sizes, allocated and freed in a wild order, each filled with its mark. */
static void test_malloc(void)
{
	enum { BLOCKS = 500 };
	static struct {
		unsigned char *memory;
		size_t bytes;
	} block[BLOCKS];
	uint32_t random = 1;
	bool good = true;

	for (int step = 0; step < 20000 && good; step++) {
		random = random * 1103515245 + 12345;
		unsigned i = (random >> 8) % BLOCKS;
		size_t bytes = 1 + (random >> 4) % (step % 64 ? 3000 : 300000);

		for (size_t j = 0; j < block[i].bytes; j += 97)
			good = good && block[i].memory[j] == (unsigned char)i;
		if (step % 3 == 0) {
			unsigned char *grown = realloc(block[i].memory, bytes);

			good = good && grown;
			block[i].memory = grown;
		} else {
			free(block[i].memory);
			block[i].memory = malloc(bytes);
			good = good && block[i].memory;
		}
		block[i].bytes = bytes;
		if (good)
			memset(block[i].memory, (int)i, bytes);
	}
	for (int i = 0; i < BLOCKS; i++)
		free(block[i].memory);
	check(good, "malloc, realloc, free");
	/* Volatile: the compiler knows malloc(), and what is never used it need not ask for. */
	void *volatile much = malloc((size_t)1 << 46);
	check(!much && errno == ENOMEM, "malloc of 64 TiB is ENOMEM");
	free(much);
}

void test_memory(void)
{
	test_mmap();
	test_protection();
	test_execute();
	test_mremap();
	test_malloc();
}
