/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-console with several ports: the control queues (VIRTIO 1.3 §5.3.6.2).
 *
 * Ports come and go by messages of the host. A port that goes keeps its memory, for its
 * buffers are still in its queues, and lives again when the host adds that number again.
 * What we owe the host is a set of bits a port, so that no message needs memory.
 *
 * Where messages of the host may be lost (its queue was reset alone), it is greeted anew and
 * says all again. Until then each port stays as it was, in doubt. By the time a message of
 * ours was used, devices have said what it makes them say: what did not come again is so no
 * more. One that says it later is believed then. */

#include <string.h>
#include <kernel/console.h>
#include <kernel/log.h>
#include <virtio/device/console_control.h>

#pragma weak console_resized

/* Bits of ferrule_port.control_doubt. */
enum control_doubt { DOUBT_PRESENT = 1, DOUBT_NAME = 2, DOUBT_OPEN = 4 };

/* The host has it still; what else it says of it is asked for. */
static void keep_port(struct ferrule_port *port)
{
	if (!(port->control_doubt & DOUBT_PRESENT))
		return;
	port->control_doubt = DOUBT_NAME | DOUBT_OPEN;
	port->control_pending |= PENDING_READY;
}

static void add_port(struct ferrule_port *port)
{
	unsigned long flags;

	if (port->present) {
		keep_port(port);
		return;
	}
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
	port->removed_at = port->sent;
	port->stalled = false;
	port->dropped = 0;
	spin_unlock(&port->lock, flags);
	port->control_pending = port->control_doubt = 0;
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

static void set_name(struct ferrule_port *port, const char *name)
{
	unsigned long flags = spin_lock(&port->lock);

	memcpy(port->name, name, PORT_NAME_BYTES);
	spin_unlock(&port->lock, flags);
}

/* The rest of the message is the name, without NUL (§5.3.6.2) [CON-06]. Another than before
 * messages were lost: it is another port [CON-08]. */
static void name_port(struct ferrule_port *port, const uint8_t *text, size_t length)
{
	char name[PORT_NAME_BYTES] = "";

	memcpy(name, text, length < sizeof(name) ? length : sizeof(name) - 1);
	if (port->control_doubt & DOUBT_NAME && port->name[0] &&
	    strcmp(port->name, name) != 0) {
		remove_port(port);
		add_port(port);
	}
	port->control_doubt &= (uint8_t)~DOUBT_NAME;
	set_name(port, name);
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
	else if (head.event == CONTROL_PORT_OPEN) {
		port->control_doubt &= (uint8_t)~DOUBT_OPEN;
		set_open(port, head.value != 0);
	} else if (head.event == CONTROL_PORT_NAME)
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

/* The port has been described again. */
static void end_doubt(struct ferrule_port *port)
{
	static const char none[PORT_NAME_BYTES];

	if (port->control_doubt & DOUBT_NAME)
		set_name(port, none);
	if (port->control_doubt & DOUBT_OPEN)
		set_open(port, false);
	port->control_doubt &= DOUBT_PRESENT;
}

/* What the host said up to when it used these has been read. Under the lock. */
static void conclude(struct console_device *console, unsigned used)
{
	struct control *control = console->control;
	unsigned answered = used & control->asked;

	control->asked &= ~used;
	for (; answered; answered &= answered - 1) {
		const struct control_note *note =
			&control->notes[__builtin_ctz(answered)];

		if (note->what == PENDING_READY)
			end_doubt(&console->ports[note->port]);
		for (unsigned i = 0; i < console->port_count; i++)
			if (note->what == GREETING &&
			    console->ports[i].control_doubt & DOUBT_PRESENT)
				remove_port(&console->ports[i]);
	}
}

void control_take_back_received(struct console_device *console)
{
	struct control *control = console->control;

	while (virtqueue_detach(control->receive))
		;
	control->asked = 0;
	for (unsigned i = 0; i < console->port_count; i++)
		if (console->ports[i].present)
			console->ports[i].control_doubt = DOUBT_PRESENT;
}

/* Does all there is to do: reads messages, then sends answers. Buffers for what the host
 * will say to an answer are posted before the answer is sent. */
void control_run(struct console_device *console)
{
	struct control *control = console->control;
	unsigned long flags = spin_lock(&control->lock);
	bool announce, receive_kick, transmit_kick;
	unsigned used = control_reap_sent(control);

	receive_kick = receive_messages(console) &&
		       virtqueue_kick_prepare(control->receive);
	conclude(console, used);
	control_send_pending(console);
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
