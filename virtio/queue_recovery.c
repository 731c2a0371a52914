/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* One queue that broke a rule is reset alone, where RING_RESET was negotiated (VIRTIO 1.3
 * §2.6.1): the others go on. A device that does not even let go of a queue, or whose queues
 * break again and again, is reset as a whole [VQ-21] [VQ-26] [VQ-27]; so is one of a kind
 * that is known to hold on to such a queue's buffers, if the queue has some. */

#include <kernel/log.h>
#include <virtio/core.h>
#include <virtio/ring/ring.h>

#define ATTEMPTS_MAX 8
#define QUIET_NS     (60 * NS_PER_SEC)
#define UNQUIET_NS   NS_PER_MS /* the driver is still in a call: asked again after that */

/* A queue that waits for this is one that is blocked on a device that is not broken. */
static bool possible(const struct virtio_device *device)
{
	const struct virtio_driver *driver = device->driver;

	return virtio_has(device, VIRTIO_F_RING_RESET) && driver->queue_broken &&
	       driver->queue_restored && device->live && !device->broken;
}

static bool too_often(struct virtio_recovery *notes)
{
	uint64_t now = clock_ns();

	if (now - notes->queue_last_ns > QUIET_NS)
		notes->queue_attempts = 0;
	notes->queue_last_ns = now;
	return ++notes->queue_attempts > ATTEMPTS_MAX;
}

static void revive(struct virtio_device *device, struct virtqueue *vq)
{
	const struct virtio_transport *transport = device->transport;

	if (too_often(&device->recovering)) {
		virtio_device_break(device, "its queues break too often");
		return;
	}
	if (transport->queue_reset(device, vq)) {
		virtio_device_break(device, "it does not let go of a queue");
		return;
	}
	device->counters.queue_resets++;
	device->driver->queue_broken(vq);
	virtqueue_drop(vq);
	if (transport->queue_enable(device, vq)) {
		virtio_device_break(device, "it does not take a queue back");
		return;
	}
	virtqueue_live(vq);
	log_warn("virtio: %s: queue %u (%s) is back in service", device->name, vq->index,
		 vq->name);
	device->driver->queue_restored(vq);
}

static bool quiet(const struct virtqueue *vq)
{
	const struct virtio_driver *driver = vq->device->driver;

	return !driver->queue_quiet || driver->queue_quiet(vq);
}

/* Not earlier: whoever broke it may hold the lock of the very console that this goes to. */
static void tell(struct virtqueue *vq)
{
	if (vq->fault)
		log_error("virtio: %s: queue %u (%s) is broken: %s", vq->device->name,
			  vq->index, vq->name, vq->fault);
	vq->fault = NULL;
}

/* Timer interrupt: whoever called virtio_queue_break() may have held the driver's locks. */
static void queues_fell(struct timer *timer)
{
	struct virtio_device *device =
		(void *)((char *)timer - offsetof(struct virtio_device, queue_recovery));

	for (unsigned i = 0; i < device->queue_count && possible(device); i++) {
		if (!virtqueue_broken(device->queues[i]))
			continue;
		tell(device->queues[i]);
		if (quiet(device->queues[i]))
			revive(device, device->queues[i]);
		else
			timer_arm(timer, clock_ns() + UNQUIET_NS);
	}
}

/* Whether the device may go on with what is in the queue behind its reset. */
static bool leaks(const struct virtqueue *vq)
{
	const struct virtio_driver *driver = vq->device->driver;

	return driver->queue_leaks && driver->queue_leaks(vq) &&
	       virtqueue_free(vq) != virtqueue_size(vq);
}

bool virtio_queue_leaks(const struct virtqueue *vq)
{
	(void)vq;
	return true;
}

bool virtio_queue_recovery_begin(struct virtqueue *vq, const char *why)
{
	struct virtio_device *device = vq->device;

	if (!possible(device) || leaks(vq))
		return false;
	device->counters.violations++;
	virtqueue_block(vq);
	vq->fault = why;
	device->queue_recovery.expired = queues_fell;
	timer_arm(&device->queue_recovery, clock_ns());
	return true;
}
