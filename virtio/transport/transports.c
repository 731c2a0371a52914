/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The transports that a virtio driver brings with it into the image. */

#include <virtio/transport/pci.h>
#include <virtio/virtio.h>

const void *const virtio_transports[] = { &virtio_pci_driver };
