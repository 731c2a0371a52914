/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Between ring.c and the two layouts, ring_split.c and ring_packed.c. */

#ifndef MOCK_RING_H
#define MOCK_RING_H

#include "host/host.h"
#include "mock/mock.h"

#define MOCK_NEXT     1
#define MOCK_WRITE    2
#define MOCK_INDIRECT 4

/* §2.7.5; the packed one (§2.8.11) has id where this has flags, and flags in `next`. */
struct mock_descriptor {
	uint64_t address;
	uint32_t bytes;
	uint16_t flags, next;
};

/* A slot of the packed ring that the driver may not change (§2.8.16). */
struct mock_slot {
	struct mock_descriptor content;
	bool ours;
};

/* Shared memory: one access each, counted. The driver writes and reads it at the same
 * time, perhaps from another thread. */
uint16_t mock_load16(struct mock_queue *queue, uint64_t address);
uint32_t mock_load32(struct mock_queue *queue, uint64_t address);
void mock_load_descriptor(struct mock_queue *queue, uint64_t address,
			  struct mock_descriptor *out);
void mock_store16(struct mock_queue *queue, uint64_t address, uint16_t value);
void mock_store32(struct mock_queue *queue, uint64_t address, uint32_t value);

/* Whether anything was made available since the last kick. */
bool mock_ring_news(struct mock *mock, unsigned index);
/* §2.9: the upper half of a doorbell with NOTIFICATION_DATA. */
uint16_t mock_ring_position(struct mock *mock, struct mock_queue *queue);
/* Adds one element of a buffer, whose flags tell whether it is writable. */
void mock_take_piece(struct mock *mock, struct mock_chain *chain,
		     const struct mock_descriptor *descriptor);
/* Notes an indirect table; false if it is none. */
bool mock_take_table(struct mock *mock, struct mock_queue *queue,
		     struct mock_chain *chain, const struct mock_descriptor *first);
/* Makes the head ours; false if it cannot be one. */
bool mock_take_head(struct mock *mock, struct mock_queue *queue,
		    struct mock_chain *chain);

/* The layouts. available: buffers not yet taken. take: the next one. ask: to be kicked from
 * here on. give: one used entry, which stands for `count` buffers or slots. wants: an
 * interrupt for what was used since told_total. */
unsigned mock_split_available(struct mock *mock, unsigned index);
bool mock_split_take(struct mock *mock, unsigned index, struct mock_chain *chain);
void mock_split_ask(struct mock *mock, struct mock_queue *queue);
void mock_split_give(struct mock_queue *queue, uint32_t id, uint32_t written,
		     unsigned count);
bool mock_split_wants(struct mock *mock, struct mock_queue *queue);
void mock_split_scribble(struct mock_queue *queue, unsigned seed);

unsigned mock_packed_available(struct mock *mock, unsigned index);
bool mock_packed_take(struct mock *mock, unsigned index, struct mock_chain *chain);
void mock_packed_ask(struct mock *mock, struct mock_queue *queue);
void mock_packed_give(struct mock *mock, struct mock_queue *queue, uint32_t id,
		      uint32_t written, unsigned count);
bool mock_packed_wants(struct mock *mock, struct mock_queue *queue);
void mock_packed_scribble(struct mock_queue *queue, unsigned seed);

/* The driver's clock; a mock in a thread of its own has none. */
static inline uint64_t mock_ns(const struct mock *mock)
{
	return mock->thread ? 0 : host_clock_ns;
}

#endif
