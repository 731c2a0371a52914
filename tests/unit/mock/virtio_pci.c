/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The registers of a virtio PCI device (VIRTIO 1.3 §4.1.4): layout as QEMU has it.
 *
 *	BAR 0  I/O, legacy         BAR 1  memory, MSI-X table
 *	BAR 4  64-bit memory: common at 0, ISR at 0x1000, device at 0x2000, notify at 0x3000 */

#include <stdlib.h>
#include <string.h>
#include "host/host.h"
#include "mock/pci.h"

#define ISR_AT	  0x1000
#define DEVICE_AT 0x2000
#define NOTIFY_AT 0x3000

#define TYPE_COMMON 1
#define TYPE_NOTIFY 2
#define TYPE_ISR    3
#define TYPE_DEVICE 4
#define TYPE_PCI    5

struct capability {
	uint8_t length, type, bar, id, padding[2];
	uint32_t offset, bytes, multiplier;
} __attribute__((packed));

static uint32_t next_multiplier = 4, next_notify_bytes = 4096;

void mock_pci_next_notify(uint32_t multiplier, uint32_t bytes)
{
	next_multiplier = multiplier;
	next_notify_bytes = bytes;
}

static struct mock_pci *of(struct mock *mock)
{
	return mock->transport;
}

static void add_capability(struct mock_pci *pci, uint8_t type, uint8_t bar,
			   uint32_t offset, uint32_t bytes)
{
	struct capability content = {
		.length = type == TYPE_NOTIFY ? 20 : 16,
		.type = type,
		.bar = bar,
		.offset = offset,
		.bytes = bytes,
		.multiplier = pci->notify_multiplier,
	};

	mock_pci_capability(pci, 9, &content, content.length - 2u);
}

static void add_msix(struct mock_pci *pci, unsigned vectors)
{
	struct {
		uint16_t control;
		uint32_t table, pending;
	} __attribute__((packed)) content = { (uint16_t)(vectors - 1), 1, 0x800 | 1 };

	mock_pci_bar(pci, 1, 4096, false, false);
	for (unsigned i = 0; i < vectors; i++)
		pci->bars[1].memory[16 * i + 12] = 1; /* masked */
	mock_pci_capability(pci, 0x11, &content, sizeof(content));
}

/* The order of QEMU's list, with types before it that must be skipped. */
static void add_modern(struct mock_pci *pci)
{
	mock_pci_bar(pci, 4, 0x4000, false, true);
	add_capability(pci, 77, 4, 0, 64);	    /* reserved type */
	add_capability(pci, TYPE_COMMON, 6, 0, 64); /* no such BAR */
	add_capability(pci, TYPE_PCI, 0, 0, 0);
	add_capability(pci, TYPE_NOTIFY, 4, NOTIFY_AT, pci->notify_bytes);
	add_capability(pci, TYPE_DEVICE, 4, DEVICE_AT, 0x1000);
	add_capability(pci, TYPE_ISR, 4, ISR_AT, 0x1000);
	add_capability(pci, TYPE_COMMON, 4, 0, 0x1000);
}

struct mock_pci *mock_pci_virtio(struct mock *mock, unsigned bus, unsigned slot,
				 enum mock_pci_flavour flavour)
{
	bool transitional = flavour & MOCK_PCI_LEGACY;
	struct mock_pci *pci = mock_pci_add(
		bus, slot, 0, 0x1af4,
		(uint16_t)(transitional ? 0x1000 + mock->id : 0x1040 + mock->id));

	pci->mock = mock;
	pci->flavour = flavour;
	pci->notify_multiplier = next_multiplier;
	pci->notify_bytes = next_notify_bytes;
	pci->vectors_granted = mock->vectors;
	pci->config_vector = 0xffff;
	mock->transport = pci;
	mock->legacy = flavour == MOCK_PCI_LEGACY;
	pci->config[4] = 3; /* as the firmware leaves it */
	mock_pci_set32(pci, 0x2c, (transitional ? mock->id : 0x1100) << 16 | 0x1af4);
	pci->config[0x3c] = 11;
	pci->config[0x3d] = 1;
	if (mock->vectors)
		add_msix(pci, mock->vectors);
	if (flavour & MOCK_PCI_LEGACY)
		mock_pci_bar(pci, 0, 128, true, false);
	if (flavour & MOCK_PCI_MODERN)
		add_modern(pci);
	return pci;
}

static bool msix_on(const struct mock_pci *pci)
{
	for (unsigned at = pci->config[0x34]; at; at = pci->config[at + 1])
		if (pci->config[at] == 0x11)
			return pci->config[at + 3] & 0x80;
	return false;
}

static void expect_width(const struct mock_pci *pci, unsigned offset, unsigned width,
			 unsigned right)
{
	if (width != right)
		mock_violation(pci->mock, "register %u accessed with width %u", offset,
			       width);
}

static struct mock_queue *selected(struct mock_pci *pci)
{
	static struct mock_queue none;

	return pci->queue_select < MOCK_QUEUES ? &pci->mock->queues[pci->queue_select]
					       : &none;
}

static uint16_t selected_max(const struct mock_pci *pci)
{
	return pci->queue_select < MOCK_QUEUES ? pci->mock->queue_max[pci->queue_select]
					       : 0;
}

static uint16_t grant(const struct mock_pci *pci, uint32_t vector)
{
	if (vector != 0xffff && vector >= pci->mock->vectors)
		mock_violation(pci->mock, "vector %u beyond the table", vector);
	return vector < pci->vectors_granted ? (uint16_t)vector : 0xffff;
}

static uint8_t isr_read(struct mock_pci *pci)
{
	uint8_t isr = pci->mock->isr;

	if (msix_on(pci))
		mock_violation(pci->mock, "ISR read with MSI-X on");
	pci->isr_reads++;
	pci->mock->isr = 0;
	return isr;
}

static uint32_t common_read(struct mock_pci *pci, unsigned offset, unsigned width)
{
	struct mock *mock = pci->mock;
	uint32_t select = pci->feature_select;

	switch (offset) {
	case 0:
		expect_width(pci, offset, width, 4);
		return select;
	case 4:
		expect_width(pci, offset, width, 4);
		mock->counts.features_reads++;
		return select < 4 ? (uint32_t)(mock->offered.words[select / 2] >>
					       select % 2 * 32)
				  : 0;
	case 16:
		expect_width(pci, offset, width, 2);
		return pci->config_vector;
	case 18:
		expect_width(pci, offset, width, 2);
		return MOCK_QUEUES;
	case 20:
		expect_width(pci, offset, width, 1);
		return mock_status_read(mock);
	case 21:
		expect_width(pci, offset, width, 1);
		return (uint8_t)(mock->generation_runs ? ++mock->generation
						       : mock->generation);
	case 24:
		expect_width(pci, offset, width, 2);
		return selected(pci)->size ? selected(pci)->size : selected_max(pci);
	case 26:
		expect_width(pci, offset, width, 2);
		return selected(pci)->vector;
	case 28:
		expect_width(pci, offset, width, 2);
		return selected(pci)->enabled;
	case 30:
		expect_width(pci, offset, width, 2);
		return pci->queue_select;
	default:
		mock_violation(mock, "read of common register %u", offset);
		return 0;
	}
}

/* One half of a 64-bit queue address. */
static void address_write(struct mock_pci *pci, unsigned offset, uint32_t value)
{
	struct mock_queue *queue = selected(pci);
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

static void common_write(struct mock_pci *pci, unsigned offset, unsigned width,
			 uint32_t value)
{
	struct mock *mock = pci->mock;
	struct mock_queue *queue = selected(pci);
	unsigned select = pci->driver_feature_select;

	switch (offset) {
	case 0:
		expect_width(pci, offset, width, 4);
		pci->feature_select = value;
		break;
	case 8:
		expect_width(pci, offset, width, 4);
		pci->driver_feature_select = value;
		break;
	case 12:
		expect_width(pci, offset, width, 4);
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
		expect_width(pci, offset, width, 2);
		pci->config_vector = grant(pci, value);
		break;
	case 20:
		expect_width(pci, offset, width, 1);
		mock_status_write(mock, (uint8_t)value);
		if (value == 0)
			pci->config_vector = 0xffff;
		break;
	case 22:
		expect_width(pci, offset, width, 2);
		pci->queue_select = (uint16_t)value;
		break;
	case 24:
		expect_width(pci, offset, width, 2);
		queue->size = (uint16_t)value;
		break;
	case 26:
		expect_width(pci, offset, width, 2);
		queue->vector = grant(pci, value);
		break;
	case 28:
		expect_width(pci, offset, width, 2);
		if (value != 1)
			mock_violation(mock, "queue_enable written with %u", value);
		mock_queue_enable(mock, pci->queue_select);
		break;
	case 32 ... 55:
		expect_width(pci, offset, width, 4);
		address_write(pci, offset, value);
		break;
	default:
		mock_violation(mock, "write to common register %u", offset);
	}
}

static void notify_write(struct mock_pci *pci, uint64_t offset, unsigned width,
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

/* The paper's struct virtio_pci_io, §4.1.4.10 today. */
static uint32_t legacy_read(struct mock_pci *pci, unsigned offset, unsigned width)
{
	struct mock *mock = pci->mock;
	unsigned config = msix_on(pci) ? 24 : 20;

	if (offset >= config)
		return mock_config_read(mock, offset - config, width);
	switch (offset) {
	case 0:
		expect_width(pci, offset, width, 4);
		return (uint32_t)mock->offered.words[0];
	case 8:
		expect_width(pci, offset, width, 4);
		return (uint32_t)(selected(pci)->desc >> 12);
	case 12:
		expect_width(pci, offset, width, 2);
		return selected_max(pci);
	case 18:
		expect_width(pci, offset, width, 1);
		return mock_status_read(mock);
	case 19:
		expect_width(pci, offset, width, 1);
		return isr_read(pci);
	case 20:
		expect_width(pci, offset, width, 2);
		return pci->config_vector;
	case 22:
		expect_width(pci, offset, width, 2);
		return selected(pci)->vector;
	default:
		mock_violation(mock, "read of legacy register %u", offset);
		return 0;
	}
}

static void legacy_queue(struct mock_pci *pci, uint32_t frame)
{
	struct mock_queue *queue = selected(pci);

	queue->size = selected_max(pci);
	queue->desc = (uint64_t)frame << 12;
	queue->avail = queue->desc + 16ull * queue->size;
	queue->used = (queue->avail + 6 + 2ull * queue->size + 4095) & ~4095ull;
	queue->legacy_layout = true;
	mock_queue_enable(pci->mock, pci->queue_select);
}

static void legacy_write(struct mock_pci *pci, unsigned offset, unsigned width,
			 uint32_t value)
{
	struct mock *mock = pci->mock;
	unsigned config = msix_on(pci) ? 24 : 20;
	struct virtio_features features = { { value } };

	if (offset >= config) {
		mock_config_write(mock, offset - config, width, value);
		return;
	}
	switch (offset) {
	case 4:
		expect_width(pci, offset, width, 4);
		mock_features_write(mock, &features);
		break;
	case 8:
		expect_width(pci, offset, width, 4);
		legacy_queue(pci, value);
		break;
	case 14:
		expect_width(pci, offset, width, 2);
		pci->queue_select = (uint16_t)value;
		break;
	case 16:
		expect_width(pci, offset, width, 2);
		pci->doorbells++;
		mock_doorbell(mock, value, width, value);
		break;
	case 18:
		expect_width(pci, offset, width, 1);
		mock_status_write(mock, (uint8_t)value);
		if (value == 0)
			pci->config_vector = 0xffff;
		break;
	case 20:
		expect_width(pci, offset, width, 2);
		pci->config_vector = grant(pci, value);
		break;
	case 22:
		expect_width(pci, offset, width, 2);
		selected(pci)->vector = grant(pci, value);
		break;
	default:
		mock_violation(mock, "write to legacy register %u", offset);
	}
}

uint32_t mock_pci_register_read(struct mock_pci *pci, unsigned bar, uint64_t offset,
				unsigned width)
{
	uint32_t value = 0;

	if (!pci->mock || bar == 1) {
		memcpy(&value, pci->bars[bar].memory + offset, width);
		return value;
	}
	pci->mock->counts.register_reads++;
	if (bar == 0)
		return legacy_read(pci, (unsigned)offset, width);
	if (offset < ISR_AT)
		return common_read(pci, (unsigned)offset, width);
	if (offset < DEVICE_AT)
		return isr_read(pci);
	if (offset < NOTIFY_AT)
		return mock_config_read(pci->mock, (unsigned)offset - DEVICE_AT, width);
	mock_violation(pci->mock, "read of a doorbell");
	return 0;
}

void mock_pci_register_write(struct mock_pci *pci, unsigned bar, uint64_t offset,
			     unsigned width, uint32_t value)
{
	if (!pci->mock || bar == 1) {
		if (bar == 1 && width != 4)
			abort(); /* PCI 3.0 §6.8.2: whole fields */
		memcpy(pci->bars[bar].memory + offset, &value, width);
		return;
	}
	pci->mock->counts.register_writes++;
	if (bar == 0)
		legacy_write(pci, (unsigned)offset, width, value);
	else if (offset < ISR_AT)
		common_write(pci, (unsigned)offset, width, value);
	else if (offset < DEVICE_AT)
		mock_violation(pci->mock, "write to the ISR");
	else if (offset < NOTIFY_AT)
		mock_config_write(pci->mock, (unsigned)offset - DEVICE_AT, width, value);
	else
		notify_write(pci, offset - NOTIFY_AT, width, value);
}

static void send(struct mock_pci *pci, uint16_t vector)
{
	uint32_t entry[4];

	if (!msix_on(pci)) {
		if (!(pci->config[5] & 4)) /* INTx disable */
			host_irq_line(pci->config[0x3c]);
		return;
	}
	if (vector == 0xffff)
		return;
	memcpy(entry, pci->bars[1].memory + 16 * vector, sizeof(entry));
	if (!(entry[3] & 1) && pci->config[4] & 4)
		host_irq_message((uint64_t)entry[1] << 32 | entry[0], entry[2]);
}

void mock_pci_raise_queue(struct mock *mock, unsigned queue)
{
	send(of(mock), mock->queues[queue].vector);
}

void mock_pci_raise_config(struct mock *mock)
{
	send(of(mock), of(mock)->config_vector);
}
