/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-console: bytes out of one port (VIRTIO 1.3 §5.3.6), and what both ways need.
 *
 * Output is copied into a ring, of which the device holds one buffer at a time; what is
 * written meanwhile goes out together with the next one. */

#include <errno.h>
#include <string.h>
#include <kernel/format.h>
#include <kernel/page.h>
#include <kernel/time.h>
#include <virtio/device/console.h>
#include <virtio/device/pieces.h>

/* A host that takes nothing for this long is not reading. It is waited for once; as long
 * as it stays so, what does not fit is dropped at once. */
#define STALL_NS (250 * NS_PER_MS)

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

/* Gives the device what waits, if it holds nothing; to be read only [CON-02]. Under the
 * lock. */
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
	/* One buffer a message keeps to legacy framing as well (§5.3.6.4) [VQ-30]. */
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

/* [CON-11] */
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
