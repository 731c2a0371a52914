/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The transport that a virtio driver brings with it into a program for the host, with
 * what makes devices of it (devices.c). */

#include <stddef.h>
#include <virtio/transport/transports.h>
#include <virtio/virtio.h>

extern const void *const host_devices;
const void *const virtio_transports[] = { &host_devices };
const void *const virtio_transports_complete[] = { NULL }; /* no bus here */
