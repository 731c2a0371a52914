/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-console: the driver, and port 0 as the system's console (VIRTIO 1.3 §5.3). */

#include <errno.h>
#include <kernel/heap.h>
#include <kernel/init.h>
#include <virtio/device/console.h>

/* Input is linked in with what reads: ports, or the system's console (kernel/console.h). A
 * program that does neither posts no receive buffers, which holds the host back. */
#pragma weak console_input
#pragma weak console_resized
#pragma weak console_port_start
#pragma weak port_received
/* So is coming back (console_recover.c). */
#pragma weak console_broken
#pragma weak console_restore
#pragma weak console_restored
#pragma weak console_queue_broken
#pragma weak console_queue_restored
#pragma weak console_queue_leaks

#define SIZE_ATTEMPTS 16

static struct console_device *consoles; /* append only */
static bool closing; /* the machine is about to end: leave nothing in the ring */

struct console_device *console_devices(void)
{
	return __atomic_load_n(&consoles, __ATOMIC_ACQUIRE);
}

struct ferrule_port *port_of(struct virtqueue *queue)
{
	struct console_device *console = virtqueue_device(queue)->driver_data;
	unsigned index = virtqueue_index(queue);
	unsigned id = index < 2 ? 0 : (index - 2) / 2; /* §5.3.2 [CON-01] */

	return console && id < console->port_count ? &console->ports[id] : NULL;
}

static struct console_device *of_text(struct console *text)
{
	return (void *)((char *)text - offsetof(struct console_device, text));
}

/* §5.3.5 [CON-09]: a character written to emerg_wr is printed at any time, even by a device
 * that was reset. A device that offers it, has it, whatever was negotiated. */
static bool emergency_write(struct console_device *console, const char *text,
			    size_t length)
{
	if (!virtio_features_has(&console->device->offered,
				 VIRTIO_CONSOLE_F_EMERG_WRITE) ||
	    console->device->gone)
		return false;
	while (length--)
		virtio_config_write32(console->device, CONSOLE_CONFIG_EMERG_WR,
				      (uint8_t)*text++);
	return true;
}

static bool usable(const struct console_device *console)
{
	return console->device->live && !console->device->broken &&
	       !console->ports[0].failed;
}

static void text_write(struct console *self, const char *text, size_t length)
{
	struct console_device *console = of_text(self);

	if (!usable(console)) {
		emergency_write(console, text, length);
		return;
	}
	port_write_bounded(&console->ports[0], text, length);
	if (closing)
		port_drain(&console->ports[0]);
}

/* Locks may be held for ever, and the ring may be in the middle of a change. */
static void text_panic_write(struct console *self, const char *text, size_t length)
{
	struct console_device *console = of_text(self);
	struct ferrule_port *port = &console->ports[0];

	/* What still waited behind the buffer that the device holds comes first. */
	while (port->sent != port->filled) {
		char byte = (char)port->output[port->sent % PORT_OUTPUT_BYTES];

		if (!emergency_write(console, &byte, 1))
			break;
		port->sent++;
	}
	if (emergency_write(console, text, length))
		return;
	if (!usable(console) || __atomic_load_n(&port->lock.held, __ATOMIC_RELAXED))
		return;
	port_write_bounded(port, text, length);
	port_drain(port);
}

void console_announce(struct console_device *console)
{
	static struct console_device *system;
	struct console_device *none = NULL;

	if (!__atomic_compare_exchange_n(&system, &none, console, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return; /* a second console device: its port 0 is like any other */
	console->text = (struct console){ .name = "virtio",
					  .write = text_write,
					  .panic_write = text_panic_write,
					  .crlf = true };
	console->ports[0].sink = console_input;
	console_add(&console->text);
}

/* All text written so far reaches the host before the device is reset. */
static void console_close(void)
{
	closing = true;
	for (struct console_device *each = console_devices(); each; each = each->next)
		for (unsigned i = 0; i < each->port_count; i++)
			if (each->ports[i].output && usable(each))
				port_drain(&each->ports[i]);
}
EXIT_CALL(INIT_SERVICE, console_close);

/* [CON-07] Both fields of the same moment (§2.5.1) [CFG-01], or, if that never comes, the
 * last ones seen [CFG-02]. Without the feature: what the host said in a message. */
struct ferrule_console_size console_size(struct console_device *console)
{
	struct virtio_device *device = console->device;
	struct ferrule_console_size size = console->size;
	unsigned attempts = SIZE_ATTEMPTS;
	uint32_t generation;

	if (!virtio_has(device, VIRTIO_CONSOLE_F_SIZE) || !usable(console))
		return size;
	do {
		generation = device->transport->config_generation(device);
		size.columns = virtio_config_read16(device, CONSOLE_CONFIG_COLS);
		size.rows = virtio_config_read16(device, CONSOLE_CONFIG_ROWS);
	} while (device->transport->config_generation(device) != generation &&
		 --attempts);
	return size;
}

struct ferrule_console_size ferrule_console_size(void)
{
	struct console_device *console = console_devices();

	while (console && !console->text.name)
		console = console->next;
	return console ? console_size(console) : (struct ferrule_console_size){ 0 };
}

/* One port, two queues. */
const struct virtqueue_wanted console_single_wanted[2] = {
	{ .name = "input",
	  .index = 0,
	  .size_max = PORT_INPUT_COUNT,
	  .callback = port_received,
	  .pieces_max = 1 },
	{ .name = "output",
	  .index = 1,
	  .size_max = PORT_INPUT_COUNT,
	  .callback = port_transmitted,
	  .pieces_max = 2 },
};

static int probe_single(struct console_device *console)
{
	struct virtqueue *queues[2];
	struct ferrule_port *port = kzalloc(sizeof(*port));
	int error;

	if (!port)
		return -ENOMEM;
	error = virtio_find_queues(console->device, console_single_wanted, 2, queues);
	if (!error)
		error = port_prepare(port);
	if (error) {
		kfree(port);
		return error;
	}
	port->console = console;
	port->receive = queues[0];
	port->transmit = queues[1];
	port->present = port->host_open = port->opened = true;
	console->ports = port;
	console->port_count = 1;
	return 0;
}

static bool has_multiport(const struct virtio_device *device)
{
	return &console_multiport && virtio_has(device, VIRTIO_CONSOLE_F_MULTIPORT);
}

static void console_validate(struct virtio_device *device, struct virtio_features *wanted)
{
	(void)device;
	if (!&console_multiport)
		virtio_features_clear(wanted, VIRTIO_CONSOLE_F_MULTIPORT);
}

static int console_probe(struct virtio_device *device)
{
	struct console_device *console = kzalloc(sizeof(*console));
	int error;

	if (!console)
		return -ENOMEM;
	console->device = device;
	error = has_multiport(device) ? console_multiport.probe(console)
				      : probe_single(console);
	if (error) {
		kfree(console);
		return error;
	}
	device->driver_data = console;
	return 0;
}

static void console_ready(struct virtio_device *device)
{
	struct console_device *console = device->driver_data, **end = &consoles;

	while (*end)
		end = &(*end)->next;
	__atomic_store_n(end, console, __ATOMIC_RELEASE);
	if (has_multiport(device)) {
		console_multiport.ready(console);
		return;
	}
	if (console_port_start)
		console_port_start(&console->ports[0]);
	console_announce(console);
}

static void console_config_changed(struct virtio_device *device)
{
	(void)device; /* its size is all that changes there */
	if (console_resized)
		console_resized();
}

const struct virtio_driver virtio_console_driver = {
	.name = "console",
	.device_id = VIRTIO_ID_CONSOLE,
	.wanted = VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_CONSOLE_F_SIZE) |
				  VIRTIO_BIT(VIRTIO_CONSOLE_F_MULTIPORT) |
				  VIRTIO_BIT(VIRTIO_CONSOLE_F_EMERG_WRITE)),
	.validate = console_validate,
	.probe = console_probe,
	.ready = console_ready,
	.config_changed = console_config_changed,
	.broken = console_broken,
	.restore = console_restore,
	.restored = console_restored,
	.queue_broken = console_queue_broken,
	.queue_restored = console_queue_restored,
	.queue_leaks = console_queue_leaks,
};
VIRTIO_DRIVER_BASIC(virtio_console_driver);
