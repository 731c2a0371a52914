/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The legacy PCI transport (VIRTIO 1.3 §4.1.4.10) [PCI-25]: the paper's struct virtio_pci_io, a
 * block of I/O ports behind BAR 0. */

#include <errno.h>
#include <arch/io.h>
#include <virtio/ring/ring.h>
#include <virtio/transport/pci.h>

#pragma weak virtio_pci_release

#define HOST_FEATURES  0
#define GUEST_FEATURES 4
#define QUEUE_PFN      8
#define QUEUE_SIZE     12
#define QUEUE_SELECT   14
#define QUEUE_NOTIFY   16
#define STATUS	       18
#define ISR	       19
#define CONFIG_VECTOR  20 /* these two only while MSI-X is enabled; */
#define QUEUE_VECTOR   22
#define CONFIG	       20 /* the configuration follows what is there */
#define CONFIG_MSIX    24

static uint16_t port(struct virtio_device *device, unsigned offset)
{
	return (uint16_t)(virtio_pci(device)->port + offset);
}

static void features_get(struct virtio_device *device, struct virtio_features *offered)
{
	*offered = (struct virtio_features){ { port_read32(
		port(device, HOST_FEATURES)) } };
}

static void features_set(struct virtio_device *device,
			 const struct virtio_features *accepted)
{
	port_write32(port(device, GUEST_FEATURES), (uint32_t)accepted->words[0]);
}

static uint8_t status_get(struct virtio_device *device)
{
	return port_read8(port(device, STATUS));
}

static void status_set(struct virtio_device *device, uint8_t status)
{
	port_write8(port(device, STATUS), status);
}

static int reset(struct virtio_device *device)
{
	status_set(device, 0);
	return virtio_pci_reset_wait(device);
}

/* 0: beyond the ports there are. */
static uint16_t config_port(struct virtio_device *device, unsigned offset, unsigned width)
{
	const struct virtio_pci *self = virtio_pci(device);
	unsigned at = offset + (self->msix_on ? CONFIG_MSIX : CONFIG);

	return at + width <= self->port_bytes ? port(device, at) : 0;
}

static uint32_t config_read(struct virtio_device *device, unsigned offset, unsigned width)
{
	uint16_t at = config_port(device, offset, width);

	if (!at)
		return 0;
	return width == 4   ? port_read32(at)
	       : width == 2 ? port_read16(at)
			    : port_read8(at);
}

static void config_write(struct virtio_device *device, unsigned offset, unsigned width,
			 uint32_t value)
{
	uint16_t at = config_port(device, offset, width);

	if (!at)
		return;
	if (width == 4)
		port_write32(at, value);
	else if (width == 2)
		port_write16(at, (uint16_t)value);
	else
		port_write8(at, (uint8_t)value);
}

static uint32_t config_generation(struct virtio_device *device)
{
	(void)device; /* there is none (§2.5.4) */
	return 0;
}

static unsigned queue_size(struct virtio_device *device, unsigned index)
{
	port_write16(port(device, QUEUE_SELECT), (uint16_t)index);
	return port_read16(port(device, QUEUE_SIZE));
}

static void notify(struct virtqueue *vq)
{
	port_write16(port(vq->device, QUEUE_NOTIFY), vq->index);
}

/* §4.1.5.1.3.1: the whole ring by one page frame number [PCI-26]; its size is the device's. */
static int queue_enable(struct virtio_device *device, struct virtqueue *vq)
{
	port_write16(port(device, QUEUE_SELECT), vq->index);
	port_write32(port(device, QUEUE_PFN),
		     (uint32_t)(vq->desc_phys / VIRTQUEUE_LEGACY_ALIGN));
	return 0;
}

const struct virtio_transport virtio_pci_legacy = {
	.name = "PCI legacy",
	.legacy = true,
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
	.interrupts_attach = virtio_pci_interrupts_attach,
	.interrupts_detach = virtio_pci_interrupts_detach,
	.release = virtio_pci_release,
};

static bool config_vector(struct virtio_pci *self, uint16_t vector)
{
	port_write16(self->port + CONFIG_VECTOR, vector);
	return port_read16(self->port + CONFIG_VECTOR) == vector;
}

static bool queue_vector(struct virtio_pci *self, unsigned queue, uint16_t vector)
{
	port_write16(self->port + QUEUE_SELECT, (uint16_t)queue);
	port_write16(self->port + QUEUE_VECTOR, vector);
	return port_read16(self->port + QUEUE_VECTOR) == vector;
}

static uint8_t isr(struct virtio_pci *self)
{
	return port_read8(self->port + ISR);
}

static const struct virtio_pci_registers registers = { config_vector, queue_vector, isr };

bool virtio_pci_legacy_find(struct virtio_pci *self)
{
	const struct pci_bar *bar = pci_bar(self->pci, 0);

	if (!bar->io || !bar->base || bar->bytes < CONFIG_MSIX ||
	    bar->base + bar->bytes > 0x10000)
		return false;
	self->port = (uint16_t)bar->base;
	self->port_bytes = (uint16_t)(bar->bytes > 0xffff ? 0xffff : bar->bytes);
	self->registers = &registers;
	return true;
}
