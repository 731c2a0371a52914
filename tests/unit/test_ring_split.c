/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 * rings: own */

/* What only the split virtqueue has: VQ. */

#include "ring_test.h"

/* [VQ-11], [VQ-07]: the kick decision is right for every position of the event, also across the
 * wrap of the 16-bit counters. */
static void event_index_wraps(void **state)
{
	struct mock *mock = one_queue(8, WITH_EVENT);
	struct mock_queue *queue = &mock->queues[0];
	volatile uint16_t *avail_event = (uint16_t *)(uintptr_t)(queue->used + 4 + 8 * 8);

	(void)state;
	for (uint32_t at = 0; at < 70000;) {
		unsigned batch = 1 + at % 8;
		uint16_t before = (uint16_t)at, now = (uint16_t)(at + batch);
		uint16_t event = (uint16_t)(before - 10 + at * 7 % 21);
		uint64_t kicks = queue->kicks;
		bool stepped_over = false;

		for (uint16_t i = before; i != now; i++)
			stepped_over |= i == event;
		for (unsigned i = 0; i < batch; i++)
			assert_int_equal(add(0, 1, &tokens[i]), 0);
		*avail_event = event;
		virtqueue_kick(vq);
		assert_int_equal(queue->kicks - kicks, stepped_over);
		serve_all(mock, false);
		for (unsigned i = 0; i < batch; i++)
			assert_ptr_equal(get(vq, NULL), &tokens[i]);
		at += batch;
	}
	mock_remove(mock);
}

/* [VQ-14]: a polling driver that armed and disarmed long ago meets its old event again after
 * 65536 buffers: at most one spurious interrupt, no harm. */
static void stale_event_after_a_wrap(void **state)
{
	struct mock *mock = one_queue(16, WITH_EVENT);

	(void)state;
	virtqueue_disable_cb(vq);
	for (unsigned i = 0; i < 140000; i++) {
		assert_int_equal(add(0, 1, &tokens[i % 1000]), 0);
		virtqueue_kick(vq);
		serve_all(mock, true);
		assert_ptr_equal(get(vq, NULL), &tokens[i % 1000]);
	}
	assert_true(mock->queues[0].interrupts <= 3);
	mock_remove(mock);
}

/* [VQ-32]: nothing is written to shared words that is there already. */
static void shared_words_are_stored_once(void **state)
{
	struct mock *mock = one_queue(16, WITH_EVENT);
	volatile uint16_t *used_event = (uint16_t *)(uintptr_t)(mock->queues[0].avail +
								4 + 2 * 16);

	(void)state;
	assert_true(virtqueue_enable_cb(vq));
	*used_event = 0x5555; /* would be overwritten by a needless store */
	assert_true(virtqueue_enable_cb(vq));
	assert_int_equal(*used_event, 0x5555);
	mock_remove(mock);
}

/* [VQ-28], [VQ-29] */
static void legacy_layout(void **state)
{
	(void)state;
	for (unsigned size = 1; size <= 1024; size *= 2) {
		struct mock *mock = one_queue_new(size, WITH_EVENT);

		mock->legacy = true;
		assert_int_equal(mock_add(mock), 0);
		assert_int_equal(mock->queues[0].used % 4096, 0);
		assert_true(mock->queues[0].desc < UINT64_C(1) << 44);
		assert_int_equal(add(0, 1, &tokens[0]), 0);
		virtqueue_kick(vq);
		serve_all(mock, true);
		assert_ptr_equal(get(vq, NULL), &tokens[0]);
		mock_remove(mock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ring_test(event_index_wraps),
		ring_test(stale_event_after_a_wrap),
		ring_test(shared_words_are_stored_once),
		ring_test(legacy_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
