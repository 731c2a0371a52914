/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Between the files of the virtio core; nobody else includes it. */

#ifndef VIRTIO_CORE_H
#define VIRTIO_CORE_H

#include <virtio/virtio.h>

/* features.c: what to accept of device->offered for that driver. `wanted` is the
 * driver's, after its validate(). -ENOTSUP, with a log line: a required bit is missing. */
int virtio_features_negotiate(const struct virtio_device *device,
			      const struct virtio_driver *driver,
			      const struct virtio_features *wanted,
			      struct virtio_features *accepted);

/* queues.c: frees the queues. Only when the device was reset. */
void virtio_queues_destroy(struct virtio_device *device);
void virtio_queues_live(struct virtio_device *device);
void virtio_queues_block(struct virtio_device *device);

#endif
