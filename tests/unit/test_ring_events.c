/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 * rings: own */

/* Kicks and callbacks of every layout of the ring: VQ, PQ. */

#include <string.h>
#include <kernel/cmdline.h>
#include "ring_test.h"
#include "mock/thread.h"

/* [VQ-31], [VQ-10], [PQ-12]: one kick for a batch, none while the device polls. */
static void kicks_are_counted(void **state)
{
	(void)state;
	EACH_EVENT(layout, with)
	{
		struct mock *mock = ring(layout, 64, with);
		struct mock_chain chain;

		assert_int_equal(add(1, 0, &tokens[0]), 0);
		virtqueue_kick(vq);
		assert_true(mock_pop(mock, 0, &chain)); /* it asks for the next */
		for (unsigned i = 1; i < 10; i++)
			assert_int_equal(add(1, 0, &tokens[i]), 0);
		virtqueue_kick(vq);
		virtqueue_kick(vq); /* of nothing */
		assert_int_equal(mock->queues[0].kicks, 2);
		/* The device has not looked: with EVENT_IDX it waits no longer for us. */
		assert_int_equal(add(1, 0, &tokens[10]), 0);
		mock->no_notify = true;
		if (!(with & WITH_EVENT))
			assert_true(mock_pop(mock, 0, &chain));
		virtqueue_kick(vq);
		assert_int_equal(mock->queues[0].kicks, 2);
		assert_int_equal(virtqueue_counters(vq)->kicks, 2);
		assert_int_equal(virtqueue_counters(vq)->kicks_saved, 1);
		mock_remove(mock);
	}
}

/* [VQ-12], [VQ-13], [PQ-14]: no callback while disabled; enabling sees what came meanwhile. */
static void callbacks_on_and_off(void **state)
{
	(void)state;
	EACH_EVENT(layout, with)
	{
		struct mock *mock = ring(layout, 16, with);

		virtqueue_disable_cb(vq);
		assert_int_equal(add(0, 1, &tokens[0]), 0);
		virtqueue_kick(vq);
		serve_all(mock, true);
		assert_int_equal(callbacks, 0);
		assert_false(virtqueue_enable_cb(vq)); /* one came between */
		assert_ptr_equal(get(vq, NULL), &tokens[0]);
		assert_true(virtqueue_enable_cb(vq));
		assert_int_equal(add(0, 1, &tokens[1]), 0);
		virtqueue_kick(vq);
		serve_all(mock, true);
		assert_int_equal(callbacks, 1);
		virtqueue_disable_cb(vq);
		assert_ptr_equal(get(vq, NULL), &tokens[1]);
		/* Still disabled. */
		assert_int_equal(add(0, 1, &tokens[2]), 0);
		virtqueue_kick(vq);
		serve_all(mock, true);
		assert_int_equal(callbacks, 1);
		assert_ptr_equal(get(vq, NULL), &tokens[2]);
		assert_true(virtqueue_enable_cb(vq));
		assert_int_equal(mock->queues[0].interrupts, 1);
		assert_int_equal(virtqueue_counters(vq)->interrupts, 1);
		mock_remove(mock);
	}
}

/* A poller that takes a buffer before its interrupt arrives does not take the callback
 * with it: that one arms the queue again, for buffers that were added meanwhile. */
static void a_taken_buffer_still_calls_back(void **state)
{
	(void)state;
	EACH_EVENT(layout, with)
	{
		struct mock *mock = ring(layout, 16, with);

		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(add(0, 1, &tokens[i]), 0);
			virtqueue_kick(vq);
			serve_all(mock, false);
			assert_ptr_equal(get(vq, NULL), &tokens[i]);
			mock_interrupt(mock, 0);
			assert_int_equal(callbacks, i + 1);
			assert_true(virtqueue_enable_cb(vq));
		}
		/* The same when nobody asked for it, or with nothing new. */
		assert_false(virtqueue_interrupt(vq));
		virtqueue_disable_cb(vq);
		assert_int_equal(add(0, 1, &tokens[4]), 0);
		virtqueue_kick(vq);
		serve_all(mock, false);
		assert_ptr_equal(get(vq, NULL), &tokens[4]);
		assert_false(virtqueue_interrupt(vq));
		mock_remove(mock);
	}
}

/* [VQ-33]: a full ring costs one interrupt, at about three quarters, also where that lies
 * on the next lap. */
static void delayed_callbacks(void **state)
{
	struct mock_chain *chain = malloc(sizeof(*chain));

	(void)state;
	for (unsigned i = 0; i < MOCK_LAYOUTS * 8; i++) {
		struct mock *mock = ring(i % MOCK_LAYOUTS, 64, WITH_EVENT);
		unsigned done = 0, before = i / MOCK_LAYOUTS * 9;

		for (unsigned k = 0; k < before; k++) { /* not from the ring's start on */
			assert_int_equal(add(1, 0, &tokens[k]), 0);
			virtqueue_kick(vq);
			serve_all(mock, true);
			assert_ptr_equal(get(vq, NULL), &tokens[k]);
		}
		for (unsigned k = 0; k < 64; k++)
			assert_int_equal(add(1, 0, &tokens[k]), 0);
		virtqueue_kick(vq);
		assert_true(virtqueue_enable_cb_delayed(vq));
		callbacks = 0;
		while (callbacks == 0) {
			assert_true(mock_pop(mock, 0, chain));
			mock_push(mock, 0, chain, 0);
			mock_interrupt(mock, 0);
			done++;
		}
		assert_int_equal(done, 49);
		assert_false(virtqueue_enable_cb_delayed(vq));
		while (get(vq, NULL))
			done--;
		assert_int_equal(done, 0);
		assert_true(virtqueue_enable_cb_delayed(vq));
		mock_remove(mock);
	}
	free(chain);
}

static void polled_queues_never_interrupt(void **state)
{
	(void)state;
	EACH_EVENT(layout, with)
	{
		struct mock *mock;

		one_queue_polled = true;
		mock = ring(layout, 16, with);
		for (unsigned i = 0; i < 1000; i++) {
			assert_int_equal(add(0, 1, &tokens[i]), 0);
			virtqueue_kick(vq);
			serve_all(mock, true);
			assert_ptr_equal(get(vq, NULL), &tokens[i]);
		}
		assert_int_equal(mock->queues[0].interrupts, 0);
		mock_remove(mock);
	}
}

/* A device in a thread of its own that sleeps until it is kicked, and a driver that sleeps
 * until it is called back: nothing lost, however they meet [VQ-08], [VQ-09], [PQ-10],
 * [PQ-11]. */
static unsigned served;

static void serve(struct mock *mock, unsigned queue)
{
	static struct mock_chain chain;

	while (mock_pop(mock, queue, &chain)) {
		mock_push(mock, queue, &chain, chain.writable);
		if (++served % 3)
			mock_interrupt(mock, queue);
	}
	mock_interrupt(mock, queue);
}

static void device_in_a_thread(void **state)
{
	(void)state;
	EACH_RING(layout, with)
	{
		struct mock *mock = ring_new(layout, 16, with);
		unsigned added = 0, taken = 0;

		mock->serve = serve;
		mock->batch = with & WITH_INDIRECT;
		assert_int_equal(mock_add(mock), 0);
		mock_thread_start(mock);
		while (taken < 3000) {
			for (unsigned i = 0; i < 1 + taken % 5 && added < 3000; i++)
				added += add(i % 2, 1 + i % 3, &tokens[added]) == 0;
			virtqueue_kick(vq);
			while (get(vq, NULL))
				taken++;
			if (added == 3000 || virtqueue_free(vq) < 4) {
				unsigned before = callbacks;

				if (!virtqueue_enable_cb(vq))
					continue;
				while (callbacks == before && taken < added)
					assert_true(mock_run_all());
				virtqueue_disable_cb(vq);
			}
		}
		mock_thread_stop(mock);
		assert_int_equal(virtqueue_free(vq), 16);
		mock_remove(mock);
	}
}

/* What is written to a doorbell: the queue's number or the device's name for it, and with
 * NOTIFICATION_DATA how far the driver is; the mock compares [VQ-25], [PQ-15], [NEG-08]. */
static void doorbell_values(void **state)
{
	(void)state;
	EACH_RING(layout, with)
	{
		struct mock *mock = ring_new(layout, is_packed(layout) ? 5 : 4, WITHOUT);
		uint64_t kicks = 0;

		(with & 1 ? mock_offer : mock_withhold)(mock, VIRTIO_F_NOTIFICATION_DATA);
		(with & 2 ? mock_offer : mock_withhold)(mock, VIRTIO_F_NOTIF_CONFIG_DATA);
		assert_int_equal(mock_add(mock), 0);
		assert_int_equal(mock_has(mock, VIRTIO_F_NOTIFICATION_DATA), with & 1);
		assert_int_equal(mock_has(mock, VIRTIO_F_NOTIF_CONFIG_DATA), with / 2);
		for (unsigned i = 0; i < (with & 1 ? 70000 : 100); i++) {
			assert_int_equal(add(i % 2, 1 + i % 3, &tokens[0]), 0);
			virtqueue_kick(vq);
			kicks++;
			serve_all(mock, false);
			assert_ptr_equal(get(vq, NULL), &tokens[0]);
		}
		assert_int_equal(mock->queues[0].kicks, kicks);
		mock_remove(mock);
	}
}

LINKSET_DECLARE(cmdline_keys, const struct cmdline_key);

static void key(const char *name, const char *value)
{
	LINKSET_EACH(cmdline_keys, entry)
	if (!strcmp((*entry)->name, name))
		(*entry)->apply(value);
}

/* virtio_ring=NAME: no layout that needs more than that one [NEG-06]. */
static void layouts_allowed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MOCK_LAYOUTS * MOCK_LAYOUTS; i++) {
		unsigned most = i / MOCK_LAYOUTS, offered = i % MOCK_LAYOUTS;
		struct mock *mock;

		key("virtio_ring", mock_layout_names[most]);
		key("virtio_ring", "round"); /* there is none: nothing changes */
		mock = ring_new(offered, 8, WITHOUT);
		assert_int_equal(mock_add(mock), 0);
		assert_int_equal(mock_has(mock, VIRTIO_F_RING_PACKED),
				 is_packed(most) && is_packed(offered));
		assert_int_equal(mock_has(mock, VIRTIO_F_IN_ORDER),
				 is_in_order(most) && is_in_order(offered));
		assert_int_equal(add(0, 1, &tokens[0]), 0);
		virtqueue_kick(vq);
		serve_all(mock, false);
		assert_ptr_equal(get(vq, NULL), &tokens[0]);
		mock_remove(mock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ring_test(kicks_are_counted),
		ring_test(callbacks_on_and_off),
		ring_test(a_taken_buffer_still_calls_back),
		ring_test(delayed_callbacks),
		ring_test(polled_queues_never_interrupt),
		ring_test(device_in_a_thread),
		ring_test(doorbell_values),
		ring_test(layouts_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
