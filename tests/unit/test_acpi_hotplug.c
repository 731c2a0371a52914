/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources:
 *	tests/unit/mock/pci.c tests/unit/mock/virtio_pci.c tests/unit/host/cmdline.c
 *	tests/unit/mock/mock.c tests/unit/host/mmu.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	kernel/pci.c kernel/pci_config.c kernel/pci_bar.c kernel/pci_msix.c
 *	kernel/aml.c kernel/aml_resources.c kernel/pci_hotplug.c kernel/pci_assign.c
 *	kernel/pci_windows.c kernel/pci_bridge.c
 *	kernel/acpi_hotplug.c virtio/transport/pci.c virtio/transport/pci_modern.c
 *	virtio/transport/pci_legacy.c virtio/transport/pci_interrupts.c
 *	virtio/transport/pci_window.c virtio/transport/pci_complete.c
 *	virtio/transport/transports.c virtio/virtio.c virtio/features.c virtio/config.c
 *	virtio/queues.c virtio/recovery.c virtio/ring/virtqueue.c kernel/format.c */

/* Hot plug by ACPI: the tables declare slots of bus 0 and of the bus behind a bridge, the
 * registers say what happened in them; and machines where one of that is missing or lies. */

#include <kernel/acpi.h>
#include <kernel/pci_hotplug.h>
#include "mock/three_queues.h"

#define BUS	  5
#define SCI	  9
#define REGISTERS 0xae00
#define GPE	  0xafe0
#define COMMAND	  0xb2
#define PM1	  0x604
#define EVENT	  2

/* What the machine's registers hold, per selected bus where there are two. */
static struct {
	uint32_t select, up[2], down[2], ejected[2];
	uint8_t status, enabled;
	uint16_t pm1;
	bool switches, stuck, silent;
} machine;
static struct host_io pci_io;

static struct {
	struct acpi_header header;
	uint8_t code[128];
} dsdt;
static struct {
	struct acpi_header header;
	uint8_t fields[116 - sizeof(struct acpi_header)];
} fadt;
static bool tables;

/* OperationRegion (PCST, SystemIO, 0xae00, 8)
 * Device (PCI0) { Name (_HID, EisaId ("PNP0A03")), Name (BSEL, 0),
 *	Device (S18) { Name (_ADR, 0x30000), Name (BSEL, 1) } } */
static const uint8_t declared[] = "\x5b\x80PCST\x01\x0b\x00\xae\x0a\x08"
				  "\x5b\x82\x2cPCI0\x08_HID\x0c"
				  "A\xd0\x0a\x03\x08"
				  "BSEL\x00"
				  "\x5b\x82\x15S18_\x08_ADR\x0c\x00\x00\x03\x00\x08"
				  "BSEL\x01";

const struct acpi_header *acpi_table_number(const char signature[4], unsigned number)
{
	return tables && !number && memcmp(signature, "FACP", 4) == 0 ? &fadt.header
								      : NULL;
}

const struct acpi_header *acpi_table_at(uint64_t phys)
{
	return phys == 0x1234 ? &dsdt.header : NULL;
}

bool acpi_ecam(unsigned index, struct acpi_ecam *out)
{
	(void)index;
	(void)out;
	return false;
}

static uint32_t port_read(uint16_t port, unsigned width)
{
	unsigned bus = machine.select & 1;
	uint32_t value;

	if (machine.silent && port >= REGISTERS && port < REGISTERS + 0x14)
		return UINT32_MAX;
	switch (port) {
	case REGISTERS:
		value = machine.up[bus];
		machine.up[bus] = 0;
		return value;
	case REGISTERS + 4:
		return machine.down[bus];
	case GPE:
		return machine.status;
	case GPE + 2:
		return machine.enabled;
	case PM1:
		return machine.pm1;
	default:
		return pci_io.port_read(port, width);
	}
}

static void port_write(uint16_t port, unsigned width, uint32_t value)
{
	unsigned bus = machine.select & 1;

	switch (port) {
	case REGISTERS + 8:
		machine.ejected[bus] |= value;
		machine.down[bus] &= ~value;
		break;
	case REGISTERS + 16:
		assert_true(value < 2);
		machine.select = value;
		break;
	case GPE:
		if (!machine.stuck)
			machine.status &= (uint8_t)~value;
		break;
	case GPE + 2:
		machine.enabled = (uint8_t)value;
		break;
	case COMMAND:
		assert_int_equal(value, 0xf1);
		machine.pm1 = machine.switches;
		break;
	default:
		pci_io.port_write(port, width, value);
	}
}

static void set_fadt(unsigned at, uint32_t value)
{
	memcpy((uint8_t *)&fadt + at, &value, 4);
}

static int begin(void **state)
{
	struct mock_pci *bridge;

	three_begin(state);
	pci_io = host_io;
	host_io.port_read = port_read;
	host_io.port_write = port_write;
	dsdt.header.length = sizeof(dsdt.header) + sizeof(declared) - 1;
	memcpy(dsdt.code, declared, sizeof(declared) - 1);
	fadt.header.length = sizeof(fadt);
	set_fadt(40, 0x1234);
	set_fadt(46, SCI);
	set_fadt(48, COMMAND);
	set_fadt(52, 0xf1);
	set_fadt(64, PM1);
	set_fadt(80, GPE);
	set_fadt(92, 4);
	tables = true;
	memset(&machine, 0, sizeof(machine));
	machine.switches = true;
	bridge = mock_pci_bridge(0, 3, BUS);
	mock_pci_set32(bridge, 0x20, 0xe000 | 0xe0100000);
	mock_pci_set32(bridge, 0x24, 0x0001fff1);
	pci_scan();
	return 0;
}

static int end(void **state)
{
	/* The handler stays. */
	return three_end(state) && (host_heap_live || host_page_live);
}

/* False: nobody claimed the interrupt. */
static bool event(void)
{
	bool claimed;

	machine.status = EVENT;
	claimed = host_irq_line(SCI);
	host_threads_run();
	return claimed;
}

static void without(void **state)
{
	(void)state;
	tables = false;
	acpi_hotplug_init();
	tables = true;
	memset(dsdt.code, 0, 12); /* no region */
	acpi_hotplug_init();
	memcpy(dsdt.code, declared, 12);
	set_fadt(92, 0); /* no events */
	acpi_hotplug_init();
	assert_int_equal(machine.pm1, 0);
	assert_int_equal(host_irq_attached(), 0);
}

/* The firmware keeps the events: that ends, and nothing is left behind. */
static void never_ours(void **state)
{
	(void)state;
	machine.switches = false;
	host_clock_step_ns = NS_PER_MS;
	acpi_hotplug_init();
	host_clock_step_ns = 0;
	assert_int_equal(machine.enabled, 0);
	assert_int_equal(host_irq_attached(), 0);
}

static void set_up(void **state)
{
	(void)state;
	acpi_hotplug_init();
	assert_int_equal(machine.pm1, 1);
	assert_int_equal(machine.enabled, EVENT);
	assert_int_equal(host_irq_attached(), 1);
}

/* Plugged behind the bridge, asked for, and the same once more; the slots of bus 0 are others. */
static void in_and_out(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct mock_pci *pci = mock_pci_virtio(three_mock(4), BUS, 4,
						       MOCK_PCI_MODERN);

		pci->config[4] = 0;
		machine.up[1] = 1 << 4;
		assert_true(event());
		assert_true(found && found->live);
		assert_string_equal(found->where, "pci 5:04.0");
		traffic(pci->mock);
		machine.down[1] = 1 << 4;
		assert_true(event());
		assert_int_equal(machine.ejected[1], 1 << 4);
		assert_int_equal(machine.ejected[0], 0);
		assert_int_equal(pci->config[4] & 4, 0); /* cut off before */
		assert_false(pci_slot_known(BUS, 4));
		pci->gone = true;
		host_clock_advance(1);
		host_threads_run();
		host_clock_advance(2 * NS_PER_SEC);
		host_threads_run();
		machine.ejected[1] = 0;
	}
}

/* A slot of which it is said that there is a device when there is one already, or none; events
 * for nothing; events that stay; registers that are not there any more. */
static void lies(void **state)
{
	(void)state;
	machine.up[0] = UINT32_MAX - 1;
	machine.down[1] = UINT32_MAX - 1;
	assert_true(event());
	assert_true(pci_slot_known(0, 3));
	assert_int_equal(machine.ejected[1],
			 UINT32_MAX - 1); /* nothing was there to go */
	assert_true(event());
	assert_false(host_irq_line(SCI)); /* somebody else's */
	machine.stuck = true;
	assert_false(event());
	machine.stuck = false;
	machine.silent = true;
	machine.down[0] = 1 << 3;
	assert_true(event());
	assert_true(pci_slot_known(0, 3));
}

#define acpi_test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	/* In this order: what is set up stays. */
	const struct CMUnitTest tests[] = {
		acpi_test(without),    acpi_test(never_ours), acpi_test(set_up),
		acpi_test(in_and_out), acpi_test(lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
