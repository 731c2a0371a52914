/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The modern PCI transport (VIRTIO 1.3 §4.1.4): structures found through vendor
 * capabilities, all of them memory-mapped here. */

#include <errno.h>
#include <arch/io.h>
#include <virtio/ring/ring.h>
#include <virtio/transport/pci.h>
#include <virtio/transport/pci_common.h>

#pragma weak virtio_pci_queue_reset
#pragma weak virtio_pci_shared_memory
#pragma weak virtio_pci_release

struct structure {
	uint8_t bar;
	uint32_t offset, bytes;
};

/* Maps a structure, if it has `bytes` or somewhat more, at that alignment (§4.1.4.1)
 * [PCI-06]. */
static volatile uint8_t *map(struct virtio_pci *self, const struct structure *where,
			     uint32_t bytes, uint32_t alignment)
{
	if (where->bytes - bytes > STRUCTURE_MORE_MAX || where->offset % alignment)
		return NULL;
	return pci_bar_map(self->pci, where->bar, where->offset, where->bytes);
}

/* Doorbells are mapped queue by queue: there may be megabytes of them. Offsets are
 * multiples of the multiplier, so it must be even (§4.1.4.4) [PCI-11]. */
static void take_notify(struct virtio_pci *self, const struct structure *where,
			unsigned at)
{
	uint32_t multiplier = pci_read32(self->pci, at + CAP_MULTIPLIER);

	if (multiplier & (multiplier - 1) || multiplier == 1)
		return;
	if (where->bytes < 2 || where->offset % 2 ||
	    !pci_bar_map(self->pci, where->bar, where->offset, 2))
		return;
	self->notify_bar = where->bar;
	self->notify_offset = where->offset;
	self->notify_bytes = where->bytes;
	self->notify_multiplier = multiplier;
}

/* The first usable one of each type counts; others, unknown types and vendors' own are
 * skipped [PCI-03] [PCI-04] [PCI-22]. */
static void take(struct virtio_pci *self, unsigned at)
{
	uint32_t head = pci_read32(self->pci, at + CAP_LEN_TYPE);
	uint8_t size = (uint8_t)(head >> 16), type = (uint8_t)(head >> 24);
	volatile uint8_t **to;
	struct structure where;

	if (size < CAP_SIZE || type < TYPE_COMMON || type > TYPE_DEVICE)
		return;
	where.bar = pci_read8(self->pci, at + CAP_BAR);
	if (where.bar > 5)
		return;
	where.offset = pci_read32(self->pci, at + CAP_OFFSET);
	where.bytes = pci_read32(self->pci, at + CAP_BYTES);
	if (type == TYPE_NOTIFY) {
		if (!self->notify_bytes && size >= CAP_NOTIFY_SIZE)
			take_notify(self, &where, at);
		return;
	}
	to = type == TYPE_COMMON ? &self->common
	     : type == TYPE_ISR	 ? &self->isr
				 : &self->config;
	if (*to)
		return;
	*to = map(self, &where, type == TYPE_COMMON ? COMMON_BYTES : 1,
		  type == TYPE_ISR ? 1 : 4);
	if (type == TYPE_COMMON)
		self->common_bytes = where.bytes;
	else if (type == TYPE_DEVICE && *to)
		self->config_bytes = where.bytes;
}

/* Four words each [NEG-11]. */
static void features_get(struct virtio_device *device, struct virtio_features *offered)
{
	volatile uint8_t *common = virtio_pci(device)->common;

	*offered = (struct virtio_features){ 0 };
	for (unsigned i = 0; i < 4; i++) {
		mmio_write32(common + DEVICE_FEATURE_SELECT, i);
		offered->words[i / 2] |= (uint64_t)mmio_read32(common + DEVICE_FEATURE)
					 << i % 2 * 32;
	}
}

static void features_set(struct virtio_device *device,
			 const struct virtio_features *accepted)
{
	volatile uint8_t *common = virtio_pci(device)->common;

	for (unsigned i = 0; i < 4; i++) {
		mmio_write32(common + DRIVER_FEATURE_SELECT, i);
		mmio_write32(common + DRIVER_FEATURE,
			     (uint32_t)(accepted->words[i / 2] >> i % 2 * 32));
	}
}

static uint8_t status_get(struct virtio_device *device)
{
	return mmio_read8(virtio_pci(device)->common + DEVICE_STATUS);
}

static void status_set(struct virtio_device *device, uint8_t status)
{
	mmio_write8(virtio_pci(device)->common + DEVICE_STATUS, status);
}

static int reset(struct virtio_device *device)
{
	status_set(device, 0);
	return virtio_pci_reset_wait(device); /* §4.1.4.3.2 */
}

/* A field beyond the structure's end is not there: it reads 0, writing it does nothing. */
static bool config_holds(const struct virtio_pci *self, unsigned offset, unsigned width)
{
	return offset <= self->config_bytes && width <= self->config_bytes - offset;
}

static uint32_t config_read(struct virtio_device *device, unsigned offset, unsigned width)
{
	struct virtio_pci *self = virtio_pci(device);

	if (!config_holds(self, offset, width))
		return 0;
	return width == 4   ? mmio_read32(self->config + offset)
	       : width == 2 ? mmio_read16(self->config + offset)
			    : mmio_read8(self->config + offset);
}

static void config_write(struct virtio_device *device, unsigned offset, unsigned width,
			 uint32_t value)
{
	struct virtio_pci *self = virtio_pci(device);

	if (!config_holds(self, offset, width))
		return;
	if (width == 4)
		mmio_write32(self->config + offset, value);
	else if (width == 2)
		mmio_write16(self->config + offset, (uint16_t)value);
	else
		mmio_write8(self->config + offset, (uint8_t)value);
}

static uint32_t config_generation(struct virtio_device *device)
{
	return mmio_read8(virtio_pci(device)->common + CONFIG_GENERATION);
}

/* 0: there is no such queue [PCI-10]. */
static unsigned queue_size(struct virtio_device *device, unsigned index)
{
	volatile uint8_t *common = virtio_pci(device)->common;

	mmio_write16(common + QUEUE_SELECT, (uint16_t)index);
	return mmio_read16(common + QUEUE_SIZE);
}

/* §4.1.3.1: 64-bit fields as two halves. */
static void write64(volatile uint8_t *at, uint64_t value)
{
	mmio_write32(at, (uint32_t)value);
	mmio_write32(at + 4, (uint32_t)(value >> 32));
}

/* §4.1.4.4: computed once, so that a kick is one register write [PCI-12] [PCI-13].
 * NOTIFICATION_DATA makes it 32 bits wide; NOTIF_CONFIG_DATA lets the device say what
 * it wants to hear in place of the queue's number (§4.1.5.2.1) [VQ-25]. */
static int find_doorbell(struct virtio_pci *self, struct virtqueue *vq)
{
	unsigned width = vq->doorbell_mode ? 4 : 2;
	uint64_t offset = (uint64_t)mmio_read16(self->common + QUEUE_NOTIFY_OFFSET) *
			  self->notify_multiplier;

	if (offset + width > self->notify_bytes || (self->notify_offset + offset) % width)
		return -ERANGE;
	if (virtio_has(vq->device, VIRTIO_F_NOTIF_CONFIG_DATA)) {
		if (self->common_bytes < NOTIFY_DATA_BYTES)
			return -ERANGE;
		vq->notify_id = mmio_read16(self->common + QUEUE_NOTIFY_DATA);
	}
	vq->doorbell = pci_bar_map(self->pci, self->notify_bar,
				   self->notify_offset + offset, width);
	return vq->doorbell ? 0 : -ENOMEM;
}

/* §4.1.5.1.3: enabled last, and never disabled so [PCI-09]. */
static int queue_enable(struct virtio_device *device, struct virtqueue *vq)
{
	struct virtio_pci *self = virtio_pci(device);
	volatile uint8_t *common = self->common;
	int error;

	mmio_write16(common + QUEUE_SELECT, vq->index);
	error = find_doorbell(self, vq);
	if (error)
		return error;
	mmio_write16(common + QUEUE_SIZE, vq->size);
	write64(common + QUEUE_DESC, vq->desc_phys);
	write64(common + QUEUE_DRIVER, vq->driver_phys);
	write64(common + QUEUE_DEVICE, vq->device_phys);
	mmio_write16(common + QUEUE_ENABLE, 1);
	return 0;
}

const struct virtio_transport virtio_pci_modern = {
	.name = "PCI",
	.features_get = features_get,
	.features_set = features_set,
	.status_get = status_get,
	.status_set = status_set,
	.reset = reset,
	.config_read = config_read,
	.config_write = config_write,
	.config_generation = config_generation,
	.queue_size = queue_size,
	.queue_enable = queue_enable,
	.queue_reset = virtio_pci_queue_reset,
	.shared_memory = virtio_pci_shared_memory,
	.interrupts_attach = virtio_pci_interrupts_attach,
	.interrupts_detach = virtio_pci_interrupts_detach,
	.release = virtio_pci_release,
};

static bool config_vector(struct virtio_pci *self, uint16_t vector)
{
	mmio_write16(self->common + CONFIG_VECTOR, vector);
	return mmio_read16(self->common + CONFIG_VECTOR) == vector;
}

static bool queue_vector(struct virtio_pci *self, unsigned queue, uint16_t vector)
{
	mmio_write16(self->common + QUEUE_SELECT, (uint16_t)queue);
	mmio_write16(self->common + QUEUE_VECTOR, vector);
	return mmio_read16(self->common + QUEUE_VECTOR) == vector;
}

static uint8_t isr(struct virtio_pci *self)
{
	return mmio_read8(self->isr);
}

static const struct virtio_pci_registers registers = { config_vector, queue_vector, isr };

/* The device's own configuration may be missing: not every type has any. */
bool virtio_pci_modern_find(struct virtio_pci *self)
{
	unsigned at = 0;

	for (unsigned i = 0; i < PCI_CAPABILITIES_MAX;
	     i++) { /* it may be a loop [PCI-05] */
		at = pci_capability(self->pci, CAPABILITY_VENDOR, at);
		if (!at)
			break;
		take(self, at);
	}
	self->registers = &registers;
	return self->common && self->notify_bytes && self->isr;
}
