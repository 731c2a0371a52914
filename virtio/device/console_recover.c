/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-console: a device that broke and comes back, or one queue of it (RING_RESET).
 * Linked in with what reads: a console that is only written to goes on by emergency writes
 * (§5.3.5), or without the host.
 *
 * What the device had been given to print is given to it again: whether it did is not known
 * (§2.1.1), and twice is better than never. */

#include <virtio/device/console.h>

extern const void *const console_recovers[];
const void *const console_recovers[] = { virtio_complete };

/* The device lost them, and what it had written to them. Under the lock. */
static void take_back_input(struct ferrule_port *port)
{
	while (virtqueue_detach(port->receive))
		;
}

/* But for the output of a port that the host took away: it does not reach one that it added
 * since under that number [CON-08]. Under the lock. */
static void take_back_output(struct ferrule_port *port)
{
	while (virtqueue_detach(port->transmit))
		;
	if (port->sent == port->removed_at)
		port->taken = port->sent;
	port->sent = port->taken;
}

/* Timer interrupt. The device was reset: its buffers are ours again. */
static void stop_port(struct ferrule_port *port)
{
	unsigned long flags = spin_lock(&port->lock);

	port->failed = true;
	port->host_open = port->started = false;
	take_back_input(port);
	take_back_output(port);
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

static void resume_output(struct ferrule_port *port)
{
	unsigned long flags = spin_lock(&port->lock);
	bool kick = false;

	if (port->output)
		port_reap(port, &kick);
	spin_unlock(&port->lock, flags);
	if (kick)
		virtqueue_notify(port->transmit);
	wait_wake(&port->writers, WAKE_ALL, 0);
}

static void start_port(struct ferrule_port *port, bool single)
{
	unsigned long flags = spin_lock(&port->lock);

	port->failed = false;
	if (single) /* others are, once the host says so */
		port->host_open = true;
	spin_unlock(&port->lock, flags);
	resume_output(port);
	if (single)
		console_port_start(port);
}

void console_restored(struct virtio_device *device)
{
	struct console_device *console = device->driver_data;

	for (unsigned i = 0; i < console->port_count; i++)
		start_port(&console->ports[i], !console->control);
	if (console->control)
		console_multiport.ready(console);
}

static bool is_control(const struct virtqueue *queue)
{
	const struct console_device *console = virtqueue_device(queue)->driver_data;

	return console->control && virtqueue_index(queue) / 2 == 1; /* §5.3.2 */
}

static bool is_output(const struct virtqueue *queue)
{
	return virtqueue_index(queue) & 1;
}

/* Of one queue alone [VQ-26]: its port stays open, and what was received and not read stays
 * there. */
void console_queue_broken(struct virtqueue *queue)
{
	struct ferrule_port *port = port_of(queue);
	unsigned long flags;

	if (is_control(queue)) {
		console_multiport.queue_broken(queue);
		return;
	}
	flags = spin_lock(&port->lock);
	if (is_output(queue))
		take_back_output(port);
	else
		take_back_input(port);
	spin_unlock(&port->lock, flags);
}

void console_queue_restored(struct virtqueue *queue)
{
	struct ferrule_port *port = port_of(queue);

	if (is_control(queue))
		console_multiport.queue_restored(queue);
	else if (is_output(queue))
		resume_output(port);
	else if (port->started)
		console_port_start(port);
}

/* QEMU (7.2) keeps the buffer whose bytes its backend did not take yet (port->elem in
 * hw/char/virtio-serial-bus.c): a reset of the device drops it, one of the queue does not, so
 * that its end would come in the new ring. The buffers of the other queues it uses as soon as
 * it has taken them. */
bool console_queue_leaks(const struct virtqueue *queue)
{
	return is_output(queue) && !is_control(queue);
}
