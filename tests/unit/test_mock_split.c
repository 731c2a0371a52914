/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/host/thread.c tests/unit/host/time.c
 *	tests/unit/host/cpu.c
 * rings: own */

/* The strict mock itself: each rule of the split ring that a driver may break is broken by
 * hand, and the mock says so; in order, batches, a queue's reset. */

#include "mock/hand.h"

#define EVENT	 VIRTIO_BIT(VIRTIO_F_EVENT_IDX)
#define INDIRECT VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)
#define IN_ORDER VIRTIO_BIT(VIRTIO_F_IN_ORDER)

static struct mock_chain chain;

/* --- the split ring -------------------------------------------------------------------- */

static void pop_first(uint64_t features, unsigned flags, unsigned next)
{
	hand_start(features);
	describe(&ring[0], flags, next);
	head(0);
	mock_pop(mock, 0, &chain);
}

static void index_back(void)
{
	pop_first(0, 0, 0);
	driver_area[1] = 0;
	mock_available(mock, 0);
}

static void too_many(void)
{
	hand_start(0);
	publish(HAND_SIZE + 1);
	mock_available(mock, 0);
}

static void flags_with_event(void)
{
	driver_area[0] = 0;
	hand_start(EVENT);
	driver_area[0] = 1;
	mock_available(mock, 0);
}

static void unknown_avail_flags(void)
{
	hand_start(0);
	driver_area[0] = 2;
	mock_available(mock, 0);
}

static void head_beyond(void)
{
	hand_start(0);
	head(HAND_SIZE);
	mock_pop(mock, 0, &chain);
}

static void head_twice(void)
{
	pop_first(0, 0, 0);
	head(0);
	mock_pop(mock, 0, &chain);
}

static void readable_last(void)
{
	hand_start(0);
	describe(&ring[1], 0, 0);
	describe(&ring[0], MOCK_NEXT | MOCK_WRITE, 1);
	head(0);
	mock_pop(mock, 0, &chain);
}

static void empty_piece(void)
{
	hand_start(0);
	head(0);
	mock_pop(mock, 0, &chain);
}

static void loop(void)
{
	pop_first(0, MOCK_NEXT, 0);
}

static void next_beyond(void)
{
	pop_first(0, MOCK_NEXT, HAND_SIZE);
}

static void unknown_flags(void)
{
	pop_first(0, 8, 0);
}

static void indirect(uint64_t features, unsigned flags, unsigned entries, uint32_t bytes)
{
	hand_start(features);
	for (unsigned i = 0; i < entries; i++)
		describe(&table[i], i + 1 < entries ? MOCK_NEXT : 0, i + 1);
	ring[0] = (struct mock_descriptor){ (uintptr_t)table, bytes, (uint16_t)flags, 1 };
	describe(&ring[1], 0, 0);
	head(0);
	mock_pop(mock, 0, &chain);
}

static void indirect_unasked(void)
{
	indirect(0, MOCK_INDIRECT, 2, 32);
}

static void indirect_and_next(void)
{
	indirect(INDIRECT, MOCK_INDIRECT | MOCK_NEXT, 2, 32);
}

static void indirect_odd(void)
{
	indirect(INDIRECT, MOCK_INDIRECT, 2, 40);
}

static void indirect_long(void)
{
	indirect(INDIRECT, MOCK_INDIRECT, HAND_SIZE + 1, 16 * (HAND_SIZE + 1));
}

static void indirect_within(void)
{
	hand_start(INDIRECT);
	describe(&table[0], MOCK_INDIRECT, 0);
	ring[0] = (struct mock_descriptor){ (uintptr_t)table, 16, MOCK_INDIRECT, 0 };
	head(0);
	mock_pop(mock, 0, &chain);
}

static void wrong_turn(void)
{
	hand_start(IN_ORDER);
	describe(&ring[3], 0, 0);
	head(3);
	mock_pop(mock, 0, &chain);
}

static void wrong_next(void)
{
	hand_start(IN_ORDER);
	describe(&ring[0], MOCK_NEXT, 2);
	describe(&ring[2], 0, 0);
	head(0);
	mock_pop(mock, 0, &chain);
}

/* [VQ-03] [VQ-04] [VQ-05] [VQ-06] [VQ-07] [VQ-12] [VQ-22] */
static void split_rules(void **state)
{
	static const struct violation list[] = {
		{ index_back, "available index went from" },
		{ too_many, "available index went from" },
		{ flags_with_event, "with EVENT_IDX" },
		{ unknown_avail_flags, "avail.flags is 0x2" },
		{ head_beyond, "beyond the queue" },
		{ head_twice, "is ours already" },
		{ readable_last, "readable descriptor after a writable one" },
		{ empty_piece, "an empty descriptor" },
		{ loop, "a loop" },
		{ next_beyond, "beyond the table" },
		{ unknown_flags, "unknown descriptor flags" },
		{ indirect_unasked, "INDIRECT was not negotiated" },
		{ indirect_and_next, "beside INDIRECT" },
		{ indirect_odd, "an indirect table of 40 bytes" },
		{ indirect_long, "longer than the queue" },
		{ indirect_within, "INDIRECT within a table" },
		{ wrong_turn, "it is the turn of 0" },
		{ wrong_next, "descriptor 0 leads to 2" },
	};

	(void)state;
	expect_violations(list);
}

/* [VQ-23] One used entry stands for the buffers that were used completely; one of which
 * less was written needs its own. */
static void batches(void **state)
{
	static const uint32_t written[] = { 16, 16, 5, 16 };
	const uint32_t *used = (const uint32_t *)&device_area[2];

	(void)state;
	hand_start(IN_ORDER);
	mock->batch = true;
	for (unsigned i = 0; i < 4; i++) {
		describe(&ring[i], MOCK_WRITE, i + 1);
		head(i);
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_true(mock_pop(mock, 0, &chain));
		assert_int_equal(chain.head, i);
		mock_push(mock, 0, &chain, written[i]);
	}
	assert_int_equal(device_area[1], 0);
	mock_interrupt(mock, 0);
	assert_int_equal(raised, 1);
	assert_int_equal(device_area[1], 4);
	assert_int_equal(queue->used_written, 2);
	assert_int_equal(queue->pushed, 4);
	assert_int_equal(used[0],
			 2); /* the third ends the first batch, at its beginning */
	assert_int_equal(used[1], 5);
	assert_int_equal(used[6], 3);
	assert_int_equal(used[7], 16);
	hand_end();
}

/* What is pushed before an older one waits for it. */
static void in_order(void **state)
{
	static struct mock_chain second;

	(void)state;
	hand_start(IN_ORDER);
	for (unsigned i = 0; i < 2; i++) {
		describe(&ring[i], 0, 0);
		head(i);
	}
	assert_true(mock_pop(mock, 0, &chain));
	assert_true(mock_pop(mock, 0, &second));
	mock_push(mock, 0, &second, 0);
	assert_int_equal(device_area[1], 0);
	mock_push(mock, 0, &chain, 0);
	assert_int_equal(device_area[1], 2);
	hand_end();
}

/* [VQ-26] [VQ-27] A queue that was reset is as new, at another size. */
static void queue_reset(void **state)
{
	(void)state;
	hand_start(VIRTIO_BIT(VIRTIO_F_RING_RESET));
	describe(&ring[0], 0, 0);
	head(0);
	assert_true(mock_pop(mock, 0, &chain));
	mock->queue_reset_reads = 3;
	mock_queue_reset(mock, 0);
	assert_int_equal(mock_available(mock, 0), 0);
	assert_true(mock_queue_resetting(mock, 0));
	assert_true(mock_queue_resetting(mock, 0));
	assert_false(mock_queue_resetting(mock, 0));
	mock_push(mock, 0, &chain, 0); /* goes nowhere */
	memset(ring, 0, sizeof(ring));
	memset(driver_area, 0, sizeof(driver_area));
	memset(device_area, 0, sizeof(device_area));
	hand_enable(4);
	describe(&ring[3], 0, 0);
	driver_area[2] = 3;
	publish(1);
	assert_true(mock_pop(mock, 0, &chain));
	assert_int_equal(chain.head, 3);
	hand_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_rules),
		cmocka_unit_test(batches),
		cmocka_unit_test(in_order),
		cmocka_unit_test(queue_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
