/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The table of function names for backtraces. tools/symbols.py writes it from the linked
 * image as an assembly file, which is then linked in; an image without it still works. */

#ifndef KERNEL_SYMBOLS_H
#define KERNEL_SYMBOLS_H

#include <stdint.h>

/* In section .symbols, by ascending offset. The last entry is the end of the text, with
 * an empty name. */
struct symbol {
	uint32_t offset;      /* of the function from KERNEL_BASE */
	uint32_t name_offset; /* into symbol_names: a NUL-terminated string */
};

extern const struct symbol symbols_start[] __attribute__((weak));
extern const struct symbol symbols_end[] __attribute__((weak));
extern const char symbol_names[] __attribute__((weak));

/* The function that holds `address`, and how far into it; NULL if none is known. */
const char *symbol_lookup(uintptr_t address, uintptr_t *into);

#endif
