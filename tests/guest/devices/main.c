/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Lists the virtio devices and their queues, a line each, for the host to compare. */

#include <stdio.h>
#include <ferrule/device.h>

int main(void)
{
	struct ferrule_device_info device;
	struct ferrule_queue_info queue;
	unsigned count = 0;

	for (; ferrule_device_info(count, &device); count++) {
		printf("device %s at %s: %s, %s, %s%s, features %llx\n", device.name,
		       device.where, device.transport, device.interrupts,
		       device.live ? "live" : "not live", device.broken ? ", broken" : "",
		       (unsigned long long)device.negotiated[0]);
		for (unsigned i = 0; i < device.queues; i++)
			if (ferrule_queue_info(count, i, &queue))
				printf("queue %s %u %s: size %u, free %u, kicks %llu\n",
				       device.name, i, queue.name, queue.size, queue.free,
				       (unsigned long long)queue.kicks);
	}
	printf("%u devices\n", count);
	return 0;
}
