/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <kernel/heap.h>
#include <posix/vma.h>

#define SPARES_NEEDED 3 /* two cuts and a new range */

bool vma_reserve(struct vma_set *set)
{
	while (set->spares < SPARES_NEEDED) {
		struct vma *vma = kmalloc(sizeof(*vma));

		if (!vma)
			return false;
		vma->left = set->spare;
		set->spare = vma;
		set->spares++;
	}
	return true;
}

static uint32_t next_priority(struct vma_set *set)
{
	uint32_t x = set->random ? set->random : 0x9e3779b9;

	/* Marsaglia's xorshift: balance needs no better numbers. */
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return set->random = x;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void update(struct vma *vma)
{
	const struct vma *left = vma->left, *right = vma->right;

	vma->first = left ? left->first : vma->start;
	vma->last = right ? right->last : vma->end;
	vma->gap = 0;
	if (left)
		vma->gap = larger(left->gap, vma->start - left->last);
	if (right)
		vma->gap = larger(vma->gap, larger(right->gap, right->first - vma->end));
}

static struct vma *new_vma(struct vma_set *set, uintptr_t start, uintptr_t end,
			   unsigned attributes)
{
	struct vma *vma = set->spare;

	set->spare = vma->left;
	set->spares--;
	set->count++;
	*vma = (struct vma){
		.start = start,
		.end = end,
		.attributes = attributes,
		.priority = next_priority(set),
	};
	update(vma);
	return vma;
}

static void drop(struct vma_set *set, struct vma *vma)
{
	set->count--;
	if (set->spares < SPARES_NEEDED) {
		vma->left = set->spare;
		set->spare = vma;
		set->spares++;
	} else {
		kfree(vma);
	}
}

static void drop_all(struct vma_set *set, struct vma *tree)
{
	while (tree) {
		struct vma *right = tree->right;

		drop_all(set, tree->left);
		drop(set, tree);
		tree = right;
	}
}

/* Splits a tree into the ranges that start below `address` and the others. Depth of the
 * recursion, here and below: that of the treap, logarithmic. */
static void split(struct vma *tree, uintptr_t address, struct vma **below,
		  struct vma **others)
{
	if (!tree) {
		*below = *others = NULL;
	} else if (tree->start < address) {
		split(tree->right, address, &tree->right, others);
		*below = tree;
		update(tree);
	} else {
		split(tree->left, address, below, &tree->left);
		*others = tree;
		update(tree);
	}
}

/* Joins two trees, all of the first below all of the second. */
static struct vma *join(struct vma *below, struct vma *above)
{
	if (!below)
		return above;
	if (!above)
		return below;
	if (below->priority > above->priority) {
		below->right = join(below->right, above);
		update(below);
		return below;
	}
	above->left = join(below, above->left);
	update(above);
	return above;
}

/* Takes the lowest or the highest range off a tree. */
static struct vma *take_edge(struct vma **tree, bool highest)
{
	struct vma *below, *above, *edge = *tree;

	if (!edge)
		return NULL;
	if (!highest) {
		while (edge->left)
			edge = edge->left;
		split(*tree, edge->start + 1, &below, &above);
		*tree = above;
		return below;
	}
	while (edge->right)
		edge = edge->right;
	split(*tree, edge->start, &below, &above);
	*tree = below;
	return above;
}

/* Joins two trees as join() does, and the two ranges that meet at the seam, if they touch
 * and are alike. */
static struct vma *join_alike(struct vma_set *set, struct vma *below, struct vma *above)
{
	struct vma *a, *b;

	if (!below || !above || below->last != above->first)
		return join(below, above);
	a = take_edge(&below, true);
	b = take_edge(&above, false);
	if (a->attributes == b->attributes) {
		a->end = b->end;
		update(a);
		drop(set, b);
		b = NULL;
	}
	return join(join(below, a), join(b, above));
}

/* Takes [start, end) out of the set as a tree of its own, with ranges cut at both ends:
 * leaves what is below in *below and what is above in *above. */
static struct vma *cut_out(struct vma_set *set, uintptr_t start, uintptr_t end,
			   struct vma **below, struct vma **above)
{
	struct vma *middle, *edge;

	split(set->root, start, below, &middle);
	edge = take_edge(below, true);
	if (edge && edge->end > start) {
		struct vma *rest = new_vma(set, start, edge->end, edge->attributes);

		edge->end = start;
		update(edge);
		middle = join(rest, middle);
	}
	*below = join(*below, edge);
	split(middle, end, &middle, above);
	edge = take_edge(&middle, true);
	if (edge && edge->end > end) {
		struct vma *rest = new_vma(set, end, edge->end, edge->attributes);

		edge->end = end;
		update(edge);
		*above = join(rest, *above);
	}
	return join(middle, edge);
}

void vma_insert(struct vma_set *set, uintptr_t start, uintptr_t end, unsigned attributes)
{
	struct vma *below, *above;

	drop_all(set, cut_out(set, start, end, &below, &above));
	below = join_alike(set, below, new_vma(set, start, end, attributes));
	set->root = join_alike(set, below, above);
}

void vma_remove(struct vma_set *set, uintptr_t start, uintptr_t end)
{
	struct vma *below, *above;

	drop_all(set, cut_out(set, start, end, &below, &above));
	set->root = join(below, above);
}

void vma_change(struct vma_set *set, uintptr_t start, uintptr_t end, unsigned attributes)
{
	struct vma *below, *above, *changed, *vma;

	changed = cut_out(set, start, end, &below, &above);
	while ((vma = take_edge(&changed, false))) {
		vma->attributes = attributes;
		below = join_alike(set, below, vma);
	}
	set->root = join_alike(set, below, above);
}

const struct vma *vma_at_or_above(const struct vma_set *set, uintptr_t address)
{
	const struct vma *vma = set->root, *best = NULL;

	while (vma) {
		if (address < vma->end) {
			best = vma;
			vma = address < vma->start ? vma->left : NULL;
		} else {
			vma = vma->right;
		}
	}
	return best;
}

const struct vma *vma_find(const struct vma_set *set, uintptr_t address)
{
	const struct vma *vma = vma_at_or_above(set, address);

	return vma && vma->start <= address ? vma : NULL;
}

bool vma_covered(const struct vma_set *set, uintptr_t start, uintptr_t end)
{
	while (start < end) {
		const struct vma *vma = vma_find(set, start);

		if (!vma)
			return false;
		start = vma->end;
	}
	return true;
}

/* The lowest hole of `bytes` at or above `low` between neighbours of this subtree. */
static uintptr_t hole_inside(const struct vma *tree, size_t bytes, uintptr_t low)
{
	uintptr_t hole = 0;

	if (!tree || tree->gap < bytes || tree->last < low)
		return 0;
	if (tree->left) {
		uintptr_t from = larger(tree->left->last, low);

		hole = hole_inside(tree->left, bytes, low);
		if (!hole && from < tree->start && tree->start - from >= bytes)
			hole = from;
	}
	if (!hole && tree->right) {
		uintptr_t from = larger(tree->end, low);

		if (from < tree->right->first && tree->right->first - from >= bytes)
			hole = from;
		else
			hole = hole_inside(tree->right, bytes, low);
	}
	return hole;
}

uintptr_t vma_find_hole(const struct vma_set *set, size_t bytes, uintptr_t low,
			uintptr_t high)
{
	const struct vma *tree = set->root;
	uintptr_t hole;

	if (!tree || (low < tree->first && tree->first - low >= bytes))
		hole = low;
	else {
		hole = hole_inside(tree, bytes, low);
		if (!hole)
			hole = larger(tree->last, low);
	}
	return hole < high && high - hole >= bytes ? hole : 0;
}
