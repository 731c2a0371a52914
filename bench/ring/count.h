/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What a piece of this program does, counted: instructions, by single steps; cache lines
 * of some memory that are read and written, by taking it away and looking at the faults.
 * x86-64 Linux. */

#ifndef BENCH_RING_COUNT_H
#define BENCH_RING_COUNT_H

#include <stddef.h>
#include <stdint.h>

/* Between the two, each instruction counts. Nothing that the compiler knows may move across. */
void count_instructions_begin(void);
uint64_t count_instructions_end(void);

/* From the first on, accesses to `memory`, whole pages, are noted; the second adds the
 * different lines to *read and *written. */
void count_lines_begin(void *memory, size_t bytes);
void count_lines_end(uint64_t *read, uint64_t *written);

void count_init(void);

#endif
