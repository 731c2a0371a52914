/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The marker that bench/plugin/icount.c reports: an instruction that does nothing, in our
 * guests and in Linux programs alike. id < 256. */

#ifndef BENCH_MARK_H
#define BENCH_MARK_H

#define MARK(id)                                                                \
	__asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00\n\t.long %c0" /* nopl */ \
			 :                                                      \
			 : "i"(0x4b52414d ^ (id))                               \
			 : "memory")

#endif
