/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The machine's end: isa-debug-exit, ACPI soft-off, reset. */

#include <string.h>
#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/irqflags.h>
#include <arch/mmu.h>
#include <kernel/acpi.h>

#define DEBUG_EXIT_PORT 0xf4

enum pm1_control {
	SLEEP_TYPE_SHIFT = 10,
	SLEEP_ENABLE = 1 << 13,
};

enum fadt_offset { /* ACPI 6.4 §5.2.9 */
		   FADT_DSDT = 40,
		   FADT_SLEEP_CONTROL =
			   244, /* generic address, on hardware-reduced machines */
		   FADT_SLEEP_CONTROL_ADDRESS = 248,
		   FADT_SLEEP_STATUS = 256,
};

/* The sleep type for S5 is in the DSDT's package _S5_ (ACPI 6.4 §7.4.2.5). Its AML is a
 * name, a package head and a small integer; the value 0 that QEMU and Bochs use is the
 * answer where it cannot be found. */
static unsigned soft_off_type(void)
{
	const uint8_t *fadt = (const uint8_t *)acpi_table("FACP");
	const struct acpi_header *dsdt;
	const uint8_t *at, *end;
	uint32_t address;

	if (!fadt)
		return 0;
	memcpy(&address, fadt + FADT_DSDT, sizeof(address));
	if (!address || arch_direct_map(address, sizeof(*dsdt)))
		return 0;
	dsdt = phys_to_virt(address);
	if (memcmp(dsdt->signature, "DSDT", 4) || arch_direct_map(address, dsdt->length))
		return 0;
	at = (const uint8_t *)dsdt;
	for (end = at + dsdt->length - 8; at < end; at++) {
		if (memcmp(at, "_S5_\x12", 5))
			continue;
		at += 5;
		at += (*at >> 6) + 2; /* package length, element count */
		return *at == 0x0a ? at[1] : *at == 0x01 ? 1 : 0;
	}
	return 0;
}

/* Hardware-reduced ACPI has a sleep control register instead (ACPI 6.4 §4.8.3.7). */
static void sleep_control_off(unsigned type)
{
	const uint8_t *fadt = (const uint8_t *)acpi_table("FACP");
	volatile uint8_t *reg;
	uint64_t address;

	if (!fadt || ((const struct acpi_header *)fadt)->length < FADT_SLEEP_STATUS)
		return;
	memcpy(&address, fadt + FADT_SLEEP_CONTROL_ADDRESS, sizeof(address));
	if (!address)
		return;
	if (fadt[FADT_SLEEP_CONTROL] == 1) {
		port_write8(address, type << 2 | 1 << 5);
		return;
	}
	reg = arch_map_device(address, 1);
	if (reg)
		mmio_write8(reg, type << 2 | 1 << 5);
}

_Noreturn static void halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

_Noreturn void arch_exit(int code)
{
	unsigned type;

	arch_irq_disable();
	port_write8(DEBUG_EXIT_PORT, code); /* QEMU, if it has the device, ends here */
	type = soft_off_type();
	if (acpi_info.pm_control_port)
		port_write16(acpi_info.pm_control_port,
			     type << SLEEP_TYPE_SHIFT | SLEEP_ENABLE);
	if (acpi_info.pm_control_port_b)
		port_write16(acpi_info.pm_control_port_b,
			     type << SLEEP_TYPE_SHIFT | SLEEP_ENABLE);
	sleep_control_off(type);
	halt();
}

_Noreturn void arch_reboot(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) no_idt = { 0, 0 };

	arch_irq_disable();
	if (acpi_info.reset_register && acpi_info.reset_space == 1)
		port_write8(acpi_info.reset_register, acpi_info.reset_value);
	port_write8(0xcf9, 0x06); /* PCI reset control */
	port_write8(0x64, 0xfe);  /* keyboard controller's pulse */
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt)); /* triple fault */
	halt();
}
