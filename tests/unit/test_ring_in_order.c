/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 * rings: own */

/* Devices that use buffers in order, and say so once for a batch. */

#include "ring_test.h"

static const unsigned layouts[] = { MOCK_SPLIT_IN_ORDER, MOCK_PACKED_IN_ORDER };

/* One used entry for a batch: those before the last were used completely, the last as far
 * as it says [VQ-23], [PQ-16]; wherever the batch lies, also across the end. */
static void batches(void **state)
{
	static struct mock_chain chain;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct mock *mock = ring(layouts[i / 4], 16, i % 4);
		uint64_t entries = 0;

		mock->batch = true;
		for (unsigned round = 0; round < 500; round++) {
			unsigned count = 1 + round % 5;
			uint32_t written;

			for (unsigned k = 0; k < count; k++)
				assert_int_equal(add(k % 2, 1 + k % 3, &tokens[k]), 0);
			virtqueue_kick(vq);
			for (unsigned k = 0; k < count; k++) {
				assert_true(mock_pop(mock, 0, &chain));
				mock_push(mock, 0, &chain,
					  k < count - 1 ? chain.writable : 3);
			}
			assert_null(get(vq, NULL));
			mock_interrupt(mock, 0);
			for (unsigned k = 0; k < count; k++) {
				assert_ptr_equal(get(vq, &written), &tokens[k]);
				if (k == count - 1)
					assert_int_equal(written, 3);
				else
					assert_true(written >= 16);
			}
			assert_null(get(vq, NULL));
			assert_true(virtqueue_enable_cb(vq));
			entries++;
		}
		assert_int_equal(mock->queues[0].used_written, entries);
		assert_int_equal(virtqueue_free(vq), 16);
		mock_remove(mock);
	}
}

/* A device need not make batches, or only of some. */
static void no_batches(void **state)
{
	static struct mock_chain chain;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct mock *mock = ring(layouts[i / 4], 8, i % 4);

		for (unsigned round = 0; round < 300; round++) {
			uint32_t written;

			for (unsigned k = 0; k < 4; k++)
				assert_int_equal(add(0, 1 + k % 2, &tokens[k]), 0);
			virtqueue_kick(vq);
			for (unsigned k = 0; k < 4; k++) {
				mock->batch = k == 1 && round % 3 == 0;
				assert_true(mock_pop(mock, 0, &chain));
				mock_push(mock, 0, &chain, k == 1 ? chain.writable : k);
			}
			for (unsigned k = 0; k < 4; k++) {
				assert_ptr_equal(get(vq, &written), &tokens[k]);
				assert_int_equal(written, k == 1 ? 33 : k);
			}
			assert_null(get(vq, NULL));
		}
		mock_remove(mock);
	}
}

/* Chains lie in ring order, and go on at the start after the end [VQ-22]; the available
 * ring, which is written beforehand, always names the right head. */
static void descriptors_in_ring_order(void **state)
{
	static struct mock_chain chain;

	(void)state;
	for (unsigned with = 0; with < 4; with++) {
		struct mock *mock = ring(MOCK_SPLIT_IN_ORDER, 8, with);
		const uint16_t *heads =
			(const uint16_t *)(uintptr_t)(mock->queues[0].avail + 4);
		unsigned next = 0;

		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(heads[i], i);
		for (unsigned round = 0; round < 1000; round++) {
			unsigned count = round % 100 < 50 ? 1 : 1 + round % 7;

			assert_int_equal(add(count - 1, 1, &tokens[0]), 0);
			virtqueue_kick(vq);
			assert_true(mock_pop(mock, 0, &chain));
			assert_int_equal(chain.head, next % 8);
			next += chain.descriptors;
			mock_push(mock, 0, &chain, 0);
			mock_flush(mock, 0);
			assert_ptr_equal(get(vq, NULL), &tokens[0]);
		}
		mock_remove(mock);
	}
}

/* While buffers take one descriptor each, the available ring's slots are not stored to. */
static void available_ring_is_left_alone(void **state)
{
	struct mock *mock = ring(MOCK_SPLIT_IN_ORDER, 8, WITH_EVENT);
	volatile uint16_t *heads = (uint16_t *)(uintptr_t)(mock->queues[0].avail + 4);

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		heads[i % 8] = 0x5555; /* a needless store would repair it */
		assert_int_equal(add(0, 1, &tokens[0]), 0);
		assert_int_equal(heads[i % 8], 0x5555);
		heads[i % 8] = (uint16_t)(i % 8);
		virtqueue_kick(vq);
		serve_all(mock, false);
		assert_ptr_equal(get(vq, NULL), &tokens[0]);
	}
	mock_remove(mock);
}

static void expect_broken(struct mock *mock)
{
	assert_null(get(vq, NULL));
	assert_true(virtqueue_broken(vq));
	assert_true(mock->device.broken);
	assert_int_equal(add(0, 1, &tokens[0]), -EIO);
}

/* The id must be that of a buffer in flight: not one that came back, one that was not
 * published, the middle of a chain, a free descriptor [VQ-24], [PQ-17]. */
static void ids_outside_the_window(void **state)
{
	static struct mock_chain chain;

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct mock *mock = ring(layouts[i / 8], 8, WITH_EVENT);
		unsigned id = i % 8;

		mock->lenient = true;
		assert_int_equal(add(0, 1, &tokens[0]), 0); /* 0: comes back */
		virtqueue_kick(vq);
		serve_all(mock, false);
		assert_ptr_equal(get(vq, NULL), &tokens[0]);
		assert_int_equal(add(1, 1, &tokens[1]), 0); /* 1 and 2: in flight */
		assert_int_equal(add(0, 1, &tokens[2]), 0); /* 3: in flight */
		virtqueue_kick(vq);
		assert_true(mock_pop(mock, 0, &chain));
		assert_int_equal(add(0, 1, &tokens[3]), 0); /* 4: not published */
		mock_push_raw(mock, 0, id, 0);
		if (id == 1) {
			assert_ptr_equal(get(vq, NULL), &tokens[1]);
			assert_null(get(vq, NULL));
			assert_false(virtqueue_broken(vq));
		} else if (id == 3 && layouts[i / 8] == MOCK_PACKED_IN_ORDER) {
			/* One used descriptor for the two that are in flight. */
			assert_ptr_equal(get(vq, NULL), &tokens[1]);
			assert_ptr_equal(get(vq, NULL), &tokens[2]);
		} else {
			/* Split: the used index went on by one only. */
			expect_broken(mock);
		}
		mock_remove(mock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ring_test(batches),
		ring_test(no_batches),
		ring_test(descriptors_in_ring_order),
		ring_test(available_ring_is_left_alone),
		ring_test(ids_outside_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
