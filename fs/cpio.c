/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The newc parser; fs/cpio.h says what it promises. */

#include <stdbool.h>
#include <string.h>
#include <fs/cpio.h>

#define MAGIC_BYTES  6
#define FIELDS	     13
#define HEADER_BYTES (MAGIC_BYTES + FIELDS * 8)

enum field {
	INO,
	MODE,
	UID,
	GID,
	NLINK,
	MTIME,
	FILESIZE,
	DEVMAJOR,
	DEVMINOR,
	RDEVMAJOR,
	RDEVMINOR,
	NAMESIZE,
	CHECK,
};

static const char trailer[] = "TRAILER!!!";

void cpio_open(struct cpio *archive, const void *bytes, size_t length)
{
	*archive = (struct cpio){ .bytes = bytes, .length = length };
}

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_field(const uint8_t *text, uint32_t *out)
{
	uint32_t value = 0;

	for (int i = 0; i < 8; i++) {
		int d = digit(text[i]);

		if (d < 0)
			return false;
		value = value << 4 | (uint32_t)d;
	}
	*out = value;
	return true;
}

static bool parse_header(const uint8_t *header, uint32_t *fields)
{
	/* 070702 has a checksum of the data in the last field; the rest is the same. */
	if (memcmp(header, "07070", 5) != 0 || (header[5] != '1' && header[5] != '2'))
		return false;
	for (int i = 0; i < FIELDS; i++)
		if (!parse_field(header + MAGIC_BYTES + i * 8, &fields[i]))
			return false;
	return true;
}

/* Steps over `bytes` and the padding behind them; false when the archive is shorter. The
 * padding of the last piece may be missing. */
static bool advance(struct cpio *archive, size_t bytes)
{
	if (bytes > archive->length - archive->position)
		return false;
	archive->position += bytes;
	archive->position += -archive->position & 3;
	if (archive->position > archive->length)
		archive->position = archive->length;
	return true;
}

enum cpio_result cpio_next(struct cpio *archive, struct cpio_entry *out)
{
	const uint8_t *header = archive->bytes + archive->position;
	uint32_t fields[FIELDS];

	if (archive->length - archive->position < HEADER_BYTES)
		return CPIO_TRUNCATED;
	if (!parse_header(header, fields) || fields[NAMESIZE] == 0)
		return CPIO_CORRUPT;
	if (!advance(archive, HEADER_BYTES + (size_t)fields[NAMESIZE]))
		return CPIO_TRUNCATED;
	out->name = (const char *)header + HEADER_BYTES;
	out->name_length = fields[NAMESIZE] - 1;
	if (memchr(out->name, '\0', fields[NAMESIZE]) != out->name + out->name_length)
		return CPIO_CORRUPT;
	out->data = archive->bytes + archive->position;
	out->data_bytes = fields[FILESIZE];
	if (!advance(archive, fields[FILESIZE]))
		return CPIO_TRUNCATED;
	out->number = fields[INO];
	out->mode = fields[MODE];
	out->uid = fields[UID];
	out->gid = fields[GID];
	out->links = fields[NLINK];
	out->mtime = fields[MTIME];
	out->device = fields[DEVMAJOR] << 8 | (fields[DEVMINOR] & 0xff);
	if (out->name_length == sizeof(trailer) - 1 &&
	    memcmp(out->name, trailer, sizeof(trailer) - 1) == 0)
		return CPIO_END;
	return CPIO_ENTRY;
}
