/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-console: a device that broke and comes back. Linked in with what reads: a console
 * that is only written to goes on by emergency writes (§5.3.5), or without the host.
 *
 * What the device had been given to print is given to it again: whether it did is not known
 * (§2.1.1), and twice is better than never. */

#include <virtio/device/console.h>

extern const void *const console_recovers[];
const void *const console_recovers[] = { virtio_complete };

/* Timer interrupt. The device was reset: its buffers are ours again. */
static void stop_port(struct ferrule_port *port)
{
	unsigned long flags = spin_lock(&port->lock);

	port->failed = true;
	port->host_open = port->started = false;
	while (virtqueue_detach(port->receive))
		;
	while (virtqueue_detach(port->transmit))
		;
	port->sent = port->taken;
	spin_unlock(&port->lock, flags);
	wait_wake(&port->readers, WAKE_ALL, 0);
	wait_wake(&port->writers, WAKE_ALL, 0);
}

void console_broken(struct virtio_device *device)
{
	struct console_device *console = device->driver_data;

	for (unsigned i = 0; i < console->port_count; i++)
		stop_port(&console->ports[i]);
	if (console->control)
		console_multiport.broken(console);
}

int console_restore(struct virtio_device *device)
{
	struct console_device *console = device->driver_data;
	struct virtqueue *queues[2];

	if (console->control)
		return console_multiport.restore(console);
	return virtio_find_queues(device, console_single_wanted, 2, queues);
}

static void start_port(struct ferrule_port *port, bool single)
{
	unsigned long flags = spin_lock(&port->lock);
	bool kick = false;

	port->failed = false;
	if (single) /* others are, once the host says so */
		port->host_open = true;
	if (port->output)
		port_reap(port, &kick);
	spin_unlock(&port->lock, flags);
	if (kick)
		virtqueue_notify(port->transmit);
	if (single)
		console_port_start(port);
	wait_wake(&port->writers, WAKE_ALL, 0);
}

void console_restored(struct virtio_device *device)
{
	struct console_device *console = device->driver_data;

	for (unsigned i = 0; i < console->port_count; i++)
		start_port(&console->ports[i], !console->control);
	if (console->control)
		console_multiport.ready(console);
}
