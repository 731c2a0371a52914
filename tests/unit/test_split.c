/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/ring.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c */

/* The split virtqueue against the strict device (requirements VQ). */

#include <errno.h>
#include <stdlib.h>
#include "mock/one_queue.h"
#include <virtio/ring/ring.h>

static char memory[64][256];
static int tokens[65536];

static struct virtio_piece piece(unsigned i, uint32_t bytes)
{
	return (struct virtio_piece){ (uintptr_t)memory[i % 64], bytes };
}

static int add(unsigned readable, unsigned writable, void *token)
{
	struct virtio_piece pieces[64];

	for (unsigned i = 0; i < readable + writable; i++)
		pieces[i] = piece(i, 16 + i);
	return virtqueue_add(vq, pieces, readable, writable, token);
}

static void serve_all(struct mock *mock, bool interrupt)
{
	struct mock_chain chain;

	while (mock_pop(mock, 0, &chain))
		mock_push(mock, 0, &chain, chain.writable);
	if (interrupt)
		mock_interrupt(mock, 0);
}

/* Each shape of buffer, in every combination of features, comes through whole. */
static void shapes(void **state)
{
	(void)state;
	for (unsigned with = 0; with < 4; with++) {
		struct mock *mock = one_queue(16, with);

		for (unsigned readable = 0; readable <= 16; readable++) {
			for (unsigned writable = 0; readable + writable <= 16;
			     writable++) {
				struct mock_chain chain;
				uint32_t written;

				if (readable + writable == 0)
					continue;
				assert_int_equal(add(readable, writable, &tokens[1]), 0);
				assert_false(mock_pop(mock, 0, &chain));
				virtqueue_kick(vq);
				assert_true(mock_pop(mock, 0, &chain));
				assert_int_equal(chain.count, readable + writable);
				for (unsigned i = 0; i < chain.count; i++) {
					assert_int_equal(chain.pieces[i].address,
							 (uintptr_t)memory[i]);
					assert_int_equal(chain.pieces[i].bytes, 16 + i);
					assert_int_equal(chain.pieces[i].writable,
							 i >= readable);
				}
				mock_push(mock, 0, &chain, chain.writable);
				mock_interrupt(mock, 0);
				assert_ptr_equal(virtqueue_get(vq, &written), &tokens[1]);
				assert_int_equal(written, chain.writable);
				assert_null(virtqueue_get(vq, &written));
				assert_true(virtqueue_enable_cb(vq));
			}
		}
		assert_int_equal(virtqueue_free(vq), 16);
		assert_int_equal(mock->queues[0].indirect > 0, with & WITH_INDIRECT);
		mock_remove(mock);
	}
}

/* Any power of two is a queue; it fills up to the last descriptor and empties again, in
 * whatever order the device returns buffers. */
static void sizes(void **state)
{
	static const unsigned all[] = { 1, 2, 4, 8, 256, 1024, 32768 };

	(void)state;
	for (unsigned i = 0; i < array_count(all); i++) {
		unsigned size = all[i];
		struct mock *mock = one_queue(size, WITH_EVENT);
		struct mock_chain *chain = malloc(sizeof(*chain));
		uint16_t *heads = malloc(size * sizeof(*heads));

		for (unsigned round = 0; round < 3; round++) {
			for (unsigned k = 0; k < size; k++)
				assert_int_equal(add(0, 1, &tokens[k]), 0);
			assert_int_equal(virtqueue_free(vq), 0);
			assert_int_equal(add(0, 1, &tokens[0]), -ENOSPC);
			virtqueue_kick(vq);
			for (unsigned k = 0; k < size; k++) {
				assert_true(mock_pop(mock, 0, chain));
				heads[k] = chain->head;
			}
			assert_false(mock_pop(mock, 0, chain));
			for (unsigned k = 0; k < size; k++) { /* last first */
				chain->head = heads[size - 1 - k];
				mock_push(mock, 0, chain, 0);
			}
			for (unsigned k = 0; k < size; k++)
				assert_ptr_equal(virtqueue_get(vq, NULL),
						 &tokens[size - 1 - k]);
			assert_null(virtqueue_get(vq, NULL));
			assert_int_equal(virtqueue_free(vq), size);
		}
		assert_int_equal(virtqueue_counters(vq)->full, 3);
		free(heads);
		free(chain);
		mock_remove(mock);
	}
}

static void bad_requests(void **state)
{
	struct mock *mock = one_queue(8, WITH_INDIRECT | WITH_EVENT);
	struct virtio_piece pieces[9];
	struct virtio_piece huge[2] = { { 4096, UINT32_MAX }, { 4096, 1 } };
	struct virtio_piece empty = { 4096, 0 };

	(void)state;
	for (unsigned i = 0; i < 9; i++)
		pieces[i] = piece(i, 8);
	assert_int_equal(virtqueue_add(vq, pieces, 0, 0, &tokens[0]), -EINVAL);
	assert_int_equal(virtqueue_add(vq, pieces, 4, 5, &tokens[0]), -EINVAL);
	assert_int_equal(virtqueue_add(vq, pieces, 1, 0, NULL), -EINVAL);
	assert_int_equal(virtqueue_add(vq, &empty, 1, 0, &tokens[0]), -EINVAL);
	assert_int_equal(virtqueue_add(vq, huge, 1, 1, &tokens[0]), -EINVAL);
	/* In a chain and in a table, an empty piece at any place. */
	for (unsigned i = 2; i <= 8; i++) {
		for (unsigned at = 0; at < i; at++) {
			pieces[at].bytes = 0;
			assert_int_equal(
				virtqueue_add(vq, pieces, i / 2, i - i / 2, &tokens[0]),
				-EINVAL);
			pieces[at].bytes = 8;
		}
	}
	assert_int_equal(virtqueue_free(vq), 8);
	assert_int_equal(virtqueue_pieces_max(vq), 8);
	virtqueue_kick(vq); /* of nothing */
	assert_int_equal(mock->queues[0].kicks, 0);
	mock_remove(mock);
}

/* With indirect tables a buffer of many pieces takes one descriptor, so the queue holds
 * as many buffers as it has descriptors once it fills up. */
static void tables_save_descriptors(void **state)
{
	struct mock *mock = one_queue(64, WITH_INDIRECT);
	unsigned count = 0;

	(void)state;
	while (add(1, 2, &tokens[count]) == 0)
		count++;
	assert_int_equal(virtqueue_free(vq), 0);
	assert_true(count > 40);
	virtqueue_kick(vq);
	serve_all(mock, true);
	assert_int_equal(mock->queues[0].popped, count);
	assert_true(mock->queues[0].indirect > 32);
	for (unsigned i = 0; i < count; i++)
		assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[i]);
	assert_int_equal(virtqueue_free(vq), 64);
	mock_remove(mock);
}

/* Without memory for tables, or with none wanted, chains do. */
static void chains_without_tables(void **state)
{
	struct mock *mock = one_queue_new(16, WITH_INDIRECT);

	(void)state;
	host_page_budget = 1;
	assert_int_equal(mock_add(mock), 0);
	host_page_budget = -1;
	assert_int_equal(add(8, 8, &tokens[0]), 0);
	assert_int_equal(virtqueue_free(vq), 0);
	virtqueue_kick(vq);
	serve_all(mock, true);
	assert_int_equal(mock->queues[0].indirect, 0);
	assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[0]);
	mock_remove(mock);

	one_queue_pieces = 1;
	mock = one_queue(16, WITH_INDIRECT);
	assert_int_equal(host_page_live, 1);
	mock_remove(mock);
}

/* VQ-31: one kick for a batch, none while the device polls. */
static void kicks_are_counted(void **state)
{
	(void)state;
	for (unsigned with = 0; with < 4; with += WITH_EVENT) {
		struct mock *mock = one_queue(64, with);
		struct mock_chain chain;

		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(add(1, 0, &tokens[i]), 0);
		virtqueue_kick(vq);
		assert_int_equal(mock->queues[0].kicks, 1);
		/* The device has not looked: with EVENT_IDX it waits no longer for us. */
		assert_int_equal(add(1, 0, &tokens[10]), 0);
		mock->no_notify = true;
		if (!(with & WITH_EVENT))
			assert_true(mock_pop(mock, 0, &chain));
		virtqueue_kick(vq);
		assert_int_equal(mock->queues[0].kicks, 1);
		assert_int_equal(virtqueue_counters(vq)->kicks_saved, 1);
		mock_remove(mock);
	}
}

/* VQ-11: the kick decision is right for every position of the event, also across the
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
			assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[i]);
		at += batch;
	}
	mock_remove(mock);
}

/* VQ-12, VQ-13: no callback while disabled; enabling sees what came meanwhile. */
static void callbacks_on_and_off(void **state)
{
	(void)state;
	for (unsigned with = 0; with < 4; with += WITH_EVENT) {
		struct mock *mock = one_queue(16, with);

		virtqueue_disable_cb(vq);
		assert_int_equal(add(0, 1, &tokens[0]), 0);
		virtqueue_kick(vq);
		serve_all(mock, true);
		assert_int_equal(callbacks, 0);
		assert_false(virtqueue_enable_cb(vq)); /* one came between */
		assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[0]);
		assert_true(virtqueue_enable_cb(vq));
		assert_int_equal(add(0, 1, &tokens[1]), 0);
		virtqueue_kick(vq);
		serve_all(mock, true);
		assert_int_equal(callbacks, 1);
		virtqueue_disable_cb(vq);
		assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[1]);
		/* Still disabled. */
		assert_int_equal(add(0, 1, &tokens[2]), 0);
		virtqueue_kick(vq);
		serve_all(mock, true);
		assert_int_equal(callbacks, 1);
		assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[2]);
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
	for (unsigned with = 0; with < 4; with += WITH_EVENT) {
		struct mock *mock = one_queue(16, with);

		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(add(0, 1, &tokens[i]), 0);
			virtqueue_kick(vq);
			serve_all(mock, false);
			assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[i]);
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
		assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[4]);
		assert_false(virtqueue_interrupt(vq));
		mock_remove(mock);
	}
}

/* VQ-33: a full ring costs one interrupt, at about three quarters. */
static void delayed_callbacks(void **state)
{
	struct mock *mock = one_queue(64, WITH_EVENT);
	struct mock_chain chain;
	unsigned done = 0;

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(add(1, 0, &tokens[i]), 0);
	virtqueue_kick(vq);
	assert_true(virtqueue_enable_cb_delayed(vq));
	while (callbacks == 0) {
		assert_true(mock_pop(mock, 0, &chain));
		mock_push(mock, 0, &chain, 0);
		mock_interrupt(mock, 0);
		done++;
	}
	assert_int_equal(done, 49);
	assert_false(virtqueue_enable_cb_delayed(vq));
	while (virtqueue_get(vq, NULL))
		done--;
	assert_int_equal(done, 0);
	mock_remove(mock);
}

static void polled_queues_never_interrupt(void **state)
{
	(void)state;
	for (unsigned with = 0; with < 4; with += WITH_EVENT) {
		struct mock *mock;

		one_queue_polled = true;
		mock = one_queue(16, with);
		for (unsigned i = 0; i < 1000; i++) {
			assert_int_equal(add(0, 1, &tokens[i]), 0);
			virtqueue_kick(vq);
			serve_all(mock, true);
			assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[i]);
		}
		assert_int_equal(mock->queues[0].interrupts, 0);
		mock_remove(mock);
	}
}

/* A polling driver that armed and disarmed long ago meets its old event again after
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
		assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[i % 1000]);
	}
	assert_true(mock->queues[0].interrupts <= 3);
	mock_remove(mock);
}

/* A long run of random shapes and orders against a device that checks everything. */
static void random_traffic(void **state)
{
	(void)state;
	for (unsigned with = 0; with < 4; with++) {
		struct mock *mock = one_queue(32, with);
		struct mock_chain *held = calloc(32, sizeof(*held));
		unsigned held_count = 0, in_flight = 0;
		uint64_t seed = 88172645463325252u + with;

		for (unsigned i = 0; i < 20000; i++) {
			seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
			switch (seed % 8) {
			case 0 ... 3:
				in_flight += add((seed >> 8) % 6, 1 + (seed >> 16) % 6,
						 &tokens[i % 1000]) == 0;
				break;
			case 4:
				virtqueue_kick(vq);
				break;
			case 5:
				while (held_count < 32 &&
				       mock_pop(mock, 0, &held[held_count]))
					held_count++;
				break;
			case 6:
				if (held_count) {
					unsigned at = (seed >> 8) % held_count;

					mock_push(mock, 0, &held[at], 1);
					held[at] = held[--held_count];
					mock_interrupt(mock, 0);
				}
				break;
			case 7:
				while (virtqueue_get(vq, NULL))
					in_flight--;
				virtqueue_enable_cb(vq);
				break;
			}
		}
		assert_false(virtqueue_broken(vq));
		virtqueue_kick(vq);
		while (held_count)
			mock_push(mock, 0, &held[--held_count], 0);
		serve_all(mock, true);
		while (virtqueue_get(vq, NULL))
			in_flight--;
		assert_int_equal(in_flight, 0);
		assert_int_equal(virtqueue_free(vq), 32);
		free(held);
		mock_remove(mock);
	}
}

/* VQ-32: nothing is written to shared words that is there already. */
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
		assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[0]);
		mock_remove(mock);
	}
}

static void order_platform(void **state)
{
	struct mock *mock = one_queue_new(16, WITH_EVENT);

	(void)state;
	mock_offer(mock, VIRTIO_F_ORDER_PLATFORM);
	assert_int_equal(mock_add(mock), 0);
	assert_true(mock_has(mock, VIRTIO_F_ORDER_PLATFORM));
	assert_int_equal(add(1, 1, &tokens[0]), 0);
	virtqueue_kick(vq);
	serve_all(mock, true);
	assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[0]);
	mock_remove(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ring_test(shapes),
		ring_test(sizes),
		ring_test(bad_requests),
		ring_test(tables_save_descriptors),
		ring_test(chains_without_tables),
		ring_test(kicks_are_counted),
		ring_test(event_index_wraps),
		ring_test(callbacks_on_and_off),
		ring_test(a_taken_buffer_still_calls_back),
		ring_test(delayed_callbacks),
		ring_test(polled_queues_never_interrupt),
		ring_test(stale_event_after_a_wrap),
		ring_test(random_traffic),
		ring_test(shared_words_are_stored_once),
		ring_test(legacy_layout),
		ring_test(order_platform),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
