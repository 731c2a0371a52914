/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/ring/virtqueue.c kernel/format.c */

/* The bounce arena [NEG-05]: no device sees an address outside of it, what it was shown is
 * wiped, what it did not write is not believed, and a full arena costs only time. */

#include <errno.h>
#include <stdlib.h>
#include <kernel/cmdline.h>
#include <virtio/ring/ring.h>
#include <unit.h>
#include "host/host.h"
#include "mock/mock.h"

#define ID	   96
#define ARENA	   (UINT64_C(1) << 20)
#define BUFFER_MAX (ARENA / 4)
#define POSTED_MAX (ARENA / 2)

static struct virtqueue *vq;
static unsigned callbacks, taken_back;
static uint64_t arena; /* physical; the allocator aligns it to its size */
static long arena_pages, arena_heap;

static void callback(struct virtqueue *queue)
{
	(void)queue;
	callbacks++;
}

static const struct virtqueue_wanted wanted = { .name = "one", .callback = callback };

static int probe(struct virtio_device *device)
{
	return virtio_find_queues(device, &wanted, 1, &vq);
}

static void broken(struct virtio_device *device)
{
	(void)device;
	while (virtqueue_detach(vq))
		taken_back++;
}

static const struct virtio_driver driver = {
	.name = "bounced",
	.device_id = ID,
	.probe = probe,
	.broken = broken,
	.restore = probe,
};
VIRTIO_DRIVER(driver);

LINKSET_DECLARE(cmdline_keys, const struct cmdline_key);

static void bounce(const char *value)
{
	LINKSET_EACH(cmdline_keys, entry)
	if (!strcmp((*entry)->name, "bounce"))
		(*entry)->apply(value);
}

static void inside(uint64_t address, uint64_t bytes)
{
	assert_in_range(address, arena, arena + ARENA - bytes);
}

/* Bytes of the arena that are not 0, but for what rings and tables need at its end. */
static unsigned dirty(void)
{
	const uint8_t *at = (const uint8_t *)(uintptr_t)arena;
	unsigned count = 0;

	for (uint64_t i = 0; i < ARENA / 2; i++)
		count += at[i] != 0;
	return count;
}

static struct mock *fresh(void)
{
	struct mock *mock = mock_new(ID);

	mock->batch = false; /* each answer is looked at as soon as it is pushed */
	mock_offer(mock, VIRTIO_F_ACCESS_PLATFORM);
	mock->queue_max[0] = 64;
	callbacks = taken_back = 0;
	host_clock_advance(120 * NS_PER_SEC);
	assert_int_equal(mock_add(mock), 0);
	assert_true(mock_has(mock, VIRTIO_F_ACCESS_PLATFORM));
	arena = mock->queues[0].desc & ~(ARENA - 1);
	inside(mock->queues[0].avail, 64);
	inside(mock->queues[0].used, 64);
	assert_int_equal(mock->queues[0].desc % 4096, 0);
	return mock;
}

static void *buffer(size_t bytes, int fill)
{
	void *memory = malloc(bytes); /* its ends are watched */

	memset(memory, fill, bytes);
	return memory;
}

static struct virtio_piece piece(void *memory, size_t bytes)
{
	return (struct virtio_piece){ (uintptr_t)memory, (uint32_t)bytes };
}

static void check_pieces(const struct mock_chain *chain)
{
	for (unsigned i = 0; i < chain->count; i++)
		inside(chain->pieces[i].address, chain->pieces[i].bytes);
}

/* One request of two readable and two writable pieces, of which the device writes some. */
static void request(struct mock *mock, uint32_t writes, uint32_t claims)
{
	static struct mock_chain chain;
	char *out[2] = { buffer(100, 'o'), buffer(3000, 'p') };
	char *in[2] = { buffer(10, '-'), buffer(2000, '-') };
	struct virtio_piece pieces[4] = { piece(out[0], 100), piece(out[1], 3000),
					  piece(in[0], 10), piece(in[1], 2000) };
	char seen[3100], answer[2010];
	uint32_t believed = claims < 2010 ? claims : 2010, written;

	memset(answer, 'a', sizeof(answer));
	assert_int_equal(virtqueue_add(vq, pieces, 2, 2, out), 0);
	virtqueue_kick(vq);
	assert_true(mock_pop(mock, 0, &chain));
	assert_int_equal(chain.readable, 3100);
	assert_int_equal(chain.writable, 2010);
	check_pieces(&chain);
	if (mock->queues[0].table)
		inside(mock->queues[0].table, mock->queues[0].table_bytes);
	memset(out[0], 'X', 100); /* too late: it was copied */
	mock_read(&chain, 0, seen, sizeof(seen));
	assert_int_equal(seen[0], 'o');
	assert_int_equal(seen[3099], 'p');
	mock_write(&chain, 0, answer, writes);
	if (claims <= chain.writable) {
		mock_push(mock, 0, &chain, claims);
	} else {
		mock->queues[0].out[chain.head] = false;
		mock_push_raw(mock, 0, chain.head, claims);
	}
	assert_ptr_equal(virtqueue_get(vq, &written), out);
	assert_int_equal(written, believed);
	for (unsigned i = 0; i < 2010; i++) {
		char found = i < 10 ? in[0][i] : in[1][i - 10];

		assert_int_equal(found, i >= believed ? '-' : i < writes ? 'a' : 0);
	}
	assert_int_equal(dirty(), 0);
	free(out[0]);
	free(out[1]);
	free(in[0]);
	free(in[1]);
}

static void copied_in_and_out(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		request(mock, 2010, 2010);
	mock_remove(mock);
}

/* Bytes the device says nothing about stay what they were; ones it only claims are 0. */
static void hostile_lengths(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->lenient = true;
	request(mock, 5, 5);
	request(mock, 2010, 0);
	request(mock, 2010, 11);
	request(mock, 0, 2010);
	request(mock, 7, UINT32_MAX);
	assert_int_equal(vq->counters.length_clamped, 1);
	mock_remove(mock);
}

static void too_long_or_empty(void **state)
{
	struct mock *mock = fresh();
	char *memory = buffer(BUFFER_MAX + 1, 'x');
	struct virtio_piece pieces[2] = { piece(memory, BUFFER_MAX + 1),
					  piece(memory, 0) };

	(void)state;
	assert_int_equal(virtqueue_bytes_max(vq), BUFFER_MAX);
	assert_int_equal(virtqueue_add(vq, pieces, 1, 0, memory), -EINVAL);
	assert_int_equal(virtqueue_add(vq, pieces + 1, 0, 1, memory), -EINVAL);
	assert_int_equal(virtqueue_add(vq, pieces, 0, 0, memory), -EINVAL);
	pieces[0].bytes = BUFFER_MAX;
	assert_int_equal(virtqueue_add(vq, pieces, 2, 0, memory), -EINVAL);
	assert_int_equal(virtqueue_add(vq, pieces, 1, 0, NULL), -EINVAL);
	assert_int_equal(dirty(), 0);
	assert_int_equal(virtqueue_add(vq, pieces, 1, 0, memory), 0);
	assert_int_equal(virtqueue_add(vq, pieces, 1, 0, memory), 0);
	mock_remove(mock);
	free(memory);
}

/* Posted buffers leave room for requests; who finds none is called when there is. */
static void full(void **state)
{
	struct mock *mock = fresh();
	static struct mock_chain chain;
	char *memory = buffer(BUFFER_MAX, 'x');
	struct virtio_piece all = piece(memory, 100000);
	unsigned waiting = 0, requests = 0;
	int error;

	(void)state;
	while (!(error = virtqueue_add(vq, &all, 0, 1, memory)))
		waiting++;
	assert_int_equal(error, -ENOSPC);
	assert_int_equal(waiting, POSTED_MAX / 100000);
	while (!(error = virtqueue_add(vq, &all, 1, 0, memory)))
		requests++;
	assert_int_equal(error, -ENOSPC);
	assert_in_range(requests, 3, 5);
	assert_true(virtqueue_starved(vq));
	assert_true(virtqueue_free(vq) > 0);
	virtqueue_kick(vq);
	callbacks = 0;
	host_clock_advance(1);
	assert_int_equal(callbacks, 0);
	for (unsigned i = 0; i < waiting + requests; i++) {
		assert_true(mock_pop(mock, 0, &chain));
		check_pieces(&chain);
		mock_push(mock, 0, &chain, 0);
		assert_ptr_equal(virtqueue_get(vq, NULL), memory);
		host_clock_advance(1);
		assert_int_equal(callbacks, 1); /* once is enough */
		assert_false(virtqueue_starved(vq));
	}
	assert_int_equal(dirty(), 0);
	for (unsigned i = 0; i < requests; i++)
		assert_int_equal(virtqueue_add(vq, &all, 1, 0, memory), 0);
	mock_remove(mock);
	free(memory);
}

/* The device may write the whole arena at any time: nobody believes it. */
static void scribbled_on(void **state)
{
	struct mock *mock = fresh();
	static struct mock_chain chain;
	char *in = buffer(100, '-');
	struct virtqueue_buffer many[3] = { { piece(in, 100), in },
					    { piece(in, 0), in } };
	struct virtqueue_used used[2];

	(void)state;
	assert_int_equal(virtqueue_fill(vq, many, 3), 1);
	virtqueue_kick(vq);
	assert_true(mock_pop(mock, 0, &chain));
	memset((void *)(uintptr_t)(chain.pieces[0].address & ~UINT64_C(255)), 0xee, 256);
	mock_push(mock, 0, &chain, 3);
	assert_int_equal(virtqueue_drain(vq, used, 2), 1);
	assert_ptr_equal(used[0].token, in);
	assert_int_equal(used[0].written, 3);
	assert_int_equal((uint8_t)in[2], 0xee);
	assert_int_equal(in[3], '-');
	assert_null(virtqueue_get(vq, NULL));
	mock_remove(mock);
	free(in);
}

/* What was in flight comes back unread, and the arena with it. */
static void recovery(void **state)
{
	struct mock *mock = fresh();
	char *memory = buffer(BUFFER_MAX, 'x');
	struct virtio_piece some = piece(memory, 100000);

	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		unsigned count = 0;

		while (!virtqueue_add(vq, &some, 1, 0, memory))
			count++;
		virtqueue_kick(vq);
		taken_back = 0;
		mock_needs_reset(mock);
		for (unsigned i = 0; i < 100; i++) {
			host_clock_advance(10 * NS_PER_MS);
			host_threads_run();
		}
		assert_true(mock->device.live && !mock->device.broken);
		assert_int_equal(taken_back, count);
		assert_int_equal(dirty(), 0);
		request(mock, 2010, 2010);
	}
	mock_remove(mock);
	free(memory);
}

static void without_memory(void **state)
{
	struct mock *mock = mock_new(ID);

	(void)state;
	mock->queue_max[0] = 64;
	bounce("1M");
	host_page_budget = 0; /* no arena: no device is used */
	assert_int_equal(mock_add(mock), -ENOMEM);
	host_page_budget = -1;
	mock_remove(mock);
	assert_int_equal(host_heap_live, 0);
	mock_remove(fresh());
	arena_pages = host_page_live;
	arena_heap = host_heap_live;
	for (long budget = 0; budget < 8; budget++) {
		mock = mock_new(ID);
		mock->queue_max[0] = 64;
		host_heap_budget = budget;
		if (!mock_add(mock)) {
			char *memory = buffer(600, 'x');
			struct virtio_piece pieces[6];
			int error;

			for (unsigned i = 0; i < 6; i++)
				pieces[i] = piece(memory + 100 * i, 100);
			error = virtqueue_add(vq, pieces, 1, 5, memory);
			assert_true(error == 0 || error == -ENOSPC);
			free(memory);
		}
		host_heap_budget = -1;
		mock_remove(mock);
		assert_int_equal(host_heap_live, arena_heap);
	}
}

static void sizes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++) { /* the arena that is there, stays */
		static const char *const values[] = { "0", "5000M", "1X", "", "on" };
		unsigned warnings = host_log_counts[1];

		bounce(values[i]);
		assert_int_equal(host_log_counts[1], warnings + (i < 4));
	}
	bounce("1024K");
}

static int nothing_left(void **state)
{
	(void)state;
	return host_heap_live != arena_heap || host_page_live != arena_pages ||
	       virtio_devices || dirty();
}

#define bounce_test(function) cmocka_unit_test_teardown(function, nothing_left)

int main(void)
{
	const struct CMUnitTest tests[] = {
		bounce_test(without_memory), /* makes the arena at last */
		bounce_test(sizes),
		bounce_test(copied_in_and_out),
		bounce_test(hostile_lengths),
		bounce_test(too_long_or_empty),
		bounce_test(full),
		bounce_test(scribbled_on),
		bounce_test(recovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
