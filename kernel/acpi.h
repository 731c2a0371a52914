/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* ACPI static tables: found through the RSDP, checked (signature, length, checksum),
 * never trusted beyond their length. What their AML declares: <kernel/aml.h>. */

#ifndef KERNEL_ACPI_H
#define KERNEL_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

/* rsdp: its physical address if the boot loader said, else 0 (then it is searched for in
 * the BIOS area). Boot only. */
void acpi_init(uint64_t rsdp);

/* Of the tables with that signature the one with that number, from 0 on; length and
 * checksum verified; NULL if there is none. */
const struct acpi_header *acpi_table_number(const char signature[4], unsigned number);
static inline const struct acpi_header *acpi_table(const char signature[4])
{
	return acpi_table_number(signature, 0);
}
/* The table at a physical address that another table names, verified likewise. */
const struct acpi_header *acpi_table_at(uint64_t phys);

/* What the fixed tables say, each read once; zero where a table is missing. */
struct acpi_info {
	uint64_t local_apic;	    /* physical address */
	unsigned cpus;		    /* enabled local APICs */
	uint32_t pm_timer_port;	    /* 0: none */
	uint32_t pm_control_port;   /* PM1a_CNT */
	uint32_t pm_control_port_b; /* PM1b_CNT, 0: none */
	uint32_t reset_register, reset_space;
	uint8_t reset_value;
	uint64_t hpet;
	uint8_t century_register;
};
extern struct acpi_info acpi_info;

/* I/O APICs and interrupt source overrides of the MADT. Each of these functions fills in
 * up to `max` and returns how many there are. */
struct acpi_io_apic {
	uint64_t address;
	uint32_t gsi_base;
};
struct acpi_override {
	uint8_t isa_irq;
	uint32_t gsi;
	uint16_t flags; /* MPS INTI: polarity bits 0-1, trigger bits 2-3 */
};
unsigned acpi_io_apics(struct acpi_io_apic *out, unsigned max);
unsigned acpi_overrides(struct acpi_override *out, unsigned max);

/* The ECAM windows of the MCFG, by number; false: there are no more. */
struct acpi_ecam {
	uint64_t address; /* of bus 0, as the table gives it */
	uint16_t segment;
	uint8_t first_bus, last_bus;
};
bool acpi_ecam(unsigned index, struct acpi_ecam *out);

#endif
