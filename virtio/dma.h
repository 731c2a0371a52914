/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The one seam between rings and what a device may reach of memory.
 *
 * Usually there is nothing to do: a device reaches all of memory by physical addresses, which
 * is also what ACCESS_PLATFORM means as long as no IOMMU is programmed (VIRTIO 1.3 §6.1)
 * [NEG-05]. virtio_dma() is NULL then, no queue is wrapped, and none pays for this.
 *
 * Otherwise rings and tables are allocated here, and each buffer is mapped when it is added
 * and unmapped when it comes back (virtio/ring/mapped.c): bounce.c. */

#ifndef VIRTIO_DMA_H
#define VIRTIO_DMA_H

#include <stdbool.h>
#include <stdint.h>
#include <virtio/ring/virtqueue.h>

/* A buffer while the device has it. */
struct virtio_mapping {
	uint64_t phys; /* of all of it, what is readable first */
	uint32_t readable, writable;
};

struct virtio_dma {
	const char *name;
	/* Of one buffer; longer ones can never be mapped: -EINVAL. */
	uint32_t bytes_max;

	/* 2^order pages below `limit` that both sides reach, aligned to a page; 0: none. */
	uint64_t (*alloc)(unsigned order, uint64_t limit);
	void (*free)(uint64_t phys, unsigned order);

	/* Makes the buffer of sum bytes reachable; `pieces` becomes what the device is to be
	 * told, in the same number and lengths. -ENOSPC: not now. Any context. */
	int (*map)(struct virtio_mapping *mapping, struct virtio_piece *pieces,
		   unsigned readable, unsigned writable);
	/* The device is done with it, and wrote `written` bytes: they are in the writable
	 * pieces afterwards. */
	void (*unmap)(const struct virtio_mapping *mapping,
		      const struct virtio_piece *writable, unsigned count,
		      uint32_t written);
};

/* What is in use, from the first question on; NULL: nothing, addresses are physical. */
const struct virtio_dma *virtio_dma(void);

#endif
