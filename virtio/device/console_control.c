/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-console with several ports: the control queues (VIRTIO 1.3 §5.3.6.2).
 *
 * Ports come and go by messages of the host. A port that goes keeps its memory, for its
 * buffers are still in its queues, and lives again when the host adds that number again.
 * What we owe the host is a set of bits a port, so that no message needs memory. */

#include <string.h>
#include <kernel/console.h>
#include <kernel/log.h>
#include <virtio/device/console_control.h>

#pragma weak console_resized

enum control_event {
	CONTROL_DEVICE_READY = 0,
	CONTROL_DEVICE_ADD = 1,
	CONTROL_DEVICE_REMOVE = 2,
	CONTROL_PORT_READY = 3,
	CONTROL_CONSOLE_PORT = 4,
	CONTROL_RESIZE = 5,
	CONTROL_PORT_OPEN = 6,
	CONTROL_PORT_NAME = 7,
};

/* Bits of ferrule_port.control_pending. */
enum control_pending { PENDING_READY = 1, PENDING_REFUSAL = 2, PENDING_OPEN = 4 };

/* Sends one message if a buffer is free, in one descriptor [CON-12]. Under the lock. */
static bool send_message(struct control *control, uint32_t id, uint16_t event,
			 uint16_t value)
{
	unsigned slot;
	struct virtio_piece piece;

	if (!control->sent_free)
		return false;
	slot = (unsigned)__builtin_ctz(control->sent_free);
	control->sent[slot] = (struct control_message){ id, event, value };
	piece = (struct virtio_piece){ control->sent_phys + slot * sizeof(*control->sent),
				       sizeof(*control->sent) };
	if (virtqueue_add(control->transmit, &piece, 1, 0, &control->sent[slot]))
		return false;
	control->sent_free &= ~(1u << slot);
	return true;
}

/* Under the lock. */
static void send_pending(struct console_device *console)
{
	struct control *control = console->control;

	if (control->greet)
		/* Before all else [CON-03]. */
		control->greet = !send_message(control, 0, CONTROL_DEVICE_READY, 1);
	for (unsigned i = 0; i < console->port_count && control->sent_free; i++) {
		unsigned id = control->next_port++ % console->port_count;
		struct ferrule_port *port = &console->ports[id];

		if (port->control_pending & (PENDING_READY | PENDING_REFUSAL)) {
			uint16_t ok = port->control_pending & PENDING_READY ? 1 : 0;

			if (send_message(control, id, CONTROL_PORT_READY, ok))
				port->control_pending &= (uint8_t) ~(PENDING_READY |
								     PENDING_REFUSAL);
		}
		if (port->control_pending == PENDING_OPEN &&
		    send_message(control, id, CONTROL_PORT_OPEN, 1))
			port->control_pending = 0;
	}
}

static void add_port(struct ferrule_port *port)
{
	unsigned long flags;

	if (port->present)
		return;
	if (port_prepare(port)) {
		log_error("console: no memory for port %u", port->id);
		port->control_pending = PENDING_REFUSAL;
		return;
	}
	if (!port->started)
		console_port_start(port);
	else
		port_forget_input(port);
	flags = spin_lock(&port->lock);
	port->present = true;
	port->name[0] = '\0';
	spin_unlock(&port->lock, flags);
	port->control_pending = PENDING_READY;
	if (port->opened) /* from before the device broke */
		port->control_pending |= PENDING_OPEN;
}

static void set_open(struct ferrule_port *port, bool open)
{
	unsigned long flags = spin_lock(&port->lock);

	port->host_open = open;
	spin_unlock(&port->lock, flags);
	wait_wake(&port->readers, WAKE_ALL, 0);
	wait_wake(&port->writers, WAKE_ALL, 0);
}

static void remove_port(struct ferrule_port *port)
{
	unsigned long flags = spin_lock(&port->lock);

	port->present = port->opened = false;
	/* What the host had not asked for is not for a port that it adds later under that
	 * number [CON-08]; what the device holds is its own. */
	port->filled = port->sent;
	port->stalled = false;
	port->dropped = 0;
	spin_unlock(&port->lock, flags);
	port->control_pending = 0;
	set_open(port, false);
}

/* The host is to hear that we have it open; false: it knows. Under the control lock. */
static bool open_port(struct ferrule_port *port)
{
	unsigned long flags = spin_lock(&port->lock);
	bool news = !port->opened;

	port->opened = true;
	spin_unlock(&port->lock, flags);
	return news;
}

/* The rest of the message is the name, without NUL (§5.3.6.2) [CON-06]. */
static void name_port(struct ferrule_port *port, const uint8_t *name, size_t length)
{
	unsigned long flags = spin_lock(&port->lock);

	if (length > PORT_NAME_BYTES - 1)
		length = PORT_NAME_BYTES - 1;
	memcpy(port->name, name, length);
	port->name[length] = '\0';
	spin_unlock(&port->lock, flags);
}

/* §5.3.4 has the size of port 0 in the configuration; the message's order is disputed,
 * and its senders write rows first [CON-07]. */
static void resize_port(struct ferrule_port *port, const uint8_t *body, size_t length)
{
	uint16_t size[2];

	if (port->id || length < sizeof(size))
		return;
	memcpy(size, body, sizeof(size));
	port->console->size = (struct ferrule_console_size){ size[1], size[0] };
	if (console_resized)
		console_resized();
}

/* `message` is our copy [CON-10]; an event we do not know is passed over [CON-08]. Under
 * the lock. */
static void handle_message(struct console_device *console, const uint8_t *message,
			   size_t bytes)
{
	struct control *control = console->control;
	struct control_message head;
	struct ferrule_port *port;

	if (bytes < sizeof(head))
		return;
	memcpy(&head, message, sizeof(head));
	if (head.id >= console->port_count) {
		if (!control->warned)
			log_warn("console: port %u is beyond the %u we serve", head.id,
				 console->port_count);
		control->warned = true;
		return;
	}
	port = &console->ports[head.id];
	if (head.event == CONTROL_DEVICE_ADD)
		add_port(port);
	else if (!port->present)
		return;
	else if (head.event == CONTROL_DEVICE_REMOVE)
		remove_port(port);
	else if (head.event == CONTROL_CONSOLE_PORT) { /* [CON-04] */
		port->control_pending |= PENDING_OPEN;
		open_port(port);
		control->announce |= !head.id;
	} else if (head.event == CONTROL_RESIZE)
		resize_port(port, message + sizeof(head), bytes - sizeof(head));
	else if (head.event == CONTROL_PORT_OPEN)
		set_open(port, head.value != 0);
	else if (head.event == CONTROL_PORT_NAME)
		name_port(port, message + sizeof(head), bytes - sizeof(head));
}

bool control_post_idle(struct control *control)
{
	bool posted = false;

	while (control->idle) {
		unsigned place = (unsigned)__builtin_ctz(control->idle) * RECEIVE_BYTES;
		struct virtio_piece piece = { control->received_phys + place,
					      RECEIVE_BYTES };

		if (virtqueue_add(control->receive, &piece, 0, 1,
				  control->received + place))
			break;
		control->idle &= control->idle - 1;
		posted = true;
	}
	return posted;
}

/* Under the lock; true: something was posted. What is posted here is published afterwards,
 * so this ends whatever the device does. */
static bool receive_messages(struct console_device *console)
{
	struct control *control = console->control;
	uint8_t message[RECEIVE_BYTES], *buffer;
	bool any = false;
	uint32_t bytes;

	do {
		virtqueue_disable_cb(control->receive);
		while ((buffer = virtqueue_get(control->receive, &bytes))) {
			if (bytes > RECEIVE_BYTES)
				bytes = RECEIVE_BYTES;
			memcpy(message, buffer, bytes);
			handle_message(console, message, bytes);
			control->idle |= UINT32_C(1)
					 << (buffer - control->received) / RECEIVE_BYTES;
		}
		any |= control_post_idle(control);
	} while (!virtqueue_enable_cb(control->receive) &&
		 !virtqueue_broken(control->receive));
	return any;
}

/* Does all there is to do: reads messages, then sends answers. Buffers for what the host
 * will say to an answer are posted before the answer is sent. */
void control_run(struct console_device *console)
{
	struct control *control = console->control;
	unsigned long flags = spin_lock(&control->lock);
	bool announce, receive_kick, transmit_kick;
	struct control_message *done;

	receive_kick = receive_messages(console) &&
		       virtqueue_kick_prepare(control->receive);
	do {
		virtqueue_disable_cb(control->transmit);
		while ((done = virtqueue_get(control->transmit, NULL)))
			control->sent_free |= 1u << (done - control->sent);
	} while (!virtqueue_enable_cb(control->transmit) &&
		 !virtqueue_broken(control->transmit));
	send_pending(console);
	transmit_kick = virtqueue_kick_prepare(control->transmit);
	announce = control->announce;
	control->announce = false;
	spin_unlock(&control->lock, flags);
	if (receive_kick)
		virtqueue_notify(control->receive);
	if (announce)
		console_announce(console);
	if (transmit_kick)
		virtqueue_notify(control->transmit);
	wait_wake(&control_news, WAKE_ALL, 0);
}

void control_used(struct virtqueue *queue)
{
	control_run(virtqueue_device(queue)->driver_data);
}

/* The host may send to it from here on [CON-05]. */
void control_open(struct ferrule_port *port)
{
	struct console_device *console = port->console;
	struct control *control = console->control;
	unsigned long flags;

	if (!control)
		return;
	flags = spin_lock(&control->lock);
	if (port->present && open_port(port))
		port->control_pending |= PENDING_OPEN;
	spin_unlock(&control->lock, flags);
	control_run(console);
}
