/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* printf-style formatting without libc: %d %i %u %x %X %o %c %s %p %% with the flags
 * - 0 + space #, width, precision, * and the lengths hh h l ll z j t. No floating point.
 *
 * Context: any. */

#ifndef KERNEL_FORMAT_H
#define KERNEL_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* As C's snprintf: always terminates when size > 0; returns the untruncated length. */
int format(char *out, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int format_args(char *out, size_t size, const char *fmt, va_list args);

#endif
