/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The MMIO transport, version 2, and what it shares with version 1 (VIRTIO 1.3 §4.2). */

#include <errno.h>
#include <arch/irqflags.h>
#include <kernel/boot_info.h>
#include <kernel/format.h>
#include <kernel/log.h>
#include <virtio/ring/ring.h>
#include <virtio/transport/mmio.h>

#define WAIT_NS NS_PER_SEC

/* The select register comes first, each time [MMI-03]. */
static void features_get(struct virtio_device *device, struct virtio_features *offered)
{
	struct virtio_mmio *self = virtio_mmio(device);

	*offered = (struct virtio_features){ 0 };
	for (unsigned i = 0; i < 4; i++) {
		mmio_set(self, MMIO_DEVICE_FEATURES_SEL, i);
		offered->words[i / 2] |= (uint64_t)mmio_get(self, MMIO_DEVICE_FEATURES)
					 << i % 2 * 32;
	}
	/* What MMIO has no registers for (§4.2.5, §4.1.5.2.1) [MMI-12]. */
	virtio_features_clear(offered, VIRTIO_F_NOTIF_CONFIG_DATA);
	virtio_features_clear(offered, VIRTIO_F_ADMIN_VQ);
}

static void features_set(struct virtio_device *device,
			 const struct virtio_features *accepted)
{
	struct virtio_mmio *self = virtio_mmio(device);

	for (unsigned i = 0; i < 4; i++) {
		mmio_set(self, MMIO_DRIVER_FEATURES_SEL, i);
		mmio_set(self, MMIO_DRIVER_FEATURES,
			 (uint32_t)(accepted->words[i / 2] >> i % 2 * 32));
	}
}

uint8_t virtio_mmio_status_get(struct virtio_device *device)
{
	return (uint8_t)mmio_get(virtio_mmio(device), MMIO_STATUS);
}

void virtio_mmio_status_set(struct virtio_device *device, uint8_t status)
{
	mmio_set(virtio_mmio(device), MMIO_STATUS, status);
}

/* Waits until a register reads 0. */
static int wait_zero(struct virtio_mmio *self, enum virtio_mmio_register at)
{
	uint64_t deadline = clock_ns() + WAIT_NS;

	while (mmio_get(self, at)) {
		if (clock_ns() >= deadline)
			return -ETIMEDOUT;
		arch_relax();
	}
	return 0;
}

int virtio_mmio_reset(struct virtio_device *device)
{
	virtio_mmio_status_set(device, 0);
	return wait_zero(virtio_mmio(device), MMIO_STATUS);
}

/* The configuration's fields have their own width [MMI-02]; what lies beyond the registers
 * reads 0, writing it does nothing. */
static volatile uint8_t *config_at(struct virtio_mmio *self, unsigned offset,
				   unsigned width)
{
	uint32_t bytes = self->bytes - MMIO_CONFIG;

	if (offset > bytes || width > bytes - offset)
		return NULL;
	return self->registers + MMIO_CONFIG + offset;
}

uint32_t virtio_mmio_config_read(struct virtio_device *device, unsigned offset,
				 unsigned width)
{
	volatile uint8_t *at = config_at(virtio_mmio(device), offset, width);

	if (!at)
		return 0;
	return width == 4   ? mmio_read32(at)
	       : width == 2 ? mmio_read16(at)
			    : mmio_read8(at);
}

void virtio_mmio_config_write(struct virtio_device *device, unsigned offset,
			      unsigned width, uint32_t value)
{
	volatile uint8_t *at = config_at(virtio_mmio(device), offset, width);

	if (!at)
		return;
	if (width == 4)
		mmio_write32(at, value);
	else if (width == 2)
		mmio_write16(at, (uint16_t)value);
	else
		mmio_write8(at, (uint8_t)value);
}

static uint32_t config_generation(struct virtio_device *device)
{
	return mmio_get(virtio_mmio(device), MMIO_CONFIG_GENERATION); /* [MMI-07] */
}

unsigned virtio_mmio_queue_size(struct virtio_device *device, unsigned index)
{
	struct virtio_mmio *self = virtio_mmio(device);

	mmio_set(self, MMIO_QUEUE_SEL, index);
	return mmio_get(self, MMIO_QUEUE_SIZE_MAX);
}

static void set64(const struct virtio_mmio *self, enum virtio_mmio_register at,
		  uint64_t value)
{
	mmio_write32(self->registers + at, (uint32_t)value);
	mmio_write32(self->registers + at + 4, (uint32_t)(value >> 32));
}

static uint64_t get64(const struct virtio_mmio *self, enum virtio_mmio_register at)
{
	uint64_t low = mmio_read32(self->registers + at);

	return low | (uint64_t)mmio_read32(self->registers + at + 4) << 32;
}

/* §4.2.3.3: 32 bits, the index or the notification data of §2.9 [MMI-02]. */
void virtio_mmio_doorbell(struct virtio_mmio *self, struct virtqueue *vq)
{
	vq->doorbell = (volatile uint16_t *)(self->registers + MMIO_QUEUE_NOTIFY);
	vq->doorbell_mode |= VIRTQUEUE_DOORBELL_WIDE;
}

/* §4.2.3.2 [MMI-04]. A queue that is ready is in use: its registers are left alone
 * [MMI-05]; only the reset of the device, or its own, ends that. */
static int queue_enable(struct virtio_device *device, struct virtqueue *vq)
{
	struct virtio_mmio *self = virtio_mmio(device);

	mmio_set(self, MMIO_QUEUE_SEL, vq->index);
	if (mmio_get(self, MMIO_QUEUE_READY))
		return -EBUSY;
	if (mmio_get(self, MMIO_QUEUE_SIZE_MAX) < vq->size)
		return -ENOENT;
	mmio_set(self, MMIO_QUEUE_SIZE, vq->size);
	set64(self, MMIO_QUEUE_DESC, vq->desc_phys);
	set64(self, MMIO_QUEUE_DRIVER, vq->driver_phys);
	set64(self, MMIO_QUEUE_DEVICE, vq->device_phys);
	mmio_set(self, MMIO_QUEUE_READY, 1);
	virtio_mmio_doorbell(self, vq);
	return mmio_get(self, MMIO_QUEUE_READY) == 1 ? 0 : -EIO;
}

/* §2.6.1: done when the register reads 0 again [MMI-08]. The clause has the queue not ready
 * then; where it still says so, it is told, and asked (§4.2.2.2) [MMI-05]. */
static int queue_reset(struct virtio_device *device, struct virtqueue *vq)
{
	struct virtio_mmio *self = virtio_mmio(device);
	int error;

	mmio_set(self, MMIO_QUEUE_SEL, vq->index);
	mmio_set(self, MMIO_QUEUE_RESET, 1);
	error = wait_zero(self, MMIO_QUEUE_RESET);
	if (error || !mmio_get(self, MMIO_QUEUE_READY))
		return error;
	mmio_set(self, MMIO_QUEUE_READY, 0);
	return wait_zero(self, MMIO_QUEUE_READY);
}

/* All ones for the length: there is no such region [MMI-09]; nor is one in our RAM.
 * Asked for only by drivers that know of shared memory. */
static bool shared_memory(struct virtio_device *device, uint8_t id,
			  struct virtio_shared_memory *out)
{
	struct virtio_mmio *self = virtio_mmio(device);

	mmio_set(self, MMIO_SHM_SEL, id);
	out->bytes = get64(self, MMIO_SHM_LEN);
	out->phys = get64(self, MMIO_SHM_BASE);
	return out->bytes && out->bytes != UINT64_MAX && out->phys != UINT64_MAX &&
	       out->phys + out->bytes > out->phys &&
	       !boot_ram_within(out->phys, out->phys + out->bytes - 1);
}

static void serve(struct virtio_device *device, uint32_t status)
{
	if (status & MMIO_INTERRUPT_QUEUES)
		virtio_interrupt_queues(device);
	if (status & MMIO_INTERRUPT_CONFIG)
		virtio_interrupt_config(device);
}

/* §4.2.3.4: read, serve, acknowledge what was served and no bit that has no meaning
 * [MMI-06]. What happens between our last look and the acknowledgement would have no
 * interrupt of its own, as the bit is still set: so a second look follows. */
static bool handle(void *context)
{
	struct virtio_mmio *self = context;
	uint32_t status = mmio_get(self, MMIO_INTERRUPT_STATUS) &
			  (MMIO_INTERRUPT_QUEUES | MMIO_INTERRUPT_CONFIG);

	if (!status)
		return false;
	serve(&self->device, status);
	mmio_set(self, MMIO_INTERRUPT_ACK, status);
	if (status & MMIO_INTERRUPT_CONFIG)
		virtio_interrupt_config(&self->device);
	for (unsigned i = 0; self->device.live && i < self->device.queue_count; i++)
		virtqueue_interrupt(self->device.queues[i]);
	return true;
}

int virtio_mmio_attach(struct virtio_device *device, unsigned count)
{
	struct virtio_mmio *self = virtio_mmio(device);
	int error;

	(void)count;
	self->handler = (struct irq_handler){
		.handle = handle,
		.context = self,
		.name = device->where,
	};
	error = irq_line_attach(self->gsi, &self->handler);
	if (error) {
		log_error("virtio: %s: no interrupt by line %u (error %d)", device->where,
			  self->gsi, -error);
		return error;
	}
	self->attached = true;
	format(self->interrupts, sizeof(self->interrupts), "line %u", self->gsi);
	device->interrupts = self->interrupts;
	return 0;
}

void virtio_mmio_detach(struct virtio_device *device)
{
	struct virtio_mmio *self = virtio_mmio(device);

	if (self->attached)
		irq_detach(&self->handler);
	self->attached = false;
	device->interrupts = "none";
}

const struct virtio_transport virtio_mmio_modern = {
	.name = "MMIO",
	.features_get = features_get,
	.features_set = features_set,
	.status_get = virtio_mmio_status_get,
	.status_set = virtio_mmio_status_set,
	.reset = virtio_mmio_reset,
	.config_read = virtio_mmio_config_read,
	.config_write = virtio_mmio_config_write,
	.config_generation = config_generation,
	.queue_size = virtio_mmio_queue_size,
	.queue_enable = queue_enable,
	.queue_reset = queue_reset,
	.shared_memory = shared_memory,
	.interrupts_attach = virtio_mmio_attach,
	.interrupts_detach = virtio_mmio_detach,
};
