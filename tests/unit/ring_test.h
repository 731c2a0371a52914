/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* For tests of the rings themselves: one queue in any layout, and buffers for it. */

#ifndef RING_TEST_H
#define RING_TEST_H

#include <errno.h>
#include <stdlib.h>
#include "mock/one_queue.h"
#include <virtio/ring/ring.h>

/* Every layout with every set of the features that it may have. */
#define EACH_RING(layout, with)                                    \
	for (unsigned layout = 0; layout < MOCK_LAYOUTS; layout++) \
		for (unsigned with = 0; with < 4; with++)
/* Every layout; with flags and with EVENT_IDX. */
#define EACH_EVENT(layout, with)                                   \
	for (unsigned layout = 0; layout < MOCK_LAYOUTS; layout++) \
		for (unsigned with = 0; with < 4; with += WITH_EVENT)

static char memory[64][256];
static int tokens[65536];

static inline bool is_packed(unsigned layout)
{
	return layout == MOCK_PACKED || layout == MOCK_PACKED_IN_ORDER;
}

static inline bool is_in_order(unsigned layout)
{
	return layout == MOCK_SPLIT_IN_ORDER || layout == MOCK_PACKED_IN_ORDER;
}

static inline struct mock *ring_new(unsigned layout, unsigned size, unsigned with)
{
	struct mock *mock = one_queue_new(size, with);

	mock_layout(mock, layout);
	return mock;
}

static inline struct mock *ring(unsigned layout, unsigned size, unsigned with)
{
	struct mock *mock = ring_new(layout, size, with);

	assert_int_equal(mock_add(mock), 0);
	assert_int_equal(mock_has(mock, VIRTIO_F_RING_PACKED), is_packed(layout));
	assert_int_equal(mock_has(mock, VIRTIO_F_IN_ORDER), is_in_order(layout));
	return mock;
}

static inline struct virtio_piece piece(unsigned i, uint32_t bytes)
{
	return (struct virtio_piece){ (uintptr_t)memory[i % 64], bytes };
}

static inline int add(unsigned readable, unsigned writable, void *token)
{
	struct virtio_piece pieces[64];

	for (unsigned i = 0; i < readable + writable; i++)
		pieces[i] = piece(i, 16 + i);
	return virtqueue_add(vq, pieces, readable, writable, token);
}

/* virtqueue_get(), or virtqueue_drain() of one, in turns: each goes on where the other was. */
static inline void *get(struct virtqueue *queue, uint32_t *written)
{
	static bool drain;
	struct virtqueue_used used;

	drain = !drain;
	if (!drain)
		return virtqueue_get(queue, written);
	if (!virtqueue_drain(queue, &used, 1))
		return NULL;
	if (written)
		*written = used.written;
	return used.token;
}

static inline void serve_all(struct mock *mock, bool interrupt)
{
	static struct mock_chain chain;

	while (mock_pop(mock, 0, &chain))
		mock_push(mock, 0, &chain, chain.writable);
	if (interrupt)
		mock_interrupt(mock, 0);
	else
		mock_flush(mock, 0);
}

#endif
