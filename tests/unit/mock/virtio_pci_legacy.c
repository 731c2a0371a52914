/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The registers of a legacy virtio PCI function (VIRTIO 1.3 §4.1.4.10). */

#include "mock/pci.h"
#include "mock/virtio_pci.h"

/* The paper's struct virtio_pci_io, §4.1.4.10 today. */
uint32_t mock_pci_legacy_read(struct mock_pci *pci, unsigned offset, unsigned width)
{
	struct mock *mock = pci->mock;
	unsigned config = mock_pci_msix_on(pci) ? 24 : 20;

	if (offset >= config)
		return mock_config_read(mock, offset - config, width);
	switch (offset) {
	case 0:
		mock_pci_expect_width(pci, offset, width, 4);
		return (uint32_t)mock->offered.words[0];
	case 8:
		mock_pci_expect_width(pci, offset, width, 4);
		return (uint32_t)(mock_pci_selected(pci)->desc >> 12);
	case 12:
		mock_pci_expect_width(pci, offset, width, 2);
		return mock_pci_selected_max(pci);
	case 18:
		mock_pci_expect_width(pci, offset, width, 1);
		return mock_status_read(mock);
	case 19:
		mock_pci_expect_width(pci, offset, width, 1);
		return mock_pci_isr_read(pci);
	case 20:
		mock_pci_expect_width(pci, offset, width, 2);
		return pci->config_vector;
	case 22:
		mock_pci_expect_width(pci, offset, width, 2);
		return mock_pci_selected(pci)->vector;
	default:
		mock_violation(mock, "read of legacy register %u", offset);
		return 0;
	}
}

static void legacy_queue(struct mock_pci *pci, uint32_t frame)
{
	struct mock_queue *queue = mock_pci_selected(pci);

	queue->size = mock_pci_selected_max(pci);
	queue->desc = (uint64_t)frame << 12;
	queue->avail = queue->desc + 16ull * queue->size;
	queue->used = (queue->avail + 6 + 2ull * queue->size + 4095) & ~4095ull;
	queue->legacy_layout = true;
	mock_queue_enable(pci->mock, pci->queue_select);
}

void mock_pci_legacy_write(struct mock_pci *pci, unsigned offset, unsigned width,
			   uint32_t value)
{
	struct mock *mock = pci->mock;
	unsigned config = mock_pci_msix_on(pci) ? 24 : 20;
	struct virtio_features features = { { value } };

	if (offset >= config) {
		mock_config_write(mock, offset - config, width, value);
		return;
	}
	switch (offset) {
	case 4:
		mock_pci_expect_width(pci, offset, width, 4);
		mock_features_write(mock, &features);
		break;
	case 8:
		mock_pci_expect_width(pci, offset, width, 4);
		legacy_queue(pci, value);
		break;
	case 14:
		mock_pci_expect_width(pci, offset, width, 2);
		pci->queue_select = (uint16_t)value;
		break;
	case 16:
		mock_pci_expect_width(pci, offset, width, 2);
		pci->doorbells++;
		mock_doorbell(mock, value, width, value);
		break;
	case 18:
		mock_pci_expect_width(pci, offset, width, 1);
		mock_status_write(mock, (uint8_t)value);
		if (value == 0)
			pci->config_vector = 0xffff;
		break;
	case 20:
		mock_pci_expect_width(pci, offset, width, 2);
		pci->config_vector = mock_pci_grant(pci, value);
		break;
	case 22:
		mock_pci_expect_width(pci, offset, width, 2);
		mock_pci_selected(pci)->vector = mock_pci_grant(pci, value);
		break;
	default:
		mock_violation(mock, "write to legacy register %u", offset);
	}
}
