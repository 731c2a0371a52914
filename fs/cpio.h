/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Reading cpio archives of the "newc" kind (cpio(5), "New ASCII Format"): a header of
 * thirteen 8-digit hexadecimal fields, the name, the data, each padded to four bytes.
 *
 * The archive is not trusted: nothing outside of it is read, whatever it says. */

#ifndef FS_CPIO_H
#define FS_CPIO_H

#include <stddef.h>
#include <stdint.h>

struct cpio {
	const uint8_t *bytes;
	size_t length, position;
};

struct cpio_entry {
	uint32_t number, mode, uid, gid, links, mtime, device;
	const char *name; /* without the terminator, in the archive */
	size_t name_length;
	const uint8_t *data; /* in the archive */
	size_t data_bytes;
};

enum cpio_result {
	CPIO_ENTRY,
	CPIO_END,
	CPIO_TRUNCATED, /* it ends in the middle of an entry, or without a trailer */
	CPIO_CORRUPT,	/* no header where one must be */
};

void cpio_open(struct cpio *archive, const void *bytes, size_t length);
enum cpio_result cpio_next(struct cpio *archive, struct cpio_entry *out);

#endif
