/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The modern PCI transport where its structures are not in memory that can be mapped: behind
 * I/O ports, or behind a BAR that nobody gave an address, which the window in configuration
 * space reaches all the same (VIRTIO 1.3 §4.1.4.9) [PCI-20]. Slower than pci_modern.c, whose
 * registers these are, and linked in with any driver but the console's. */

#include <errno.h>
#include <arch/io.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <virtio/ring/ring.h>
#include <virtio/transport/pci.h>
#include <virtio/transport/pci_common.h>

/* A structure, and how it is reached: by a port, in memory, or through the window. */
struct place {
	uint8_t bar;
	uint32_t offset, bytes;
	uint16_t port;
	volatile uint8_t *memory;
};

struct virtio_pci_window {
	struct spinlock lock; /* the window's fields and its data go together */
	struct pci_device *pci;
	unsigned at; /* the window's capability, 0: there is none */
	struct place common, notify, isr, config;
	uint32_t multiplier;
};

static struct virtio_pci_window *window(struct virtio_device *device)
{
	return virtio_pci(device)->window;
}

/* With the lock held: says what the data is to be. Bar is a byte, the rest are words. */
static void aim(const struct virtio_pci_window *self, const struct place *place,
		unsigned offset, unsigned width)
{
	pci_write8(self->pci, self->at + CAP_BAR, place->bar);
	pci_write32(self->pci, self->at + CAP_OFFSET, place->offset + offset);
	pci_write32(self->pci, self->at + CAP_BYTES, width);
}

static uint32_t through(struct virtio_pci_window *self, const struct place *place,
			unsigned offset, unsigned width)
{
	unsigned data = self->at + CAP_WINDOW_DATA;
	unsigned long flags = spin_lock(&self->lock);
	uint32_t value;

	aim(self, place, offset, width);
	value = width == 4   ? pci_read32(self->pci, data)
		: width == 2 ? pci_read16(self->pci, data)
			     : pci_read8(self->pci, data);
	spin_unlock(&self->lock, flags);
	return value;
}

static void put_through(struct virtio_pci_window *self, const struct place *place,
			unsigned offset, unsigned width, uint32_t value)
{
	unsigned data = self->at + CAP_WINDOW_DATA;
	unsigned long flags = spin_lock(&self->lock);

	aim(self, place, offset, width);
	if (width == 4)
		pci_write32(self->pci, data, value);
	else if (width == 2)
		pci_write16(self->pci, data, (uint16_t)value);
	else
		pci_write8(self->pci, data, (uint8_t)value);
	spin_unlock(&self->lock, flags);
}

static uint32_t get(struct virtio_pci_window *self, const struct place *place,
		    unsigned offset, unsigned width)
{
	volatile uint8_t *memory = place->memory ? place->memory + offset : NULL;
	uint16_t port = (uint16_t)(place->port + offset);

	if (place->memory)
		return width == 4   ? mmio_read32(memory)
		       : width == 2 ? mmio_read16(memory)
				    : mmio_read8(memory);
	if (place->port)
		return width == 4   ? port_read32(port)
		       : width == 2 ? port_read16(port)
				    : port_read8(port);
	return through(self, place, offset, width);
}

static void set(struct virtio_pci_window *self, const struct place *place,
		unsigned offset, unsigned width, uint32_t value)
{
	volatile uint8_t *memory = place->memory ? place->memory + offset : NULL;
	uint16_t port = (uint16_t)(place->port + offset);

	if (!place->memory && !place->port)
		put_through(self, place, offset, width, value);
	else if (width == 4)
		place->memory ? mmio_write32(memory, value) : port_write32(port, value);
	else if (width == 2)
		place->memory ? mmio_write16(memory, (uint16_t)value)
			      : port_write16(port, (uint16_t)value);
	else
		place->memory ? mmio_write8(memory, (uint8_t)value)
			      : port_write8(port, (uint8_t)value);
}

static uint32_t common_get(struct virtio_device *device, unsigned offset, unsigned width)
{
	return get(window(device), &window(device)->common, offset, width);
}

static void common_set(struct virtio_device *device, unsigned offset, unsigned width,
		       uint32_t value)
{
	set(window(device), &window(device)->common, offset, width, value);
}

static void features_get(struct virtio_device *device, struct virtio_features *offered)
{
	*offered = (struct virtio_features){ 0 };
	for (unsigned i = 0; i < 4; i++) {
		common_set(device, DEVICE_FEATURE_SELECT, 4, i);
		offered->words[i / 2] |= (uint64_t)common_get(device, DEVICE_FEATURE, 4)
					 << i % 2 * 32;
	}
	virtio_features_clear(offered, VIRTIO_F_NOTIF_CONFIG_DATA); /* not needed here */
}

static void features_set(struct virtio_device *device,
			 const struct virtio_features *accepted)
{
	for (unsigned i = 0; i < 4; i++) {
		common_set(device, DRIVER_FEATURE_SELECT, 4, i);
		common_set(device, DRIVER_FEATURE, 4,
			   (uint32_t)(accepted->words[i / 2] >> i % 2 * 32));
	}
}

static uint8_t status_get(struct virtio_device *device)
{
	return (uint8_t)common_get(device, DEVICE_STATUS, 1);
}

static void status_set(struct virtio_device *device, uint8_t status)
{
	common_set(device, DEVICE_STATUS, 1, status);
}

static int reset(struct virtio_device *device)
{
	status_set(device, 0);
	return virtio_pci_reset_wait(device);
}

static bool config_holds(const struct place *config, unsigned offset, unsigned width)
{
	return offset <= config->bytes && width <= config->bytes - offset;
}

static uint32_t config_read(struct virtio_device *device, unsigned offset, unsigned width)
{
	const struct place *config = &window(device)->config;

	return config_holds(config, offset, width)
		       ? get(window(device), config, offset, width)
		       : 0;
}

static void config_write(struct virtio_device *device, unsigned offset, unsigned width,
			 uint32_t value)
{
	const struct place *config = &window(device)->config;

	if (config_holds(config, offset, width))
		set(window(device), config, offset, width, value);
}

static uint32_t config_generation(struct virtio_device *device)
{
	return common_get(device, CONFIG_GENERATION, 1);
}

static unsigned queue_size(struct virtio_device *device, unsigned index)
{
	common_set(device, QUEUE_SELECT, 2, index);
	return common_get(device, QUEUE_SIZE, 2);
}

static void set64(struct virtio_device *device, unsigned offset, uint64_t value)
{
	common_set(device, offset, 4, (uint32_t)value);
	common_set(device, offset + 4, 4, (uint32_t)(value >> 32));
}

/* §4.1.4.4. The doorbell's offset in its structure is kept for notify(). */
static int queue_enable(struct virtio_device *device, struct virtqueue *vq)
{
	struct virtio_pci_window *self = window(device);
	unsigned width = vq->doorbell_mode ? 4 : 2;
	uint64_t offset;

	common_set(device, QUEUE_SELECT, 2, vq->index);
	offset = (uint64_t)common_get(device, QUEUE_NOTIFY_OFFSET, 2) * self->multiplier;
	if (offset + width > self->notify.bytes || (self->notify.offset + offset) % width)
		return -ERANGE;
	vq->transport_data = (void *)(uintptr_t)offset;
	vq->doorbell = NULL;
	common_set(device, QUEUE_SIZE, 2, vq->size);
	set64(device, QUEUE_DESC, vq->desc_phys);
	set64(device, QUEUE_DRIVER, vq->driver_phys);
	set64(device, QUEUE_DEVICE, vq->device_phys);
	common_set(device, QUEUE_ENABLE, 2, 1);
	return 0;
}

static void notify(struct virtqueue *vq)
{
	struct virtio_pci_window *self = window(vq->device);

	set(self, &self->notify, (unsigned)(uintptr_t)vq->transport_data,
	    vq->doorbell_mode ? 4 : 2, virtqueue_doorbell_value(vq));
}

static const struct virtio_transport transport = {
	.name = "PCI window",
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
	.notify = notify,
	.shared_memory = virtio_pci_shared_memory,
	.interrupts_attach = virtio_pci_interrupts_attach,
	.interrupts_detach = virtio_pci_interrupts_detach,
	.release = virtio_pci_release,
};

static bool config_vector(struct virtio_pci *self, uint16_t vector)
{
	common_set(&self->device, CONFIG_VECTOR, 2, vector);
	return common_get(&self->device, CONFIG_VECTOR, 2) == vector;
}

static bool queue_vector(struct virtio_pci *self, unsigned queue, uint16_t vector)
{
	common_set(&self->device, QUEUE_SELECT, 2, queue);
	common_set(&self->device, QUEUE_VECTOR, 2, vector);
	return common_get(&self->device, QUEUE_VECTOR, 2) == vector;
}

static uint8_t isr(struct virtio_pci *self)
{
	return (uint8_t)get(self->window, &self->window->isr, 0, 1);
}

static const struct virtio_pci_registers registers = { config_vector, queue_vector, isr };

/* Whether all of it can be reached, and how. The window needs no address, but a BAR. */
static bool reach(struct virtio_pci_window *self, struct place *place, uint32_t least)
{
	const struct pci_bar *bar = pci_bar(self->pci, place->bar);

	if (place->bytes < least || !bar->bytes || place->offset > bar->bytes ||
	    place->bytes > bar->bytes - place->offset)
		return false;
	if (bar->io && bar->base && bar->base + bar->bytes <= 0x10000)
		place->port = (uint16_t)(bar->base + place->offset);
	else if (!bar->io && bar->base && place->bytes - least <= STRUCTURE_MORE_MAX)
		place->memory = pci_bar_map(self->pci, place->bar, place->offset,
					    place->bytes);
	return place->port || place->memory || self->at;
}

/* The first of each type that can be reached [PCI-04]. */
static void take(struct virtio_pci_window *self, unsigned at)
{
	uint32_t head = pci_read32(self->pci, at + CAP_LEN_TYPE);
	unsigned size = head >> 16 & 0xff, type = head >> 24;
	struct place place = {
		.bar = pci_read8(self->pci, at + CAP_BAR),
		.offset = pci_read32(self->pci, at + CAP_OFFSET),
		.bytes = pci_read32(self->pci, at + CAP_BYTES),
	};

	if (size < CAP_SIZE || place.bar > 5)
		return;
	if (type == TYPE_COMMON && !self->common.bytes && place.offset % 4 == 0 &&
	    reach(self, &place, COMMON_BYTES))
		self->common = place;
	else if (type == TYPE_ISR && !self->isr.bytes && reach(self, &place, 1))
		self->isr = place;
	else if (type == TYPE_DEVICE && !self->config.bytes && place.offset % 4 == 0 &&
		 reach(self, &place, 1))
		self->config = place;
	else if (type == TYPE_NOTIFY && !self->notify.bytes && size >= CAP_NOTIFY_SIZE &&
		 place.offset % 2 == 0 && reach(self, &place, 2)) {
		self->notify = place;
		self->multiplier = pci_read32(self->pci, at + CAP_MULTIPLIER);
		if (self->multiplier & (self->multiplier - 1) || self->multiplier == 1)
			self->notify.bytes = 0; /* §4.1.4.4: even, a power of two */
	}
}

static unsigned find_window(struct pci_device *pci)
{
	unsigned at = 0;

	for (unsigned i = 0; i < PCI_CAPABILITIES_MAX; i++) {
		uint32_t head;

		at = pci_capability(pci, CAPABILITY_VENDOR, at);
		if (!at)
			break;
		head = pci_read32(pci, at + CAP_LEN_TYPE);
		if (head >> 24 == TYPE_WINDOW && (head >> 16 & 0xff) >= CAP_WINDOW_SIZE)
			return at;
	}
	return 0;
}

const struct virtio_transport *virtio_pci_window_find(struct virtio_pci *device)
{
	struct virtio_pci_window *self = kzalloc(sizeof(*self));
	unsigned at = 0;

	if (!self)
		return NULL;
	self->pci = device->pci;
	self->at = find_window(self->pci);
	for (unsigned i = 0; i < PCI_CAPABILITIES_MAX; i++) {
		at = pci_capability(self->pci, CAPABILITY_VENDOR, at);
		if (!at)
			break;
		take(self, at);
	}
	if (!self->common.bytes || !self->notify.bytes || !self->isr.bytes) {
		kfree(self);
		return NULL;
	}
	device->window = self;
	device->registers = &registers;
	return &transport;
}
