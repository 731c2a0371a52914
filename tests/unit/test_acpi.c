/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: kernel/acpi.c tests/unit/host/mmu.c tests/unit/host/log.c
 *	tests/unit/mock/pci.c tests/unit/mock/virtio_pci.c tests/unit/mock/mock.c
 *	tests/unit/mock/ring.c tests/unit/host/cmdline.c tests/unit/host/io.c
 *	tests/unit/host/irq.c tests/unit/host/cpu.c tests/unit/host/heap.c
 *	tests/unit/host/page.c tests/unit/host/time.c tests/unit/host/thread.c
 *	tests/unit/host/panic.c kernel/pci.c kernel/pci_config.c kernel/pci_bar.c
 *	kernel/pci_msix.c virtio/transport/pci.c virtio/transport/pci_modern.c
 *	virtio/transport/pci_legacy.c virtio/transport/pci_interrupts.c
 *	virtio/transport/transports.c virtio/virtio.c virtio/features.c virtio/config.c
 *	virtio/queues.c virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c */

/* ACPI's static tables, good and corrupt; and PCI through the ECAM they name. */

#include <stdlib.h>
#include <arch/mmu.h>
#include <kernel/acpi.h>
#include <unit.h>
#include "host/host.h"
#include "mock/pci.h"

/* All tables lie in this memory; anything else is not there. The RSDT names them by
 * 32-bit addresses, so it is in the low megabyte. */
static char low[1 << 20] __attribute__((aligned(4096)));
#define RSDP   0xf5b60
#define RSDT   0xe1000
#define XSDT   0xe2000
#define TABLES 0xe3000
#define STRIDE 0x1000
#define MAX    4

static bool nothing_above(uint64_t phys, uint64_t bytes)
{
	(void)phys;
	(void)bytes;
	return false;
}

static void store(uint32_t at, unsigned bytes, uint64_t value)
{
	memcpy(low + at, &value, bytes);
}

static void seal(uint32_t at, uint32_t length, unsigned checksum_at)
{
	uint8_t sum = 0;

	low[at + checksum_at] = 0;
	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + (uint8_t)low[at + i]);
	low[at + checksum_at] = (char)-sum;
}

static void table(uint32_t at, const char *signature, uint32_t length)
{
	memcpy(low + at, signature, 4);
	store(at + 4, 4, length);
	seal(at, length, 9);
}

#define ECAMS 10

static const struct {
	const char *signature;
	uint32_t length;
} contents[MAX] = { { "APIC", 44 + 8 + 8 + 12 + 10 + 16 },
		    { "FACP", 244 },
		    { "HPET", 56 },
		    { "MCFG", 44 + 16 * ECAMS } };

static uint32_t at(unsigned index)
{
	return TABLES + index * STRIDE;
}

static void fill_madt(uint32_t t)
{
	store(t + 36, 4, 0xfee00000);
	store(t + 44, 8, 0x0000000100000800); /* local APIC 0, enabled */
	store(t + 52, 8, 0x0000000000010800); /* local APIC 1, not */
	store(t + 60, 2, 0x0c01);
	store(t + 64, 4, 0xfec00000);
	store(t + 68, 4, 0);
	store(t + 72, 2, 0x0a02);
	low[t + 75] = 0;
	store(t + 76, 4, 2);
	store(t + 80, 2, 0xd);
	store(t + 82, 2, 0x1009); /* x2APIC, enabled */
	store(t + 90, 4, 1);
}

static void fill_fadt(uint32_t t)
{
	store(t + 64, 4, 0x604);
	store(t + 76, 4, 0x608);
	low[t + 91] = 4;
	low[t + 108] = 0x32;
	store(t + 112, 4, 1 << 10);
	low[t + 116] = 1;
	store(t + 120, 8, 0xcf9);
	low[t + 128] = 0xf;
}

static void fill_mcfg(uint32_t t)
{
	for (unsigned i = 0; i < ECAMS - 1; i++, t += 16) {
		store(t + 44, 8, 0x1234000000);
		store(t + 52, 4, 0x05040000 | (i + 1));
	}
	store(t + 44, 8, mock_pci_ecam());
	store(t + 52, 4, 0x03000000); /* segment 0, buses 0 to 3 */
}

static int begin(void **state)
{
	(void)state;
	memset(low, 0, sizeof(low));
	host_low_memory = low;
	host_phys_present = nothing_above;
	mock_pci_reset();
	fill_madt(at(0));
	fill_fadt(at(1));
	store(at(2) + 44, 8, 0xfed00000);
	fill_mcfg(at(3));
	for (unsigned i = 0; i < MAX; i++) {
		table(at(i), contents[i].signature, contents[i].length);
		store(RSDT + 36 + 4 * i, 4, at(i));
		store(XSDT + 36 + 8 * i, 8, at(i));
	}
	table(RSDT, "RSDT", 36 + 4 * MAX);
	table(XSDT, "XSDT", 36 + 8 * MAX);
	memcpy(low + RSDP, "RSD PTR ", 8);
	low[RSDP + 15] = 2;
	store(RSDP + 16, 4, RSDT);
	store(RSDP + 20, 4, 36);
	store(RSDP + 24, 8, XSDT);
	seal(RSDP, 20, 8);
	seal(RSDP, 36, 32);
	return 0;
}

static int end(void **state)
{
	(void)state;
	mock_pci_end();
	host_low_memory = NULL;
	host_phys_present = nothing_above;
	acpi_init(0); /* no tables any more */
	host_phys_present = NULL;
	return 0;
}

static void expect_everything(void)
{
	struct acpi_io_apic io[2];
	struct acpi_override override[2];
	struct acpi_ecam ecam;

	assert_int_equal(acpi_info.local_apic, 0xfee00000);
	assert_int_equal(acpi_info.cpus, 2);
	assert_int_equal(acpi_info.pm_timer_port, 0x608);
	assert_int_equal(acpi_info.pm_control_port, 0x604);
	assert_int_equal(acpi_info.reset_register, 0xcf9);
	assert_int_equal(acpi_info.reset_space, 1);
	assert_int_equal(acpi_info.reset_value, 0xf);
	assert_int_equal(acpi_info.century_register, 0x32);
	assert_int_equal(acpi_info.hpet, 0xfed00000);
	assert_int_equal(acpi_io_apics(io, 2), 1);
	assert_int_equal(io[0].address, 0xfec00000);
	assert_int_equal(acpi_overrides(override, 2), 1);
	assert_int_equal(override[0].gsi, 2);
	assert_int_equal(override[0].flags, 0xd);
	assert_true(acpi_ecam(0, &ecam) && ecam.segment == 1 && ecam.first_bus == 4);
	assert_true(acpi_ecam(ECAMS - 1, &ecam) && ecam.last_bus == 3);
	assert_false(acpi_ecam(ECAMS, &ecam));
	assert_null(acpi_table("SRAT"));
}

static void found_in_the_bios_area(void **state)
{
	(void)state;
	acpi_init(0);
	expect_everything();
}

static void found_in_the_extended_area(void **state)
{
	(void)state;
	memcpy(low + 0x9fc40, low + RSDP, 36);
	memset(low + RSDP, 0, 36);
	store(0x40e, 2, 0x9fc0);
	acpi_init(0);
	expect_everything();
}

static void named_by_the_loader(void **state)
{
	(void)state;
	memcpy(low + 0x5000, low + RSDP, 36);
	memset(low + RSDP, 0, 36);
	acpi_init(0x5000);
	expect_everything();
}

static void revision_1_has_the_rsdt_alone(void **state)
{
	(void)state;
	low[RSDP + 15] = 0;
	seal(RSDP, 20, 8);
	memset(low + XSDT, 0xff, 64);
	acpi_init(0);
	expect_everything();
}

static void a_bad_xsdt_falls_back(void **state)
{
	(void)state;
	low[XSDT + 9]++;
	acpi_init(0);
	expect_everything();
}

static void no_acpi_at_all(void **state)
{
	(void)state;
	low[RSDP]++;
	acpi_init(0);
	assert_int_equal(acpi_info.local_apic, 0);
	assert_null(acpi_table("APIC"));
	assert_int_equal(acpi_io_apics(NULL, 0), 0);
	acpi_init(RSDP);
	assert_null(acpi_table("APIC"));
	host_low_memory = NULL;
	acpi_init(0);
	assert_null(acpi_table("APIC"));
}

static void a_bad_table_is_missing(void **state)
{
	(void)state;
	low[at(0) + 60]++;
	acpi_init(0);
	assert_int_equal(acpi_info.local_apic, 0);
	assert_int_equal(acpi_io_apics(NULL, 0), 0);
	assert_int_equal(acpi_info.hpet, 0xfed00000);
}

static void tables_of_one_signature(void **state)
{
	const char *const ssdt = "SSDT";

	(void)state;
	table(at(1), ssdt, 100);
	table(at(3), ssdt, 200);
	acpi_init(0);
	assert_int_equal(acpi_table(ssdt)->length, 100);
	assert_int_equal(acpi_table_number(ssdt, 0)->length, 100);
	assert_int_equal(acpi_table_number(ssdt, 1)->length, 200);
	assert_null(acpi_table_number(ssdt, 2));
	low[at(1) + 60]++; /* a bad one keeps its number */
	assert_null(acpi_table(ssdt));
	assert_int_equal(acpi_table_number(ssdt, 1)->length, 200);
}

/* Entries that do not fit, lengths of zero, tables that end early. */
static void corrupt_tables(void **state)
{
	(void)state;
	srand(1);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned which = (unsigned)rand() % (MAX + 2);
		uint32_t base = which < MAX ? at(which) : which == MAX ? RSDT : XSDT;
		uint32_t offset = 4 + (unsigned)rand() % 120;
		char before = low[base + offset];
		struct acpi_io_apic io[4];
		struct acpi_override overrides[4];
		struct acpi_ecam window;
		uint32_t length;

		low[base + offset] = (char)rand();
		memcpy(&length, low + base + 4, 4);
		if (length < STRIDE && length > 9)
			seal(base, length, 9); /* the checksum is no protection */
		acpi_init(0);
		acpi_io_apics(io, 4);
		acpi_overrides(overrides, 4);
		for (unsigned i = 0; i < 4; i++)
			acpi_ecam(i, &window);
		low[base + offset] = before;
		table(base,
		      which < MAX    ? contents[which].signature
		      : which == MAX ? "RSDT"
				     : "XSDT",
		      which < MAX    ? contents[which].length
		      : which == MAX ? 36 + 4 * MAX
				     : 36 + 8 * MAX);
	}
}

static bool not_mine(const struct pci_device *device)
{
	return device->vendor == 0x4321;
}

static struct pci_device *taken;

static int take(struct pci_device *device)
{
	taken = device;
	return 0;
}

static const struct pci_driver test_driver = { .name = "test",
					       .matches = not_mine,
					       .probe = take };
PCI_DRIVER(test_driver);

/* microvm and the like: there are no configuration ports. */
static void pci_through_ecam(void **state)
{
	struct mock_pci *pci;

	(void)state;
	mock_pci_ports(false);
	host_phys_present = NULL;
	acpi_init(0);
	mock_pci_add(0, 0, 0, 0x8086, 1);
	mock_pci_bridge(0, 1, 2);
	pci = mock_pci_add(2, 31, 0, 0x4321, 2);
	mock_pci_set32(pci, 0x100, 0xabcd);
	pci_scan();
	assert_non_null(taken);
	assert_int_equal(taken->address.bus, 2);
	assert_int_equal(pci_read32(taken, 0x100), 0xabcd);
	assert_int_equal(pci_read32(taken, 0x1000), 0xffffffff);
	taken->address.bus = 9; /* no window covers it */
	assert_int_equal(pci_read16(taken, 0), 0xffff);
}

#define acpi_test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		acpi_test(found_in_the_bios_area),
		acpi_test(found_in_the_extended_area),
		acpi_test(named_by_the_loader),
		acpi_test(revision_1_has_the_rsdt_alone),
		acpi_test(a_bad_xsdt_falls_back),
		acpi_test(no_acpi_at_all),
		acpi_test(a_bad_table_is_missing),
		acpi_test(tables_of_one_signature),
		acpi_test(corrupt_tables),
		acpi_test(pci_through_ecam),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
