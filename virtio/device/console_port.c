/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-console: bytes in and out of one port (VIRTIO 1.3 §5.3.6).
 *
 * Output is copied into a ring, of which the device holds one buffer at a time; what is
 * written meanwhile goes out together with the next one. Input stays in the receive
 * buffers until it is read: a reader that is slow holds the host back. */

#include <errno.h>
#include <string.h>
#include <kernel/format.h>
#include <kernel/page.h>
#include <kernel/time.h>
#include <virtio/device/console.h>
#include <virtio/device/pieces.h>

/* A host that takes nothing for this long is not reading. It is waited for once; as long
 * as it stays so, what does not fit is dropped at once. */
#define STALL_NS   (250 * NS_PER_MS)
#define STEP_BYTES 256

int port_prepare(struct ferrule_port *port)
{
	unsigned order = page_order(PORT_OUTPUT_BYTES);
	unsigned input_order = page_order(PORT_INPUT_COUNT * PORT_INPUT_BYTES);
	uint64_t input;

	if (port->output)
		return 0;
	port->output_phys = page_alloc(order);
	input = page_alloc(input_order);
	if (!port->output_phys || !input) {
		if (port->output_phys)
			page_free(port->output_phys, order);
		if (input)
			page_free(input, input_order);
		return -ENOMEM;
	}
	/* The device may read or write these at any time: nothing old may be in them. */
	port->output = phys_to_virt(port->output_phys);
	memset(port->output, 0, PAGE_BYTES << order);
	memset(phys_to_virt(input), 0, PAGE_BYTES << input_order);
	for (unsigned i = 0; i < PORT_INPUT_COUNT; i++) {
		port->inputs[i].phys = input + i * PORT_INPUT_BYTES;
		port->inputs[i].data = phys_to_virt(port->inputs[i].phys);
	}
	port->full_end = &port->full;
	return 0;
}

/* Under the lock; a full receive queue is not possible: it has room for all of them. */
static bool post_input(struct ferrule_port *port, struct port_input *input)
{
	struct virtio_piece piece = { input->phys, PORT_INPUT_BYTES };

	return !virtqueue_add(port->receive, &piece, 0, 1, input);
}

void port_start(struct ferrule_port *port)
{
	unsigned long flags = spin_lock(&port->lock);
	bool kick;

	for (unsigned i = 0; i < PORT_INPUT_COUNT; i++)
		if (!post_input(port, &port->inputs[i]))
			break; /* a queue of fewer entries than that */
	kick = virtqueue_kick_prepare(port->receive);
	spin_unlock(&port->lock, flags);
	if (kick)
		virtqueue_notify(port->receive);
}

/* Gives the device what waits, if it holds nothing. Under the lock. */
static void send_waiting(struct ferrule_port *port, bool *kick)
{
	unsigned from = port->sent % PORT_OUTPUT_BYTES;
	unsigned bytes = port->filled - port->sent;
	unsigned first = PORT_OUTPUT_BYTES - from;
	struct virtio_piece pieces[2];

	if (!bytes || port->taken != port->sent || port->failed)
		return;
	if (first > bytes)
		first = bytes;
	pieces[0] = (struct virtio_piece){ port->output_phys + from, first };
	pieces[1] = (struct virtio_piece){ port->output_phys, bytes - first };
	/* One buffer a message keeps to legacy framing as well (§5.3.6.4). */
	if (virtqueue_add(port->transmit, pieces, bytes > first ? 2 : 1, 0, port))
		return;
	port->sent = port->filled;
	*kick |= virtqueue_kick_prepare(port->transmit);
}

void port_reap(struct ferrule_port *port, bool *kick)
{
	/* The used length of output means nothing; the token says all. */
	while (virtqueue_get(port->transmit, NULL)) {
		port->taken = port->sent;
		port->stalled = false;
	}
	send_waiting(port, kick);
}

static size_t copy_in(struct ferrule_port *port, const char *text, size_t length)
{
	size_t room = PORT_OUTPUT_BYTES - (port->filled - port->taken);
	size_t from = port->filled % PORT_OUTPUT_BYTES, first;

	if (length > room)
		length = room;
	first = PORT_OUTPUT_BYTES - from;
	if (first > length)
		first = length;
	memcpy(port->output + from, text, first);
	memcpy(port->output, text + first, length - first);
	port->filled += (unsigned)length;
	return length;
}

size_t port_queue(struct ferrule_port *port, const char *text, size_t length, bool *kick)
{
	size_t queued;

	port_reap(port, kick);
	queued = copy_in(port, text, length);
	send_waiting(port, kick);
	return queued;
}

/* Says how much was lost, once there is room to say it. Under the lock. */
static void report_dropped(struct ferrule_port *port)
{
	char line[64];
	int length;

	if (!port->dropped || port->stalled)
		return;
	length = format(line, sizeof(line), "\r\n[%llu bytes lost: nobody read]\r\n",
			(unsigned long long)port->dropped);
	if (PORT_OUTPUT_BYTES - (port->filled - port->taken) < (unsigned)length)
		return;
	copy_in(port, line, (size_t)length);
	port->dropped = 0;
}

/* One round of a bounded wait; false when no progress came for too long. */
static bool port_poll(struct ferrule_port *port, unsigned *before, uint64_t *since)
{
	uint64_t now = clock_ns();

	if (port->taken != *before) {
		*before = port->taken;
		*since = now;
	}
	return now - *since < STALL_NS;
}

void port_write_bounded(struct ferrule_port *port, const char *text, size_t length)
{
	uint64_t since = clock_ns();
	unsigned before = port->taken;

	if (!pieces_populate(text, length, NULL))
		return;
	while (length) {
		unsigned long flags = spin_lock(&port->lock);
		bool kick = false, give_up;
		size_t queued;

		port_reap(port, &kick);
		report_dropped(port);
		queued = port_queue(port, text, length, &kick);
		text += queued;
		length -= queued;
		if (length && !port_poll(port, &before, &since))
			port->stalled = true;
		give_up = length && (port->stalled || port->failed);
		if (give_up)
			port->dropped += length;
		spin_unlock(&port->lock, flags);
		if (kick)
			virtqueue_notify(port->transmit);
		if (give_up)
			return;
		if (length)
			arch_relax();
	}
}

void port_drain(struct ferrule_port *port)
{
	uint64_t since = clock_ns();
	unsigned before = port->taken;
	bool more = true;

	while (more) {
		unsigned long flags = spin_lock(&port->lock);
		bool kick = false;

		port_reap(port, &kick);
		more = port->taken != port->filled && !port->failed &&
		       port_poll(port, &before, &since);
		spin_unlock(&port->lock, flags);
		if (kick)
			virtqueue_notify(port->transmit);
		if (more)
			arch_relax();
	}
}

void port_transmitted(struct virtqueue *queue)
{
	struct ferrule_port *port = port_of(queue);
	unsigned long flags;
	bool kick = false;

	if (!port)
		return;
	flags = spin_lock(&port->lock);
	do {
		virtqueue_disable_cb(queue);
		port_reap(port, &kick);
	} while (!virtqueue_enable_cb(queue) && !virtqueue_broken(queue));
	spin_unlock(&port->lock, flags);
	if (kick)
		virtqueue_notify(queue);
	wait_wake(&port->writers, WAKE_ALL, 0);
}

/* Moves what the device has used to the list of full buffers; true: some came back empty
 * and were posted again. Under the lock. Ends, whatever the device does: what is posted
 * here is not published before we are done. */
static bool take_received(struct ferrule_port *port)
{
	struct port_input *input;
	bool posted = false;
	uint32_t bytes;

	while ((input = virtqueue_get(port->receive, &bytes))) {
		input->bytes = bytes < PORT_INPUT_BYTES ? bytes : PORT_INPUT_BYTES;
		input->taken = 0;
		input->next = NULL;
		if (!input->bytes) {
			posted |= post_input(port, input);
			continue;
		}
		*port->full_end = input;
		port->full_end = &input->next;
	}
	return posted;
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
	return post_input(port, input);
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

void port_fail(struct ferrule_port *port)
{
	unsigned long flags = spin_lock(&port->lock);

	port->failed = true;
	port->host_open = false;
	spin_unlock(&port->lock, flags);
	wait_wake(&port->readers, WAKE_ALL, 0);
	wait_wake(&port->writers, WAKE_ALL, 0);
}
