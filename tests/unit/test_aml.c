/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/aml.c kernel/aml_resources.c */

/* What AML declares, in byte code as the iASL compiler writes it, good and cut short at
 * every byte. */

#include <stdlib.h>
#include <kernel/acpi.h>
#include <kernel/aml.h>
#include <unit.h>

static struct {
	struct acpi_header header;
	uint8_t code[512];
} dsdt, ssdt;
static uint8_t fadt[276];

const struct acpi_header *acpi_table_number(const char signature[4], unsigned number)
{
	if (number)
		return NULL;
	if (memcmp(signature, "FACP", 4) == 0)
		return (void *)fadt;
	return memcmp(signature, "SSDT", 4) == 0 ? &ssdt.header : NULL;
}

static unsigned verified; /* tables whose checksum was computed */

const struct acpi_header *acpi_table_at(uint64_t phys)
{
	verified++;
	return phys == 0x1234 ? &dsdt.header : NULL;
}

/* Device (VR00) { Name (_HID, "LNRO0005"), Name (_UID, 7), Name (_CRS, { Memory32Fixed
 * (0xfeb00000, 0x200), Interrupt (Level, ActiveHigh) { 40 } }) } */
static const uint8_t mmio[] = "\x5b\x82\x3b"
			      "VR00\x08_HID\x0dLNRO0005\x00\x08_UID\x0a\x07"
			      "\x08_CRS\x11\x1a\x0a\x17"
			      "\x86\x09\x00\x01\x00\x00\xb0\xfe\x00\x02\x00\x00"
			      "\x89\x06\x00\x09\x01\x28\x00\x00\x00\x79\x00";
/* Device (PCI0) { Name (_HID, EisaId ("PNP0A08")), Name (_CID, EisaId ("PNP0A03")),
 * Name (_CRS, { WordBusNumber 0 to 255, WordIO 0xd00 to 0xffff, DWordMemory cacheable,
 * QWordMemory prefetchable }), Device (S18) { Name (_ADR, 0x30000), Name (_HID, 0) } } */
static const uint8_t pci[] =
	"\x5b\x82"
	"E\x0aPCI0\x08_HID\x0c"
	"A\xd0\x0a\x08\x08_CID\x0c"
	"A\xd0\x0a\x03"
	"\x08_CRS\x11N\x06\x0aj"
	"\x88\x0d\x00\x02\x0c\x00\x00\x00\x00\x00\xff\x00\x00\x00\x00\x01"
	"\x88\x0d\x00\x01\x0c\x03\x00\x00\x00\x0d\xff\xff\x00\x00\x00\xf3"
	"\x87\x17\x00\x00\x0c\x03\x00\x00\x00\x00\x00\x00\x00\x08\xff\xff\xbf\xfe\x00\x00\x00\x00\x00\x00\xc0\xf6"
	"\x8a\x2b\x00\x00\x0c\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"
	"y\x00"
	"\x5b\x82\x15S18_\x08_ADR\x0c\x00\x00\x03\x00\x08_HID\x00";
/* OperationRegion (PCST, SystemIO, 0xae00, 8) */
static const uint8_t region[] = "\x5b\x80PCST\x01\x0b\x00\xae\x0a\x08";

struct seen {
	unsigned count;
	struct aml_resource each[8];
};

static void note(const struct aml_resource *resource, void *context)
{
	struct seen *seen = context;

	assert_true(seen->count < 8);
	seen->each[seen->count++] = *resource;
}

static void put(void *table, const uint8_t *code, size_t bytes)
{
	struct acpi_header *header = table;

	header->length = (uint32_t)(sizeof(*header) + bytes);
	memcpy(header + 1, code, bytes);
}

static int begin(void **state)
{
	uint32_t phys = 0x1234;

	(void)state;
	memset(fadt, 0, sizeof(fadt));
	memcpy(fadt + 40, &phys, 4);
	fadt[4] = 116;
	put(&dsdt, mmio, 0);
	put(&ssdt, mmio, 0);
	return 0;
}

/* [MMI-11] */
static void a_virtio_device(void **state)
{
	struct aml block, device;
	struct seen seen = { 0 };
	uint64_t value;

	(void)state;
	put(&ssdt, mmio, sizeof(mmio) - 1);
	assert_true(aml_block(1, &block));
	assert_true(aml_device_next(&block, &device));
	assert_true(aml_is_a(&device, "LNRO0005"));
	assert_false(aml_is_a(&device, "LNRO000"));
	assert_false(aml_is_a(&device, "PNP0A08"));
	aml_resources(&device, note, &seen);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.each[0].kind, AML_MEMORY);
	assert_true(seen.each[0].first == 0xfeb00000 && seen.each[0].last == 0xfeb001ff);
	assert_int_equal(seen.each[1].kind, AML_INTERRUPT);
	assert_int_equal(seen.each[1].first, 40);
	assert_true(aml_name(&device, "_UID", &block));
	assert_true(aml_integer(block, &value));
	assert_int_equal(value, 7);
	assert_false(aml_block(2, &block));
}

static void a_host_bridge(void **state)
{
	static const struct aml_resource expected[] = {
		{ AML_BUSES, 0, 255 },
		{ AML_PORTS, 0xd00, 0xffff },
		{ AML_MEMORY, 0x8000000, 0xfebfffff },
		{ AML_PREFETCHABLE, 0x100000000, 0x1ffffffff },
	};
	struct aml block, device, object;
	struct seen seen = { 0 };
	uint64_t address;

	(void)state;
	put(&dsdt, pci, sizeof(pci) - 1);
	assert_true(aml_block(0, &block));
	assert_true(aml_device_next(&block, &device));
	assert_true(aml_is_a(&device, "PNP0A08"));
	assert_true(aml_is_a(&device, "PNP0A03"));
	assert_false(aml_name(&device, "_ADR", &object)); /* the inner one's */
	aml_resources(&device, note, &seen);
	assert_int_equal(seen.count, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(seen.each[i].kind, expected[i].kind);
		assert_true(seen.each[i].first == expected[i].first);
		assert_true(seen.each[i].last == expected[i].last);
	}
	assert_true(aml_device_next(&block, &device));
	assert_true(aml_name(&device, "_ADR", &object));
	assert_true(aml_integer(object, &address));
	assert_int_equal(address, 0x30000);
	assert_false(aml_device_next(&block, &device));
}

static void a_region(void **state)
{
	(void)state;
	assert_int_equal(aml_port_region("PCST"), 0);
	put(&ssdt, region, sizeof(region) - 1);
	assert_int_equal(aml_port_region("PCST"), 0xae00);
	assert_int_equal(aml_port_region("PCSU"), 0);
}

/* Under the address sanitizer: nothing beyond the end is looked at. */
static void read_all(const uint8_t *code, size_t bytes)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);
	struct aml block = { copy, copy + bytes }, device, object;
	uint64_t value;

	memcpy(copy, code, bytes);
	while (aml_device_next(&block, &device)) {
		struct seen seen = { 0 };

		aml_is_a(&device, "LNRO0005");
		aml_is_a(&device, "PNP0A03");
		if (aml_name(&device, "_ADR", &object))
			aml_integer(object, &value);
		aml_resources(&device, note, &seen);
	}
	free(copy);
}

static void cut_short_and_spoilt(void **state)
{
	uint8_t spoilt[sizeof(pci)];

	(void)state;
	for (size_t bytes = 0; bytes < sizeof(pci); bytes++)
		read_all(pci, bytes);
	for (size_t bytes = 0; bytes < sizeof(mmio); bytes++)
		read_all(mmio, bytes);
	for (unsigned seed = 1; seed < 20000; seed++) {
		uint32_t random = seed * 2654435761u;

		memcpy(spoilt, pci, sizeof(pci));
		spoilt[random % sizeof(pci)] = (uint8_t)(random >> 16);
		spoilt[(random >> 8) % sizeof(pci)] = (uint8_t)(random >> 24);
		read_all(spoilt, sizeof(spoilt));
	}
}

static void without_tables(void **state)
{
	struct aml block;

	(void)state;
	memset(fadt, 0, sizeof(fadt));
	assert_false(aml_block(0, &block));
	assert_int_equal(verified, 0);
}

/* Every reader of AML goes through the same table, which may be long. */
static void verified_once(void **state)
{
	struct aml block;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		assert_true(aml_block(0, &block));
	assert_int_equal(verified, 1);
}

#define aml_test(function) cmocka_unit_test_setup(function, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		aml_test(without_tables), /* first: what was found once is there */
		aml_test(verified_once),	aml_test(a_virtio_device),
		aml_test(a_host_bridge),	aml_test(a_region),
		aml_test(cut_short_and_spoilt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
