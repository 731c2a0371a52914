/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What becomes of a device that broke a rule, asked for a reset, or was unplugged
 * (VIRTIO 1.3 §2.1.1, §3.3.1):
 *
 *	virtio_device_break()	any context: marks it, arms a timer
 *	fell()			timer: resets it; its driver takes back what is in flight
 *	restore()		thread: §3.1.1 again, the same features, the same queues
 *	retire()		thread, of one that was unplugged: off the list; later, freed
 *
 * A device that falls again and again is tried ATTEMPTS_MAX times, each after a longer
 * pause, and then left alone: it costs nothing more [INI-11]. One that was well for QUIET_NS
 * starts anew, but for one that is only silent: that is to have used a buffer.
 *
 * Each device is in one hand at a time: the timer's, or, while `busy`, the thread's. The
 * thread exists only while there is something for it to do. */

#include <errno.h>
#include <kernel/heap.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <virtio/core.h>
#include <virtio/ring/ring.h>

#define ATTEMPTS_MAX 8
#define PAUSE_NS     (10 * NS_PER_MS) /* before the second; doubled each time */
#define QUIET_NS     (60 * NS_PER_SEC)
/* Who found an unplugged device in the list, or had just decided to ring its doorbell, is
 * done with it by then: threads take turns. */
#define GRACE_NS     NS_PER_SEC
#define UNQUIET_NS   NS_PER_MS /* the driver is still in a call: asked again after that */
#define NO_THREAD_NS (100 * NS_PER_MS) /* without memory for one: again after that */

static struct spinlock lock;			       /* for all below, and `busy` */
static struct virtio_device *line, **line_end = &line; /* what the thread is to do */
static bool working;				       /* there is a thread */
static bool closing; /* the machine is about to end: nothing comes back any more */

static struct virtio_device *of(struct timer *timer)
{
	return (void *)((char *)timer - offsetof(struct virtio_device, recovery));
}

static void after(struct virtio_device *device, uint64_t ns,
		  void (*expired)(struct timer *))
{
	device->recovery.expired = expired;
	timer_arm(&device->recovery, clock_ns() + ns);
}

static void fell(struct timer *timer);

/* The same features as before (§2.2.1 device side: it offers them again) [INI-13]. */
static int agree_again(struct virtio_device *device)
{
	struct virtio_features offered, negotiated = device->negotiated;

	device->transport->features_get(device, &offered);
	for (unsigned i = 0; i < 2; i++) {
		if (negotiated.words[i] & ~offered.words[i]) {
			log_error("virtio: %s no longer offers what was negotiated",
				  device->name);
			return -ENOTSUP;
		}
	}
	return virtio_features_agree(device, &negotiated);
}

/* §3.1.1 once more, after the reset of fell(). */
static int initialise(struct virtio_device *device)
{
	int error;

	virtio_status_add(device, VIRTIO_STATUS_ACKNOWLEDGE);
	virtio_status_add(device, VIRTIO_STATUS_DRIVER);
	error = agree_again(device);
	if (error) {
		device->recovering.hopeless = true;
		return error;
	}
	__atomic_store_n(&device->broken, false, __ATOMIC_RELEASE);
	device->restoring = true;
	error = device->driver->restore(device);
	device->restoring = false;
	if (device->gone)
		return -ENODEV;
	return error ? error : virtio_go_live(device);
}

static void restore(struct virtio_device *device)
{
	int error = initialise(device);

	if (!error) {
		log_warn("virtio: %s is back in service", device->name);
		if (device->driver->restored)
			device->driver->restored(device);
		device->counters.recoveries++;
		return;
	}
	log_error("virtio: %s cannot be brought back (error %d)", device->name, -error);
	__atomic_store_n(&device->broken, true, __ATOMIC_RELEASE);
	virtio_queues_block(device);
	if (!device->gone)
		virtio_status_add(device, VIRTIO_STATUS_FAILED); /* [INI-06] */
}

static void unlist(struct virtio_device *device)
{
	struct virtio_device **link = &virtio_devices;
	unsigned long flags = spin_lock(&virtio_devices_lock);

	while (*link && *link != device)
		link = &(*link)->next;
	if (*link)
		*link = device->next; /* its own link stays, for who stands on it */
	spin_unlock(&virtio_devices_lock, flags);
}

/* Nothing is freed that somebody may still hold: a driver that has no removed() goes on
 * pointing at its device. */
static void retire(struct virtio_device *device)
{
	const struct virtio_driver *driver = device->driver;
	void (*release)(struct virtio_device *) = device->transport->release;

	if (!device->recovering.unlisted) {
		device->recovering.unlisted = true;
		if (device->was_live && driver->removed)
			driver->removed(device);
		unlist(device);
		log_info("virtio: %s at %s was unplugged", device->name, device->where);
		return;
	}
	if (device->was_live && !driver->removed)
		return;
	virtio_queues_discard(device); /* a device that is gone reaches no memory */
	kfree(device->leftover);
	if (release)
		release(device);
}

static struct virtio_device *next_in_line(void)
{
	unsigned long flags = spin_lock(&lock);
	struct virtio_device *device = line;

	if (device) {
		line = device->recovering.next;
		if (!line)
			line_end = &line;
	} else {
		working = false;
	}
	spin_unlock(&lock, flags);
	return device;
}

static void in_line(struct timer *timer);

/* The thread is done with it. What happened meanwhile to a device that was in its hand is
 * looked at by the timer. */
static void hand_back(struct virtio_device *device)
{
	unsigned long flags = spin_lock(&lock);

	device->recovering.busy = false;
	if (device->recovering.unlisted)
		after(device, GRACE_NS, in_line);
	else if (device->broken || device->gone)
		after(device, 0, fell);
	spin_unlock(&lock, flags);
}

/* Whether the thread may change what the driver stands on. */
static bool quiet(struct virtio_device *device)
{
	if (!__atomic_load_n(&device->settled, __ATOMIC_ACQUIRE))
		return false; /* ready() may be under way */
	return !device->was_live || !device->driver->quiet ||
	       device->driver->quiet(device);
}

/* Later: whoever is in a call of the driver's will run before long. */
static void postpone(struct virtio_device *device)
{
	unsigned long flags = spin_lock(&lock);

	device->recovering.busy = false;
	after(device, UNQUIET_NS, in_line);
	spin_unlock(&lock, flags);
}

static void work(void *unused)
{
	struct virtio_device *device;

	(void)unused;
	while ((device = next_in_line())) {
		bool last = device->recovering.unlisted;

		if (!quiet(device)) {
			postpone(device);
			continue;
		}
		if (device->gone)
			retire(device);
		else if (!closing)
			restore(device);
		if (!last) /* else it is freed, or nobody's business any more */
			hand_back(device);
	}
}

/* Timer: hands the device to the thread, which is made if there is none. */
static void in_line(struct timer *timer)
{
	struct virtio_device *device = of(timer);
	unsigned long flags = spin_lock(&lock);
	bool start = !working;

	if (start && !thread_create("virtio", work, NULL)) {
		spin_unlock(&lock, flags);
		after(device, NO_THREAD_NS, in_line);
		return;
	}
	working = true;
	device->recovering.busy = true;
	device->recovering.next = NULL;
	*line_end = device;
	line_end = &device->recovering.next;
	spin_unlock(&lock, flags);
}

/* When to try, if at all. */
static void plan(struct virtio_device *device)
{
	struct virtio_recovery *notes = &device->recovering;
	uint64_t now = clock_ns();

	if (now - notes->last_ns > QUIET_NS)
		notes->attempts = 0;
	notes->last_ns = now;
	if (notes->attempts == ATTEMPTS_MAX || notes->silences > ATTEMPTS_MAX) {
		notes->hopeless = true;
		log_error("virtio: %s %s %u times in a row and stays out of service",
			  device->name,
			  notes->attempts == ATTEMPTS_MAX ? "broke" : "was silent",
			  ATTEMPTS_MAX + 1);
		return;
	}
	after(device, notes->attempts ? PAUSE_NS << (notes->attempts - 1) : 0, in_line);
	notes->attempts++;
}

/* Timer interrupt: the caller of virtio_device_break() may have held any lock. What the
 * device was shown is taken back only after it confirmed the reset [INI-09]; memory of one
 * that never does is never used for anything else [INI-04]. */
static void fell(struct timer *timer)
{
	struct virtio_device *device = of(timer);
	int error = 0;

	if (device->recovering.busy)
		return;				 /* hand_back() arms it again */
	if (!device->live && !device->settled) { /* in the hand of who adds it */
		after(device, UNQUIET_NS, fell);
		return;
	}
	device->live = false;
	if (!device->gone && device->transport->status_get(device) == 0xff)
		device->gone = true; /* [INI-12] */
	if (!device->gone)
		error = virtio_reset(device);
	if (error)
		log_error("virtio: %s does not even reset", device->name);
	device->recovering.hopeless |= error != 0;
	if (device->queues)
		device->transport->interrupts_detach(device);
	if (device->was_live && device->driver->broken)
		device->driver->broken(device);
	if (device->gone)
		after(device, 0, in_line);
	else if (device->driver->restore && !device->recovering.hopeless && !closing)
		plan(device);
}

void virtio_recovery_begin(struct virtio_device *device)
{
	after(device, 0, fell);
}

void virtio_device_silent(struct virtio_device *device, unsigned first, const char *why)
{
	struct virtio_recovery *notes = &device->recovering;
	uint64_t used = virtio_queues_used(device, first);
	unsigned long flags;

	if (virtio_device_suspect(device))
		return;
	flags = spin_lock(&lock);
	if (used != notes->silent_used)
		notes->silences = 0;
	notes->silent_used = used;
	notes->silences++;
	spin_unlock(&lock, flags);
	virtio_device_break(device, why);
}

void virtio_device_gone(struct virtio_device *device)
{
	if (__atomic_exchange_n(&device->gone, true, __ATOMIC_ACQ_REL))
		return;
	__atomic_store_n(&device->broken, true, __ATOMIC_RELEASE);
	virtio_queues_block(device);
	after(device, 0, fell);
}

void virtio_queues_discard(struct virtio_device *device)
{
	if (device->queues)
		device->transport->interrupts_detach(device);
	for (unsigned i = 0; i < device->queue_count; i++)
		virtqueue_destroy(device->queues[i]);
	kfree(device->queues);
	device->queues = NULL;
	device->queue_count = 0;
}

/* Rings that the device and the driver have forgotten, at the places the device knew. */
int virtio_queues_again(struct virtio_device *device,
			const struct virtqueue_wanted *wanted, unsigned count)
{
	const struct virtio_transport *transport = device->transport;

	if (!device->restoring || count != device->queue_count)
		return -EBUSY;
	for (unsigned i = 0; i < count; i++) {
		struct virtqueue *vq = device->queues[i];
		unsigned most = transport->queue_size(device, wanted[i].index);

		if (vq->index != wanted[i].index || most < vq->size ||
		    (transport->legacy && most != vq->size)) {
			log_error("virtio: %s: queue %u is not what it was", device->name,
				  wanted[i].index);
			return -ENOENT;
		}
		virtqueue_drop(vq);
	}
	return 0;
}

/* Nothing may come back to life behind virtio_shutdown(). */
static void recovery_stop(void)
{
	uint64_t deadline = clock_ns() + NS_PER_SEC;

	closing = true;
	while (__atomic_load_n(&working, __ATOMIC_ACQUIRE) && clock_ns() < deadline)
		thread_yield();
}
EXIT_CALL(INIT_SERVICE, recovery_stop);
