/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* MMIO version 1 (VIRTIO 1.3 §4.2.4): 32 features, a queue by its page's number, no
 * generation [MMI-10]. */

#include <errno.h>
#include <virtio/ring/ring.h>
#include <virtio/transport/mmio.h>

#define PAGE_SIZE_TOLD 4096 /* what page numbers count */

static void features_get(struct virtio_device *device, struct virtio_features *offered)
{
	struct virtio_mmio *self = virtio_mmio(device);

	mmio_set(self, MMIO_DEVICE_FEATURES_SEL, 0);
	*offered = (struct virtio_features){ { mmio_get(self, MMIO_DEVICE_FEATURES) } };
}

/* The page size is told once after each reset, before any queue is. */
static void features_set(struct virtio_device *device,
			 const struct virtio_features *accepted)
{
	struct virtio_mmio *self = virtio_mmio(device);

	mmio_set(self, MMIO_DRIVER_FEATURES_SEL, 0);
	mmio_set(self, MMIO_DRIVER_FEATURES, (uint32_t)accepted->words[0]);
	mmio_set(self, MMIO_GUEST_PAGE_SIZE, PAGE_SIZE_TOLD);
}

static uint32_t config_generation(struct virtio_device *device)
{
	(void)device; /* there is none (§2.5.4) */
	return 0;
}

/* A queue whose page number is not 0 is in use. */
static int queue_enable(struct virtio_device *device, struct virtqueue *vq)
{
	struct virtio_mmio *self = virtio_mmio(device);

	mmio_set(self, MMIO_QUEUE_SEL, vq->index);
	if (mmio_get(self, MMIO_QUEUE_PFN))
		return -EBUSY;
	mmio_set(self, MMIO_QUEUE_SIZE, vq->size);
	mmio_set(self, MMIO_QUEUE_ALIGN, VIRTQUEUE_LEGACY_ALIGN);
	mmio_set(self, MMIO_QUEUE_PFN, (uint32_t)(vq->desc_phys / PAGE_SIZE_TOLD));
	virtio_mmio_doorbell(self, vq);
	return 0;
}

const struct virtio_transport virtio_mmio_legacy = {
	.name = "MMIO legacy",
	.legacy = true,
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
	.interrupts_attach = virtio_mmio_attach,
	.interrupts_detach = virtio_mmio_detach,
};
