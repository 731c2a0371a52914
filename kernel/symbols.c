/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Names of functions. Searched from the start each time: only a death asks. */

#include <arch/mmu.h>
#include <kernel/symbols.h>

struct name {
	char *text;
	size_t length;
	bool ended;
};

/* Appends what the byte of a coded name stands for; the pairs nest a few deep. */
static void append(struct name *name, uint8_t byte)
{
	const uint8_t *pair;

	if (!byte || (byte >= SYMBOL_LOWEST && byte <= SYMBOL_HIGHEST)) {
		name->ended = !byte;
		if (name->length < SYMBOL_NAME_MAX - 1 || !byte)
			name->text[name->length++] = (char)byte;
		return;
	}
	pair = symbol_pairs[byte < SYMBOL_LOWEST
				    ? byte - 1
				    : byte - SYMBOL_HIGHEST + SYMBOL_LOWEST - 2];
	append(name, pair[0]);
	append(name, pair[1]);
}

static size_t read_length(const uint8_t **entry)
{
	size_t length = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = *(*entry)++;
		length |= (size_t)(byte & 127) << shift;
		shift += 7;
	} while (byte & 128);
	return length;
}

bool symbol_lookup(uintptr_t address, char name[SYMBOL_NAME_MAX], uintptr_t *into)
{
	const uint8_t *entry = symbols_start;

	if (entry == symbols_end || address < KERNEL_BASE + symbols_base)
		return false;
	*into = address - KERNEL_BASE - symbols_base;
	while (entry != symbols_end) {
		struct name each = { .text = name };
		size_t length = read_length(&entry);

		while (!each.ended)
			append(&each, *entry++);
		if (*into < length)
			return true;
		*into -= length;
	}
	return false;
}
