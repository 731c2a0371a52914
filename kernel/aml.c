/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* AML as a list of declarations (ACPI 6.5 §20.2). */

#include <string.h>
#include <kernel/acpi.h>
#include <kernel/aml.h>

#define OP_ZERO		 0x00
#define OP_ONE		 0x01
#define OP_NAME		 0x08
#define OP_BYTE		 0x0a
#define OP_WORD		 0x0b
#define OP_DWORD	 0x0c
#define OP_STRING	 0x0d
#define OP_QWORD	 0x0e
#define OP_SCOPE	 0x10
#define NAME_DUAL	 0x2e
#define NAME_MULTI	 0x2f
#define OP_EXTENDED	 0x5b
#define OP_REGION	 0x80 /* after OP_EXTENDED, as the next */
#define OP_DEVICE	 0x82
#define REGION_SYSTEM_IO 1
#define FADT_DSDT	 40
#define FADT_DSDT_64	 140
#define NAME_BYTES	 4

static uint64_t little(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

static size_t left(const struct aml *aml)
{
	return (size_t)(aml->end - aml->at);
}

/* Its checksum is computed once, not for each who reads it. */
static const struct acpi_header *dsdt(void)
{
	static const struct acpi_header *known;
	const struct acpi_header *fadt = acpi_table("FACP");
	const uint8_t *bytes = (const uint8_t *)fadt;
	uint64_t phys = 0;

	if (known)
		return known;
	if (fadt && fadt->length >= FADT_DSDT_64 + 8)
		phys = little(bytes + FADT_DSDT_64, 8);
	if (fadt && !phys && fadt->length >= FADT_DSDT + 4)
		phys = little(bytes + FADT_DSDT, 4);
	known = phys ? acpi_table_at(phys) : NULL;
	return known;
}

bool aml_block(unsigned number, struct aml *out)
{
	const struct acpi_header *table = number ? acpi_table_number("SSDT", number - 1)
						 : dsdt();

	if (!table)
		return false;
	out->at = (const uint8_t *)(table + 1);
	out->end = (const uint8_t *)table + table->length;
	return true;
}

/* PkgLength (§20.2.4): how far from here the package reaches, and where what is in it
 * begins. False when it does not lie in `aml`. */
static bool package(struct aml *aml)
{
	size_t bytes, more;

	if (!left(aml))
		return false;
	more = *aml->at >> 6;
	if (left(aml) < more + 1)
		return false;
	bytes = more ? (*aml->at & 15u) | (size_t)little(aml->at + 1, (unsigned)more) << 4
		     : *aml->at & 63u;
	if (bytes < more + 1 || bytes > left(aml))
		return false;
	aml->end = aml->at + bytes;
	aml->at += more + 1;
	return true;
}

bool aml_device_next(struct aml *block, struct aml *device)
{
	while (left(block) >= 2) {
		if (block->at[0] != OP_EXTENDED || block->at[1] != OP_DEVICE) {
			block->at++;
			continue;
		}
		block->at += 2;
		*device = *block;
		if (!package(device) || left(device) < NAME_BYTES)
			continue;
		device->at += NAME_BYTES;
		block->at = device->at;
		return true;
	}
	return false;
}

/* NameString (§20.2.2): past it; *last: its last segment. */
static bool name_string(struct aml *aml, const uint8_t **last)
{
	unsigned segments = 1;

	while (left(aml) && (*aml->at == '\\' || *aml->at == '^'))
		aml->at++;
	if (left(aml) > 1 && *aml->at == NAME_DUAL) {
		segments = 2;
		aml->at++;
	} else if (left(aml) > 2 && *aml->at == NAME_MULTI) {
		segments = aml->at[1];
		aml->at += 2;
	}
	if (!segments || left(aml) < (size_t)segments * NAME_BYTES)
		return false;
	aml->at += (size_t)segments * NAME_BYTES;
	*last = aml->at - NAME_BYTES;
	return true;
}

bool aml_scope_next(struct aml *block, const struct aml *device, struct aml *scope)
{
	const uint8_t *name = device->at - NAME_BYTES, *last;

	while (left(block)) {
		if (*block->at++ != OP_SCOPE)
			continue;
		*scope = *block;
		if (package(scope) && name_string(scope, &last) &&
		    memcmp(last, name, NAME_BYTES) == 0)
			return true;
	}
	return false;
}

/* What of a device comes before the devices in it. */
static struct aml own_part(const struct aml *device)
{
	struct aml rest = *device, inner, own = *device;

	if (aml_device_next(&rest, &inner))
		own.end = inner.at;
	return own;
}

bool aml_name(const struct aml *device, const char name[4], struct aml *object)
{
	struct aml own = own_part(device);

	for (; left(&own) > NAME_BYTES + 1; own.at++) {
		if (own.at[0] != OP_NAME || memcmp(own.at + 1, name, NAME_BYTES) != 0)
			continue;
		object->at = own.at + 1 + NAME_BYTES;
		object->end = own.end;
		return true;
	}
	return false;
}

bool aml_integer(struct aml object, uint64_t *value)
{
	unsigned bytes;

	if (!left(&object))
		return false;
	switch (*object.at) {
	case OP_ZERO:
	case OP_ONE:
		*value = *object.at;
		return true;
	case OP_BYTE:
		bytes = 1;
		break;
	case OP_WORD:
		bytes = 2;
		break;
	case OP_DWORD:
		bytes = 4;
		break;
	case OP_QWORD:
		bytes = 8;
		break;
	default:
		return false;
	}
	if (left(&object) < 1 + bytes)
		return false;
	*value = little(object.at + 1, bytes);
	return true;
}

static unsigned digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10) & 15;
}

/* Three letters and four hexadecimal digits in 32 bits, the bytes the wrong way round. */
static uint32_t compressed(const char *id)
{
	uint32_t letters = (uint32_t)(id[0] & 31) << 10 | (uint32_t)(id[1] & 31) << 5 |
			   (uint32_t)(id[2] & 31);
	uint32_t value = letters << 16 | digit(id[3]) << 12 | digit(id[4]) << 8 |
			 digit(id[5]) << 4 | digit(id[6]);

	return __builtin_bswap32(value);
}

static bool says(const struct aml *device, const char *name, const char *id)
{
	size_t bytes = strnlen(id, 16) + 1;
	struct aml object;
	uint64_t value;

	if (!aml_name(device, name, &object))
		return false;
	if (left(&object) > bytes && *object.at == OP_STRING)
		return memcmp(object.at + 1, id, bytes) == 0;
	return bytes == 8 && aml_integer(object, &value) && value == compressed(id);
}

bool aml_is_a(const struct aml *device, const char *id)
{
	return says(device, "_HID", id) || says(device, "_CID", id);
}

uint16_t aml_port_region(const char name[4])
{
	struct aml block;

	for (unsigned i = 0; aml_block(i, &block); i++) {
		for (; left(&block) > 7; block.at++) {
			struct aml offset = { block.at + 7, block.end };
			uint64_t port;

			if (block.at[0] == OP_EXTENDED && block.at[1] == OP_REGION &&
			    memcmp(block.at + 2, name, NAME_BYTES) == 0 &&
			    block.at[6] == REGION_SYSTEM_IO &&
			    aml_integer(offset, &port) && port <= UINT16_MAX)
				return (uint16_t)port;
		}
	}
	return 0;
}
