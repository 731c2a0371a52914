/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What of the transports is linked in with any driver but the console's: virtio/complete.c
 * refers to it. virtio_transports[], PCI as such, is in every image. */

#ifndef VIRTIO_TRANSPORT_TRANSPORTS_H
#define VIRTIO_TRANSPORT_TRANSPORTS_H

extern const void *const virtio_transports_complete[];

#endif
