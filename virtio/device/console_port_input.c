/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-console: bytes into one port (VIRTIO 1.3 §5.3.6).
 *
 * They stay in the receive buffers until they are read: a reader that is slow holds the
 * host back. */

#include <string.h>
#include <virtio/device/console.h>

#define STEP_BYTES 256

/* Who waits for input must hear of a device that breaks. */
extern const void *const console_recovers[];
static const void *const *const recovers __attribute__((used)) = console_recovers;

/* Posts what is idle, to be written only [CON-02]; true: something was. The queue may have
 * fewer entries than that, and where devices see only part of memory there may be no room
 * there now: the queue calls back when there is. Under the lock. */
static bool post_idle(struct ferrule_port *port)
{
	bool posted = false;

	/* Of a device that is being set up again all are posted at once. */
	while (port->started && port->idle) {
		struct port_input *input = &port->inputs[__builtin_ctz(port->idle)];
		struct virtio_piece piece = { input->phys, PORT_INPUT_BYTES };

		if (virtqueue_add(port->receive, &piece, 0, 1, input))
			break;
		port->idle &= port->idle - 1;
		posted = true;
	}
	return posted;
}

static void make_idle(struct ferrule_port *port, const struct port_input *input)
{
	port->idle |= UINT32_C(1) << (input - port->inputs);
}

/* Received and not read yet, from before the device broke. Under the lock. */
static bool is_full(const struct ferrule_port *port, const struct port_input *input)
{
	const struct port_input *each = port->full;

	while (each && each != input)
		each = each->next;
	return each;
}

/* Posts the receive buffers, once each time the device is set up; it is live. */
void console_port_start(struct ferrule_port *port)
{
	unsigned long flags = spin_lock(&port->lock);
	bool kick;

	port->started = true;
	port->idle = 0;
	for (unsigned i = 0; i < PORT_INPUT_COUNT; i++)
		if (!is_full(port, &port->inputs[i]))
			make_idle(port, &port->inputs[i]);
	post_idle(port);
	kick = virtqueue_kick_prepare(port->receive);
	spin_unlock(&port->lock, flags);
	if (kick)
		virtqueue_notify(port->receive);
}

/* Moves what the device has used to the list of full buffers; true: some were posted, those
 * that came back empty among them. Under the lock. Ends, whatever the device does: what is
 * posted here is not published before we are done. */
static bool take_received(struct ferrule_port *port)
{
	struct port_input *input;
	uint32_t bytes;

	while ((input = virtqueue_get(port->receive, &bytes))) {
		input->bytes = bytes < PORT_INPUT_BYTES ? bytes : PORT_INPUT_BYTES;
		input->taken = 0;
		input->next = NULL;
		if (!input->bytes) {
			make_idle(port, input);
			continue;
		}
		*port->full_end = input;
		port->full_end = &input->next;
	}
	return post_idle(port);
}

void port_receive(struct ferrule_port *port)
{
	struct virtqueue *queue = port->receive;
	unsigned long flags = spin_lock(&port->lock);
	bool posted = false;

	do {
		virtqueue_disable_cb(queue);
		posted |= take_received(port);
	} while (!virtqueue_enable_cb(queue) && !virtqueue_broken(queue));
	posted = posted && virtqueue_kick_prepare(queue);
	spin_unlock(&port->lock, flags);
	if (posted)
		virtqueue_notify(queue);
	if (port->sink) {
		char chunk[STEP_BYTES];
		size_t bytes;

		while ((bytes = port_take(port, chunk, sizeof(chunk))))
			port->sink(chunk, bytes);
	}
	wait_wake(&port->readers, WAKE_ALL, 0);
}

void port_received(struct virtqueue *queue)
{
	struct ferrule_port *port = port_of(queue);

	if (port)
		port_receive(port);
}

/* Takes at most one buffer's rest. Under the lock; true: a buffer was posted again. */
static bool take_step(struct ferrule_port *port, char *out, size_t *bytes)
{
	struct port_input *input = port->full;

	if (!input) {
		*bytes = 0;
		return false;
	}
	if (*bytes > input->bytes - input->taken)
		*bytes = input->bytes - input->taken;
	memcpy(out, input->data + input->taken, *bytes);
	input->taken += (uint32_t)*bytes;
	if (input->taken < input->bytes)
		return false;
	port->full = input->next;
	if (!port->full)
		port->full_end = &port->full;
	make_idle(port, input);
	return post_idle(port);
}

size_t port_take(struct ferrule_port *port, void *data, size_t bytes)
{
	char *out = data;

	/* By way of a buffer of ours: the caller's memory may need a page fault, which must
	 * not happen under the lock. */
	while (bytes) {
		char step[STEP_BYTES];
		size_t length = bytes < sizeof(step) ? bytes : sizeof(step);
		unsigned long flags = spin_lock(&port->lock);
		bool posted = take_step(port, step, &length);

		posted = posted && virtqueue_kick_prepare(port->receive);
		spin_unlock(&port->lock, flags);
		if (posted)
			virtqueue_notify(port->receive);
		if (!length)
			break;
		memcpy(out, step, length);
		out += length;
		bytes -= length;
	}
	return (size_t)(out - (char *)data);
}

void port_forget_input(struct ferrule_port *port)
{
	char step[STEP_BYTES];

	while (port_take(port, step, sizeof(step)))
		;
}
