/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What stands for functions of the C library in libext2fs (ports/e2fsprogs). */

#ifndef FS_EXT4_LIBC_H
#define FS_EXT4_LIBC_H

#include <stddef.h>
#include <time.h>

void *ext4_malloc(size_t bytes);
void *ext4_calloc(size_t count, size_t bytes);
void *ext4_realloc(void *old, size_t bytes);
void ext4_free(void *memory);
time_t ext4_time(time_t *out);
void ext4_com_err(const char *who, long code, const char *fmt, ...);

#endif
