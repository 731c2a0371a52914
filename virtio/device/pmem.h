/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the files of the virtio-pmem driver share (VIRTIO 1.3 §5.19):
 *
 *	pmem.c		the driver, its range
 *	pmem_disk.c	the disk on it: copies, and flushes by the queue */

#ifndef VIRTIO_DEVICE_PMEM_H
#define VIRTIO_DEVICE_PMEM_H

#include <virtio/device/disk_queue.h>
#include <virtio/virtio.h>

#define VIRTIO_PMEM_F_SHMEM_REGION 0

/* §5.19.6, one at a time. Little-endian. */
struct pmem_shared {
	uint32_t type;	 /* driver writes: 0, flush */
	uint32_t result; /* device writes; read once, after the used entry */
};
#define PMEM_RESULT_UNWRITTEN UINT32_C(0x55555555) /* ours */
#define PMEM_PIECES	      2			   /* a buffer for each of them */

struct pmem {
	struct ferrule_block disk;
	struct virtio_device *device;
	char *memory;
	uint64_t bytes;
	bool listed;

	struct disk_queue queue;    /* its lock is for all below, too */
	struct pmem_shared *shared; /* a page of its own */
	uint64_t shared_phys;
	/* Flushes that wait for the next request, and those that one stands for. */
	struct ferrule_block_request *waiting, *sent;
};

extern const struct disk_operations pmem_operations;
extern const struct disk_queue_operations pmem_queue_operations;

void pmem_used(struct virtqueue *vq);

#endif
