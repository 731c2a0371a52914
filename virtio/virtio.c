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

LINKSET_DECLARE(virtio_drivers, const struct virtio_driver);

struct virtio_device *virtio_devices;

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

/* Appends to the list; the name's number counts the devices of that driver before. */
static void enlist(struct virtio_device *device)
{
	struct virtio_device **link = &virtio_devices;
	unsigned number = 0;

	for (; *link; link = &(*link)->next)
		number += (*link)->driver == device->driver;
	*link = device;
	if (device->driver)
		format(device->name, sizeof(device->name), "%s%u", device->driver->name,
		       number);
	else
		format(device->name, sizeof(device->name), "virtio-%u", device->id);
}

/* Bits are only ever added; a reset alone takes them away (§2.1.2). */
static void status_add(struct virtio_device *device, enum virtio_status bits)
{
	device->status |= (uint8_t)bits;
	device->transport->status_set(device, device->status);
}

static int reset(struct virtio_device *device)
{
	device->live = false;
	device->status = 0;
	device->counters.resets++;
	return device->transport->reset(device);
}

/* §3.1.1 steps 4 to 6. Configuration may be read (by validate), nothing written. */
static int negotiate(struct virtio_device *device)
{
	const struct virtio_driver *driver = device->driver;
	const struct virtio_transport *transport = device->transport;
	struct virtio_features wanted = driver->wanted;
	struct virtio_features accepted;
	uint8_t status;
	int error;

	transport->features_get(device, &device->offered);
	if (driver->validate)
		driver->validate(device, &wanted);
	error = virtio_features_negotiate(device, driver, &wanted, &accepted);
	if (error)
		return error;
	transport->features_set(device, &accepted);
	device->negotiated = accepted;
	if (transport->legacy) /* §3.1.2: there is no FEATURES_OK */
		return 0;
	status_add(device, VIRTIO_STATUS_FEATURES_OK);
	status = transport->status_get(device);
	if (status == 0xff || !(status & VIRTIO_STATUS_FEATURES_OK)) {
		log_error("virtio: %s: it refuses the features we ask for (status %#x)",
			  device->where, status);
		return -EPROTO;
	}
	return 0;
}

/* Steps 7 and 8. Interrupts that follow DRIVER_OK at once must find us ready. */
static int start(struct virtio_device *device)
{
	int error = device->driver->probe(device);

	if (error)
		return error;
	if (device->broken) /* a rule was broken while it was probed */
		return -EIO;
	device->live = true;
	virtio_queues_live(device);
	status_add(device, VIRTIO_STATUS_DRIVER_OK);
	return 0;
}

/* §3.1.1: on failure FAILED is set. Queue memory comes back only after a reset that the
 * device confirmed (§2.4.2); FAILED is then said again, as the reset took it away. */
static int fail(struct virtio_device *device, int error)
{
	log_error("virtio: %s at %s cannot be used (error %d)", device->name,
		  device->where, -error);
	device->broken = true;
	status_add(device, VIRTIO_STATUS_FAILED);
	if (!device->queues)
		return error;
	virtio_queues_block(device);
	if (reset(device))
		return error;
	device->transport->interrupts_detach(device);
	virtio_queues_destroy(device);
	status_add(device, VIRTIO_STATUS_FAILED);
	return error;
}

int virtio_device_add(struct virtio_device *device)
{
	int error;

	device->driver = find_driver(device->id);
	enlist(device);
	if (!device->driver) {
		log_debug("virtio: %s: type %u has no driver here", device->where,
			  device->id);
		return 0;
	}
	error = reset(device);
	if (error)
		return fail(device, error);
	status_add(device, VIRTIO_STATUS_ACKNOWLEDGE);
	status_add(device, VIRTIO_STATUS_DRIVER);
	error = negotiate(device);
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

/* Timer interrupt: the caller of virtio_device_break() may have held any lock. */
static void recover(struct timer *timer)
{
	struct virtio_device *device =
		(struct virtio_device *)((char *)timer -
					 offsetof(struct virtio_device, recovery));

	if (reset(device))
		log_error("virtio: %s does not even reset", device->name);
	if (device->queues)
		device->transport->interrupts_detach(device);
	if (device->driver->broken)
		device->driver->broken(device);
}

void virtio_device_break(struct virtio_device *device, const char *why)
{
	device->counters.violations++;
	if (__atomic_exchange_n(&device->broken, true, __ATOMIC_ACQ_REL))
		return;
	virtio_queues_block(device);
	log_error("virtio: %s is broken: %s", device->name, why);
	if (device->live) {
		device->recovery.expired = recover;
		timer_arm(&device->recovery, clock_ns());
	}
}

/* §2.1.1, §3.2.1: the same interrupt says "look at the configuration" and "reset me". */
void virtio_interrupt_config(struct virtio_device *device)
{
	uint8_t status;

	if (!device->live || device->broken)
		return;
	device->counters.config_interrupts++;
	status = device->transport->status_get(device);
	if (status == 0xff)
		virtio_device_break(device, "it is gone");
	else if (status & VIRTIO_STATUS_NEEDS_RESET && !device->transport->legacy)
		virtio_device_break(device, "it asks for a reset");
	else if (device->driver->config_changed)
		device->driver->config_changed(device);
}

void virtio_interrupt_queue(struct virtqueue *vq)
{
	if (!virtqueue_interrupt(vq))
		vq->device->counters.spurious_interrupts++;
}

void virtio_interrupt_queues(struct virtio_device *device)
{
	bool any = false;

	if (!device->live)
		return;
	for (unsigned i = 0; i < device->queue_count; i++)
		any |= virtqueue_interrupt(device->queues[i]);
	if (!any)
		device->counters.spurious_interrupts++;
}

void virtio_shutdown(void)
{
	for (struct virtio_device *each = virtio_devices; each; each = each->next) {
		if (!each->live)
			continue;
		virtio_queues_block(each);
		reset(each);
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
