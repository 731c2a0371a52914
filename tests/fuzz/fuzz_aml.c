/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: bare kernel/aml.c kernel/aml_resources.c */

/* ACPI's byte code: everything that is asked of it, in a block that ends where the input
 * does. */

#include <kernel/acpi.h>
#include <kernel/aml.h>
#include "fuzz.h"

static struct acpi_header *ssdt;

const struct acpi_header *acpi_table_number(const char signature[4], unsigned number)
{
	return number == 0 && memcmp(signature, "SSDT", 4) == 0 ? ssdt : NULL;
}

const struct acpi_header *acpi_table_at(uint64_t phys)
{
	(void)phys;
	return NULL;
}

static void look_at(const struct aml_resource *resource, void *context)
{
	unsigned *count = context;

	FUZZ_ASSERT(resource->first <= resource->last || resource->kind == AML_MEMORY);
	++*count;
}

static void look_in(const struct aml *device, size_t bytes)
{
	static const char *const names[] = { "_HID", "_CID", "_ADR", "_BBN", "BSEL" };
	unsigned count = 0;
	struct aml object;
	uint64_t value;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (aml_name(device, names[i], &object))
			aml_integer(object, &value);
	aml_is_a(device, "LNRO0005");
	aml_is_a(device, "PNP0A03");
	aml_resources(device, look_at, &count);
	FUZZ_ASSERT(count <= bytes);
}

void fuzz_one(const uint8_t *data, size_t bytes)
{
	struct aml block, device, scopes, scope;
	unsigned devices = 0;

	if (bytes > 4096)
		return;
	ssdt = malloc(sizeof(*ssdt) + bytes);
	ssdt->length = (uint32_t)(sizeof(*ssdt) + bytes);
	memcpy(ssdt + 1, data, bytes);
	aml_block(1, &block);
	scopes = block;
	while (aml_device_next(&block, &device)) {
		struct aml rest = scopes;

		look_in(&device, bytes);
		FUZZ_ASSERT(++devices <= bytes);
		while (devices < 8 && aml_scope_next(&rest, &device, &scope))
			look_in(&scope, bytes);
	}
	aml_port_region("PCST");
	free(ssdt);
	ssdt = NULL;
}
