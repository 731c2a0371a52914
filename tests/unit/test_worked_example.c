/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/ring.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c */

/* The worked example of the paper (R. Russell, "virtio: Towards a De-Facto Standard For
 * Virtual I/O Devices", 2008, §5.1.1): one block read, byte for byte in ring memory. Three
 * chained descriptors, one entry in the available ring, one kick; one used entry, one
 * interrupt, one buffer back. */

#include <stdlib.h>
#include "mock/one_queue.h"

#define SIZE 8

struct ring_image {
	unsigned char desc[SIZE * 16], avail[4 + SIZE * 2 + 2], used[4 + SIZE * 8 + 2];
};

static void store(unsigned char *at, unsigned bytes, uint64_t value)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

static void descriptor(unsigned char *at, const void *address, uint32_t bytes,
		       uint16_t flags, uint16_t next)
{
	store(at, 8, (uintptr_t)address);
	store(at + 8, 4, bytes);
	store(at + 12, 2, flags);
	store(at + 14, 2, next);
}

static void rings_are(const struct mock *mock, const struct ring_image *image)
{
	const struct mock_queue *queue = &mock->queues[0];

	assert_memory_equal((void *)(uintptr_t)queue->desc, image->desc,
			    sizeof(image->desc));
	assert_memory_equal((void *)(uintptr_t)queue->avail, image->avail,
			    sizeof(image->avail));
	assert_memory_equal((void *)(uintptr_t)queue->used, image->used,
			    sizeof(image->used));
}

static void one_block_read(void **state)
{
	struct {
		uint32_t type, priority;
		uint64_t sector;
	} header = { 0 /* read */, 0, 42 };
	static unsigned char data[512];
	unsigned char status = 0xff;
	struct virtio_piece pieces[3] = {
		{ (uintptr_t)&header, sizeof(header) },
		{ (uintptr_t)data, sizeof(data) },
		{ (uintptr_t)&status, 1 },
	};
	struct ring_image image = { 0 };
	struct mock *mock = one_queue(SIZE, WITHOUT);
	struct mock_chain chain;
	unsigned char sector[512];
	uint32_t written;
	int token;

	(void)state;
	rings_are(mock, &image); /* all zero */

	/* add_buf: 16 bytes to read, 512 + 1 to write; nothing is published yet. */
	assert_int_equal(virtqueue_add(vq, pieces, 1, 2, &token), 0);
	descriptor(image.desc, &header, 16, 1 /* NEXT */, 1);
	descriptor(image.desc + 16, data, 512, 1 | 2 /* NEXT, WRITE */, 2);
	descriptor(image.desc + 32, &status, 1, 2 /* WRITE */, 0);
	store(image.avail + 4, 2, 0); /* slot 0: head 0 */
	rings_are(mock, &image);

	/* kick: the index moves, and the host hears of it once. */
	virtqueue_kick(vq);
	store(image.avail + 2, 2, 1);
	rings_are(mock, &image);
	assert_int_equal(mock->queues[0].kicks, 1);

	/* The host reads the block and gives the buffer back, with an interrupt. */
	memset(sector, 0x2a, sizeof(sector));
	assert_true(mock_pop(mock, 0, &chain));
	assert_int_equal(chain.head, 0);
	assert_int_equal(chain.count, 3);
	assert_int_equal(mock_write(&chain, 0, sector, 512), 512);
	assert_int_equal(mock_write(&chain, 512, "\0", 1), 1);
	mock_push(mock, 0, &chain, 513);
	mock_interrupt(mock, 0);
	store(image.used + 2, 2, 1);
	store(image.used + 4, 4, 0);
	store(image.used + 8, 4, 513);
	rings_are(mock, &image);
	assert_int_equal(callbacks, 1);
	assert_int_equal(mock->queues[0].interrupts, 1);

	/* get_buf until there is none. The rings stay as they are. */
	assert_ptr_equal(virtqueue_get(vq, &written), &token);
	assert_int_equal(written, 513);
	assert_null(virtqueue_get(vq, &written));
	assert_int_equal(status, 0);
	assert_memory_equal(data, sector, 512);
	assert_int_equal(virtqueue_free(vq), SIZE);
	rings_are(mock, &image);
	mock_remove(mock);
}

/* Several requests before one kick: the host hears once, interrupts once. */
static void one_kick_for_all_pending(void **state)
{
	static unsigned char data[2][512];
	struct mock *mock = one_queue(SIZE, WITHOUT);
	struct mock_chain chain;
	int tokens[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct virtio_piece pieces[3] = {
			{ (uintptr_t)data[i], 16 },
			{ (uintptr_t)data[i], 512 },
			{ (uintptr_t)data[i], 1 },
		};

		assert_int_equal(virtqueue_add(vq, pieces, 1, 2, &tokens[i]), 0);
	}
	virtqueue_kick(vq);
	assert_int_equal(mock->queues[0].kicks, 1);
	while (mock_pop(mock, 0, &chain))
		mock_push(mock, 0, &chain, 513);
	mock_interrupt(mock, 0);
	assert_int_equal(mock->queues[0].interrupts, 1);
	assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[0]);
	assert_ptr_equal(virtqueue_get(vq, NULL), &tokens[1]);
	assert_null(virtqueue_get(vq, NULL));
	mock_remove(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ring_test(one_block_read),
		ring_test(one_kick_for_all_pending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
