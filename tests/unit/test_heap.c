/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/heap.c kernel/page.c kernel/page_region.c tests/unit/host/log.c tests/unit/host/panic.c */

/* The kernel heap on the real page allocator. */

#include <death.h>
#include <sys/mman.h>
#include <kernel/heap.h>
#include <kernel/page.h>

#define BASE (UINT64_C(256) << 20)

static void boot(size_t bytes)
{
	void *memory = mmap(
		(void *)BASE, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	assert_ptr_equal(memory, (void *)BASE);
	page_add_region(BASE, BASE + bytes);
}

static struct heap_stats stats(void)
{
	struct heap_stats stats;

	heap_stats(&stats);
	return stats;
}

static void run_random_use(void)
{
	static struct {
		unsigned char *at;
		size_t bytes;
		unsigned char mark;
	} blocks[3000];

	boot(64 << 20);
	srand(2);
	for (unsigned step = 0; step < 300000; step++) {
		unsigned i = (unsigned)rand() % array_count(blocks);

		if (blocks[i].at && rand() % 4 == 0) {
			size_t bytes = (unsigned)rand() % 5000;
			size_t kept = bytes < blocks[i].bytes ? bytes : blocks[i].bytes;

			blocks[i].at = krealloc(blocks[i].at, bytes);
			assert_non_null(blocks[i].at);
			if (kept) {
				assert_int_equal(blocks[i].at[0], blocks[i].mark);
				assert_int_equal(blocks[i].at[kept - 1], blocks[i].mark);
			}
			blocks[i].bytes = bytes;
			memset(blocks[i].at, blocks[i].mark, bytes);
		} else if (blocks[i].at) {
			for (size_t at = 0; at < blocks[i].bytes; at++)
				if (blocks[i].at[at] != blocks[i].mark)
					fail();
			kfree(blocks[i].at);
			blocks[i].at = NULL;
		} else {
			size_t bytes = (unsigned)rand() % (1u << rand() % 14);

			blocks[i].at = kmalloc(bytes);
			assert_non_null(blocks[i].at);
			assert_int_equal((uintptr_t)blocks[i].at % 16, 0);
			blocks[i].bytes = bytes;
			blocks[i].mark = (unsigned char)rand();
			memset(blocks[i].at, blocks[i].mark, bytes);
		}
	}
	for (unsigned i = 0; i < array_count(blocks); i++)
		kfree(blocks[i].at);
	assert_int_equal(stats().used_bytes, 0);
	assert_true(stats().page_bytes <= 15 * PAGE_BYTES);
	/* The last pages of the classes come back when memory runs out. */
	while (page_alloc(0))
		;
	assert_int_equal(stats().page_bytes, 0);
}

static void run_alignment(void)
{
	boot(16 << 20);
	for (size_t bytes = 1; bytes <= 4096; bytes *= 2)
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal((uintptr_t)kmalloc(bytes) % bytes, 0);
	for (size_t bytes = 0; bytes < 3000; bytes++) {
		char *memory = kmalloc(bytes), *other = kmalloc(bytes);

		memset(memory, 1, bytes);
		memset(other, 2, bytes);
		for (size_t at = 0; at < bytes; at++)
			if (memory[at] != 1)
				fail();
		kfree(memory);
		kfree(other);
	}
}

static void run_exhaustion(void)
{
	void *first = NULL, *memory;

	boot(1 << 20);
	assert_null(kmalloc(1 << 20));
	assert_null(kmalloc(SIZE_MAX));
	while ((memory = kmalloc(100))) {
		*(void **)memory = first;
		first = memory;
	}
	assert_null(kzalloc(5000));
	while (first) {
		memory = *(void **)first;
		kfree(first);
		first = memory;
	}
	assert_int_equal(stats().used_bytes, 0);
	memory = kzalloc(100000);
	assert_non_null(memory);
	kfree(memory);
	kfree(NULL);
}

static void run_zeroed(void)
{
	boot(1 << 20);
	for (unsigned round = 0; round < 100; round++) {
		unsigned char *memory = kzalloc(200);

		for (unsigned i = 0; i < 200; i++)
			assert_int_equal(memory[i], 0);
		memset(memory, 0xff, 200);
		kfree(memory);
	}
}

static void die_double_free(void)
{
	void *memory;

	boot(1 << 20);
	memory = kmalloc(40);
	kmalloc(40);
	kfree(memory);
	kfree(memory);
}

static void die_double_free_of_pages(void)
{
	void *memory;

	boot(1 << 20);
	memory = kmalloc(9000);
	kfree(memory);
	kfree(memory);
}

static void die_inside(void)
{
	boot(1 << 20);
	kfree((char *)kmalloc(96) + 16);
}

static void die_foreign(void)
{
	static char memory[64];

	boot(1 << 20);
	kfree(memory);
}

static void die_page(void)
{
	boot(1 << 20);
	kfree(phys_to_virt(page_alloc(0)));
}

static void die_never_handed_out(void)
{
	boot(1 << 20);
	kfree((char *)kmalloc(64) + 64);
}

static void die_write_after_free(void)
{
	uint64_t *memory;

	boot(1 << 20);
	kmalloc(64);
	memory = kmalloc(64);
	kfree(memory);
	*memory = UINT64_C(0x4141414141414141);
	kmalloc(64);
}

/* What a freed block held must not convict its next owner's content of anything. */
static void run_mark_in_data(void)
{
	uint64_t *memory, mark;

	boot(1 << 20);
	kmalloc(64);
	memory = kmalloc(64);
	kfree(memory);
	mark = memory[1];
	assert_ptr_equal(kmalloc(64), memory);
	memory[1] = mark;
	kfree(memory);
	assert_int_equal(stats().used_bytes, 64);
}

static void lives(void **state)
{
	(void)state;
	assert_lives(run_random_use);
	assert_lives(run_alignment);
	assert_lives(run_exhaustion);
	assert_lives(run_zeroed);
	assert_lives(run_mark_in_data);
}

static void bad_frees_panic(void **state)
{
	(void)state;
	assert_dies(die_double_free);
	assert_dies(die_double_free_of_pages);
	assert_dies(die_inside);
	assert_dies(die_foreign);
	assert_dies(die_page);
	assert_dies(die_never_handed_out);
	assert_dies(die_write_after_free);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lives),
		cmocka_unit_test(bad_frees_panic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
