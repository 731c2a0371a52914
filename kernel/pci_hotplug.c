/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <kernel/lock.h>
#include <kernel/log.h>
#include <kernel/pci_hotplug.h>
#include <kernel/thread.h>
#include <kernel/time.h>

#define RETRY_NS       NS_PER_SEC
#define SETTLE_NS      (100 * NS_PER_MS) /* PCIe 5.0 §6.6.1: 100 ms until it must answer */
#define SETTLE_STEP_NS NS_PER_MS

#define HEADER_TYPE  0x0e
#define HEADER_MULTI 0x80

/* Written at boot, then by the thread alone. */
static struct pci_hotplug *slots;
static unsigned changes;

/* Under the lock. */
static struct spinlock lock;
static bool pending, working;
static struct timer retry;

void pci_hotplug_register(struct pci_hotplug *self)
{
	self->next = slots;
	slots = self;
}

void pci_hotplug_unregister(struct pci_hotplug *self)
{
	struct pci_hotplug **link = &slots;

	while (*link && *link != self)
		link = &(*link)->next;
	if (*link)
		*link = self->next;
	changes++;
}

/* A slot may go with what it is on, while another one is looked at: then from the beginning,
 * where there is little left to see. */
static void work_all(void)
{
	struct pci_hotplug *each = slots;

	while (each) {
		struct pci_hotplug *next = each->next;
		unsigned before = changes;

		each->work(each);
		each = changes == before ? next : slots;
	}
}

static bool take_pending(void)
{
	unsigned long flags = spin_lock(&lock);
	bool any = pending;

	pending = false;
	working = any;
	spin_unlock(&lock, flags);
	return any;
}

static void work(void *unused)
{
	(void)unused;
	while (take_pending())
		work_all();
}

static void try_again(struct timer *timer)
{
	(void)timer;
	pci_hotplug_wake();
}

void pci_hotplug_wake(void)
{
	unsigned long flags = spin_lock(&lock);
	bool start = !working;

	pending = true;
	if (start)
		working = thread_create("hotplug", work, NULL) != NULL;
	start = !working;
	spin_unlock(&lock, flags);
	if (start) { /* no memory for it now */
		retry.expired = try_again;
		timer_arm(&retry, clock_ns() + RETRY_NS);
	}
}

static bool at_place(const struct pci_device *device, uint8_t bus, uint8_t slot)
{
	return device->address.segment == 0 && device->address.bus == bus &&
	       device->address.device == slot;
}

bool pci_slot_known(uint8_t bus, uint8_t slot)
{
	for (struct pci_device *each = pci_devices; each; each = each->next)
		if (at_place(each, bus, slot))
			return true;
	return false;
}

struct pci_device *pci_bridge_to(uint8_t bus)
{
	for (struct pci_device *each = pci_devices; bus && each; each = each->next)
		if (each->secondary == bus)
			return each;
	return NULL;
}

static bool answers(const struct pci_device *device)
{
	uint32_t id = pci_read32(device, 0);

	/* 0x0001: not ready yet (PCIe 5.0 §2.3.2). */
	return (id & 0xffff) != 0xffff && (id & 0xffff) > 1;
}

/* All functions of it; nothing may be there. */
static void take_in(uint8_t bus, uint8_t slot)
{
	struct pci_device function = { .address = { .bus = bus, .device = slot } };
	unsigned functions;

	if (!answers(&function))
		return;
	functions = pci_read8(&function, HEADER_TYPE) & HEADER_MULTI ? 8 : 1;
	for (unsigned f = 0; f < functions; f++) {
		function.address.function = (uint8_t)f;
		if (answers(&function) && !pci_assign(&function.address))
			log_error("pci: %x:%02x.%u: no room for all of its registers",
				  bus, slot, f);
	}
	function.address.function = 0;
	pci_scan_slot(&function.address);
}

void pci_slot_plugged(uint8_t bus, uint8_t slot)
{
	struct pci_device function = { .address = { .bus = bus, .device = slot } };
	uint64_t deadline = clock_ns() + SETTLE_NS;
	int behind;

	while (!answers(&function)) {
		if (clock_ns() >= deadline) {
			log_warn("pci: %x:%02x: plugged in, but nothing answers", bus,
				 slot);
			return;
		}
		thread_sleep_until(clock_ns() + SETTLE_STEP_NS);
	}
	log_info("pci: %x:%02x: plugged in", bus, slot);
	take_in(bus, slot);
	while ((behind = pci_bus_next()) >= 0)
		for (uint8_t each = 0; each < 32; each++)
			take_in((uint8_t)behind, each);
}

/* Devices behind a bridge that goes, go too. Each bus has one bridge at most, found before
 * what is on it: so this comes to an end. */
static bool at_or_behind(const struct pci_device *device, uint8_t bus, uint8_t slot)
{
	while (device && !at_place(device, bus, slot))
		device = pci_bridge_to(device->address.bus);
	return device;
}

static void let_go(struct pci_device *device, bool there)
{
	device->next = NULL;
	device->gone = !there;
	if (device->driver && device->driver->removed)
		device->driver->removed(device);
	else if (!device->driver)
		pci_free(device);
}

/* The last that was found, which nothing is behind. */
static bool unplug_one(uint8_t bus, uint8_t slot, bool there)
{
	struct pci_device **last = NULL, *device;

	for (struct pci_device **link = &pci_devices; *link; link = &(*link)->next)
		if (at_or_behind(*link, bus, slot))
			last = link;
	if (!last)
		return false;
	device = *last;
	*last = device->next;
	if (device->secondary)
		pci_bus_forget(device->secondary);
	let_go(device, there);
	return true;
}

void pci_slot_unplugged(uint8_t bus, uint8_t slot, bool there)
{
	unsigned count = 0;

	while (unplug_one(bus, slot, there))
		count++;
	if (count)
		log_info("pci: %x:%02x: %s", bus, slot,
			 there ? "to be unplugged" : "unplugged");
}
