/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A console device as the strict mock plays it, and its host, for the tests of
 * virtio-console. Included by one test file each. */

#ifndef CONSOLE_HOST_TEST_H
#define CONSOLE_HOST_TEST_H

#include <errno.h>
#include <stdio.h>
#include <unit.h>
#include <kernel/time.h>
#include <virtio/device/console.h>
#include "host/host.h"
#include "mock/mock.h"

static struct console *text_console; /* what the driver announced */
static unsigned resizes;
static char typed[256];
static size_t typed_bytes;

void console_add(struct console *console)
{
	assert_null(text_console);
	text_console = console;
}

void console_resized(void)
{
	resizes++;
}

void console_input(const char *text, size_t length)
{
	assert_true(typed_bytes + length <= sizeof(typed));
	memcpy(typed + typed_bytes, text, length);
	typed_bytes += length;
}

enum { EVENT_READY, ADD, REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, OPEN, NAME };

struct message {
	uint32_t id;
	uint16_t event, value;
};

static struct {
	char seen[1 << 16]; /* what arrived, of all ports */
	size_t seen_bytes;
	bool stopped;		  /* takes no output */
	struct message said[256]; /* control messages of the guest */
	unsigned said_count;
	unsigned gone, closed, renamed; /* ports by bit, as the host has them now */
	char emergency[64];
	unsigned emergency_bytes;
} host;

static inline void serve_output(struct mock *mock, unsigned queue)
{
	static struct mock_chain chain;

	while (!host.stopped && mock_pop(mock, queue, &chain)) {
		assert_int_equal(chain.writable, 0); /* CON-02 */
		assert_true(host.seen_bytes + chain.readable <= sizeof(host.seen));
		host.seen_bytes += mock_read(&chain, 0, host.seen + host.seen_bytes,
					     chain.readable);
		mock_push(mock, queue, &chain, 0);
	}
	mock->queues[queue].kicked |= host.stopped && mock_available(mock, queue);
	mock_interrupt(mock, queue);
}

/* A message to the guest, with `extra` after it. */
static inline void say(struct mock *mock, uint32_t id, uint16_t event, uint16_t value,
		       const char *extra)
{
	static struct mock_chain chain;
	struct message message = { id, event, value };
	uint32_t bytes = (uint32_t)strlen(extra);

	assert_true(mock_pop(mock, 2, &chain)); /* the guest keeps the queue filled */
	assert_true(chain.writable >= 72);
	mock_write(&chain, 0, &message, 8);
	mock_write(&chain, 8, extra, bytes);
	mock_push(mock, 2, &chain, 8 + (bytes < 120 ? bytes : 120));
}

static unsigned host_ports; /* existing: 0 is a console, the others have names */

static inline void serve_control(struct mock *mock)
{
	static struct mock_chain chain;

	while (mock_pop(mock, 3, &chain)) {
		struct message message;
		char name[16];

		assert_int_equal(chain.count, 1); /* CON-12 */
		assert_int_equal(mock_read(&chain, 0, &message, 8), 8);
		assert_true(host.said_count < array_count(host.said));
		host.said[host.said_count++] = message;
		if (host.said_count == 1)
			assert_int_equal(message.event, EVENT_READY); /* CON-03 */
		if (message.event == EVENT_READY) {
			assert_int_equal(message.value, 1);
			for (unsigned id = 0; id < host_ports; id++)
				if (!(host.gone >> id & 1))
					say(mock, id, ADD, 1, "");
		} else if (message.event == PORT_READY && message.value) {
			snprintf(name, sizeof(name), "org.%s.%u",
				 host.renamed >> message.id & 1 ? "other" : "test",
				 message.id);
			say(mock, message.id, message.id ? NAME : CONSOLE_PORT, 1,
			    message.id ? name : "");
			if (!(host.closed >> message.id & 1))
				say(mock, message.id, OPEN, 1, "");
		}
		mock_push(mock, 3, &chain,
			  0); /* as QEMU does: what it makes us say first */
	}
	mock_interrupt(mock, 2);
	mock_interrupt(mock, 3);
}

static inline void serve(struct mock *mock, unsigned queue)
{
	if (queue == 3)
		serve_control(mock);
	else if (queue & 1)
		serve_output(mock, queue);
}

static inline void emergency_race(struct mock *mock)
{
	uint32_t value;

	memcpy(&value, mock->config + 8, 4);
	if (value)
		host.emergency[host.emergency_bytes++] = (char)value;
}

static inline struct mock *fresh(void)
{
	struct mock *mock = mock_new(VIRTIO_ID_CONSOLE);

	memset(&host, 0, sizeof(host));
	typed_bytes = 0;
	for (unsigned i = 0; i < 16; i++)
		mock->queue_max[i] = 64;
	mock->serve = serve;
	mock->config_bytes = 12;
	for (unsigned i = 8; i < 12; i++)
		mock->config_writable[i] = true;
	mock_offer(mock, VIRTIO_CONSOLE_F_SIZE);
	mock_offer(mock, VIRTIO_CONSOLE_F_EMERG_WRITE);
	memcpy(mock->config, "\x50\0\x18\0", 4);
	return mock;
}

static struct console_device *console;

/* Devices are never forgotten: this one's ports must not be found any more. */
static inline void finish(struct mock *mock)
{
	for (unsigned i = 0; console->device == &mock->device && i < console->port_count;
	     i++)
		console->ports[i].present = false;
	mock_remove(mock);
	host_world = mock_run_all;
}

static inline void run(struct mock *mock)
{
	while (mock_run(mock))
		if (host.stopped)
			break;
}

static inline void start(struct mock *mock)
{
	assert_int_equal(mock_add(mock), 0);
	for (console = console_devices(); console->next; console = console->next)
		;
	assert_ptr_equal(console->device, &mock->device);
	run(mock);
}

static inline struct mock *start_multiport(unsigned ports)
{
	struct mock *mock = fresh();

	host_ports = ports;
	mock_offer(mock, VIRTIO_CONSOLE_F_MULTIPORT);
	memcpy(mock->config + 4, "\7\0\0\0", 4);
	start(mock);
	return mock;
}

static inline void type(struct mock *mock, unsigned queue, const char *text, size_t bytes)
{
	static struct mock_chain chain;

	assert_true(mock_pop(mock, queue, &chain));
	assert_int_equal(chain.readable, 0); /* CON-02 */
	mock_write(&chain, 0, text, (uint32_t)bytes);
	mock_push(mock, queue, &chain, (uint32_t)bytes);
	mock_interrupt(mock, queue);
}

static inline unsigned said(uint32_t id, uint16_t event, uint16_t value)
{
	unsigned count = 0;

	for (unsigned i = 0; i < host.said_count; i++)
		count += host.said[i].id == id && host.said[i].event == event &&
			 host.said[i].value == value;
	return count;
}

/* [VQ-26] One queue breaks, and is reset alone; nothing else happens meanwhile. */
static inline void break_queue(struct mock *mock, unsigned queue)
{
	struct virtio_counters before = mock->device.counters;
	uint64_t resets = mock->queues[queue].resets;

	virtio_queue_break(mock->device.queues[queue], "a test");
	host_clock_advance(1);
	assert_int_equal(host_threads_run(), 0);
	assert_int_equal(mock->device.counters.queue_resets, before.queue_resets + 1);
	assert_int_equal(mock->device.counters.resets, before.resets);
	assert_int_equal(mock->queues[queue].resets, resets + 1);
}

/* The device asks for a reset, and is there again. */
static inline void back_after_reset(struct mock *mock)
{
	mock_needs_reset(mock);
	host_clock_advance(1);
	assert_true(mock->device.broken);
	host.said_count = 0;
	assert_int_equal(host_threads_run(), 1);
	assert_true(mock->device.live && !mock->device.broken);
	run(mock);
}

#endif
