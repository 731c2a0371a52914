/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The registers of a modern virtio PCI function (VIRTIO 1.3 §4.1.4.3 to §4.1.4.5). */

#include "mock/pci.h"
#include "mock/virtio_pci.h"

bool mock_pci_msix_on(const struct mock_pci *pci)
{
	unsigned steps = 48; /* a hostile list loops */

	for (unsigned at = pci->config[0x34]; at && steps--; at = pci->config[at + 1])
		if (pci->config[at] == 0x11)
			return pci->config[at + 3] & 0x80;
	return false;
}

void mock_pci_expect_width(const struct mock_pci *pci, unsigned offset, unsigned width,
			   unsigned right)
{
	if (width != right)
		mock_violation(pci->mock, "register %u accessed with width %u", offset,
			       width);
}

struct mock_queue *mock_pci_selected(struct mock_pci *pci)
{
	static struct mock_queue none;

	return pci->queue_select < MOCK_QUEUES ? &pci->mock->queues[pci->queue_select]
					       : &none;
}

uint16_t mock_pci_selected_max(const struct mock_pci *pci)
{
	return pci->queue_select < MOCK_QUEUES ? pci->mock->queue_max[pci->queue_select]
					       : 0;
}

uint16_t mock_pci_grant(const struct mock_pci *pci, uint32_t vector)
{
	if (vector != 0xffff && vector >= pci->mock->vectors)
		mock_violation(pci->mock, "vector %u beyond the table", vector);
	return vector < pci->vectors_granted ? (uint16_t)vector : 0xffff;
}

uint8_t mock_pci_isr_read(struct mock_pci *pci)
{
	uint8_t isr = pci->mock->isr;

	if (mock_pci_msix_on(pci))
		mock_violation(pci->mock, "ISR read with MSI-X on");
	pci->isr_reads++;
	pci->mock->isr = 0;
	return isr;
}

uint32_t mock_pci_common_read(struct mock_pci *pci, unsigned offset, unsigned width)
{
	struct mock *mock = pci->mock;
	uint32_t select = pci->feature_select;

	switch (offset) {
	case 0:
		mock_pci_expect_width(pci, offset, width, 4);
		return select;
	case 4:
		mock_pci_expect_width(pci, offset, width, 4);
		mock->counts.features_reads++;
		return select < 4 ? (uint32_t)(mock->offered.words[select / 2] >>
					       select % 2 * 32)
				  : 0;
	case 16:
		mock_pci_expect_width(pci, offset, width, 2);
		return pci->config_vector;
	case 18:
		mock_pci_expect_width(pci, offset, width, 2);
		return MOCK_QUEUES;
	case 20:
		mock_pci_expect_width(pci, offset, width, 1);
		return mock_status_read(mock);
	case 21:
		mock_pci_expect_width(pci, offset, width, 1);
		return (uint8_t)(mock->generation_runs ? ++mock->generation
						       : mock->generation);
	case 24:
		mock_pci_expect_width(pci, offset, width, 2);
		return mock_pci_selected(pci)->size ? mock_pci_selected(pci)->size
						    : mock_pci_selected_max(pci);
	case 26:
		mock_pci_expect_width(pci, offset, width, 2);
		return mock_pci_selected(pci)->vector;
	case 28:
		mock_pci_expect_width(pci, offset, width, 2);
		return mock_pci_selected(pci)->enabled;
	case 30:
		mock_pci_expect_width(pci, offset, width, 2);
		return pci->queue_select;
	case 56:
		mock_pci_expect_width(pci, offset, width, 2);
		if (!mock_has(mock, VIRTIO_F_NOTIF_CONFIG_DATA))
			mock_violation(mock, "queue_notif_config_data read");
		return mock->notify_data[pci->queue_select % MOCK_QUEUES];
	case 58:
		mock_pci_expect_width(pci, offset, width, 2);
		if (!mock_has(mock, VIRTIO_F_RING_RESET))
			mock_violation(mock, "queue_reset read");
		return pci->queue_select < MOCK_QUEUES &&
		       mock_queue_resetting(mock, pci->queue_select);
	default:
		mock_violation(mock, "read of common register %u", offset);
		return 0;
	}
}

/* One half of a 64-bit queue address. */
static void address_write(struct mock_pci *pci, unsigned offset, uint32_t value)
{
	struct mock_queue *queue = mock_pci_selected(pci);
	uint64_t *field = offset < 40	? &queue->desc
			  : offset < 48 ? &queue->avail
					: &queue->used;

	if (queue->enabled)
		mock_violation(pci->mock, "queue address written after enable");
	if (offset % 8)
		*field = (*field & UINT32_MAX) | (uint64_t)value << 32;
	else
		*field = (*field & ~(uint64_t)UINT32_MAX) | value;
}

void mock_pci_common_write(struct mock_pci *pci, unsigned offset, unsigned width,
			   uint32_t value)
{
	struct mock *mock = pci->mock;
	struct mock_queue *queue = mock_pci_selected(pci);
	unsigned select = pci->driver_feature_select;

	switch (offset) {
	case 0:
		mock_pci_expect_width(pci, offset, width, 4);
		pci->feature_select = value;
		break;
	case 8:
		mock_pci_expect_width(pci, offset, width, 4);
		pci->driver_feature_select = value;
		break;
	case 12:
		mock_pci_expect_width(pci, offset, width, 4);
		if (select > 3) {
			mock_violation(mock, "feature word %u", select);
			break;
		}
		if (select % 2)
			pci->driver_features.words[select / 2] &= UINT32_MAX;
		else
			pci->driver_features.words[select / 2] &= ~(uint64_t)UINT32_MAX;
		pci->driver_features.words[select / 2] |= (uint64_t)value
							  << select % 2 * 32;
		mock_features_write(mock, &pci->driver_features);
		break;
	case 16:
		mock_pci_expect_width(pci, offset, width, 2);
		pci->config_vector = mock_pci_grant(pci, value);
		break;
	case 20:
		mock_pci_expect_width(pci, offset, width, 1);
		mock_status_write(mock, (uint8_t)value);
		if (value == 0)
			pci->config_vector = 0xffff;
		break;
	case 22:
		mock_pci_expect_width(pci, offset, width, 2);
		pci->queue_select = (uint16_t)value;
		break;
	case 24: /* §4.1.4.3.2 */
		mock_pci_expect_width(pci, offset, width, 2);
		if (value == 0 ||
		    (value & (value - 1) && !mock_has(mock, VIRTIO_F_RING_PACKED)))
			mock_violation(mock, "queue_size written with %u", value);
		if (queue->enabled)
			mock_violation(mock, "queue_size written after enable");
		queue->size = (uint16_t)value;
		break;
	case 26:
		mock_pci_expect_width(pci, offset, width, 2);
		queue->vector = mock_pci_grant(pci, value);
		break;
	case 28:
		mock_pci_expect_width(pci, offset, width, 2);
		if (value != 1)
			mock_violation(mock, "queue_enable written with %u", value);
		mock_queue_enable(mock, pci->queue_select);
		break;
	case 58:
		mock_pci_expect_width(pci, offset, width, 2);
		if (value != 1)
			mock_violation(mock, "queue_reset written with %u", value);
		mock_queue_reset(mock, pci->queue_select);
		break;
	case 32 ... 55:
		mock_pci_expect_width(pci, offset, width, 4);
		address_write(pci, offset, value);
		break;
	default:
		mock_violation(mock, "write to common register %u", offset);
	}
}

void mock_pci_notify_write(struct mock_pci *pci, uint64_t offset, unsigned width,
			   uint32_t value)
{
	int queue;

	pci->doorbells++;
	queue = pci->notify_multiplier ? (int)(offset / pci->notify_multiplier)
				       : mock_doorbell_queue(pci->mock, value);
	if (queue < 0 || offset != (uint64_t)queue * pci->notify_multiplier) {
		mock_violation(pci->mock, "a doorbell at %llu: %#x written",
			       (unsigned long long)offset, value);
		return;
	}
	mock_doorbell(pci->mock, (unsigned)queue, width, value);
}
