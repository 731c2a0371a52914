/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: pci kernel/acpi_hotplug.c tests/fuzz/two_queues.c */
/* runs: 5000 */

/* ACPI's tables, any byte of them anything, and what stands on them: ECAM windows, and slots
 * that are plugged and unplugged by registers that lie. Each table is a block of its own that
 * ends where it does. */

#include <arch/mmu.h>
#include <kernel/acpi.h>
#include <kernel/pci.h>
#include <kernel/time.h>
#include "mock/pci.h"
#include "two_queues.h"

void acpi_hotplug_init(void);

#define SCI	   9
#define GPE	   0xafe0
#define BLOCKS_MAX 8
#define BYTES_MAX  512
#define RSDP_BYTES 36
#define LOW_BYTES  (1u << 20)
#define LOW_RSDP   0xf5b60

enum { MADT, FADT, HPET, MCFG, SSDT, TABLES, DSDT = TABLES };
static const char signatures[][5] = { "APIC", "FACP", "HPET", "MCFG", "SSDT", "DSDT" };
static const uint16_t lengths[] = { 82, 244, 56, 76, 48 };

/* OperationRegion (PCST, SystemIO, 0xae00, 8)
 * Device (PCI0) { Name (_HID, EisaId ("PNP0A03")), Name (BSEL, 0),
 *	Device (S18) { Name (_ADR, 0x30000), Name (BSEL, 1) } } */
static const uint8_t code[] = "\x5b\x80PCST\x01\x0b\x00\xae\x0a\x08"
			      "\x5b\x82\x2cPCI0\x08_HID\x0c"
			      "A\xd0\x0a\x03\x08"
			      "BSEL\x00"
			      "\x5b\x82\x15S18_\x08_ADR\x0c\x00\x00\x03\x00\x08"
			      "BSEL\x01";

static const uint8_t
	interrupts[] = { /* a CPU, an I/O APIC, an override, a CPU by x2APIC */
			 0, 8, 0,  0, 1, 0, 0, 0, 1, 12, 1, 0, 0, 0, 0, 0, 0, 0, 0,
			 0, 2, 10, 0, 9, 9, 0, 0, 0, 0,	 0, 5, 8, 0, 0, 0, 0, 0, 0
	};

static struct {
	uint8_t *at;
	size_t bytes;
} blocks[BLOCKS_MAX];
static unsigned block_count;
static struct mock_chaos *stream;
static struct host_io pci_io;

static bool present(uint64_t phys, uint64_t bytes)
{
	for (unsigned i = 0; i < block_count; i++)
		if (phys >= (uintptr_t)blocks[i].at && bytes <= blocks[i].bytes &&
		    phys - (uintptr_t)blocks[i].at <= blocks[i].bytes - bytes)
			return true;
	return false;
}

static void store(uint8_t *table, unsigned at, uint64_t value, unsigned bytes)
{
	memcpy(table + at, &value, bytes);
}

static void seal(uint8_t *table, size_t bytes, unsigned checksum_at)
{
	uint8_t sum = 0;

	table[checksum_at] = 0;
	for (size_t i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + table[i]);
	table[checksum_at] = (uint8_t)-sum;
}

/* A block of which the stream changes some bytes, and, rarely, what makes it good. */
static uint8_t *block(const uint8_t *content, size_t bytes, unsigned checksum_at)
{
	uint8_t *at = malloc(bytes);
	uint8_t how = mock_chaos_byte(stream);

	memcpy(at, content, bytes);
	for (unsigned left = how % 16; left; left--)
		at[mock_chaos_below(stream, (uint32_t)bytes)] = mock_chaos_byte(stream);
	if (how < 0xf0)
		seal(at, bytes, checksum_at);
	blocks[block_count].at = at;
	blocks[block_count++].bytes = bytes;
	return at;
}

static uint8_t *table(unsigned which, uint8_t *content, size_t bytes)
{
	uint8_t cut = mock_chaos_byte(stream);

	if (cut > 0xe0)
		bytes -= cut % (bytes - sizeof(struct acpi_header) + 1);
	memcpy(content, signatures[which], 4);
	store(content, 4, bytes, 4);
	return block(content, bytes, 9);
}

static uint8_t *declarations(void)
{
	uint8_t content[BYTES_MAX] = { 0 };

	memcpy(content + sizeof(struct acpi_header), code, sizeof(code) - 1);
	return table(DSDT, content, sizeof(struct acpi_header) + sizeof(code) - 1);
}

static uint8_t *one(unsigned which)
{
	uint8_t content[BYTES_MAX] = { 0 };

	switch (which) {
	case MADT:
		memcpy(content + 44, interrupts, sizeof(interrupts));
		break;
	case FADT:
		store(content, 46, SCI, 2);
		store(content, 48, 0xb2, 4);
		store(content, 64, 0x604, 4);
		store(content, 80, GPE, 4);
		store(content, 92, 4, 1);
		store(content, 140, (uintptr_t)declarations(), 8);
		break;
	case MCFG:
		store(content, 44, mock_pci_ecam(), 8);
		store(content, 52, 0x03000000, 4);
		store(content, 68, 0x05040001, 4);
		break;
	default:
		break;
	}
	return table(which, content, lengths[which]);
}

static uint64_t root_pointer(void)
{
	uint8_t root[BYTES_MAX] = { 0 }, rsdp[RSDP_BYTES] = "RSD PTR ";
	uint8_t *at;

	for (unsigned i = 0; i < TABLES; i++)
		store(root, sizeof(struct acpi_header) + 8 * i, (uintptr_t)one(i), 8);
	memcpy(root, "XSDT", 4);
	store(root, 4, sizeof(struct acpi_header) + 8 * TABLES, 4);
	at = block(root, sizeof(struct acpi_header) + 8 * TABLES, 9);
	rsdp[15] = 2;
	store(rsdp, 20, RSDP_BYTES, 4);
	store(rsdp, 24, (uintptr_t)at, 8);
	seal(rsdp, 20, 8);
	return (uintptr_t)block(rsdp, RSDP_BYTES, 32);
}

/* Registers that are not PCI's say anything. */
static uint32_t port_read(uint16_t port, unsigned width)
{
	if (port == 0xcf8 || (port >= 0xcfc && port < 0xd00) || port >= 0xc000)
		return pci_io.port_read(port, width);
	return width == 4 ? mock_chaos_word(stream) : mock_chaos_byte(stream);
}

static void look(void)
{
	struct acpi_io_apic io[2];
	struct acpi_override overrides[2];
	struct acpi_ecam ecam;
	unsigned windows = 0;

	acpi_io_apics(io, 2);
	acpi_overrides(overrides, 2);
	while (acpi_ecam(windows, &ecam))
		FUZZ_ASSERT(++windows < BYTES_MAX);
	for (unsigned i = 0; i < 2; i++)
		acpi_table_number("SSDT", i);
	FUZZ_ASSERT(acpi_info.cpus < BYTES_MAX);
}

/* The RSDP is told, or found in the first MiB, whose end has no sanitizer. */
static void start(uint64_t rsdp, bool search)
{
	char *low = search ? calloc(1, LOW_BYTES) : NULL;

	host_low_memory = low;
	if (low)
		memcpy(low + LOW_RSDP, (void *)(uintptr_t)rsdp, RSDP_BYTES);
	acpi_init(search ? 0 : rsdp);
	host_low_memory = NULL;
	free(low);
}

static void hotplug(struct mock *mock)
{
	acpi_hotplug_init();
	for (unsigned i = 0; i < 8 && !mock_chaos_over(stream); i++) {
		host_irq_line(SCI);
		host_threads_run();
		two_queues_use(mock, stream);
		host_clock_advance(2 * NS_PER_SEC);
		host_threads_run();
	}
}

void fuzz_one(const uint8_t *data, size_t bytes)
{
	struct mock_chaos chaos;
	struct mock *mock;
	uint8_t kind;

	stream = &chaos;
	mock_pci_reset();
	mock_pci_lenient = true;
	host_phys_present = present;
	kind = two_queues_begin(&chaos, data, bytes);
	host_clock_step_ns = 50 * NS_PER_MS;
	mock = two_queues_new(kind);
	mock_pci_bridge(0, 3, 1);
	start(root_pointer(), (kind & 0x31) == 0x31);
	look();
	mock_pci_ports(!(kind & 2));
	pci_scan();
	mock_pci_virtio(mock, kind & 64 ? 1 : 0, 5, MOCK_PCI_MODERN);
	if (!(kind & 2)) {
		pci_io = host_io;
		host_io.port_read = port_read;
	}
	mock->chaos = &chaos;
	hotplug(mock);
	two_queues_end(mock, &chaos, mock_pci_end);
	while (block_count)
		free(blocks[--block_count].at);
}
