/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Patience with a device that holds buffers of ours. */

#include <virtio/device/watchdog.h>
#include <virtio/virtio.h>

#define LOOK_NS NS_PER_SEC

static void arm(struct watchdog *watchdog, uint64_t deadline_ns)
{
	watchdog->armed = true;
	timer_arm(&watchdog->timer, deadline_ns);
}

void watchdog_start(struct watchdog *watchdog)
{
	watchdog->seen = watchdog->completed;
	watchdog->silences = 0;
	watchdog->since_ns = clock_ns();
	arm(watchdog, watchdog->since_ns + LOOK_NS);
}

enum watchdog_finding watchdog_look(struct watchdog *watchdog, bool in_flight,
				    uint64_t patience_ns)
{
	uint64_t now = clock_ns();
	bool grown = watchdog->completed != watchdog->seen;
	bool silent = !grown && now - watchdog->since_ns >= patience_ns;

	watchdog->armed = false;
	if (!in_flight)
		return WATCHDOG_WELL;
	arm(watchdog, now + LOOK_NS);
	if (grown || silent)
		watchdog->since_ns = now;
	watchdog->seen = watchdog->completed;
	watchdog->silences = grown ? 0 : watchdog->silences + silent;
	return grown ? WATCHDOG_WELL : silent ? WATCHDOG_SILENT : WATCHDOG_QUIET;
}

void watchdog_expire_in(struct watchdog *watchdog, uint64_t ns)
{
	arm(watchdog, clock_ns() + ns);
}

void watchdog_stop(struct watchdog *watchdog)
{
	timer_cancel(&watchdog->timer);
	watchdog->armed = false;
}

void watchdog_nudge(struct virtqueue *vq)
{
	if (!virtqueue_broken(vq))
		virtqueue_notify(vq);
	virtio_interrupt_queue(vq);
}
