/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The device's side of a split ring (VIRTIO 1.3 §2.7). */

#include <stdlib.h>
#include "mock/mock.h"
#include "mock/ring.h"

/* Reads the available index; it only grows, and never by more than there is room for
 * (§2.7.6.1). */
unsigned mock_split_available(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];
	uint16_t now = mock_load16(queue, queue->avail + 2);
	uint16_t flags = mock_load16(queue, queue->avail);

	if ((uint16_t)(now - queue->last_idx) > queue->size)
		mock_violation(mock, "queue %u: available index went from %u to %u",
			       index, queue->last_idx, now);
	if ((uint16_t)(now - queue->used_idx) > queue->size)
		mock_violation(mock, "queue %u: more buffers than descriptors", index);
	queue->last_idx = now;
	if (mock_has(mock, VIRTIO_F_EVENT_IDX) && flags != 0)
		mock_violation(mock, "queue %u: avail.flags is %#x with EVENT_IDX", index,
			       flags);
	else if (flags > 1)
		mock_violation(mock, "queue %u: avail.flags is %#x", index, flags);
	return (uint16_t)(now - queue->seen);
}

/* §2.7.10: tells the driver from where on it should kick again. */
void mock_split_ask(struct mock *mock, struct mock_queue *queue)
{
	if (mock_has(mock, VIRTIO_F_EVENT_IDX))
		mock_store16(queue, queue->used + 4 + 8ull * queue->size, queue->seen);
	else
		mock_store16(queue, queue->used, mock->no_notify);
}

/* §2.7.9: descriptors lie one behind the other, round and round. */
static void check_order(struct mock *mock, struct mock_queue *queue, unsigned at,
			const struct mock_descriptor *each)
{
	unsigned next = (at + 1) % queue->size;

	if (at != queue->next_slot)
		mock_violation(mock, "in order: descriptor %u used, it is the turn of %u",
			       at, queue->next_slot);
	if (each->flags & MOCK_NEXT && each->next != next)
		mock_violation(mock, "in order: descriptor %u leads to %u", at,
			       each->next);
	queue->next_slot = (uint16_t)next;
}

/* Walks a table of `size` entries from `at`. A chain is never longer than the queue
 * (§2.7.5.3.1). */
static void walk(struct mock *mock, struct mock_queue *queue, uint64_t table,
		 unsigned size, unsigned at, struct mock_chain *chain)
{
	for (;;) {
		struct mock_descriptor each;

		mock_load_descriptor(queue, table + 16ull * at, &each);
		if (chain->count >= queue->size || chain->count == MOCK_PIECES_MAX) {
			mock_violation(mock, "a chain longer than the queue, or a loop");
			return;
		}
		if (each.flags & MOCK_INDIRECT)
			mock_violation(mock, "INDIRECT within a table");
		if (each.flags & ~(MOCK_NEXT | MOCK_WRITE | MOCK_INDIRECT))
			mock_violation(mock, "unknown descriptor flags %#x", each.flags);
		if (queue->in_order && !chain->indirect)
			check_order(mock, queue, at, &each);
		if (queue->in_order && chain->indirect && each.flags & MOCK_NEXT &&
		    each.next != at + 1)
			mock_violation(mock, "in order: entry %u of a table leads to %u",
				       at, each.next);
		mock_take_piece(mock, chain, &each);
		if (!(each.flags & MOCK_NEXT))
			return;
		if (each.next >= size) {
			mock_violation(mock, "next %u beyond the table", each.next);
			return;
		}
		at = each.next;
	}
}

bool mock_split_take(struct mock *mock, unsigned index, struct mock_chain *chain)
{
	struct mock_queue *queue = &mock->queues[index];
	struct mock_descriptor first;

	chain->head = mock_load16(queue,
				  queue->avail + 4 + 2ull * (queue->seen % queue->size));
	queue->seen++;
	if (!mock_take_head(mock, queue, chain))
		return false;
	mock_load_descriptor(queue, queue->desc + 16ull * chain->head, &first);
	if (!(first.flags & MOCK_INDIRECT)) {
		walk(mock, queue, queue->desc, queue->size, chain->head, chain);
		chain->descriptors = chain->count;
		return true;
	}
	if (queue->in_order)
		check_order(mock, queue, chain->head, &first);
	if (mock_take_table(mock, queue, chain, &first))
		walk(mock, queue, first.address, first.bytes / 16, 0, chain);
	return true;
}

void mock_set_used_index(struct mock *mock, unsigned index, uint16_t value)
{
	struct mock_queue *queue = &mock->queues[index];

	mock_store16(queue, queue->used + 2, value);
}

void mock_split_give(struct mock_queue *queue, uint32_t id, uint32_t written,
		     unsigned count)
{
	uint64_t element = queue->used + 4 + 8ull * (queue->used_idx % queue->size);

	mock_store32(queue, element, id);
	mock_store32(queue, element + 4, written);
	queue->used_idx = (uint16_t)(queue->used_idx + count);
	mock_store16(queue, queue->used + 2, queue->used_idx);
}

/* §2.7.7: with EVENT_IDX if used_event was stepped over, else unless flags say no. */
bool mock_split_wants(struct mock *mock, struct mock_queue *queue)
{
	uint16_t now = queue->used_idx;
	uint16_t before = (uint16_t)(now - (queue->used_total - queue->told_total));
	uint16_t event;

	if (!mock_has(mock, VIRTIO_F_EVENT_IDX))
		return !(mock_load16(queue, queue->avail) & 1);
	event = mock_load16(queue, queue->avail + 4 + 2ull * queue->size);
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

void mock_split_scribble(struct mock_queue *queue, unsigned seed)
{
	struct mock_descriptor *table = (void *)(uintptr_t)queue->desc;
	volatile uint16_t *available = (void *)(uintptr_t)queue->avail;

	for (unsigned i = 0; i < queue->size; i++) {
		seed = seed * 1103515245 + 12345;
		table[i].address = seed;
		table[i].bytes = seed >> 3;
		table[i].flags = (uint16_t)(seed >> 16);
		table[i].next = (uint16_t)(seed >> 5);
		available[2 + i] = (uint16_t)(seed >> 7);
	}
}
