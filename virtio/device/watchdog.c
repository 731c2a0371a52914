/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Patience with a device that holds buffers of ours. */

#include <virtio/device/watchdog.h>
#include <virtio/virtio.h>

#define LOOK_NS NS_PER_SEC

void watchdog_start(struct watchdog *watchdog)
{
	watchdog->seen = watchdog->completed;
	watchdog->silences = 0;
	watchdog->since_ns = clock_ns();
	timer_arm(&watchdog->timer, watchdog->since_ns + LOOK_NS);
}

enum watchdog_finding watchdog_look(struct watchdog *watchdog, bool in_flight,
				    uint64_t patience_ns)
{
	uint64_t now = clock_ns();
	bool grown = watchdog->completed != watchdog->seen;
	bool silent = !grown && now - watchdog->since_ns >= patience_ns;

	if (!in_flight)
		return WATCHDOG_WELL;
	timer_arm(&watchdog->timer, now + LOOK_NS);
	if (grown || silent)
		watchdog->since_ns = now;
	watchdog->seen = watchdog->completed;
	watchdog->silences = grown ? 0 : watchdog->silences + silent;
	return grown ? WATCHDOG_WELL : silent ? WATCHDOG_SILENT : WATCHDOG_QUIET;
}

void watchdog_nudge(struct virtqueue *vq)
{
	if (!virtqueue_broken(vq))
		virtqueue_notify(vq);
	virtio_interrupt_queue(vq);
}
