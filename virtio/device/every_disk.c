/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The drivers that a program which uses disks brings with it into the image. */

#include <virtio/device/block.h>

extern const struct virtio_driver virtio_block_driver, virtio_scsi_driver,
	virtio_pmem_driver;

extern const void *const disk_drivers[];
const void *const disk_drivers[] = { &virtio_block_driver, &virtio_scsi_driver,
				     &virtio_pmem_driver };
