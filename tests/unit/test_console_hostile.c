/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/ring.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c
 *	virtio/device/console.c virtio/device/console_port.c
 *	virtio/device/console_port_input.c virtio/device/console_recover.c
 *	virtio/device/console_control.c virtio/device/console_say.c
 *	virtio/device/console_multiport.c
 *	virtio/device/console_api.c virtio/device/pieces.c */

/* virtio-console with several ports against a host that lies (requirements CON). */

#include <kernel/cmdline.h>
#include <virtio/device/console_control.h>
#include <virtio/dma.h>
#include "virtio_console/host.h"

/* [CON-10] [CON-06] Messages too short, of ports that are not, of no known kind. */
static void absurd_messages(void **state)
{
	struct mock *mock = start_multiport(2);
	static struct mock_chain chain;
	char long_name[200];

	(void)state;
	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	for (unsigned i = 0; i < 200; i++) {
		uint32_t id = i % 4 == 0 ? 1 : i * 0x01010101u;

		say(mock, id, (uint16_t)(i % 19), (uint16_t)i, i % 3 ? "" : long_name);
		mock_interrupt(mock, 2);
		run(mock);
	}
	for (uint32_t bytes = 0; bytes < 8; bytes++) { /* [CON-10]: too short */
		assert_true(mock_pop(mock, 2, &chain));
		mock_push(mock, 2, &chain, bytes);
		mock_interrupt(mock, 2);
	}
	say(mock, 1, ADD, 1, "");
	mock_interrupt(mock, 2);
	run(mock);
	say(mock, 1, NAME, 1, "alive");
	say(mock, 1, OPEN, 1, "");
	mock_interrupt(mock, 2);
	run(mock);
	assert_non_null(ferrule_port_find("alive", 0));
	finish(mock);
}

/* [CON-10] */
static void port_count_is_capped(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock_offer(mock, VIRTIO_CONSOLE_F_MULTIPORT);
	memset(mock->config + 4, 0xff, 4);
	/* The mock has queues for 7 ports, so this fails, but cleanly. */
	assert_int_not_equal(mock_add(mock), 0);
	assert_true(mock->status & VIRTIO_STATUS_FAILED);
	finish(mock);
	mock = fresh();
	mock_offer(mock, VIRTIO_CONSOLE_F_MULTIPORT);
	memset(mock->config + 4, 0, 4); /* none: one at least */
	host_ports = 1;
	start(mock);
	assert_int_equal(console->port_count, 1);
	finish(mock);
}

static struct mock *babbler;

/* Something new at every moment, and nothing of use. */
static bool babble(void)
{
	host_clock_advance(NS_PER_MS);
	say(babbler, 1, 99, 0, "");
	mock_interrupt(babbler, 2);
	return true;
}

/* A host that never stops talking makes no wait any longer. */
static void waits_end(void **state)
{
	struct mock *mock = start_multiport(2);
	uint64_t start = host_clock_ns;

	(void)state;
	babbler = mock;
	host_world = babble;
	assert_null(ferrule_port_find("nobody", 20 * NS_PER_MS));
	assert_in_range(host_clock_ns - start, 20 * NS_PER_MS, 25 * NS_PER_MS);
	finish(mock);
}

static void broken_device(void **state)
{
	struct mock *mock = start_multiport(2);
	struct ferrule_port *port = ferrule_port_find("org.test.1", 0);
	char text[4];

	(void)state;
	mock->lenient = true;
	run(mock);
	mock_push_raw(mock, 4, 77777, 5);
	mock_interrupt_always(mock, 4);
	host_clock_advance(1);
	assert_true(mock->device.broken);
	assert_int_equal(ferrule_port_read(port, text, 4, NO_DEADLINE), 0);
	assert_int_equal(ferrule_port_write(port, text, 4, NO_DEADLINE), -EPIPE);
	port_write_bounded(port, "text", 4); /* returns */
	finish(mock);
}

LINKSET_DECLARE(cmdline_keys, const struct cmdline_key);

/* All there is in the arena for buffers that wait goes to somebody else, or comes back. */
static void occupy(bool all)
{
	static struct virtio_mapping mappings[1 << 14];
	static unsigned count;
	static char memory[64];
	struct virtio_piece piece;

	do {
		if (!all)
			count--;
		piece = (struct virtio_piece){ (uintptr_t)memory, 64 };
		if (!all) {
			virtio_dma()->unmap(&mappings[count], &piece, 1, 0);
			continue;
		}
		assert_true(count < array_count(mappings));
		mappings[count] = (struct virtio_mapping){ .writable = 64 };
		if (virtio_dma()->map(&mappings[count], &piece, 0, 1))
			return;
		count++;
	} while (all || count);
}

/* [CON-02] [CON-10] Receive buffers that find the arena full are posted once there is room. */
static void full_arena(void **state)
{
	struct mock *mock;

	(void)state;
	LINKSET_EACH(cmdline_keys, entry)
	if (!strcmp((*entry)->name, "bounce"))
		(*entry)->apply("1M");
	for (unsigned multiport = 0; multiport < 2; multiport++) {
		unsigned queue = multiport ? 2 : 0;

		occupy(true);
		mock = fresh();
		host_ports = 0;
		mock_offer(mock, VIRTIO_F_ACCESS_PLATFORM);
		if (multiport) {
			mock_offer(mock, VIRTIO_CONSOLE_F_MULTIPORT);
			memcpy(mock->config + 4, "\7\0\0\0", 4);
		}
		start(mock);
		assert_int_equal(mock_available(mock, queue), 0);
		occupy(false);
		if (multiport) /* as the queue's callback does, which comes then */
			control_run(console);
		else
			port_receive(console->ports);
		assert_int_equal(mock_available(mock, queue), multiport ? 32 : 4);
		finish(mock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absurd_messages), cmocka_unit_test(port_count_is_capped),
		cmocka_unit_test(waits_end),	   cmocka_unit_test(broken_device),
		cmocka_unit_test(full_arena), /* the last: the arena stays */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
