/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Slots of PCI Express ports (PCIe 5.0 §6.7, §7.5.3): root ports and switches' downstream
 * ports with the hot plug registers. */

#include <errno.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/pci_hotplug.h>
#include <kernel/thread.h>
#include <kernel/time.h>

#define CLASS_BRIDGE	   0x06
#define SUBCLASS_PCI	   0x04
#define CAPABILITY_EXPRESS 0x10

/* In the capability. */
#define FLAGS		    2
#define FLAGS_SLOT	    0x0100
#define FLAGS_MESSAGE(word) ((word) >> 9 & 0x1f)
#define SLOT		    0x14
#define SLOT_POWER	    0x00000002 /* it has a power controller */
#define SLOT_HOT_PLUG	    0x00000040
#define SLOT_NO_COMPLETED   0x00040000
#define CONTROL		    0x18
#define STATUS		    0x1a

#define CONTROL_ATTENTION    0x0001 /* interrupts: button, */
#define CONTROL_PRESENCE     0x0008 /* presence, */
#define CONTROL_INTERRUPT    0x0020 /* any at all */
#define CONTROL_INDICATOR    0x0300
#define CONTROL_INDICATE_ON  0x0100
#define CONTROL_INDICATE_OFF 0x0300
#define CONTROL_POWER_OFF    0x0400

#define STATUS_ATTENTION 0x0001
#define STATUS_POWER	 0x0002
#define STATUS_LATCH	 0x0004
#define STATUS_PRESENCE	 0x0008
#define STATUS_COMPLETED 0x0010
#define STATUS_PRESENT	 0x0040
#define STATUS_LINK	 0x0100
#define STATUS_EVENTS \
	(STATUS_ATTENTION | STATUS_POWER | STATUS_LATCH | STATUS_PRESENCE | STATUS_LINK)
#define GONE 0xffff

#define COMMAND_NS NS_PER_SEC /* §6.7.3.2 */

#define STORM_COUNT 10000 /* interrupts in that time */
#define STORM_NS    NS_PER_SEC

struct port {
	struct pci_hotplug hotplug; /* first */
	struct pci_device *pci;
	unsigned at; /* the capability */
	uint32_t slot;
	struct irq_handler handler;
	int message;	 /* table entry, -1: the line */
	unsigned events; /* seen by interrupts, atomic */
	/* The handler's: interrupts since storm_ns; it was too many. */
	unsigned storm_count;
	uint64_t storm_ns;
	bool mute;
};

static void detach(struct port *port)
{
	if (port->message < 0) {
		pci_intx_detach(port->pci, &port->handler);
		return;
	}
	pci_msix_detach(port->pci, (unsigned)port->message, &port->handler);
	pci_msix_enable(port->pci, false);
}

/* Interrupt. A port that goes on and on, with events or without, would leave no time for
 * anything else: it is not heard any more, and the machine does without plugging there. */
static void count(struct port *port)
{
	uint64_t now = clock_ns();

	if (!port->storm_count++ || now - port->storm_ns > STORM_NS) {
		port->storm_count = 1;
		port->storm_ns = now;
	}
	if (port->storm_count < STORM_COUNT)
		return;
	port->mute = true;
	detach(port);
	log_error(
		"pci: %x:%02x.%u: its slot interrupts without end: no more hot plug there",
		port->pci->address.bus, port->pci->address.device,
		port->pci->address.function);
}

/* Interrupt: events are cleared by writing them back; several may have come. Those that stay
 * are not claimed: a line that goes on for them is masked some time. */
static bool handle(void *context)
{
	struct port *port = context;
	uint16_t status = pci_read16(port->pci, port->at + STATUS);
	bool mine = status != GONE && status & STATUS_EVENTS;

	if (mine || port->message >= 0) /* a line may be another's */
		count(port);
	if (!mine)
		return false;
	pci_write16(port->pci, port->at + STATUS, status & STATUS_EVENTS);
	__atomic_fetch_or(&port->events, status & STATUS_EVENTS, __ATOMIC_RELAXED);
	pci_hotplug_wake();
	return !(pci_read16(port->pci, port->at + STATUS) & status & STATUS_EVENTS);
}

/* §6.7.3.2: the next command only when this one is completed. */
static void control(struct port *port, uint16_t mask, uint16_t value)
{
	uint64_t deadline = clock_ns() + COMMAND_NS;
	uint16_t now = pci_read16(port->pci, port->at + CONTROL);

	if (now == GONE)
		return;
	pci_write16(port->pci, port->at + CONTROL, (uint16_t)((now & ~mask) | value));
	if (port->slot & SLOT_NO_COMPLETED)
		return;
	while (!(pci_read16(port->pci, port->at + STATUS) & STATUS_COMPLETED)) {
		if (clock_ns() >= deadline) {
			log_warn("pci: %x:%02x.%u: its slot does not complete a command",
				 port->pci->address.bus, port->pci->address.device,
				 port->pci->address.function);
			return;
		}
		thread_sleep_until(clock_ns() + NS_PER_MS);
	}
	pci_write16(port->pci, port->at + STATUS, STATUS_COMPLETED);
}

static void power(struct port *port, bool on)
{
	uint16_t mask = CONTROL_INDICATOR;

	if (port->slot & SLOT_POWER)
		mask |= CONTROL_POWER_OFF;
	control(port, mask,
		mask & (on ? CONTROL_INDICATE_ON
			   : CONTROL_INDICATE_OFF | CONTROL_POWER_OFF));
}

/* What the slot's state and the events mean. A button's press is a wish: to take out what is
 * in use, at once, since no finger hesitates on a virtual one. With a change of presence it
 * comes along with a new device. */
static void work(struct pci_hotplug *hotplug)
{
	struct port *port = (struct port *)hotplug;
	unsigned events = __atomic_exchange_n(&port->events, 0, __ATOMIC_RELAXED);
	uint16_t status = pci_read16(port->pci, port->at + STATUS);
	uint8_t bus = port->pci->secondary;
	bool present = status & STATUS_PRESENT;

	if (!(events & STATUS_EVENTS) || status == GONE || !bus)
		return;
	if (pci_slot_known(bus, 0)) {
		if (!present || events & STATUS_PRESENCE) {
			pci_slot_unplugged(bus, 0, false);
		} else if (events & STATUS_ATTENTION) {
			pci_slot_unplugged(bus, 0, true);
			power(port, false);
			return;
		}
	}
	if (present && !pci_slot_known(bus, 0)) {
		power(port, true);
		pci_slot_plugged(bus, 0);
	} else if (!present) {
		power(port, false);
	}
}

static bool matches(const struct pci_device *device)
{
	unsigned at;

	if (device->class_code != CLASS_BRIDGE || device->subclass != SUBCLASS_PCI)
		return false;
	at = pci_capability(device, CAPABILITY_EXPRESS, 0);
	return at && pci_read16(device, at + FLAGS) & FLAGS_SLOT &&
	       pci_read32(device, at + SLOT) & SLOT_HOT_PLUG;
}

/* By message where the port has one, else by the line. */
static int attach(struct port *port)
{
	struct pci_device *pci = port->pci;
	unsigned message = FLAGS_MESSAGE(pci_read16(pci, port->at + FLAGS));

	if (message < pci->msix_vectors) {
		pci_msix_enable(pci, true);
		port->message = (int)message;
		if (!pci_msix_attach(pci, message, &port->handler))
			return 0;
		pci_msix_enable(pci, false);
	}
	port->message = -1;
	return pci_intx_attach(pci, &port->handler);
}

static int probe(struct pci_device *device)
{
	struct port *port = kzalloc(sizeof(*port));
	int error;

	if (!port)
		return -ENOMEM;
	port->hotplug.work = work;
	port->pci = device;
	port->at = pci_capability(device, CAPABILITY_EXPRESS, 0);
	port->slot = pci_read32(device, port->at + SLOT);
	port->handler = (struct irq_handler){
		.handle = handle,
		.context = port,
		.name = "hotplug",
	};
	pci_enable(device);
	error = attach(port);
	if (error) {
		kfree(port);
		return error;
	}
	device->driver_data = port;
	pci_hotplug_register(&port->hotplug);
	/* What happened before: the scan, which comes to this bus later, sees the device. */
	pci_write16(device, port->at + STATUS, STATUS_EVENTS | STATUS_COMPLETED);
	pci_write16(device, port->at + CONTROL,
		    (uint16_t)(pci_read16(device, port->at + CONTROL) |
			       CONTROL_ATTENTION | CONTROL_PRESENCE | CONTROL_INTERRUPT));
	return 0;
}

/* It was on what was unplugged, a switch. */
static void removed(struct pci_device *device)
{
	struct port *port = device->driver_data;

	pci_hotplug_unregister(&port->hotplug);
	if (!port->mute)
		detach(port);
	kfree(port);
	pci_free(device);
}

const struct pci_driver pci_port_driver = {
	.name = "hot plug",
	.matches = matches,
	.probe = probe,
	.removed = removed,
};
PCI_DRIVER(pci_port_driver);
