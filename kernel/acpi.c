/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* ACPI's static tables (ACPI 6.5 §5.2). Firmware is believed no further than each
 * table's own length and checksum go; without a table the machine is simply poorer. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <arch/mmu.h>
#include <kernel/acpi.h>
#include <kernel/log.h>

struct rsdp {
	char signature[8]; /* "RSD PTR " */
	uint8_t checksum;
	char oem[6];
	uint8_t revision; /* from 2 on the rest is there */
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
} __attribute__((packed));
#define RSDP_BYTES_1 20

#define TABLE_BYTES_MAX (1u << 20) /* longer ones are no tables */

/* Where a BIOS keeps the RSDP (§5.2.5.1): the first KiB of the extended BIOS data area,
 * whose segment this word names, or the BIOS area. */
#define EBDA_SEGMENT 0x40e
#define EBDA_BYTES   1024
#define BIOS_START   0xe0000
#define BIOS_MIDDLE  0xf0000
#define BIOS_END     0x100000

struct acpi_info acpi_info;
static const struct acpi_header *root; /* XSDT or RSDT; NULL: no ACPI */
static unsigned root_entry_bytes;

static bool checksum_good(const void *table, size_t bytes)
{
	const uint8_t *at = table;
	uint8_t sum = 0;

	for (size_t i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + at[i]);
	return sum == 0;
}

/* Little-endian fields at any alignment. */
static uint64_t field(const void *table, size_t offset, unsigned bytes)
{
	const uint8_t *at = (const uint8_t *)table + offset;
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

/* A table's header, or NULL if there is no memory or it cannot be one. */
static const struct acpi_header *header_at(uint64_t phys)
{
	const struct acpi_header *header = phys_to_virt(phys);

	if (!phys || arch_direct_map(phys, sizeof(*header)))
		return NULL;
	if (header->length < sizeof(*header) || header->length > TABLE_BYTES_MAX)
		return NULL;
	return header;
}

/* The whole of it, verified. */
static const struct acpi_header *table_at(uint64_t phys)
{
	const struct acpi_header *header = header_at(phys);

	if (!header || arch_direct_map(phys, header->length))
		return NULL;
	if (!checksum_good(header, header->length)) {
		log_warn("acpi: table %.4s has a wrong checksum", header->signature);
		return NULL;
	}
	return header;
}

static unsigned root_entries(void)
{
	return root ? (root->length - (unsigned)sizeof(*root)) / root_entry_bytes : 0;
}

static uint64_t root_entry(unsigned index)
{
	return field(root, sizeof(*root) + index * root_entry_bytes, root_entry_bytes);
}

const struct acpi_header *acpi_table_at(uint64_t phys)
{
	return table_at(phys);
}

const struct acpi_header *acpi_table_number(const char signature[4], unsigned number)
{
	for (unsigned i = 0; i < root_entries(); i++) {
		uint64_t phys = root_entry(i);
		const struct acpi_header *header = header_at(phys);

		if (header && memcmp(header->signature, signature, 4) == 0 &&
		    number-- == 0)
			return table_at(phys);
	}
	return NULL;
}

/* The next paragraph (16 bytes) in [at, end) that begins with `word`, else end. Eight are
 * looked at in a turn: this loop is a good part of a boot. */
static const uint64_t *paragraph_find(const uint64_t *at, const uint64_t *end,
				      uint64_t word)
{
	for (; end - at >= 16; at += 16)
		if (at[0] == word || at[2] == word || at[4] == word || at[6] == word ||
		    at[8] == word || at[10] == word || at[12] == word || at[14] == word)
			break;
	while (at < end && *at != word)
		at += 2;
	return at;
}

/* Physical address of the RSDP in [start, end), 0: not there. */
static uint64_t rsdp_search(uint64_t start, uint64_t end)
{
	const uint64_t *const begin = phys_to_virt(start), *at = begin;
	const uint64_t *const stop = begin + (end - start) / 16 * 2;
	uint64_t signature;

	memcpy(&signature, "RSD PTR ", sizeof(signature));
	for (; (at = paragraph_find(at, stop, signature)) < stop; at += 2)
		if (stop - at >= 4 && checksum_good(at, RSDP_BYTES_1))
			return start + (uint64_t)(at - begin) * sizeof(*at);
	return 0;
}

static uint64_t rsdp_find(void)
{
	uint64_t ebda, found = 0;

	if (arch_direct_map(0, BIOS_END))
		return 0;
	ebda = field(phys_to_virt(EBDA_SEGMENT), 0, 2) << 4;
	if (ebda >= 0x80000 && ebda + EBDA_BYTES <= BIOS_START)
		found = rsdp_search(ebda, ebda + EBDA_BYTES);
	if (!found)
		found = rsdp_search(BIOS_MIDDLE, BIOS_END); /* the usual place first */
	if (!found)
		found = rsdp_search(BIOS_START, BIOS_MIDDLE);
	return found;
}

/* Finds the root table: the XSDT where there is a good one, else the RSDT (§5.2.7). */
static void root_find(uint64_t phys)
{
	const struct rsdp *rsdp = phys_to_virt(phys);

	if (arch_direct_map(phys, RSDP_BYTES_1) ||
	    memcmp(rsdp->signature, "RSD PTR ", 8) != 0 ||
	    !checksum_good(rsdp, RSDP_BYTES_1)) {
		log_warn("acpi: no root pointer at %#llx", (unsigned long long)phys);
		return;
	}
	if (rsdp->revision >= 2 && !arch_direct_map(phys, sizeof(*rsdp)) &&
	    rsdp->length >= sizeof(*rsdp) && rsdp->length <= PAGE_BYTES &&
	    !arch_direct_map(phys, rsdp->length) && checksum_good(rsdp, rsdp->length)) {
		root_entry_bytes = 8;
		root = table_at(rsdp->xsdt);
		if (root && memcmp(root->signature, "XSDT", 4) == 0)
			return;
	}
	root_entry_bytes = 4;
	root = table_at(rsdp->rsdt);
	if (root && memcmp(root->signature, "RSDT", 4) != 0)
		root = NULL;
}

/* MADT (§5.2.12): a flat list of (type, length, …) after the local APIC's address. */
#define MADT_LOCAL_APIC	       36
#define MADT_ENTRIES	       44
#define MADT_TYPE_LOCAL_APIC   0
#define MADT_TYPE_IO_APIC      1
#define MADT_TYPE_OVERRIDE     2
#define MADT_TYPE_APIC_ADDRESS 5
#define MADT_TYPE_LOCAL_X2APIC 9
#define MADT_CPU_ENABLED       1

static const struct acpi_header *madt;

/* The entry at *offset if it lies wholly in the table; steps *offset past it. */
static const uint8_t *madt_next(size_t *offset)
{
	size_t left = madt && *offset < madt->length ? madt->length - *offset : 0;
	const uint8_t *entry;

	if (left < 2)
		return NULL;
	entry = (const uint8_t *)madt + *offset;
	if (entry[1] < 2 || entry[1] > left)
		return NULL;
	*offset += entry[1];
	return entry;
}

static void madt_read(void)
{
	size_t offset = MADT_ENTRIES;
	const uint8_t *entry;

	if (!madt || madt->length < MADT_ENTRIES)
		return;
	acpi_info.local_apic = field(madt, MADT_LOCAL_APIC, 4);
	while ((entry = madt_next(&offset))) {
		if (entry[0] == MADT_TYPE_LOCAL_APIC && entry[1] >= 8)
			acpi_info.cpus += field(entry, 4, 4) & MADT_CPU_ENABLED;
		else if (entry[0] == MADT_TYPE_LOCAL_X2APIC && entry[1] >= 16)
			acpi_info.cpus += field(entry, 8, 4) & MADT_CPU_ENABLED;
		else if (entry[0] == MADT_TYPE_APIC_ADDRESS && entry[1] >= 12)
			acpi_info.local_apic = field(entry, 4, 8);
	}
}

unsigned acpi_io_apics(struct acpi_io_apic *out, unsigned max)
{
	size_t offset = MADT_ENTRIES;
	const uint8_t *entry;
	unsigned count = 0;

	while ((entry = madt_next(&offset))) {
		if (entry[0] != MADT_TYPE_IO_APIC || entry[1] < 12)
			continue;
		if (count < max)
			out[count] = (struct acpi_io_apic){
				.address = field(entry, 4, 4),
				.gsi_base = (uint32_t)field(entry, 8, 4),
			};
		count++;
	}
	return count;
}

unsigned acpi_overrides(struct acpi_override *out, unsigned max)
{
	size_t offset = MADT_ENTRIES;
	const uint8_t *entry;
	unsigned count = 0;

	while ((entry = madt_next(&offset))) {
		if (entry[0] != MADT_TYPE_OVERRIDE || entry[1] < 10)
			continue;
		if (count < max)
			out[count] = (struct acpi_override){
				.isa_irq = entry[3],
				.gsi = (uint32_t)field(entry, 4, 4),
				.flags = (uint16_t)field(entry, 8, 2),
			};
		count++;
	}
	return count;
}

/* FADT (§5.2.9); fields beyond its length are not there. */
#define FADT_PM1A_CONTROL   64
#define FADT_PM1B_CONTROL   68
#define FADT_PM_TIMER	    76
#define FADT_PM_TIMER_BYTES 91
#define FADT_CENTURY	    108
#define FADT_FLAGS	    112
#define FADT_FLAG_RESET	    (1u << 10)
#define FADT_RESET_SPACE    116
#define FADT_RESET_ADDRESS  120
#define FADT_RESET_VALUE    128

static void fadt_read(void)
{
	const struct acpi_header *fadt = acpi_table("FACP");

	if (!fadt || fadt->length <= FADT_PM_TIMER_BYTES)
		return;
	acpi_info.pm_control_port = (uint32_t)field(fadt, FADT_PM1A_CONTROL, 4);
	acpi_info.pm_control_port_b = (uint32_t)field(fadt, FADT_PM1B_CONTROL, 4);
	if (field(fadt, FADT_PM_TIMER_BYTES, 1) == 4)
		acpi_info.pm_timer_port = (uint32_t)field(fadt, FADT_PM_TIMER, 4);
	if (fadt->length > FADT_CENTURY)
		acpi_info.century_register = (uint8_t)field(fadt, FADT_CENTURY, 1);
	if (fadt->length > FADT_RESET_VALUE &&
	    field(fadt, FADT_FLAGS, 4) & FADT_FLAG_RESET) {
		acpi_info.reset_space = (uint32_t)field(fadt, FADT_RESET_SPACE, 1);
		acpi_info.reset_register = (uint32_t)field(fadt, FADT_RESET_ADDRESS, 8);
		acpi_info.reset_value = (uint8_t)field(fadt, FADT_RESET_VALUE, 1);
	}
}

/* HPET table (IA-PC HPET 1.0a §3.2.4): a generic address at 40, its address at 44. */
#define HPET_ADDRESS 44

static void hpet_read(void)
{
	const struct acpi_header *hpet = acpi_table("HPET");

	if (hpet && hpet->length >= HPET_ADDRESS + 8)
		acpi_info.hpet = field(hpet, HPET_ADDRESS, 8);
}

/* MCFG (PCI Firmware 3.3 §4.1.2): windows of 16 bytes each from 44 on. */
#define MCFG_WINDOWS	  44
#define MCFG_WINDOW_BYTES 16

bool acpi_ecam(unsigned index, struct acpi_ecam *out)
{
	const struct acpi_header *mcfg = acpi_table("MCFG");
	size_t at = MCFG_WINDOWS + (size_t)index * MCFG_WINDOW_BYTES;

	if (!mcfg || at + MCFG_WINDOW_BYTES > mcfg->length)
		return false;
	*out = (struct acpi_ecam){
		.address = field(mcfg, at, 8),
		.segment = (uint16_t)field(mcfg, at + 8, 2),
		.first_bus = (uint8_t)field(mcfg, at + 10, 1),
		.last_bus = (uint8_t)field(mcfg, at + 11, 1),
	};
	return true;
}

void acpi_init(uint64_t rsdp)
{
	root = madt = NULL;
	acpi_info = (struct acpi_info){ 0 };
	if (!rsdp)
		rsdp = rsdp_find();
	if (!rsdp) {
		log_debug("acpi: no tables");
		return;
	}
	root_find(rsdp);
	madt = acpi_table("APIC");
	madt_read();
	fadt_read();
	hpet_read();
}
