/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/host/thread.c tests/unit/host/time.c
 *	tests/unit/host/cpu.c
 * rings: own */

/* The strict mock itself: each rule of the packed ring that a driver may break is broken by
 * hand, and the mock says so; wrap counters, order, batches, events. */

#include "mock/hand.h"

#define PACKED	 VIRTIO_BIT(VIRTIO_F_RING_PACKED)
#define EVENT	 VIRTIO_BIT(VIRTIO_F_EVENT_IDX)
#define INDIRECT VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)
#define IN_ORDER VIRTIO_BIT(VIRTIO_F_IN_ORDER)
#define AVAIL	 0x80
#define USED	 0x8000

static struct mock_chain chain;
static unsigned slot;
static bool wrap;

/* The next slot, made available; `flags` beside those that say so. */
static void put(unsigned flags, unsigned id)
{
	ring[slot] = (struct mock_descriptor){
		.address = (uintptr_t)data,
		.bytes = 16,
		.flags = (uint16_t)id,
		.next = (uint16_t)(flags | (wrap ? AVAIL : USED)),
	};
	if (++slot == queue->size) {
		slot = 0;
		wrap = !wrap;
	}
}

static void start(uint64_t features)
{
	hand_start(PACKED | features);
	slot = 0;
	wrap = true;
}

static void pop(void)
{
	mock_pop(mock, 0, &chain);
}

static void exposed_early(void)
{
	start(0);
	put(MOCK_NEXT, 0); /* the second is not there yet */
	pop();
}

static void id_beyond(void)
{
	start(0);
	put(0, HAND_SIZE);
	pop();
}

static void id_twice(void)
{
	start(0);
	put(0, 3);
	put(0, 3);
	pop();
	pop();
}

static void readable_last(void)
{
	start(0);
	put(MOCK_NEXT | MOCK_WRITE, 0);
	put(0, 0);
	pop();
}

static void endless(void)
{
	start(0);
	for (unsigned i = 0; i < HAND_SIZE; i++)
		put(MOCK_NEXT, 0);
	pop();
}

static void unknown_flags(void)
{
	start(0);
	put(8, 0);
	pop();
}

static void indirect(uint64_t features, unsigned flags, unsigned entry_flags)
{
	start(features);
	table[0] = (struct mock_descriptor){ (uintptr_t)data, 16, 0,
					     (uint16_t)entry_flags };
	table[1] = table[0];
	put(MOCK_INDIRECT | flags, 0);
	ring[0].address = (uintptr_t)table;
	ring[0].bytes = 32;
	pop();
}

static void indirect_unasked(void)
{
	indirect(0, 0, 0);
}

static void indirect_and_write(void)
{
	indirect(INDIRECT, MOCK_WRITE, 0);
}

static void next_in_table(void)
{
	indirect(INDIRECT, 0, MOCK_NEXT);
}

static void indirect_in_list(void)
{
	start(INDIRECT);
	put(MOCK_NEXT, 0);
	put(MOCK_INDIRECT, 0);
	pop();
}

static void changed(void)
{
	start(0);
	put(0, 0);
	pop();
	ring[0].bytes++;
	mock_push(mock, 0, &chain, 0);
}

static void event(uint64_t features, uint16_t place, uint16_t flags)
{
	start(features);
	driver_area[0] = place;
	driver_area[1] = flags;
	put(0, 0);
	pop();
	mock_push(mock, 0, &chain, 0);
	mock_interrupt(mock, 0);
}

static void event_place_unasked(void)
{
	event(0, 0, 2);
}

static void event_reserved(void)
{
	event(EVENT, 0, 3);
}

static void event_reserved_bits(void)
{
	event(EVENT, 0, 4);
}

static void event_beyond(void)
{
	event(EVENT, HAND_SIZE, 2);
}

static void bell(void)
{
	start(VIRTIO_BIT(VIRTIO_F_NOTIFICATION_DATA));
	put(0, 0);
	mock_doorbell(mock, 0, 4, 0x8002u << 16); /* slot 1 is the next */
}

/* [PQ-04] [PQ-05] [PQ-06] [PQ-07] [PQ-12] [PQ-15] [VQ-03] */
static void packed_rules(void **state)
{
	static const struct violation list[] = {
		{ exposed_early, "slot 1 is not available" },
		{ id_beyond, "beyond the queue" },
		{ id_twice, "is ours already" },
		{ readable_last, "readable descriptor after a writable one" },
		{ endless, "a list longer than the queue" },
		{ unknown_flags, "unknown descriptor flags" },
		{ indirect_unasked, "INDIRECT was not negotiated" },
		{ indirect_and_write, "beside INDIRECT" },
		{ next_in_table, "within a table" },
		{ indirect_in_list, "INDIRECT in a list" },
		{ changed, "was changed before it was used" },
		{ event_place_unasked, "event flags 2" },
		{ event_reserved, "event flags 3" },
		{ event_reserved_bits, "reserved bits" },
		{ event_beyond, "event offset 8 beyond" },
		{ bell, "position 0x8002, but it is 0x8001" },
	};

	(void)state;
	expect_violations(list);
}

/* [PQ-01] [PQ-02] [PQ-03] Any size; flags of used descriptors follow the device's counter. */
static void wraps(void **state)
{
	static const unsigned sizes[] = { 1, 2, 3, 5, 13 };

	(void)state;
	for (unsigned i = 0; i < array_count(sizes); i++) {
		unsigned at = 0;
		bool used_wrap = true;

		hand_negotiate(PACKED);
		hand_enable(sizes[i]);
		mock_status_write(mock, 15);
		slot = 0;
		wrap = true;
		for (unsigned round = 0; round < 40; round++) {
			unsigned length = 1 + round % 2;

			if (length > sizes[i])
				length = 1;
			if (length == 2)
				put(MOCK_NEXT, 0);
			put(MOCK_WRITE, round % sizes[i]);
			assert_int_equal(mock_available(mock, 0), 1);
			pop();
			assert_int_equal(chain.count, length);
			assert_int_equal(chain.head, round % sizes[i]);
			mock_push(mock, 0, &chain, 7);
			assert_int_equal(ring[at].next & (AVAIL | USED),
					 used_wrap ? AVAIL | USED : 0);
			assert_int_equal(ring[at].next & MOCK_WRITE, MOCK_WRITE);
			assert_int_equal(ring[at].bytes, 7);
			assert_int_equal(ring[at].flags, round % sizes[i]);
			at += length;
			if (at >= sizes[i]) {
				at -= sizes[i];
				used_wrap = !used_wrap;
			}
		}
		hand_end();
	}
}

/* [PQ-08] Used descriptors are written in the order of completion, and skip as many slots
 * as the list had that they stand for. */
static void out_of_order(void **state)
{
	static struct mock_chain chains[3];

	(void)state;
	start(0);
	put(MOCK_NEXT, 0);
	put(MOCK_NEXT, 0);
	put(MOCK_WRITE, 5);
	put(0, 6);
	put(MOCK_NEXT, 0);
	put(0, 7);
	for (unsigned i = 0; i < 3; i++)
		assert_true(mock_pop(mock, 0, &chains[i]));
	mock_push(mock, 0, &chains[2], 0);
	mock_push(mock, 0, &chains[0], 16);
	mock_push(mock, 0, &chains[1], 0);
	assert_int_equal(ring[0].flags, 7);
	assert_int_equal(ring[0].next, AVAIL | USED);
	assert_int_equal(ring[2].flags, 5);
	assert_int_equal(ring[2].next, AVAIL | USED | MOCK_WRITE);
	assert_int_equal(ring[5].flags, 6);
	hand_end();
}

/* [PQ-16] */
static void batches(void **state)
{
	(void)state;
	start(IN_ORDER);
	mock->batch = true;
	for (unsigned i = 0; i < 4; i++)
		put(MOCK_WRITE, 4 + i);
	for (unsigned i = 0; i < 4; i++) {
		pop();
		mock_push(mock, 0, &chain, 16);
	}
	mock_flush(mock, 0);
	assert_int_equal(ring[0].flags, 7); /* the last one's id, in the first slot */
	assert_int_equal(ring[0].next, AVAIL | USED | MOCK_WRITE);
	assert_int_equal(ring[1].next, AVAIL | MOCK_WRITE); /* as the driver left it */
	assert_int_equal(queue->give.slot, 4);
	hand_end();
}

/* [PQ-13] An interrupt for the place that the driver names, and for no other. */
static void events(void **state)
{
	(void)state;
	start(EVENT);
	driver_area[1] = 2;
	for (unsigned used = 0; used < 40; used++) {
		unsigned wanted = used / 3 * 3 + 2; /* every third */
		bool lap = wanted / HAND_SIZE % 2;

		driver_area[0] = (uint16_t)(wanted % HAND_SIZE | (lap ? 0 : 0x8000));
		put(0, used % HAND_SIZE);
		pop();
		mock_push(mock, 0, &chain, 0);
		raised = 0;
		mock_interrupt(mock, 0);
		assert_int_equal(raised, used == wanted);
	}
	/* It asks to be kicked for what comes next. */
	assert_false(mock_pop(mock, 0, &chain));
	assert_int_equal(device_area[0],
			 40 % HAND_SIZE | (40 / HAND_SIZE % 2 ? 0 : 0x8000));
	assert_int_equal(device_area[1], 2);
	hand_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packed_rules), cmocka_unit_test(wraps),
		cmocka_unit_test(out_of_order), cmocka_unit_test(batches),
		cmocka_unit_test(events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
