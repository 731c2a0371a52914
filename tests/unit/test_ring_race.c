/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	tests/unit/host/cmdline.c
 *	virtio/virtio.c virtio/ring/virtqueue.c kernel/format.c */
/* sanitizers: address thread */

/* The rings against a device in a thread of its own, in every layout. The device sleeps
 * when it finds nothing to do, and so does the driver: a kick or an interrupt that gets
 * lost between the two leaves both asleep, which is seen at once. The same program under
 * ThreadSanitizer shows that nothing is looked at before it was published. */

#include <kernel/thread.h>
#include "mock/chaos.h"
#include "mock/one_queue.h"
#include "mock/thread.h"
#include <virtio/ring/ring.h>

#ifdef __SANITIZE_THREAD__
#define ROUNDS 500
#else
#define ROUNDS 3000
#endif
#define SLOTS 64

static struct {
	uint32_t request, answer;
	bool out;
} slots[SLOTS];
static struct wait_queue waiters;
static unsigned taken, given;
static bool delayed;

/* One by one or together, in turns. */
static unsigned drain(struct virtqueue_used *used, unsigned count)
{
	static bool together;

	together = !together;
	if (together)
		return virtqueue_drain(vq, used, count);
	used[0].token = virtqueue_get(vq, &used[0].written);
	return used[0].token != NULL;
}

static void take_all(void)
{
	struct virtqueue_used used[3];
	unsigned count;

	do {
		count = drain(used, 3);
		for (unsigned i = 0; i < count; i++) {
			size_t which = (size_t)((char *)used[i].token - (char *)slots) /
				       sizeof(*slots);

			assert_true(slots[which].out);
			assert_int_equal(used[i].written, sizeof(uint32_t));
			assert_int_equal(slots[which].answer, ~slots[which].request);
			slots[which].out = false;
			taken++;
		}
	} while (count);
}

static void used(struct virtqueue *queue)
{
	(void)queue;
	callbacks++;
	wait_wake(&waiters, WAKE_ALL, 0);
}

/* Looks again for a while before it sleeps: what the driver exposes is seen at once,
 * long before its kick. As many as it finds, in the order that they came in or,
 * without IN_ORDER, not. */
static void answer(struct mock *mock, unsigned queue)
{
	static struct mock_chain chains[4];
	static unsigned turn;
	unsigned patience = turn++ % 8 ? 0 : 300, count;

	do {
		count = 0;
		while (count < 4 && mock_pop(mock, queue, &chains[count]))
			count++;
		for (unsigned i = count; i-- > 0;) {
			struct mock_chain *chain =
				&chains[mock_has(mock, VIRTIO_F_IN_ORDER) ? count - 1 - i
									  : i];
			uint32_t value;

			assert_int_equal(mock_read(chain, 0, &value, 4), 4);
			value = ~value;
			mock_write(chain, 0, &value, 4);
			mock_push(mock, queue, chain, 4);
		}
		if (count)
			mock_interrupt(mock, queue);
	} while (count || patience--);
}

static void add_some(unsigned random)
{
	for (unsigned i = 0; i < SLOTS && random % 7 != i % 7; i++) {
		struct virtio_piece pieces[2] = {
			{ (uintptr_t)&slots[i].request, 4 },
			{ (uintptr_t)&slots[i].answer, 4 },
		};

		if (slots[i].out)
			continue;
		slots[i].request = random * 0x9e3779b9 + i;
		slots[i].answer = 0;
		slots[i].out = true;
		if (virtqueue_add(vq, pieces, 1, 1, &slots[i])) {
			slots[i].out = false;
			break;
		}
		given++;
	}
	virtqueue_kick(vq);
}

/* [VQ-08] [VQ-09] [VQ-13] [PQ-04] [PQ-10] [PQ-11] [PQ-14]: what the driver waits for is
 * either there when it looks after arming, or announced. */
static void wait_for_some(void)
{
	struct wait wait;

	wait_begin(&waiters, &wait);
	while (taken < given) {
		unsigned before = taken;

		take_all();
		if (taken != before)
			break;
		if (delayed ? virtqueue_enable_cb_delayed(vq) : virtqueue_enable_cb(vq))
			wait_sleep(&wait, NO_DEADLINE);
		if (given % 3)
			virtqueue_disable_cb(vq);
	}
	wait_end(&wait);
}

static void race(enum mock_layout layout, unsigned with, unsigned size)
{
	struct mock *mock = one_queue_new(size, with);
	unsigned random = 1;

	mock_layout(mock, layout);
	mock->batch = with & 4;
	mock->serve = answer;
	delayed = with & 8;
	taken = given = 0;
	memset(slots, 0, sizeof(slots));
	assert_int_equal(mock_add(mock), 0);
	vq->callback = used;
	mock_thread_start(mock);
	for (unsigned round = 0; round < ROUNDS; round++) {
		random = random * 1103515245 + 12345;
		add_some(random >> 8);
		wait_for_some();
	}
	while (taken < given)
		wait_for_some();
	mock_thread_stop(mock);
	assert_true(taken >= ROUNDS);
	assert_int_equal(virtqueue_counters(vq)->used, given);
	assert_false(mock->device.broken);
	mock_remove(mock);
}

static void races(enum mock_layout layout)
{
	for (unsigned with = 0; with < 16; with += 1 + with / 4 % 2)
		race(layout, with, with % 3 ? 16 : layout < MOCK_PACKED ? 4 : 7);
}

static void split(void **state)
{
	(void)state;
	races(MOCK_SPLIT);
}

static void split_in_order(void **state)
{
	(void)state;
	races(MOCK_SPLIT_IN_ORDER);
}

static void packed(void **state)
{
	(void)state;
	races(MOCK_PACKED);
}

static void packed_in_order(void **state)
{
	(void)state;
	races(MOCK_PACKED_IN_ORDER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ring_test(split),
		ring_test(split_in_order),
		ring_test(packed),
		ring_test(packed_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
