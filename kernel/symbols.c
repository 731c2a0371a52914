/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Names of functions. Searched from the start each time: only a death asks. */

#include <arch/mmu.h>
#include <kernel/symbols.h>

/* Appends what the byte of a coded name stands for; the pairs nest a few deep. */
static char *append(char *at, char *end, uint8_t byte)
{
	const uint8_t *pair;

	if (byte >= SYMBOL_LOWEST && byte <= SYMBOL_HIGHEST) {
		if (at < end)
			*at++ = (char)byte;
		return at;
	}
	pair = symbol_pairs[byte < SYMBOL_LOWEST
				    ? byte - 1
				    : byte - SYMBOL_HIGHEST + SYMBOL_LOWEST - 2];
	at = append(at, end, pair[0]);
	return append(at, end, pair[1]);
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
	char *at = name;

	if (entry == symbols_end || address < KERNEL_BASE + symbols_base)
		return false;
	*into = address - KERNEL_BASE - symbols_base;
	while (entry < symbols_end) {
		size_t length = read_length(&entry);

		if (*into < length)
			break;
		*into -= length;
		while (*entry++)
			;
	}
	if (entry == symbols_end)
		return false;
	while (*entry)
		at = append(at, name + SYMBOL_NAME_MAX - 1, *entry++);
	*at = '\0';
	return true;
}
