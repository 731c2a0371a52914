/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The table of function names for backtraces. tools/symbols.py writes it from the linked
 * image as an assembly file, which is then linked in; an image without it still works.
 *
 * It is small rather than quick to search: one entry a function, by ascending address,
 *
 *	length	bytes to the next function, 7 bits a byte, the lowest first; all but the
 *		last with bit 7 set
 *	name	bytes that no name of C has, below SYMBOL_LOWEST or above SYMBOL_HIGHEST,
 *		stand for the two of symbol_pairs, which may again do so, or may be the
 *		NUL that ends the name */

#ifndef KERNEL_SYMBOLS_H
#define KERNEL_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYMBOL_NAME_MAX 64 /* with its NUL; what is longer is cut off */
#define SYMBOL_LOWEST	'.'
#define SYMBOL_HIGHEST	'z'

extern const uint32_t symbols_base
	__attribute__((weak)); /* of the first, from KERNEL_BASE */
extern const uint8_t symbols_start[] __attribute__((weak));
extern const uint8_t symbols_end[] __attribute__((weak));
/* For the bytes from 1 to SYMBOL_LOWEST - 1, then for those from SYMBOL_HIGHEST + 1 on. */
extern const uint8_t symbol_pairs[][2] __attribute__((weak));

/* Writes the name of the function that holds `address`, and how far into it that is;
 * false if none is known. */
bool symbol_lookup(uintptr_t address, char name[SYMBOL_NAME_MAX], uintptr_t *into);

#endif
