/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Virtio over MMIO (VIRTIO 1.3 §4.2), between the files of that transport: the registers
 * and the interrupt in mmio.c, what version 1 has otherwise in mmio_legacy.c, discovery in
 * mmio_find.c. */

#ifndef VIRTIO_TRANSPORT_MMIO_H
#define VIRTIO_TRANSPORT_MMIO_H

#include <stdbool.h>
#include <stdint.h>
#include <arch/io.h>
#include <virtio/virtio.h>

/* §4.2.2, and in version 1 §4.2.4. */
enum virtio_mmio_register {
	MMIO_MAGIC = 0x000,
	MMIO_VERSION = 0x004,
	MMIO_DEVICE_ID = 0x008,
	MMIO_DEVICE_FEATURES = 0x010,
	MMIO_DEVICE_FEATURES_SEL = 0x014,
	MMIO_DRIVER_FEATURES = 0x020,
	MMIO_DRIVER_FEATURES_SEL = 0x024,
	MMIO_GUEST_PAGE_SIZE = 0x028, /* version 1 */
	MMIO_QUEUE_SEL = 0x030,
	MMIO_QUEUE_SIZE_MAX = 0x034,
	MMIO_QUEUE_SIZE = 0x038,
	MMIO_QUEUE_ALIGN = 0x03c, /* version 1 */
	MMIO_QUEUE_PFN = 0x040,	  /* version 1 */
	MMIO_QUEUE_READY = 0x044,
	MMIO_QUEUE_NOTIFY = 0x050,
	MMIO_INTERRUPT_STATUS = 0x060,
	MMIO_INTERRUPT_ACK = 0x064,
	MMIO_STATUS = 0x070,
	MMIO_QUEUE_DESC = 0x080, /* 64 bits, as the next two */
	MMIO_QUEUE_DRIVER = 0x090,
	MMIO_QUEUE_DEVICE = 0x0a0,
	MMIO_SHM_SEL = 0x0ac,
	MMIO_SHM_LEN = 0x0b0,  /* 64 bits */
	MMIO_SHM_BASE = 0x0b8, /* 64 bits */
	MMIO_QUEUE_RESET = 0x0c0,
	MMIO_CONFIG_GENERATION = 0x0fc,
	MMIO_CONFIG = 0x100,
};
#define MMIO_MAGIC_VALUE      0x74726976 /* "virt" */
#define MMIO_INTERRUPT_QUEUES 1
#define MMIO_INTERRUPT_CONFIG 2

struct virtio_mmio {
	struct virtio_device device; /* first: transports get a pointer to it */
	uint64_t address;
	volatile uint8_t *registers; /* what lies there */
	uint32_t bytes;		     /* configuration included */
	unsigned gsi;
	struct irq_handler handler;
	bool attached;
	char interrupts[16];
	struct virtio_mmio *next;
};

/* All of this transport, whether a driver is linked in or not. Boot only. */
extern struct virtio_mmio *virtio_mmio_devices;

static inline struct virtio_mmio *virtio_mmio(struct virtio_device *device)
{
	return (struct virtio_mmio *)device;
}

/* Control registers are accessed in 32 bits, aligned, and in nothing else [MMI-02]. */
static inline uint32_t mmio_get(const struct virtio_mmio *self,
				enum virtio_mmio_register at)
{
	return mmio_read32(self->registers + at);
}

static inline void mmio_set(const struct virtio_mmio *self, enum virtio_mmio_register at,
			    uint32_t value)
{
	mmio_write32(self->registers + at, value);
}

/* Looks for a device in [address, address + bytes) whose interrupt is `gsi`, and hands it to
 * the core. What is no device, or one known already, is passed over. */
void virtio_mmio_probe(uint64_t address, uint64_t bytes, unsigned gsi);

/* Probes what ACPI and the command line name. */
void virtio_mmio_scan(void);

/* mmio.c's, for version 1. */
void virtio_mmio_status_set(struct virtio_device *device, uint8_t status);
uint8_t virtio_mmio_status_get(struct virtio_device *device);
int virtio_mmio_reset(struct virtio_device *device);
uint32_t virtio_mmio_config_read(struct virtio_device *device, unsigned offset,
				 unsigned width);
void virtio_mmio_config_write(struct virtio_device *device, unsigned offset,
			      unsigned width, uint32_t value);
unsigned virtio_mmio_queue_size(struct virtio_device *device, unsigned index);
void virtio_mmio_doorbell(struct virtio_mmio *self, struct virtqueue *vq);
int virtio_mmio_attach(struct virtio_device *device, unsigned count);
void virtio_mmio_detach(struct virtio_device *device);

extern const struct virtio_transport virtio_mmio_modern, virtio_mmio_legacy;
/* What brings discovery into an image (virtio/transport/transports.c). */
extern const char virtio_mmio_key[];

#endif
