/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 * rings: own */

/* Every layout of the ring against a device that lies. */

#include <string.h>
#include "ring_test.h"

static int add_some(unsigned count, void *token)
{
	return add(count / 2, count - count / 2, token);
}

static struct mock *hostile(unsigned layout, unsigned size, unsigned with)
{
	struct mock *mock = ring(layout, size, with);

	mock->lenient = true;
	return mock;
}

static void expect_broken(struct mock *mock)
{
	assert_null(get(vq, NULL));
	assert_true(virtqueue_broken(vq));
	assert_true(mock->device.broken);
	assert_int_equal(add_some(1, &tokens[0]), -EIO);
	assert_null(get(vq, NULL));
	virtqueue_disable_cb(vq);
	assert_true(virtqueue_enable_cb(vq)); /* nothing more will come: no busy loop */
	virtqueue_kick(vq);
	assert_int_equal(broken_calls, 0);
	host_clock_advance(1);
	assert_int_equal(broken_calls, 1);
	assert_int_equal(mock->status, 0);
	assert_int_equal(mock->device.counters.violations, 1);
}

/* [VQ-16], [PQ-17]; a packed id has 16 bits. */
static void id_out_of_range(void **state)
{
	static const uint32_t ids[] = { 8, 9, 0xffff, 0x10000, 0xffffffff };

	(void)state;
	for (unsigned i = 0; i < array_count(ids) * MOCK_LAYOUTS; i++) {
		unsigned layout = i % MOCK_LAYOUTS;
		struct mock *mock;

		if (is_packed(layout) && ids[i / MOCK_LAYOUTS] > 0xffff)
			continue;
		mock = hostile(layout, 8, WITH_EVENT);

		assert_int_equal(add_some(2, &tokens[0]), 0);
		virtqueue_kick(vq);
		mock_push_raw(mock, 0, ids[i / MOCK_LAYOUTS], 0);
		expect_broken(mock);
		assert_ptr_equal(virtqueue_detach(vq), &tokens[0]);
		assert_null(virtqueue_detach(vq));
		mock_remove(mock);
	}
}

/* [VQ-16], [PQ-17] */
static void id_not_in_flight(void **state)
{
	(void)state;
	/* A chain of two with id 0: 1 is none, or in its middle; 5 is free. */
	for (unsigned i = 0; i < 2 * MOCK_LAYOUTS; i++) {
		struct mock *mock = hostile(i / 2, 8, WITH_EVENT);

		assert_int_equal(add_some(2, &tokens[0]), 0);
		virtqueue_kick(vq);
		mock_push_raw(mock, 0, i % 2 ? 5 : 1, 0);
		expect_broken(mock);
		mock_remove(mock);
	}
}

/* [VQ-20], [PQ-17] */
static void id_twice(void **state)
{
	struct mock_chain chain;

	(void)state;
	for (unsigned layout = 0; layout < MOCK_LAYOUTS; layout++) {
		struct mock *mock = hostile(layout, 8, WITH_EVENT);

		assert_int_equal(add_some(1, &tokens[0]), 0);
		assert_int_equal(add_some(1, &tokens[1]), 0);
		virtqueue_kick(vq);
		assert_true(mock_pop(mock, 0, &chain));
		mock_push_raw(mock, 0, chain.head, 0);
		mock_push_raw(mock, 0, chain.head, 0);
		assert_ptr_equal(get(vq, NULL), &tokens[0]);
		expect_broken(mock);
		mock_remove(mock);
	}
}

/* [VQ-18] */
static void index_jumps(void **state)
{
	static const uint16_t indices[] = { 3, 9, 40000, 0xffff };

	(void)state;
	for (unsigned i = 0; i < 2 * array_count(indices); i++) {
		struct mock *mock = hostile(i % 2, 8, WITH_EVENT); /* the split ones */

		assert_int_equal(add_some(1, &tokens[0]), 0);
		assert_int_equal(add_some(1, &tokens[1]), 0);
		virtqueue_kick(vq);
		mock_set_used_index(mock, 0, indices[i / 2]);
		expect_broken(mock);
		mock_remove(mock);
	}
}

/* [VQ-18], [PQ-17] */
static void used_before_it_was_published(void **state)
{
	(void)state;
	for (unsigned layout = 0; layout < MOCK_LAYOUTS; layout++) {
		struct mock *mock = hostile(layout, 8, WITH_EVENT);

		assert_int_equal(add_some(1, &tokens[0]), 0); /* no kick */
		mock_push_raw(mock, 0, 0, 0);
		expect_broken(mock);
		mock_remove(mock);
	}
}

/* Historic devices say too much: the length is cut and counted [VQ-15], [VQ-17]. */
static void lengths_are_clamped(void **state)
{
	struct mock_chain chain;
	uint32_t written;

	(void)state;
	for (unsigned layout = 0; layout < MOCK_LAYOUTS; layout++) {
		struct mock *mock = hostile(layout, 8, WITH_EVENT);

		assert_int_equal(add_some(3, &tokens[0]), 0);
		virtqueue_kick(vq);
		assert_true(mock_pop(mock, 0, &chain));
		mock_push_raw(mock, 0, chain.head, UINT32_MAX);
		assert_ptr_equal(get(vq, &written), &tokens[0]);
		assert_int_equal(written, 17 + 18);
		assert_int_equal(virtqueue_counters(vq)->length_clamped, 1);
		assert_false(mock->device.broken);
		mock_remove(mock);
	}
}

/* The available ring of split in order is written beforehand: a device that overwrites it
 * deceives itself, about what it is to do. */
static void scribble(struct mock *mock, unsigned seed)
{
	char *available = (char *)(uintptr_t)mock->queues[0].avail, before[4 + 2 * 16];

	memcpy(before, available, sizeof(before));
	mock_scribble(mock, 0, seed);
	if (mock_has(mock, VIRTIO_F_IN_ORDER) && !mock_has(mock, VIRTIO_F_RING_PACKED))
		memcpy(available, before, sizeof(before));
}

/* [VQ-19], [PQ-18]: whatever the device does to descriptors, available ring and
 * tables, traffic is unaffected. */
static void scribbled_tables(void **state)
{
	(void)state;
	EACH_RING(layout, with)
	{
		struct mock *mock = hostile(layout, 16, with);
		struct mock_chain chain;

		for (unsigned i = 0; i < 1000; i++) {
			unsigned count = 1 + i % 7;
			uint32_t written;

			mock->lenient = false;
			assert_int_equal(add_some(count, &tokens[i]), 0);
			virtqueue_kick(vq);
			assert_true(mock_pop(mock, 0, &chain));
			mock->lenient = true;
			assert_int_equal(chain.count, count);
			scribble(mock, i);
			mock_push(mock, 0, &chain, chain.writable);
			mock_flush(mock, 0);
			assert_ptr_equal(get(vq, &written), &tokens[i]);
			assert_int_equal(written, chain.writable);
		}
		assert_int_equal(virtqueue_free(vq), 16);
		mock_remove(mock);
	}
}

/* [VQ-21]: random lies; every token comes back exactly once, by get or by detach, and
 * nothing crashes, hangs or reads past the end (the sanitizers look). */
static void random_lies(void **state)
{
	uint64_t seed = 0x9e3779b97f4a7c15u;

	(void)state;
	for (unsigned round = 0; round < 6000; round++) {
		unsigned layout = round / 4 % MOCK_LAYOUTS;
		struct mock *mock = hostile(layout, 1u << round % 6, round % 4);
		bool out[64] = { false };
		unsigned next = 0;
		int *token;

		for (unsigned step = 0; step < 40; step++) {
			seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
			switch (seed % 6) {
			case 0:
			case 1:
				if (add_some(1 + (seed >> 8) % 4, &tokens[next]) == 0)
					out[next++] = true;
				virtqueue_kick(vq);
				break;
			case 2:
				mock_push_raw(mock, 0, (seed >> 8) % 64,
					      (uint32_t)(seed >> 20));
				break;
			case 3:
				if ((seed >> 8) % 8 == 0 && !is_packed(layout))
					mock_set_used_index(mock, 0,
							    (uint16_t)(seed >> 16));
				mock_scribble(mock, 0, (unsigned)(seed >> 4));
				break;
			case 4:
				mock_interrupt_always(mock, 0);
				virtqueue_enable_cb(vq);
				break;
			case 5:
				while ((token = get(vq, NULL))) {
					assert_true(out[token - tokens]);
					out[token - tokens] = false;
				}
				break;
			}
		}
		host_clock_advance(1);
		while ((token = virtqueue_detach(vq))) {
			assert_true(out[token - tokens]);
			out[token - tokens] = false;
		}
		for (unsigned i = 0; i < 64; i++)
			assert_false(out[i]);
		mock_remove(mock);
	}
}

/* Interrupts that nothing caused: cheap, counted, harmless [VQ-14]. */
static void interrupt_storm(void **state)
{
	(void)state;
	for (unsigned layout = 0; layout < MOCK_LAYOUTS; layout++) {
		struct mock *mock = hostile(layout, 8, WITH_EVENT);

		for (unsigned i = 0; i < 10000; i++)
			mock_interrupt_always(mock, 0);
		assert_int_equal(callbacks, 0);
		assert_int_equal(mock->device.counters.spurious_interrupts, 10000);
		mock_remove(mock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ring_test(id_out_of_range),
		ring_test(id_not_in_flight),
		ring_test(id_twice),
		ring_test(index_jumps),
		ring_test(used_before_it_was_published),
		ring_test(lengths_are_clamped),
		ring_test(scribbled_tables),
		ring_test(random_lies),
		ring_test(interrupt_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
