/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: posix/vma.c tests/unit/host/heap.c */

/* The set of mapped ranges against a plain model: an array with one cell a page. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include <posix/vma.h>

#define PAGE  4096ul
#define PAGES 300

static uint8_t model[PAGES]; /* 0: hole, else attributes + 1 */

static void check_node(const struct vma *vma, size_t *count)
{
	if (!vma)
		return;
	(*count)++;
	assert_true(vma->start < vma->end);
	if (vma->left) {
		assert_true(vma->left->priority <= vma->priority);
		assert_true(vma->left->last <= vma->start);
	}
	if (vma->right) {
		assert_true(vma->right->priority <= vma->priority);
		assert_true(vma->right->first >= vma->end);
	}
	check_node(vma->left, count);
	check_node(vma->right, count);
}

static void check(const struct vma_set *set)
{
	size_t count = 0, ranges = 0;

	for (size_t page = 0; page < PAGES; page++) {
		const struct vma *vma = vma_find(set, page * PAGE + page % PAGE);

		assert_int_equal(vma ? vma->attributes + 1 : 0, model[page]);
		if (model[page] && (page == 0 || model[page - 1] != model[page]))
			ranges++;
	}
	check_node(set->root, &count);
	assert_int_equal(count, set->count);
	assert_int_equal(count, ranges); /* neighbours alike are one */
}

static size_t model_hole(size_t pages, size_t low, size_t high)
{
	for (size_t at = low; at + pages <= high; at++) {
		size_t length = 0;

		while (length < pages && !model[at + length])
			length++;
		if (length == pages)
			return at;
	}
	return 0;
}

static void random_changes_match_the_model(void **state)
{
	struct vma_set set = { 0 };

	(void)state;
	srand(1);
	memset(model, 0, sizeof(model));
	for (int step = 0; step < 20000; step++) {
		size_t from = 1 + rand() % (PAGES - 1), length = 1 + rand() % 20;
		size_t to = from + length > PAGES ? PAGES : from + length;
		unsigned attributes = rand() % 3;

		assert_true(vma_reserve(&set));
		switch (rand() % 4) {
		case 0:
			vma_insert(&set, from * PAGE, to * PAGE, attributes);
			memset(model + from, (int)attributes + 1, to - from);
			break;
		case 1:
			vma_remove(&set, from * PAGE, to * PAGE);
			memset(model + from, 0, to - from);
			break;
		case 2:
			vma_change(&set, from * PAGE, to * PAGE, attributes);
			for (size_t page = from; page < to; page++)
				if (model[page])
					model[page] = (uint8_t)(attributes + 1);
			break;
		case 3:
			assert_int_equal(vma_find_hole(&set, length * PAGE, from * PAGE,
						       PAGES * PAGE) /
						 PAGE,
					 model_hole(length, from, PAGES));
			assert_int_equal(vma_covered(&set, from * PAGE, to * PAGE),
					 !memchr(model + from, 0, to - from));
			break;
		}
		if (step % 16 == 0)
			check(&set);
	}
	vma_remove(&set, 0, PAGES * PAGE);
	memset(model, 0, sizeof(model));
	check(&set);
	while (set.spare) {
		struct vma *next = set.spare->left;

		free(set.spare);
		set.spare = next;
	}
}

static void holes_at_the_edges(void **state)
{
	struct vma_set set = { 0 };

	(void)state;
	assert_int_equal(vma_find_hole(&set, PAGE, 5 * PAGE, 6 * PAGE), 5 * PAGE);
	assert_int_equal(vma_find_hole(&set, 2 * PAGE, 5 * PAGE, 6 * PAGE), 0);
	assert_true(vma_reserve(&set));
	vma_insert(&set, 5 * PAGE, 6 * PAGE, 0);
	assert_int_equal(vma_find_hole(&set, PAGE, 5 * PAGE, 6 * PAGE), 0);
	assert_int_equal(vma_find_hole(&set, PAGE, 5 * PAGE, 7 * PAGE), 6 * PAGE);
	assert_int_equal(vma_find_hole(&set, PAGE, 2 * PAGE, 7 * PAGE), 2 * PAGE);
	assert_int_equal(vma_find_hole(&set, SIZE_MAX - PAGE, PAGE, SIZE_MAX), 0);
	vma_remove(&set, 0, 6 * PAGE);
	while (set.spare) {
		struct vma *next = set.spare->left;

		free(set.spare);
		set.spare = next;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes_match_the_model),
		cmocka_unit_test(holes_at_the_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
