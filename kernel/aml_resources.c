/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Resource templates (ACPI 6.5 §6.4): a list of descriptors in a buffer. */

#include <kernel/aml.h>

#define OP_BUFFER 0x11

/* Small descriptors have their length in the tag's low three bits, large ones in the two
 * bytes that follow. */
#define LARGE		   0x80
#define SMALL_END	   0x0f /* tag without its length */
#define SMALL_IRQ	   0x04
#define MEMORY_32	   0x85
#define FIXED_MEMORY_32	   0x86
#define DWORD_SPACE	   0x87
#define WORD_SPACE	   0x88
#define EXTENDED_INTERRUPT 0x89
#define QWORD_SPACE	   0x8a

/* An address space's type and the part of its flags that says "prefetchable". */
enum { SPACE_MEMORY = 0, SPACE_PORTS = 1, SPACE_BUSES = 2 };
#define SPACE_CACHE_MASK   0x06
#define SPACE_PREFETCHABLE 0x06

typedef void visit_resource(const struct aml_resource *, void *);

static uint64_t little(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

/* Word, DWord and QWord spaces: type, two bytes of flags, then granularity, minimum,
 * maximum, translation and length in that width. */
static void space(const uint8_t *at, size_t bytes, unsigned width, visit_resource *visit,
		  void *context)
{
	struct aml_resource resource;

	if (bytes < 3 + 5 * width)
		return;
	resource.first = little(at + 3 + width, width);
	resource.last = little(at + 3 + 2 * width, width);
	if (at[0] > SPACE_BUSES || !little(at + 3 + 4 * width, width))
		return;
	resource.kind = at[0] == SPACE_PORTS   ? AML_PORTS
			: at[0] == SPACE_BUSES ? AML_BUSES
			: (at[2] & SPACE_CACHE_MASK) == SPACE_PREFETCHABLE
				? AML_PREFETCHABLE
				: AML_MEMORY;
	if (resource.last >= resource.first)
		visit(&resource, context);
}

static void large(uint8_t tag, const uint8_t *at, size_t bytes, visit_resource *visit,
		  void *context)
{
	struct aml_resource resource = { .kind = AML_MEMORY };
	uint64_t length;

	if (tag == WORD_SPACE)
		space(at, bytes, 2, visit, context);
	else if (tag == DWORD_SPACE)
		space(at, bytes, 4, visit, context);
	else if (tag == QWORD_SPACE)
		space(at, bytes, 8, visit, context);
	if ((tag == FIXED_MEMORY_32 && bytes >= 9) || (tag == MEMORY_32 && bytes >= 17)) {
		resource.first = little(at + 1, 4);
		length = little(at + bytes - 4, 4);
		resource.last = resource.first + length - 1;
		if (length)
			visit(&resource, context);
	} else if (tag == EXTENDED_INTERRUPT && bytes >= 6) {
		resource.kind = AML_INTERRUPT;
		resource.first = resource.last = little(at + 2, 4);
		if (at[1]) /* how many */
			visit(&resource, context);
	}
}

/* A mask of the 16 ISA lines; one of them is it. */
static void small_irq(const uint8_t *at, size_t bytes, visit_resource *visit,
		      void *context)
{
	unsigned mask = bytes >= 2 ? (unsigned)little(at, 2) : 0;
	struct aml_resource resource = { .kind = AML_INTERRUPT };

	if (!mask)
		return;
	resource.first = resource.last = (uint64_t)__builtin_ctz(mask);
	visit(&resource, context);
}

void aml_resources(const struct aml *device, visit_resource *visit, void *context)
{
	struct aml crs;
	const uint8_t *at;

	if (!aml_name(device, "_CRS", &crs) || crs.end - crs.at < 2 ||
	    *crs.at != OP_BUFFER)
		return;
	/* After the package length comes the buffer's size, an integer of one to five bytes;
	 * neither is needed, since the list has an end of its own. */
	at = crs.at + 2 + (crs.at[1] >> 6);
	if (crs.end - at < 6)
		return;
	at += *at == 0x0a ? 2 : *at == 0x0b ? 3 : *at == 0x0c ? 5 : 1;
	while (crs.end - at >= 3) {
		uint8_t tag = *at;
		size_t bytes = tag & LARGE ? (size_t)little(at + 1, 2) : tag & 7;

		at += tag & LARGE ? 3 : 1;
		if ((size_t)(crs.end - at) < bytes || (tag >> 3) == SMALL_END)
			return;
		if (tag & LARGE)
			large(tag, at, bytes, visit, context);
		else if ((tag >> 3) == SMALL_IRQ)
			small_irq(at, bytes, visit, context);
		at += bytes;
	}
}
