/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A device that interrupts without end and for nothing would leave no time for anything else.
 * Many interrupts in vain are no such storm while buffers are used: then somebody polled and
 * was faster. */

#include <virtio/core.h>

#define STORM_COUNT 10000
#define STORM_NS    NS_PER_SEC

void virtio_interrupt_idle(struct virtio_device *device)
{
	struct virtio_storm *storm = &device->storm;

	if (!storm->count++) {
		storm->start_ns = clock_ns();
		storm->used = virtio_queues_used(device, 0);
	}
	if (storm->count < STORM_COUNT)
		return;
	storm->count = 0;
	if (clock_ns() - storm->start_ns < STORM_NS &&
	    virtio_queues_used(device, 0) == storm->used)
		virtio_device_break(device, "its interrupts are without end and reason");
}
