/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: bare fs/cpio.c */

/* cpio archives: nothing outside of one is read, and each ends. */

#include <fs/cpio.h>
#include "fuzz.h"

void fuzz_one(const uint8_t *data, size_t bytes)
{
	struct cpio_entry entry;
	struct cpio archive;
	size_t sum = 0, entries = 0;

	cpio_open(&archive, data, bytes);
	while (cpio_next(&archive, &entry) == CPIO_ENTRY) {
		FUZZ_ASSERT(++entries <= bytes);
		for (size_t i = 0; i < entry.name_length; i++)
			sum += (unsigned char)entry.name[i];
		for (size_t i = 0; i < entry.data_bytes; i++)
			sum += entry.data[i];
	}
	*(volatile size_t *)&sum = sum;
}
