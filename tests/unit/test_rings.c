/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 * rings: own */

/* Buffers through every layout of the ring, against the strict device: VQ, PQ. */

#include "ring_test.h"

/* Each shape of buffer, in every combination of features, comes through whole, what is to
 * be read first [VQ-03]; at every place of the ring, so also across its end, where the
 * packed ring's wrap counter flips in mid-chain [PQ-02], [PQ-03], [PQ-04]. The mock checks
 * flags, order and length of chains and tables [VQ-04], [VQ-05], [VQ-06], [PQ-07]. */
static void shapes(void **state)
{
	(void)state;
	EACH_RING(layout, with)
	{
		struct mock *mock = ring(layout, 16, with);

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
				assert_ptr_equal(get(vq, &written), &tokens[1]);
				assert_int_equal(written, chain.writable);
				assert_null(get(vq, &written));
				assert_true(virtqueue_enable_cb(vq));
			}
		}
		assert_int_equal(virtqueue_free(vq), 16);
		assert_int_equal(mock->queues[0].indirect > 0, with & WITH_INDIRECT);
		mock_remove(mock);
	}
}

/* It fills up to the last descriptor and empties again, in whatever order the device
 * returns buffers, which it may choose without IN_ORDER [PQ-05], [PQ-06], [PQ-08]. */
static void fill_and_empty(struct mock *mock, unsigned size, bool backwards)
{
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
		for (unsigned k = 0; k < size; k++) {
			chain->head = heads[backwards ? size - 1 - k : k];
			mock_push(mock, 0, chain, 0);
		}
		mock_flush(mock, 0);
		for (unsigned k = 0; k < size; k++)
			assert_ptr_equal(get(vq, NULL),
					 &tokens[backwards ? size - 1 - k : k]);
		assert_null(get(vq, NULL));
		assert_int_equal(virtqueue_free(vq), size);
	}
	assert_int_equal(virtqueue_counters(vq)->full, 3);
	free(heads);
	free(chain);
}

/* Powers of two [VQ-02]; of packed queues, any number [PQ-01]. */
static void sizes(void **state)
{
	static const unsigned all[] = { 1, 2, 4, 8, 256, 1024, 32768, 3, 13, 257, 32767 };

	(void)state;
	for (unsigned i = 0; i < array_count(all) * MOCK_LAYOUTS; i++) {
		unsigned size = all[i / MOCK_LAYOUTS], layout = i % MOCK_LAYOUTS;
		struct mock *mock;

		if (!is_packed(layout) && size & (size - 1))
			continue;
		mock = ring(layout, size, WITH_EVENT);
		fill_and_empty(mock, size, !is_in_order(layout));
		mock_remove(mock);
	}
}

/* Alignment, and a ring of zeroes [VQ-01], [PQ-01]. */
static void areas(void **state)
{
	(void)state;
	EACH_RING(layout, with)
	{
		for (unsigned size = 1; size <= 16; size++) {
			struct mock *mock;
			struct mock_queue *queue;

			if (!is_packed(layout) && size & (size - 1))
				continue;
			mock = ring(layout, size, with);
			queue = &mock->queues[0];
			assert_int_equal(queue->desc % 16, 0);
			assert_int_equal(queue->avail % (is_packed(layout) ? 4 : 2), 0);
			assert_int_equal(queue->used % 4, 0);
			for (unsigned i = 0; i < size * 16u; i++)
				assert_int_equal(((char *)(uintptr_t)queue->desc)[i], 0);
			mock_remove(mock);
		}
	}
}

/* What is no buffer is refused, and leaves no trace [VQ-04], [VQ-05]. */
static void bad_requests_of(unsigned layout)
{
	struct mock *mock = ring(layout, 8, WITH_INDIRECT | WITH_EVENT);
	struct virtio_piece pieces[9];
	struct virtio_piece huge[2] = { { 4096, UINT32_MAX }, { 4096, 1 } };
	struct virtio_piece empty = { 4096, 0 };

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
	virtqueue_kick(vq); /* of nothing [VQ-31] */
	assert_int_equal(mock->queues[0].kicks, 0);
	assert_int_equal(add(3, 5, &tokens[0]), 0); /* all are free indeed */
	virtqueue_kick(vq);
	serve_all(mock, true);
	assert_ptr_equal(get(vq, NULL), &tokens[0]);
	mock_remove(mock);
}

static void bad_requests(void **state)
{
	(void)state;
	for (unsigned layout = 0; layout < MOCK_LAYOUTS; layout++)
		bad_requests_of(layout);
}

/* With indirect tables a buffer of many pieces takes one descriptor, so the queue holds
 * as many buffers as it has descriptors once it fills up. */
static void tables_of(unsigned layout)
{
	struct mock *mock = ring(layout, 64, WITH_INDIRECT);
	unsigned count = 0;

	while (add(1, 2, &tokens[count]) == 0)
		count++;
	assert_int_equal(virtqueue_free(vq), 0);
	assert_true(count > 40);
	virtqueue_kick(vq);
	serve_all(mock, true);
	assert_int_equal(mock->queues[0].popped, count);
	assert_true(mock->queues[0].indirect > 32);
	for (unsigned i = 0; i < count; i++)
		assert_ptr_equal(get(vq, NULL), &tokens[i]);
	assert_int_equal(virtqueue_free(vq), 64);
	mock_remove(mock);
}

static void tables_save_descriptors(void **state)
{
	(void)state;
	for (unsigned layout = 0; layout < MOCK_LAYOUTS; layout++)
		tables_of(layout);
}

/* Without memory for tables, or with none wanted, chains do. */
static void chains_without_tables(void **state)
{
	(void)state;
	for (unsigned layout = 0; layout < MOCK_LAYOUTS; layout++) {
		struct mock *mock = ring_new(layout, 16, WITH_INDIRECT);

		one_queue_pieces = 0;
		host_page_budget = 1;
		assert_int_equal(mock_add(mock), 0);
		host_page_budget = -1;
		assert_int_equal(add(8, 8, &tokens[0]), 0);
		assert_int_equal(virtqueue_free(vq), 0);
		virtqueue_kick(vq);
		serve_all(mock, true);
		assert_int_equal(mock->queues[0].indirect, 0);
		assert_ptr_equal(get(vq, NULL), &tokens[0]);
		mock_remove(mock);

		one_queue_pieces = 1;
		mock = ring(layout, 16, WITH_INDIRECT);
		assert_int_equal(host_page_live, 1);
		mock_remove(mock);
	}
}

/* A long run of random shapes and orders against a device that checks everything. */
static void random_traffic(void **state)
{
	(void)state;
	EACH_RING(layout, with)
	{
		unsigned size = is_packed(layout) ? 29 : 32;
		struct mock *mock = ring(layout, size, with);
		struct mock_chain *held = calloc(size, sizeof(*held));
		unsigned held_count = 0, in_flight = 0;
		uint64_t seed = 88172645463325252u + with + 4 * layout;

		mock->batch = layout + with > 4;

		for (unsigned i = 0; i < 10000; i++) {
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
				while (held_count < size &&
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
				while (get(vq, NULL))
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
		while (get(vq, NULL))
			in_flight--;
		assert_int_equal(in_flight, 0);
		assert_int_equal(virtqueue_free(vq), size);
		free(held);
		mock_remove(mock);
	}
}

/* [NEG-07] */
static void order_platform(void **state)
{
	(void)state;
	EACH_EVENT(layout, with)
	{
		struct mock *mock = ring_new(layout, 16, with);

		mock_offer(mock, VIRTIO_F_ORDER_PLATFORM);
		assert_int_equal(mock_add(mock), 0);
		assert_true(mock_has(mock, VIRTIO_F_ORDER_PLATFORM));
		assert_int_equal(add(1, 1, &tokens[0]), 0);
		virtqueue_kick(vq);
		serve_all(mock, true);
		assert_ptr_equal(get(vq, NULL), &tokens[0]);
		mock_remove(mock);
	}
}

/* After a reset a queue is as new: what was in flight came back by detach, the ring is
 * zeroed, and traffic begins at its start, in the middle of whatever it was. */
static void reset_and_again(void **state)
{
	(void)state;
	EACH_RING(layout, with)
	{
		struct mock *mock = ring_new(layout, 8, with);
		unsigned back = 0;

		assert_int_equal(mock_add(mock), 0);
		for (unsigned round = 0; round < 20; round++) {
			for (unsigned i = 0; i < round % 7; i++)
				assert_int_equal(add(0, 1, &tokens[i]), 0);
			virtqueue_kick(vq);
			serve_all(mock, round & 1);
			for (unsigned i = 0; i < round % 7; i++)
				assert_ptr_equal(get(vq, NULL), &tokens[i]);
			assert_int_equal(add(1, 1, &tokens[7]), 0);
			if (round & 2)
				virtqueue_kick(vq);
			assert_int_equal(add(1, 2, &tokens[8]), 0);
			virtqueue_block(vq);
			for (back = 0; virtqueue_detach(vq); back++)
				;
			assert_int_equal(back, 2);
			mock_queue_forget(mock, 0);
			mock->queues[0].was_reset = true;
			virtqueue_reset(vq);
			assert_false(virtqueue_broken(vq));
			assert_int_equal(virtqueue_free(vq), 8);
			assert_false(virtqueue_kick_prepare(vq)); /* not live yet */
			assert_int_equal(
				mock->device.transport->queue_enable(&mock->device, vq),
				0);
			virtqueue_live(vq);
		}
		mock_remove(mock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ring_test(shapes),
		ring_test(sizes),
		ring_test(areas),
		ring_test(bad_requests),
		ring_test(tables_save_descriptors),
		ring_test(chains_without_tables),
		ring_test(random_traffic),
		ring_test(order_platform),
		ring_test(reset_and_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
