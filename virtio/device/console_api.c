/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-console: the calls of <ferrule/console.h> (VIRTIO 1.3 §5.3.6). */

#include <errno.h>
#include <string.h>
#include <kernel/format.h>
#include <kernel/time.h>
#include <virtio/device/console.h>
#include <virtio/device/pieces.h>

/* By its own name, or by number on the first console device. Under the port's lock. */
static bool is_called(const struct ferrule_port *port, bool first, const char *name)
{
	char number[16];

	if (!port->present)
		return false;
	format(number, sizeof(number), "port%u", port->id);
	return (*name && !strcmp(port->name, name)) || (first && !strcmp(number, name));
}

static struct ferrule_port *find_now(const char *name)
{
	struct console_device *first = console_devices();

	for (struct console_device *each = first; each; each = each->next) {
		for (unsigned i = 0; i < each->port_count; i++) {
			struct ferrule_port *port = &each->ports[i];
			unsigned long flags = spin_lock(&port->lock);
			bool found = is_called(port, each == first, name);

			spin_unlock(&port->lock, flags);
			if (found)
				return port;
		}
	}
	return NULL;
}

/* A host with news at every moment must not make a wait any longer. */
static bool sleep_in_time(struct wait *wait, uint64_t deadline_ns)
{
	return wait_sleep(wait, deadline_ns) && clock_ns() < deadline_ns;
}

struct ferrule_port *ferrule_port_find(const char *name, uint64_t timeout_ns)
{
	uint64_t now = clock_ns();
	uint64_t deadline = timeout_ns > NO_DEADLINE - now ? NO_DEADLINE
							   : now + timeout_ns;
	struct ferrule_port *port;
	struct wait wait;
	bool in_time = console_devices() != NULL;

	wait_begin(&control_news, &wait);
	while (!(port = find_now(name)) && in_time)
		in_time = sleep_in_time(&wait, deadline);
	wait_end(&wait);
	if (port)
		control_open(port);
	return port;
}

/* One that the host took away and added again is another port, until somebody finds that one:
 * a reader or writer of the old one must not go on with it [CON-08]. Under the port's lock. */
static bool is_open(const struct ferrule_port *port)
{
	return port->host_open && port->opened && !port->failed;
}

/* True when no more input will come. */
static bool at_end(struct ferrule_port *port)
{
	unsigned long flags = spin_lock(&port->lock);
	bool end = !port->full && !is_open(port);

	spin_unlock(&port->lock, flags);
	return end;
}

long ferrule_port_read(struct ferrule_port *port, void *data, size_t bytes,
		       uint64_t deadline_ns)
{
	bool in_time = true;
	size_t taken = 0;
	struct wait wait;

	if (port->sink)
		return -EBUSY;
	if (!bytes)
		return 0;
	wait_begin(&port->readers, &wait);
	while (!(taken = port_take(port, data, bytes)) && !at_end(port) && in_time)
		in_time = sleep_in_time(&wait, deadline_ns);
	wait_end(&wait);
	if (taken)
		return (long)taken;
	return in_time ? 0 : -ETIMEDOUT;
}

/* Queues what fits; false: the port is closed. */
static bool write_some(struct ferrule_port *port, const char **data, size_t *bytes)
{
	unsigned long flags = spin_lock(&port->lock);
	bool open = is_open(port);
	bool kick = false;
	size_t queued;

	if (open) {
		queued = port_queue(port, *data, *bytes, &kick);
		*data += queued;
		*bytes -= queued;
	}
	spin_unlock(&port->lock, flags);
	if (kick)
		virtqueue_notify(port->transmit);
	return open;
}

long ferrule_port_write(struct ferrule_port *port, const void *data, size_t bytes,
			uint64_t deadline_ns)
{
	const char *at = data;
	size_t left = bytes;
	bool in_time = true, open;
	struct wait wait;

	/* The copy is made under a spinlock, where no page may be missing. */
	if (!pieces_populate(data, bytes, NULL))
		return -EFAULT;
	wait_begin(&port->writers, &wait);
	while ((open = write_some(port, &at, &left)) && left && in_time)
		in_time = sleep_in_time(&wait, deadline_ns);
	wait_end(&wait);
	if (left < bytes || !bytes)
		return (long)(bytes - left);
	return open ? -ETIMEDOUT : -EPIPE;
}

bool ferrule_port_host_open(struct ferrule_port *port)
{
	return __atomic_load_n(&port->host_open, __ATOMIC_RELAXED);
}
