/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/ring.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c */

/* The split virtqueue against a device that lies (requirements VQ-15 to VQ-21, §14). */

#include <errno.h>
#include "mock/one_queue.h"

static char memory[16][64];
static int tokens[4096];

static int add(unsigned count, void *token)
{
	struct virtio_piece pieces[16];

	for (unsigned i = 0; i < count; i++)
		pieces[i] = (struct virtio_piece){ (uintptr_t)memory[i], 64 };
	return virtqueue_add(vq, pieces, count / 2, count - count / 2, token);
}

static struct mock *hostile(unsigned size, unsigned with)
{
	struct mock *mock = one_queue(size, with);

	mock->lenient = true;
	return mock;
}

static void expect_broken(struct mock *mock)
{
	assert_null(virtqueue_get(vq, NULL));
	assert_true(virtqueue_broken(vq));
	assert_true(mock->device.broken);
	assert_int_equal(add(1, &tokens[0]), -EIO);
	assert_null(virtqueue_get(vq, NULL));
	virtqueue_disable_cb(vq);
	assert_true(virtqueue_enable_cb(vq)); /* nothing more will come: no busy loop */
	virtqueue_kick(vq);
	assert_int_equal(broken_calls, 0);
	host_clock_advance(1);
	assert_int_equal(broken_calls, 1);
	assert_int_equal(mock->status, 0);
	assert_int_equal(mock->device.counters.violations, 1);
}

static void id_out_of_range(void **state)
{
	static const uint32_t ids[] = { 8, 9, 0xffff, 0x10000, 0xffffffff };

	(void)state;
	for (unsigned i = 0; i < array_count(ids); i++) {
		struct mock *mock = hostile(8, WITH_EVENT);

		assert_int_equal(add(2, &tokens[0]), 0);
		virtqueue_kick(vq);
		mock_push_raw(mock, 0, ids[i], 0);
		expect_broken(mock);
		assert_ptr_equal(virtqueue_detach(vq), &tokens[0]);
		assert_null(virtqueue_detach(vq));
		mock_remove(mock);
	}
}

static void id_not_in_flight(void **state)
{
	(void)state;
	/* Chain 0 → 1: 1 is in use but no head, 5 is free. */
	for (unsigned id = 1; id < 8; id += 4) {
		struct mock *mock = hostile(8, WITH_EVENT);

		assert_int_equal(add(2, &tokens[0]), 0);
		virtqueue_kick(vq);
		mock_push_raw(mock, 0, id, 0);
		expect_broken(mock);
		mock_remove(mock);
	}
}

static void id_twice(void **state)
{
	struct mock *mock = hostile(8, WITH_EVENT);
	struct mock_chain chain;

	(void)state;
	assert_int_equal(add(1, &tokens[0]), 0);
	assert_int_equal(add(1, &tokens[1]), 0);
	virtqueue_kick(vq);
	assert_true(mock_pop(mock, 0, &chain));
	mock_push_raw(mock, 0, chain.head, 0);
	mock_push_raw(mock, 0, chain.head, 0);
	assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[0]);
	expect_broken(mock);
	mock_remove(mock);
}

static void index_jumps(void **state)
{
	static const uint16_t indices[] = { 3, 9, 40000, 0xffff };

	(void)state;
	for (unsigned i = 0; i < array_count(indices); i++) {
		struct mock *mock = hostile(8, WITH_EVENT);

		assert_int_equal(add(1, &tokens[0]), 0);
		assert_int_equal(add(1, &tokens[1]), 0);
		virtqueue_kick(vq);
		mock_set_used_index(mock, 0, indices[i]);
		expect_broken(mock);
		mock_remove(mock);
	}
}

static void used_before_it_was_published(void **state)
{
	struct mock *mock = hostile(8, WITH_EVENT);

	(void)state;
	assert_int_equal(add(1, &tokens[0]), 0); /* no kick */
	mock_push_raw(mock, 0, 0, 0);
	expect_broken(mock);
	mock_remove(mock);
}

/* Historic devices say too much: the length is cut and counted (VQ-17). */
static void lengths_are_clamped(void **state)
{
	struct mock *mock = hostile(8, WITH_EVENT);
	struct mock_chain chain;
	uint32_t written;

	(void)state;
	assert_int_equal(add(3, &tokens[0]), 0);
	virtqueue_kick(vq);
	assert_true(mock_pop(mock, 0, &chain));
	mock_push_raw(mock, 0, chain.head, UINT32_MAX);
	assert_ptr_equal(virtqueue_get(vq, &written), &tokens[0]);
	assert_int_equal(written, 128);
	assert_int_equal(virtqueue_counters(vq)->length_clamped, 1);
	assert_false(mock->device.broken);
	mock_remove(mock);
}

/* VQ-19: whatever the device does to the tables, traffic is unaffected. */
static void scribbled_tables(void **state)
{
	(void)state;
	for (unsigned with = 0; with < 4; with++) {
		struct mock *mock = hostile(16, with);
		struct mock_chain chain;

		for (unsigned i = 0; i < 3000; i++) {
			unsigned count = 1 + i % 7;
			uint32_t written;

			mock->lenient = false;
			assert_int_equal(add(count, &tokens[i]), 0);
			virtqueue_kick(vq);
			assert_true(mock_pop(mock, 0, &chain));
			mock->lenient = true;
			assert_int_equal(chain.count, count);
			mock_scribble(mock, 0, i);
			mock_push(mock, 0, &chain, chain.writable);
			assert_ptr_equal(virtqueue_get(vq, &written), &tokens[i]);
			assert_int_equal(written, chain.writable);
		}
		assert_int_equal(virtqueue_free(vq), 16);
		mock_remove(mock);
	}
}

/* VQ-21: random lies; every token comes back exactly once, by get or by detach, and
 * nothing crashes, hangs or reads past the end (the sanitizers look). */
static void random_lies(void **state)
{
	uint64_t seed = 0x9e3779b97f4a7c15u;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		struct mock *mock = hostile(1u << round % 6, round % 4);
		bool out[64] = { false };
		unsigned next = 0;
		int *token;

		for (unsigned step = 0; step < 40; step++) {
			seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
			switch (seed % 6) {
			case 0:
			case 1:
				if (add(1 + (seed >> 8) % 4, &tokens[next]) == 0)
					out[next++] = true;
				virtqueue_kick(vq);
				break;
			case 2:
				mock_push_raw(mock, 0, (seed >> 8) % 64,
					      (uint32_t)(seed >> 20));
				break;
			case 3:
				if ((seed >> 8) % 8 == 0)
					mock_set_used_index(mock, 0,
							    (uint16_t)(seed >> 16));
				mock_scribble(mock, 0, (unsigned)(seed >> 4));
				break;
			case 4:
				mock_interrupt_always(mock, 0);
				virtqueue_enable_cb(vq);
				break;
			case 5:
				while ((token = virtqueue_get(vq, NULL))) {
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

/* Interrupts that nothing caused: cheap, counted, harmless (VQ-14). */
static void interrupt_storm(void **state)
{
	struct mock *mock = hostile(8, WITH_EVENT);

	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		mock_interrupt_always(mock, 0);
	assert_int_equal(callbacks, 0);
	assert_int_equal(mock->device.counters.spurious_interrupts, 10000);
	mock_remove(mock);
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
