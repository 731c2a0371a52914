/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 * rings: own */

/* virtqueue_fill() and virtqueue_drain(): many buffers in one call, in every layout. That one
 * of them goes on where the other calls were is seen in the other tests of the rings, in
 * which virtqueue_get() and virtqueue_drain() take turns. */

#include <string.h>
#include "ring_test.h"

#define MANY 64

static struct virtqueue_buffer buffers[MANY];
static struct virtqueue_used used[MANY];

/* Buffers of different lengths under the tokens from `first` on. */
static unsigned fill(unsigned first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		buffers[i] = (struct virtqueue_buffer){ piece(first + i, 100 + i),
							&tokens[first + i] };
	return virtqueue_fill(vq, buffers, count);
}

/* What the device sees is what virtqueue_add() makes of them: in that order, each to be
 * written. [VQ-03] [VQ-08] [PQ-03] */
static void as_added_one_by_one(void **state)
{
	(void)state;
	EACH_RING(layout, with)
	{
		struct mock *mock = ring(layout, 16, with);
		static struct mock_chain chain;

		for (unsigned round = 0; round < 50; round++) {
			unsigned count = 1 + round % 16;

			assert_int_equal(fill(0, count), count);
			assert_int_equal(virtqueue_free(vq), 16 - count);
			assert_false(mock_pop(mock, 0, &chain));
			virtqueue_kick(vq);
			for (unsigned i = 0; i < count; i++) {
				assert_true(mock_pop(mock, 0, &chain));
				assert_int_equal(chain.count, 1);
				assert_true(chain.pieces[0].writable);
				assert_int_equal(chain.pieces[0].bytes, 100 + i);
				assert_int_equal(chain.pieces[0].address,
						 (uintptr_t)memory[i]);
				mock_push(mock, 0, &chain, i + 1);
			}
			assert_false(mock_pop(mock, 0, &chain));
			mock_flush(mock, 0);
			assert_int_equal(virtqueue_drain(vq, used, MANY), count);
			for (unsigned i = 0; i < count; i++) {
				assert_ptr_equal(used[i].token, &tokens[i]);
				assert_int_equal(used[i].written, i + 1);
			}
			assert_int_equal(virtqueue_drain(vq, used, MANY), 0);
			assert_int_equal(virtqueue_free(vq), 16);
		}
		assert_int_equal(virtqueue_counters(vq)->added,
				 virtqueue_counters(vq)->used);
		mock_remove(mock);
	}
}

/* As many as there is room for, and nothing of one that is no buffer or comes after it. */
static void stops_where_it_cannot_go_on(void **state)
{
	(void)state;
	for (unsigned layout = 0; layout < MOCK_LAYOUTS; layout++) {
		struct mock *mock = ring(layout, 8, WITH_EVENT);

		assert_int_equal(virtqueue_fill(vq, buffers, 0), 0);
		assert_int_equal(fill(0, 3), 3);
		for (unsigned i = 0; i < 4; i++)
			buffers[i].token = &tokens[3 + i];
		buffers[1].piece.bytes = 0;
		assert_int_equal(virtqueue_fill(vq, buffers, 4), 1);
		buffers[1].piece.bytes = 100;
		buffers[2].token = NULL;
		assert_int_equal(virtqueue_fill(vq, buffers + 1, 3), 1);
		assert_int_equal(virtqueue_free(vq), 3);
		assert_int_equal(fill(5, 5), 3);
		assert_int_equal(virtqueue_free(vq), 0);
		assert_int_equal(fill(8, 1), 0);
		assert_int_equal(virtqueue_counters(vq)->added, 8);
		virtqueue_kick(vq);
		serve_all(mock, true);
		for (unsigned i = 0; i < 8; i++)
			assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[i]);
		assert_null(virtqueue_get(vq, NULL));
		mock_remove(mock);
	}
}

/* No more than asked for, also from the middle of a batch; the rest by later calls. */
static void in_parts(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 2 * MOCK_LAYOUTS; way++) {
		struct mock *mock = ring(way / 2, 64, WITH_EVENT | WITH_INDIRECT);

		mock->batch = way & 1;
		for (unsigned round = 0; round < 100; round++) {
			unsigned next = 0, part = 1 + round % 7, got;

			/* Chains among them; few enough pieces for no table, or more. */
			for (unsigned i = 0; i < 12; i++)
				assert_int_equal(
					add(i % 3, 1 + (i + round) % 3, &tokens[i]), 0);
			virtqueue_kick(vq);
			serve_all(mock, false);
			while ((got = virtqueue_drain(vq, used, part))) {
				assert_true(got <= part);
				for (unsigned i = 0; i < got; i++)
					assert_ptr_equal(used[i].token, &tokens[next++]);
				if (next < 12 && round & 1)
					assert_ptr_equal(virtqueue_get(vq, NULL),
							 &tokens[next++]);
			}
			assert_int_equal(next, 12);
			assert_int_equal(virtqueue_free(vq), 64);
		}
		mock_remove(mock);
	}
}

/* In whatever order the device returns them; chains' descriptors and ids go back whole. */
static void out_of_order(void **state)
{
	static struct mock_chain chains[24];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct mock *mock = ring(i ? MOCK_PACKED : MOCK_SPLIT, 64, WITHOUT);

		for (unsigned round = 0; round < 200; round++) {
			/* What has no divisor in common with 24. */
			unsigned step = (const unsigned[]){ 1, 5, 7, 23 }[round % 4];
			unsigned count = 0;

			for (unsigned k = 0; k < 24; k++)
				assert_int_equal(add(k % 2, 1 + k % 3, &tokens[k]), 0);
			virtqueue_kick(vq);
			while (count < 24 && mock_pop(mock, 0, &chains[count]))
				count++;
			assert_int_equal(count, 24);
			for (unsigned k = 0; k < 24; k++)
				mock_push(mock, 0, &chains[(k * step + round) % 24], 1);
			assert_int_equal(virtqueue_drain(vq, used, MANY), 24);
			assert_int_equal(virtqueue_free(vq), 64);
			for (unsigned k = 0; k < 24; k++)
				assert_ptr_equal(used[k].token,
						 &tokens[(k * step + round) % 24]);
		}
		mock_remove(mock);
	}
}

/* A lie behind good ones: those come out, and the queue is broken. [VQ-16] [VQ-20] [PQ-17] */
static void a_lie_behind_good_ones(void **state)
{
	static const uint32_t ids[] = { 0, 8, 0xffff, 7 };

	(void)state;
	for (unsigned i = 0; i < array_count(ids) * MOCK_LAYOUTS; i++) {
		struct mock *mock = ring(i % MOCK_LAYOUTS, 8, WITH_EVENT);
		static struct mock_chain chain;

		mock->lenient = true;
		assert_int_equal(fill(0, 4), 4);
		virtqueue_kick(vq);
		for (unsigned k = 0; k < 2; k++) {
			assert_true(mock_pop(mock, 0, &chain));
			mock_push_raw(mock, 0, chain.head, 5);
		}
		/* The first again is free by then; 7 never was in flight, or is not yet. */
		mock_push_raw(mock, 0,
			      ids[i / MOCK_LAYOUTS] ? ids[i / MOCK_LAYOUTS] : chain.head,
			      5);
		assert_int_equal(virtqueue_drain(vq, used, MANY), 2);
		assert_ptr_equal(used[0].token, &tokens[0]);
		assert_ptr_equal(used[1].token, &tokens[1]);
		assert_true(virtqueue_broken(vq));
		assert_true(mock->device.broken);
		assert_int_equal(virtqueue_drain(vq, used, MANY), 0);
		assert_int_equal(fill(4, 1), 0);
		assert_int_equal(mock->device.counters.violations, 1);
		/* The others are still to be had. */
		for (unsigned k = 0; k < 2; k++) {
			int *token = virtqueue_detach(vq);

			assert_true(token == &tokens[2] || token == &tokens[3]);
		}
		assert_null(virtqueue_detach(vq));
		mock_remove(mock);
	}
}

/* [VQ-18] [PQ-17]: used before it was published, and an index that jumps. */
static void used_too_early(void **state)
{
	(void)state;
	for (unsigned layout = 0; layout < MOCK_LAYOUTS; layout++) {
		struct mock *mock = ring(layout, 8, WITH_EVENT);

		mock->lenient = true;
		assert_int_equal(fill(0, 2), 2);
		if (is_packed(layout))
			mock_push_raw(mock, 0, 0, 0);
		else
			mock_set_used_index(mock, 0, 3);
		assert_int_equal(virtqueue_drain(vq, used, MANY), 0);
		assert_true(virtqueue_broken(vq));
		mock_remove(mock);
	}
}

/* [VQ-15] [VQ-17] [PQ-09] */
static void lengths_are_cut(void **state)
{
	(void)state;
	for (unsigned layout = 0; layout < MOCK_LAYOUTS; layout++) {
		struct mock *mock = ring(layout, 8, WITH_EVENT);
		static struct mock_chain chain;

		mock->lenient = true;
		assert_int_equal(fill(0, 2), 2);
		virtqueue_kick(vq);
		for (unsigned i = 0; i < 2; i++) {
			assert_true(mock_pop(mock, 0, &chain));
			mock_push_raw(mock, 0, chain.head, i ? UINT32_MAX : 101);
		}
		assert_int_equal(virtqueue_drain(vq, used, MANY), 2);
		assert_int_equal(used[0].written, 100);
		assert_int_equal(used[1].written, 101);
		assert_int_equal(virtqueue_counters(vq)->length_clamped, 2);
		assert_false(virtqueue_broken(vq));
		mock_remove(mock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ring_test(as_added_one_by_one),
		ring_test(stops_where_it_cannot_go_on),
		ring_test(in_parts),
		ring_test(out_of_order),
		ring_test(a_lie_behind_good_ones),
		ring_test(used_too_early),
		ring_test(lengths_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
