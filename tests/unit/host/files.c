/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the file tree asks of the rest of the kernel, on the host. */

#include <stdlib.h>
#include <string.h>
#include <ferrule/entropy.h>
#include <kernel/boot_info.h>
#include <kernel/sync.h>

struct boot_info boot_info;

void ferrule_entropy_read(void *out, size_t bytes)
{
	memset(out, 0x5a, bytes);
}

void ferrule_entropy_mix(const void *bytes, size_t count, bool counts_as_seed)
{
	(void)bytes;
	(void)count;
	(void)counts_as_seed;
}

/* There is one thread, so a mutex that is held will never be free: a deadlock. */
void mutex_lock(struct mutex *mutex)
{
	if (mutex->owner)
		abort();
	mutex->owner = 1;
}

void mutex_unlock(struct mutex *mutex)
{
	if (!mutex->owner)
		abort();
	mutex->owner = 0;
}
