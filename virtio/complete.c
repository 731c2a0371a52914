/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What of the virtio core is linked in only with a driver other than the console's. The
 * core refers to it weakly: where it is missing, the feature is not negotiated. */

#include <virtio/core.h>
#include <virtio/ring/ring.h>
#include <virtio/transport/transports.h>

const void *const virtio_complete[] = {
	(const void *)virtio_recovery_begin,
	(const void *)virtio_queue_recovery_begin,
	(const void *)virtio_interrupt_idle,
	virtqueue_layout_names, /* all layouts of the ring: virtio/ring/layouts.c */
	virtio_transports_complete,
};
