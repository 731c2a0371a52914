/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-console with several ports: what we say to the host (VIRTIO 1.3 §5.3.6.2). */

#include <virtio/device/console_control.h>

static struct control_message message_of(uint32_t id, enum control_saying what)
{
	switch (what) {
	case GREETING:
		return (struct control_message){ 0, CONTROL_DEVICE_READY, 1 };
	case PENDING_READY:
		return (struct control_message){ id, CONTROL_PORT_READY, 1 };
	case PENDING_REFUSAL:
		return (struct control_message){ id, CONTROL_PORT_READY, 0 };
	default:
		return (struct control_message){ id, CONTROL_PORT_OPEN, 1 };
	}
}

/* Sends one message if a buffer is free, in one descriptor [CON-12]. Under the lock. */
static bool send_message(struct control *control, uint32_t id, enum control_saying what)
{
	unsigned slot;
	struct virtio_piece piece;

	if (!control->sent_free)
		return false;
	slot = (unsigned)__builtin_ctz(control->sent_free);
	control->sent[slot] = message_of(id, what);
	piece = (struct virtio_piece){ control->sent_phys + slot * sizeof(*control->sent),
				       sizeof(*control->sent) };
	if (virtqueue_add(control->transmit, &piece, 1, 0, &control->sent[slot]))
		return false;
	control->sent_free &= ~(1u << slot);
	control->notes[slot] = (struct control_note){ (uint8_t)id, (uint8_t)what };
	control->asked |= 1u << slot;
	return true;
}

void control_send_pending(struct console_device *console)
{
	struct control *control = console->control;

	if (control->greet)
		/* Before all else [CON-03]. */
		control->greet = !send_message(control, 0, GREETING);
	for (unsigned i = 0; i < console->port_count && control->sent_free; i++) {
		unsigned id = control->next_port++ % console->port_count;
		struct ferrule_port *port = &console->ports[id];

		if (port->control_pending & (PENDING_READY | PENDING_REFUSAL)) {
			bool ok = port->control_pending & PENDING_READY;

			if (send_message(control, id,
					 ok ? PENDING_READY : PENDING_REFUSAL))
				port->control_pending &= (uint8_t) ~(PENDING_READY |
								     PENDING_REFUSAL);
		}
		if (port->control_pending == PENDING_OPEN &&
		    send_message(control, id, PENDING_OPEN))
			port->control_pending = 0;
	}
}

unsigned control_reap_sent(struct control *control)
{
	const struct control_message *done;
	unsigned used = 0;

	do {
		virtqueue_disable_cb(control->transmit);
		while ((done = virtqueue_get(control->transmit, NULL)))
			used |= 1u << (done - control->sent);
	} while (!virtqueue_enable_cb(control->transmit) &&
		 !virtqueue_broken(control->transmit));
	control->sent_free |= used;
	return used;
}

/* A port may be another one by now, under the same number [CON-08]. */
static bool still_holds(const struct ferrule_port *port, uint8_t what)
{
	if (what == PENDING_OPEN)
		return port->opened;
	return port->present || what == PENDING_REFUSAL;
}

/* Whether the host read them is not known; it may hear them twice. */
void control_take_back_sent(struct console_device *console)
{
	struct control *control = console->control;
	const struct control_message *lost;

	while ((lost = virtqueue_detach(control->transmit))) {
		const struct control_note *note = &control->notes[lost - control->sent];
		struct ferrule_port *port = &console->ports[note->port];

		control->sent_free |= 1u << (lost - control->sent);
		if (note->what == GREETING)
			control->greet = true;
		else if (still_holds(port, note->what))
			port->control_pending |= note->what;
	}
}
