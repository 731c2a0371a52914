/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A device's life: found, initialised (VIRTIO 1.3 §3.1.1), live, perhaps broken, reset. */

#include <errno.h>
#include <kernel/format.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <virtio/core.h>
#include <virtio/ring/ring.h>

#pragma weak virtio_recovery_begin
#pragma weak virtio_interrupt_idle
#pragma weak virtio_queue_recovery_begin
#pragma weak virtio_queues_discard

LINKSET_DECLARE(virtio_drivers, const struct virtio_driver);

struct virtio_device *virtio_devices;
struct spinlock virtio_devices_lock;

static const struct virtio_driver *find_driver(uint32_t id)
{
	LINKSET_EACH(virtio_drivers, entry)
	if ((*entry)->device_id == id)
		return *entry;
	return NULL;
}

bool virtio_driver_linked(uint32_t id)
{
	return find_driver(id) != NULL;
}

/* Appends to the list. No two devices of a driver that are there have the same number. */
static void enlist(struct virtio_device *device)
{
	struct virtio_device **link = &virtio_devices;
	unsigned long flags = spin_lock(&virtio_devices_lock);

	for (; *link; link = &(*link)->next)
		if ((*link)->driver == device->driver)
			device->number = (*link)->number + 1;
	*link = device;
	spin_unlock(&virtio_devices_lock, flags);
	if (device->driver)
		format(device->name, sizeof(device->name), "%s%u", device->driver->name,
		       device->number);
	else
		format(device->name, sizeof(device->name), "virtio-%u", device->id);
}

void virtio_status_add(struct virtio_device *device, enum virtio_status bits)
{
	device->status |= (uint8_t)bits;
	device->transport->status_set(device, device->status);
}

/* Returns once the device confirmed it, or never will [INI-03]. */
int virtio_reset(struct virtio_device *device)
{
	device->live = false;
	device->status = 0;
	device->counters.resets++;
	return device->transport->reset(device);
}

int virtio_features_agree(struct virtio_device *device,
			  const struct virtio_features *accepted)
{
	const struct virtio_transport *transport = device->transport;
	uint8_t status;

	transport->features_set(device, accepted); /* the only time [NEG-10] */
	device->negotiated = *accepted; /* the only copy from here on [NEG-14] */
	if (transport->legacy)		/* §3.1.2: there is no FEATURES_OK [NEG-12] */
		return 0;
	virtio_status_add(device, VIRTIO_STATUS_FEATURES_OK);
	status = transport->status_get(device); /* [INI-05] */
	if (status == 0xff || !(status & VIRTIO_STATUS_FEATURES_OK)) {
		log_error("virtio: %s: it refuses the features we ask for (status %#x)",
			  device->where, status);
		return -EPROTO;
	}
	return 0;
}

/* Steps 4 to 6. Configuration may be read (by validate), nothing written [INI-08]. */
static int negotiate(struct virtio_device *device)
{
	const struct virtio_driver *driver = device->driver;
	struct virtio_features wanted = driver->wanted;
	struct virtio_features accepted;
	int error;

	device->transport->features_get(device, &device->offered);
	if (driver->validate)
		driver->validate(device, &wanted);
	error = virtio_features_negotiate(device, driver, &wanted, &accepted);
	return error ? error : virtio_features_agree(device, &accepted);
}

/* Interrupts that follow DRIVER_OK at once must find us ready; what was added before it is
 * published by the first kick after it [INI-07]. -EIO: it broke while its driver set it up,
 * and is not told DRIVER_OK. */
int virtio_go_live(struct virtio_device *device)
{
	device->live = device->was_live = true;
	if (device->gone || device->broken)
		return -EIO;
	virtio_queues_live(device);
	virtio_status_add(device, VIRTIO_STATUS_DRIVER_OK);
	return 0;
}

/* §3.1.1: on failure FAILED is set [INI-06]. Queue memory comes back only after a reset that
 * the device confirmed (§2.4.2) [INI-04]; FAILED is then said again, as the reset took it
 * away. */
static int fail(struct virtio_device *device, int error)
{
	log_error("virtio: %s at %s cannot be used (error %d)", device->name,
		  device->where, -error);
	device->broken = true;
	device->was_live = false; /* its driver never hears of it again */
	virtio_status_add(device, VIRTIO_STATUS_FAILED);
	if (!device->queues)
		return error;
	virtio_queues_block(device);
	if (virtio_reset(device))
		return error;
	if (virtio_queues_discard)
		virtio_queues_discard(device);
	virtio_status_add(device, VIRTIO_STATUS_FAILED);
	return error;
}

/* After a good probe() the driver has a device, and memory for it. So one that broke
 * meanwhile is not failed behind its back: it is recovered, or removed, as if it broke now. */
static int start(struct virtio_device *device)
{
	int error = virtio_go_live(device);

	if (!error)
		return 0;
	if (!virtio_recovery_begin)
		return error;
	if (!device->gone && !device->recovery.armed)
		virtio_recovery_begin(device);
	return 0;
}

/* §3.1.1, in its order [INI-01]. */
static int add(struct virtio_device *device)
{
	int error;

	device->driver = find_driver(device->id);
	enlist(device);
	if (!device->driver) {
		log_debug("virtio: %s: type %u has no driver here", device->where,
			  device->id);
		return 0;
	}
	error = virtio_reset(device);
	if (error)
		return fail(device, error);
	virtio_status_add(device, VIRTIO_STATUS_ACKNOWLEDGE);
	virtio_status_add(device, VIRTIO_STATUS_DRIVER);
	error = negotiate(device);
	if (!error)
		error = device->driver->probe(device);
	if (!error)
		error = start(device);
	if (error)
		return fail(device, error);
	log_info("virtio: %s at %s, %s, interrupts %s", device->name, device->where,
		 device->transport->name, device->interrupts);
	if (device->driver->ready)
		device->driver->ready(device);
	return 0;
}

int virtio_device_add(struct virtio_device *device)
{
	int error = add(device);

	__atomic_store_n(&device->settled, true, __ATOMIC_RELEASE);
	return error;
}

void virtio_device_break(struct virtio_device *device, const char *why)
{
	device->counters.violations++;
	if (__atomic_exchange_n(&device->broken, true, __ATOMIC_ACQ_REL))
		return;
	virtio_queues_block(device);
	log_error("virtio: %s is broken: %s", device->name, why);
	if (device->live && virtio_recovery_begin)
		virtio_recovery_begin(device);
}

void virtio_queue_break(struct virtqueue *vq, const char *why)
{
	if (!(virtio_queue_recovery_begin && virtio_queue_recovery_begin(vq, why)))
		virtio_device_break(vq->device, why);
}

/* §2.1.1 [INI-10] [INI-11] [INI-12] */
bool virtio_device_suspect(struct virtio_device *device)
{
	uint8_t status;

	if (!device->live || device->broken)
		return true;
	status = device->transport->status_get(device);
	if (status == 0xff)
		virtio_device_break(device, "it is gone");
	else if (status & VIRTIO_STATUS_NEEDS_RESET && !device->transport->legacy)
		virtio_device_break(device, "it asks for a reset");
	return device->broken;
}

/* §3.2.1: the same interrupt says "look at the configuration" and "reset me" [CFG-07]. */
void virtio_interrupt_config(struct virtio_device *device)
{
	if (virtio_device_suspect(device))
		return;
	device->counters.config_interrupts++;
	if (device->driver->config_changed)
		device->driver->config_changed(device);
}

static void idle(struct virtio_device *device)
{
	device->counters.spurious_interrupts++;
	if (virtio_interrupt_idle)
		virtio_interrupt_idle(device);
}

bool virtio_interrupt_queue(struct virtqueue *vq)
{
	if (!virtqueue_interrupt(vq))
		idle(vq->device);
	return true;
}

void virtio_interrupt_queues(struct virtio_device *device)
{
	bool any = false;

	if (!device->live)
		return;
	for (unsigned i = 0; i < device->queue_count; i++)
		any |= virtqueue_interrupt(device->queues[i]);
	if (!any)
		idle(device);
}

/* §3.3 [INI-14] */
void virtio_shutdown(void)
{
	for (struct virtio_device *each = virtio_devices; each; each = each->next) {
		if (!each->live)
			continue;
		virtio_queues_block(each);
		virtio_reset(each);
	}
}
EXIT_CALL(INIT_BUS, virtio_shutdown);

static void print_state(void)
{
	for (struct virtio_device *each = virtio_devices; each; each = each->next) {
		panic_print("%s at %s: status %#x%s\n", each->name, each->where,
			    each->status, each->broken ? " broken" : "");
		for (unsigned i = 0; i < each->queue_count; i++)
			virtqueue_panic_print(each->queues[i]);
	}
}
PANIC_NOTE(print_state);
