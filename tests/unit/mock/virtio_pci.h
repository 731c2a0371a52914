/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Between the files of a virtio PCI function. */

#ifndef MOCK_VIRTIO_PCI_H
#define MOCK_VIRTIO_PCI_H

#include "mock/pci.h"

bool mock_pci_msix_on(const struct mock_pci *pci);
void mock_pci_expect_width(const struct mock_pci *pci, unsigned offset, unsigned width,
			   unsigned right);
/* The queue that queue_select names, or one that is none, and the device's limit of it. */
struct mock_queue *mock_pci_selected(struct mock_pci *pci);
uint16_t mock_pci_selected_max(const struct mock_pci *pci);
uint16_t mock_pci_grant(const struct mock_pci *pci, uint32_t vector);
uint8_t mock_pci_isr_read(struct mock_pci *pci);

uint32_t mock_pci_common_read(struct mock_pci *pci, unsigned offset, unsigned width);
void mock_pci_common_write(struct mock_pci *pci, unsigned offset, unsigned width,
			   uint32_t value);
void mock_pci_notify_write(struct mock_pci *pci, uint64_t offset, unsigned width,
			   uint32_t value);
uint32_t mock_pci_legacy_read(struct mock_pci *pci, unsigned offset, unsigned width);
void mock_pci_legacy_write(struct mock_pci *pci, unsigned offset, unsigned width,
			   uint32_t value);
/* Undoes what the kernel keeps for ever, so that a test can see leaks. */
void mock_pci_forget_devices(void);

#endif
