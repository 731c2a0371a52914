/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A PCI device's interrupts: MSI-X vectors (PCI 3.0 §6.8.2) and the INTx line. */

#include <errno.h>
#include <stddef.h>
#include <arch/io.h>
#include <kernel/pci.h>

#define CONTROL		 2 /* in the capability */
#define CONTROL_ENABLE	 0x8000
#define CONTROL_MASK_ALL 0x4000
#define TABLE		 4 /* BAR in bits 0-2, offset in the rest */

/* A table entry. */
#define ENTRY_BYTES	 16
#define ENTRY_ADDRESS	 0
#define ENTRY_ADDRESS_HI 4
#define ENTRY_DATA	 8
#define ENTRY_CONTROL	 12
#define ENTRY_MASKED	 1

#define COMMAND		     0x04
#define COMMAND_INTX_DISABLE 0x400

#define LINE_NONE 0xff

static volatile uint8_t *entry_registers(struct pci_device *device, unsigned entry)
{
	if (entry >= device->msix_vectors)
		return NULL;
	if (!device->msix_table) {
		uint32_t table = pci_read32(device, device->msix_capability + TABLE);

		device->msix_table = pci_bar_map(device, table & 7, table & ~7u,
						 (uint64_t)device->msix_vectors *
							 ENTRY_BYTES);
		if (!device->msix_table)
			return NULL;
	}
	return device->msix_table + entry * ENTRY_BYTES;
}

int pci_msix_attach(struct pci_device *device, unsigned entry,
		    struct irq_handler *handler)
{
	volatile uint8_t *registers = entry_registers(device, entry);
	struct msi_message message;
	int error;

	if (!registers)
		return -ENODEV;
	error = irq_msi_attach(handler, &message);
	if (error)
		return error;
	mmio_write32(registers + ENTRY_CONTROL, ENTRY_MASKED); /* while it changes */
	mmio_write32(registers + ENTRY_ADDRESS, (uint32_t)message.address);
	mmio_write32(registers + ENTRY_ADDRESS_HI, (uint32_t)(message.address >> 32));
	mmio_write32(registers + ENTRY_DATA, message.data);
	mmio_write32(registers + ENTRY_CONTROL, 0);
	return 0;
}

void pci_msix_detach(struct pci_device *device, unsigned entry,
		     struct irq_handler *handler)
{
	volatile uint8_t *registers = device->gone ? NULL
						   : entry_registers(device, entry);

	if (registers) {
		mmio_write32(registers + ENTRY_CONTROL, ENTRY_MASKED);
		(void)mmio_read32(registers + ENTRY_CONTROL); /* it has arrived */
	}
	irq_detach(handler);
}

void pci_msix_enable(struct pci_device *device, bool on)
{
	unsigned at = device->msix_capability + CONTROL;
	uint16_t control;

	if (!device->msix_capability || device->gone)
		return;
	control = pci_read16(device, at) & ~(CONTROL_ENABLE | CONTROL_MASK_ALL);
	pci_write16(device, at, control | (on ? CONTROL_ENABLE : 0));
}

int pci_intx_attach(struct pci_device *device, struct irq_handler *handler)
{
	uint16_t command = pci_read16(device, COMMAND);

	if (!device->interrupt_pin || device->interrupt_line == LINE_NONE)
		return -ENODEV;
	if (command & COMMAND_INTX_DISABLE)
		pci_write16(device, COMMAND, command & ~COMMAND_INTX_DISABLE);
	return irq_line_attach(device->interrupt_line, handler);
}

void pci_intx_detach(struct pci_device *device, struct irq_handler *handler)
{
	/* The line may be shared: the device must not go on pulling it. */
	if (!device->gone)
		pci_write16(device, COMMAND,
			    pci_read16(device, COMMAND) | COMMAND_INTX_DISABLE);
	irq_detach(handler);
}
