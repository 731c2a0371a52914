/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The registers of a virtio PCI device (VIRTIO 1.3 §4.1.4): layout as QEMU has it.
 *
 *	BAR 0  I/O, legacy         BAR 1  memory, MSI-X table
 *	BAR 2  64-bit memory: the shared memory regions, if there are any
 *	BAR 4  64-bit memory: common at 0, ISR at 0x1000, device at 0x2000, notify at 0x3000 */

#include <string.h>
#include <kernel/heap.h>
#include <virtio/ring/ring.h>
#include <virtio/transport/pci.h>
#include "host/host.h"
#include "mock/chaos.h"
#include "mock/pci.h"
#include "mock/virtio_pci.h"

#define ISR_AT	  0x1000
#define DEVICE_AT 0x2000
#define NOTIFY_AT 0x3000

#define TYPE_COMMON 1
#define TYPE_NOTIFY 2
#define TYPE_ISR    3
#define TYPE_DEVICE 4
#define TYPE_PCI    5
#define TYPE_SHARED 8

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

static unsigned add_capability(struct mock_pci *pci, uint8_t type, uint8_t bar,
			       uint32_t offset, uint32_t bytes)
{
	struct capability content = {
		.length = type == TYPE_NOTIFY || type == TYPE_PCI ? 20 : 16,
		.type = type,
		.bar = bar,
		.offset = offset,
		.bytes = bytes,
		.multiplier = type == TYPE_NOTIFY ? pci->notify_multiplier : 0,
	};

	return mock_pci_capability(pci, 9, &content, content.length - 2u);
}

/* §4.1.4.7: the regions lie one behind the other in BAR 2, each on a page of its own. */
static void add_shared(struct mock_pci *pci, struct virtio_shared_memory *shared,
		       unsigned count)
{
	struct {
		uint8_t length, type, bar, id, padding[2];
		uint32_t offset, bytes, offset_high, bytes_high;
	} __attribute__((packed)) content;
	uint64_t bytes = 4096, at = 4096;

	for (unsigned i = 0; i < count; i++)
		bytes += (shared[i].bytes + 4095) & ~(uint64_t)4095;
	if (bytes == 4096)
		return;
	while (bytes & (bytes - 1))
		bytes += bytes & -bytes;
	mock_pci_bar(pci, 2, bytes, false, true);
	for (unsigned i = 0; i < count; i++) {
		if (!shared[i].bytes)
			continue;
		memset(&content, 0, sizeof(content));
		content.length = 24;
		content.type = TYPE_SHARED;
		content.bar = 2;
		content.id = (uint8_t)i;
		content.offset = (uint32_t)at;
		content.offset_high = (uint32_t)(at >> 32);
		content.bytes = (uint32_t)shared[i].bytes;
		content.bytes_high = (uint32_t)(shared[i].bytes >> 32);
		mock_pci_capability(pci, 9, &content, 22);
		shared[i].phys = pci->bars[2].base + at;
		at += (shared[i].bytes + 4095) & ~(uint64_t)4095;
	}
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
	pci->window = add_capability(pci, TYPE_PCI, 0, 0, 0);
	add_capability(pci, TYPE_NOTIFY, 4, NOTIFY_AT, pci->notify_bytes);
	add_capability(pci, TYPE_DEVICE, 4, DEVICE_AT, 0x1000);
	add_capability(pci, TYPE_ISR, 4, ISR_AT, 0x1000);
	add_capability(pci, TYPE_COMMON, 4, 0, 0x1000);
	add_shared(pci, pci->mock->shared, 4);
}

/* §4.1.4.9: what the window's fields say is accessed when its data is. */
static void window_access(struct mock_pci *pci, unsigned width, bool write,
			  uint32_t *value)
{
	uint8_t bar = pci->config[pci->window + 4];
	uint32_t offset = mock_pci_get32(pci, pci->window + 8);
	uint32_t length = mock_pci_get32(pci, pci->window + 12);

	if (bar > 5 || !pci->bars[bar].bytes ||
	    (length != 1 && length != 2 && length != 4) || offset % length ||
	    length != width || (uint64_t)offset + length > pci->bars[bar].bytes) {
		mock_violation(pci->mock, "window: BAR %u, offset %#x, length %u, by %u",
			       bar, offset, length, width);
		return;
	}
	pci->window_accesses++;
	if (write)
		mock_pci_register_write(pci, bar, offset, length, *value);
	else
		*value = mock_pci_register_read(pci, bar, offset, length);
}

void mock_pci_window_read(struct mock_pci *pci, unsigned width, uint32_t *value)
{
	window_access(pci, width, false, value);
}

void mock_pci_window_write(struct mock_pci *pci, unsigned offset, unsigned width,
			   uint32_t value)
{
	if (offset == pci->window + 16)
		window_access(pci, width, true, &value);
	else if (offset == pci->window + 4 ? width != 1 : width != 4)
		mock_violation(pci->mock, "window field at %u written with width %u",
			       offset - pci->window, width);
	else
		memcpy(pci->config + offset, &value, width);
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
	mock->registers_lie = mock_pci_lenient;
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

uint32_t mock_pci_register_read(struct mock_pci *pci, unsigned bar, uint64_t offset,
				unsigned width)
{
	uint32_t value = 0;

	if (!pci->mock || bar == 1 || bar == 2) {
		memcpy(&value, pci->bars[bar].memory + offset, width);
		return value;
	}
	pci->mock->counts.register_reads++;
	if (bar == 0)
		value = mock_pci_legacy_read(pci, (unsigned)offset, width);
	else if (offset < ISR_AT)
		value = mock_pci_common_read(pci, (unsigned)offset, width);
	else if (offset < DEVICE_AT)
		value = mock_pci_isr_read(pci);
	else if (offset < NOTIFY_AT)
		return mock_config_read(pci->mock, (unsigned)offset - DEVICE_AT, width);
	else
		mock_violation(pci->mock, "read of a doorbell");
	return mock_chaos_register(pci->mock, value, width);
}

void mock_pci_register_write(struct mock_pci *pci, unsigned bar, uint64_t offset,
			     unsigned width, uint32_t value)
{
	if (!pci->mock || bar == 1 || bar == 2) {
		if (bar == 1 && width != 4) /* PCI 3.0 §6.8.2: whole fields */
			mock_pci_violation("MSI-X table written with width %u", width);
		memcpy(pci->bars[bar].memory + offset, &value, width);
		return;
	}
	pci->mock->counts.register_writes++;
	if (bar == 0)
		mock_pci_legacy_write(pci, (unsigned)offset, width, value);
	else if (offset < ISR_AT)
		mock_pci_common_write(pci, (unsigned)offset, width, value);
	else if (offset < DEVICE_AT)
		mock_violation(pci->mock, "write to the ISR");
	else if (offset < NOTIFY_AT)
		mock_config_write(pci->mock, (unsigned)offset - DEVICE_AT, width, value);
	else
		mock_pci_notify_write(pci, offset - NOTIFY_AT, width, value);
}

static void send(struct mock_pci *pci, uint16_t vector)
{
	uint32_t entry[4];

	if (!mock_pci_msix_on(pci)) {
		if (!(pci->config[5] & 4)) /* INTx disable */
			host_irq_line(pci->config[0x3c]);
		return;
	}
	if (vector >= pci->mock->vectors) /* also 0xffff: none */
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

void mock_pci_forget_devices(void)
{
	virtio_shutdown();
	virtio_devices = NULL; /* no mock finds there what is freed now */
	while (pci_devices) {
		struct pci_device *device = pci_devices;
		struct virtio_pci *virtio = device->driver_data;

		pci_devices = device->next;
		if (virtio) {
			timer_cancel(&virtio->device.recovery);
			virtio_pci_interrupts_detach(&virtio->device);
			for (unsigned i = 0; i < virtio->device.queue_count; i++)
				virtqueue_destroy(virtio->device.queues[i]);
			kfree(virtio->device.queues);
			kfree(virtio->window);
			kfree(virtio);
		}
		kfree(device);
	}
}
