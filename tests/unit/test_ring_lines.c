/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 * rings: own */

/* What the driver touches of memory that it shares with the device, counted: each line of
 * that may have to come from another processor. */

#include <kernel/page.h>
#include "ring_test.h"
#include "mock/watch.h"

#define SIZE	 256
#define PER_LINE 4 /* descriptors */

static const unsigned batches[] = { 1, 4, 8, 64, 256 };

static void watch_ring(void)
{
	watch_begin(phys_to_virt(vq->desc_phys), PAGE_BYTES << vq->ring_order);
}

/* No word is looked at twice, or stored twice, or stored and looked at. */
static void expect_once(const struct watched *seen)
{
	assert_in_range(seen->reads_most, 0, 1);
	assert_in_range(seen->writes_most, 0, 1);
	assert_int_equal(seen->read_and_written, 0);
}

static void add_batch(unsigned batch, bool many)
{
	static struct virtqueue_buffer buffers[SIZE];

	for (unsigned i = 0; i < batch; i++) {
		if (many)
			buffers[i] = (struct virtqueue_buffer){ piece(0, 16),
								&tokens[i] };
		else
			add(0, 1, &tokens[i]);
	}
	if (many)
		virtqueue_fill(vq, buffers, batch);
}

static void get_batch(unsigned batch, bool many)
{
	static struct virtqueue_used used[SIZE];

	for (unsigned i = 0; !many && i < batch; i++)
		virtqueue_get(vq, NULL);
	if (many)
		virtqueue_drain(vq, used, batch);
}

/* `many`: by one call for all. */
static struct watched submit(unsigned batch, bool many)
{
	struct watched seen;

	watch_ring();
	if (is_packed(vq->layout)) /* what the device wants to hear is not in the ring */
		watch_not(vq->device_event, sizeof(*vq->device_event));
	add_batch(batch, many);
	virtqueue_kick_prepare(vq);
	seen = watch_end();
	expect_once(&seen);
	assert_int_equal(virtqueue_free(vq), SIZE - batch);
	return seen;
}

static struct watched complete(unsigned batch, bool many)
{
	struct watched seen;

	watch_ring();
	get_batch(batch, many);
	seen = watch_end();
	expect_once(&seen);
	assert_int_equal(virtqueue_free(vq), SIZE);
	return seen;
}

static void expect_asking_costs_one_line(void)
{
	struct watched seen;

	watch_ring();
	assert_true(virtqueue_enable_cb(vq));
	seen = watch_end();
	assert_in_range(seen.lines_written, 0, 1);
	assert_int_equal(seen.lines_read, 1);
	expect_once(&seen);
}

/* Lines that `count` entries of `bytes` take from the `first` on, in an array that begins
 * `before` bytes into a line. */
static unsigned lines(uint64_t first, unsigned count, unsigned bytes, unsigned before)
{
	uint64_t at = before + first % SIZE * bytes;

	return (unsigned)((at + (uint64_t)count * bytes - 1) / 64 - at / 64 + 1);
}

static unsigned at_least_lines(unsigned batch)
{
	return (batch + PER_LINE - 1) / PER_LINE;
}

/* [VQ-32]: a batch stores descriptors, their heads unless those are there already, and one
 * index; it looks at one word of the device's to kick, and to take back at the used index
 * and elements, of which a device that goes in order writes one. */
static void split_lines(void **state)
{
	(void)state;
	EACH_EVENT(layout, with)
	{
		struct mock *mock;
		uint64_t total = 0;

		if (is_packed(layout))
			continue;
		mock = ring(layout, SIZE, with);
		mock->batch = is_in_order(layout);
		for (unsigned i = 0; i < 3 * array_count(batches); i++) {
			unsigned batch = batches[i % array_count(batches)];
			struct watched seen = submit(batch, i & 1);
			/* The index lies in the first line of heads. */
			unsigned heads = lines(total, batch, 2, 4) + 1;

			if (is_in_order(layout))
				heads = 1;
			assert_in_range(seen.lines_written, at_least_lines(batch) + 1,
					2 * at_least_lines(batch) + heads);
			assert_int_equal(seen.lines_read, 1);
			serve_all(mock, false);
			seen = complete(batch, i & 1);
			assert_int_equal(seen.lines_written, 0);
			assert_in_range(
				seen.lines_read, 1,
				1 + lines(total, is_in_order(layout) ? 1 : batch, 8, 4));
			expect_asking_costs_one_line();
			total += batch;
		}
		mock_remove(mock);
	}
}

/* [PQ-21], [VQ-32]: one line stored and one looked at for a buffer alone, and four
 * descriptors a line in a batch; of a batch in order, one used descriptor. */
static void packed_lines(void **state)
{
	(void)state;
	EACH_EVENT(layout, with)
	{
		struct mock *mock;
		uint64_t total = 0;

		if (!is_packed(layout))
			continue;
		mock = ring(layout, SIZE, with);
		mock->batch = is_in_order(layout);
		for (unsigned i = 0; i < 600; i++) {
			unsigned batch = i < 300 ? 1 : batches[i % array_count(batches)];
			unsigned taken = lines(total, batch, 16, 0);
			struct watched seen = submit(batch, i & 1);

			/* Round the end of the ring, the first line may be the last too. */
			assert_in_range(seen.lines_written, at_least_lines(batch), taken);
			assert_int_equal(seen.lines_read, 0);
			serve_all(mock, false);
			seen = complete(batch, i & 1);
			assert_int_equal(seen.lines_written, 0);
			assert_in_range(seen.lines_read,
					is_in_order(layout) ? 1 : at_least_lines(batch),
					is_in_order(layout) ? 1 : taken);
			expect_asking_costs_one_line();
			total += batch;
		}
		mock_remove(mock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ring_test(split_lines),
		ring_test(packed_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
