/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The set of mapped ranges of the address space: a treap ordered by address, in which
 * every node also knows the extent of its subtree and the largest gap inside. Neighbours
 * with equal attributes are one node. Plain data: the caller locks.
 *
 * Changes are made in two steps, so that they cannot fail half-way: vma_reserve() gets the
 * nodes that cutting may need; then any one change succeeds. */

#ifndef POSIX_VMA_H
#define POSIX_VMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vma {
	uintptr_t start, end; /* [start, end), whole pages */
	unsigned attributes;  /* what the range allows; equal neighbours are merged */
	uint32_t priority;    /* of the treap: a heap by random numbers */
	struct vma *left, *right;
	uintptr_t first, last; /* of the subtree: lowest start, highest end */
	size_t gap;	       /* largest hole between neighbours in the subtree */
};

struct vma_set {
	struct vma *root;
	struct vma *spare; /* linked by left; for the next change */
	unsigned spares;
	uint32_t random;
	size_t count;
};

/* Makes sure that one change can be made; false without memory. */
bool vma_reserve(struct vma_set *set);

/* The range that holds address, or NULL. */
const struct vma *vma_find(const struct vma_set *set, uintptr_t address);
/* The range that holds address, or the first above it, or NULL. */
const struct vma *vma_at_or_above(const struct vma_set *set, uintptr_t address);
/* Is every page of [start, end) in some range? */
bool vma_covered(const struct vma_set *set, uintptr_t start, uintptr_t end);

/* The lowest hole of `bytes` within [low, high); 0 if there is none. */
uintptr_t vma_find_hole(const struct vma_set *set, size_t bytes, uintptr_t low,
			uintptr_t high);

/* The changes. [start, end) may cover any mixture of ranges and holes. */
void vma_insert(struct vma_set *set, uintptr_t start, uintptr_t end, unsigned attributes);
void vma_remove(struct vma_set *set, uintptr_t start, uintptr_t end);
/* Gives the ranges (not the holes) new attributes. */
void vma_change(struct vma_set *set, uintptr_t start, uintptr_t end, unsigned attributes);

#endif
