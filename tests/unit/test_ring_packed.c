/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 * rings: own */

/* What only the packed virtqueue has: PQ. */

#include <string.h>
#include "ring_test.h"

static const uint8_t *ring_bytes(const struct mock *mock)
{
	return (const uint8_t *)(uintptr_t)mock->queues[0].desc;
}

static void expect_descriptor(const struct mock *mock, unsigned slot, uint64_t address,
			      uint32_t bytes, uint16_t id, uint16_t flags)
{
	uint8_t wanted[16];

	memcpy(wanted, &address, 8);
	memcpy(wanted + 8, &bytes, 4);
	memcpy(wanted + 12, &id, 2);
	memcpy(wanted + 14, &flags, 2);
	assert_memory_equal(ring_bytes(mock) + 16 * slot, wanted, 16);
}

/* The bytes of §2.8 in a queue of three: a chain of two, a single one that ends the lap, and
 * on the next lap, with AVAIL and USED the other way round, a chain across the end [PQ-02],
 * [PQ-03], [PQ-04], [PQ-18]. */
static void bytes(void **state)
{
	struct mock *mock = ring(MOCK_PACKED, 3, WITHOUT);
	uint64_t at = (uintptr_t)memory[0];

	(void)state;
	assert_int_equal(add(1, 1, &tokens[0]), 0);
	assert_int_equal(add(0, 1, &tokens[1]), 0);
	expect_descriptor(mock, 0, at, 0, 0, 0); /* held back until the kick */
	expect_descriptor(mock, 1, at + 256, 17, 0, 0x82);
	expect_descriptor(mock, 2, at, 16, 2, 0x82); /* the chain has two ids */
	virtqueue_kick(vq);
	expect_descriptor(mock, 0, at, 16, 0, 0x81);
	serve_all(mock, true);
	expect_descriptor(mock, 0, at, 17, 0, 0x8082); /* used, with its length */
	expect_descriptor(mock, 2, at, 16, 2, 0x8082);
	assert_ptr_equal(get(vq, NULL), &tokens[0]);
	assert_ptr_equal(get(vq, NULL), &tokens[1]);
	assert_int_equal(add(1, 0, &tokens[2]), 0); /* the last id to come back */
	assert_int_equal(add(0, 1, &tokens[3]), 0);
	virtqueue_kick(vq);
	expect_descriptor(mock, 0, at, 16, 2, 0x8000);
	expect_descriptor(mock, 1, at, 16, 0, 0x8002);
	serve_all(mock, true);
	while (get(vq, NULL))
		;
	assert_int_equal(add(1, 1, &tokens[4]), 0);
	virtqueue_kick(vq);
	expect_descriptor(mock, 2, at, 16, 0, 0x8001);
	expect_descriptor(mock, 0, at + 256, 17, 0, 0x82);
	serve_all(mock, true);
	assert_ptr_equal(get(vq, NULL), &tokens[4]);
	mock_remove(mock);
}

/* Whether [before, now) in a ring that never wraps has the event's place in it. */
static bool steps_over(unsigned size, uint64_t before, uint64_t now, uint16_t event)
{
	for (uint64_t at = before; at < now; at++) {
		bool wrap = !(at / size % 2);

		if (at % size == (event & 0x7fff) && wrap == event >> 15)
			return true;
	}
	return false;
}

/* The kick decision is right for every place and lap that the device may wait for
 * [PQ-11], [PQ-13], in queues of any size. */
static void event_places(void **state)
{
	static const unsigned sizes[] = { 1, 2, 3, 13, 16 };

	(void)state;
	for (unsigned i = 0; i < array_count(sizes); i++) {
		unsigned size = sizes[i];
		struct mock *mock = ring(MOCK_PACKED, size, WITH_EVENT);
		struct mock_queue *queue = &mock->queues[0];
		volatile uint16_t *event = (uint16_t *)(uintptr_t)queue->used;
		uint64_t at = 0;

		for (unsigned round = 0; round < 40 * size; round++) {
			unsigned batch = 1 + round % size;
			uint16_t place = (uint16_t)(round * 7 % size | (round & 1) << 15);
			uint64_t kicks = queue->kicks;

			for (unsigned k = 0; k < batch; k++)
				assert_int_equal(add(0, 1, &tokens[k]), 0);
			event[0] = place;
			event[1] = 2;
			virtqueue_kick(vq);
			assert_int_equal(queue->kicks - kicks,
					 steps_over(size, at, at + batch, place));
			serve_all(mock, false);
			for (unsigned k = 0; k < batch; k++)
				assert_ptr_equal(get(vq, NULL), &tokens[k]);
			at += batch;
		}
		mock_remove(mock);
	}
}

/* 0 and the reserved 3 mean "tell me", 1 "do not"; 2 counts with EVENT_IDX only; bits that
 * are reserved do not matter [PQ-12]. */
static void event_flags(void **state)
{
	static const bool wanted[] = { true, false, true, true };

	(void)state;
	for (unsigned flags = 0; flags < 12; flags++) {
		struct mock *mock = ring(MOCK_PACKED, 8, flags & 4 ? WITH_EVENT : 0);
		volatile uint16_t *event = (uint16_t *)(uintptr_t)mock->queues[0].used;

		assert_int_equal(add(0, 1, &tokens[0]), 0);
		event[0] = 0x8000;
		event[1] = (uint16_t)((flags & 3) | (flags & 8 ? 0xfffc : 0));
		virtqueue_kick(vq);
		assert_int_equal(mock->queues[0].kicks, wanted[flags & 3]);
		mock_remove(mock);
	}
}

/* A place beyond the ring, which only a broken device gives, does no harm. */
static void event_beyond_the_ring(void **state)
{
	struct mock *mock = ring(MOCK_PACKED, 3, WITH_EVENT);
	volatile uint16_t *event = (uint16_t *)(uintptr_t)mock->queues[0].used;

	(void)state;
	for (unsigned place = 0; place < 0x10000; place++) {
		event[0] = (uint16_t)place;
		event[1] = 2;
		assert_int_equal(add(0, 1, &tokens[0]), 0);
		virtqueue_kick(vq);
		serve_all(mock, false);
		assert_ptr_equal(get(vq, NULL), &tokens[0]);
	}
	mock_remove(mock);
}

/* What the driver asks for: where its next used buffer will be, with that lap's counter,
 * never a stale one [PQ-14], [PQ-19]. */
static void driver_event(void **state)
{
	(void)state;
	for (unsigned layout = MOCK_PACKED; layout < MOCK_LAYOUTS; layout++) {
		struct mock *mock = ring(layout, 5, WITH_EVENT);
		volatile uint16_t *event = (uint16_t *)(uintptr_t)mock->queues[0].avail;

		/* Buffers of two descriptors, in a ring of five. */
		for (unsigned at = 0; at < 40; at += 2) {
			assert_true(virtqueue_enable_cb(vq));
			assert_int_equal(event[0], at % 5 | (at / 5 % 2 ? 0 : 0x8000));
			assert_int_equal(event[1], 2);
			assert_int_equal(add(1, 1, &tokens[0]), 0);
			virtqueue_kick(vq);
			serve_all(mock, false);
			assert_false(virtqueue_enable_cb(vq));
			assert_ptr_equal(get(vq, NULL), &tokens[0]);
			virtqueue_disable_cb(vq);
			assert_int_equal(event[1], 1);
		}
		mock_remove(mock);
	}
}

/* Without the flag WRITE a length means nothing, but devices forget it: of a buffer that
 * they could write to, it is believed as far as possible [PQ-09]. */
static void forgotten_write_flag(void **state)
{
	(void)state;
	for (unsigned forgets = 0; forgets < 2; forgets++) {
		struct mock *mock = ring(MOCK_PACKED, 8, WITHOUT);
		struct mock_chain chain;
		uint32_t written;

		mock->no_write_flag = forgets;
		assert_int_equal(add(1, 1, &tokens[0]), 0);
		assert_int_equal(add(1, 0, &tokens[1]), 0);
		virtqueue_kick(vq);
		assert_true(mock_pop(mock, 0, &chain));
		mock_push(mock, 0, &chain, 5);
		assert_true(mock_pop(mock, 0, &chain));
		mock_push_raw(mock, 0, chain.head, 77);
		assert_ptr_equal(get(vq, &written), &tokens[0]);
		assert_int_equal(written, 5);
		assert_ptr_equal(get(vq, &written), &tokens[1]);
		assert_int_equal(written, 0);
		assert_int_equal(virtqueue_counters(vq)->length_clamped, !forgets);
		mock_remove(mock);
	}
}

/* With mergeable buffers a device marks a packet's first buffer last; when that is seen,
 * the others are there [PQ-20]. */
static void several_at_once(void **state)
{
	struct mock *mock = ring(MOCK_PACKED, 8, WITH_EVENT);
	uint16_t *flags = (uint16_t *)(uintptr_t)(mock->queues[0].desc + 14);
	uint16_t before, now;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(add(0, 1, &tokens[i]), 0);
	virtqueue_kick(vq);
	before = *flags; /* still available */
	serve_all(mock, false);
	now = *flags;
	*flags = before;
	assert_null(get(vq, NULL));
	*flags = now;
	for (unsigned i = 0; i < 3; i++)
		assert_ptr_equal(get(vq, NULL), &tokens[i]);
	mock_remove(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ring_test(bytes),	    ring_test(event_places),
		ring_test(event_flags),	    ring_test(event_beyond_the_ring),
		ring_test(driver_event),    ring_test(forgotten_write_flag),
		ring_test(several_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
