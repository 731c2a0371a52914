/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What libext2fs gets from the kernel rather than the C library: file systems are mounted
 * before that is started, and used by threads it knows nothing of. The library is built
 * with these names in the place of malloc and the others. */

#include <string.h>
#include <fs/ext4_libc.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/time.h>

void *ext4_malloc(size_t bytes)
{
	return kmalloc(bytes ? bytes : 1);
}

void *ext4_calloc(size_t count, size_t bytes)
{
	size_t total;

	if (__builtin_mul_overflow(count, bytes, &total))
		return NULL;
	return kzalloc(total ? total : 1);
}

void *ext4_realloc(void *old, size_t bytes)
{
	return krealloc(old, bytes ? bytes : 1);
}

void ext4_free(void *memory)
{
	kfree(memory);
}

time_t ext4_time(time_t *out)
{
	time_t now = clock_realtime_ns() / (int64_t)NS_PER_SEC;

	if (out)
		*out = now;
	return now;
}

/* The library's way to complain; what it says is for its own tools' users. */
void ext4_com_err(const char *who, long code, const char *fmt, ...)
{
	log_warn("ext4: %s: %s (%ld)", who ? who : "libext2fs", fmt ? fmt : "", code);
}
