/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The device's side of a split ring (VIRTIO 1.3 §2.7), which believes nothing. */

#include <stdlib.h>
#include <string.h>
#include "host/host.h"
#include "mock/mock.h"

#define NEXT	 1
#define WRITE	 2
#define INDIRECT 4

struct descriptor {
	uint64_t address;
	uint32_t bytes;
	uint16_t flags, next;
};

struct used_element {
	uint32_t id, bytes;
};

static volatile uint16_t *word(uint64_t address)
{
	return (volatile uint16_t *)(uintptr_t)address;
}

static struct descriptor *descriptors(uint64_t address)
{
	return (struct descriptor *)(uintptr_t)address;
}

static volatile struct used_element *used_at(const struct mock_queue *queue,
					     uint16_t index)
{
	return (volatile struct used_element *)(uintptr_t)(queue->used + 4) +
	       index % queue->size;
}

/* Reads the available index; it only grows, and never by more than there is room for
 * (§2.7.6.1). */
static uint16_t available_index(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];
	uint16_t now = __atomic_load_n((uint16_t *)(uintptr_t)(queue->avail + 2),
				       __ATOMIC_ACQUIRE);

	if ((uint16_t)(now - queue->last_idx) > queue->size)
		mock_violation(mock, "queue %u: available index went from %u to %u",
			       index, queue->last_idx, now);
	if ((uint16_t)(now - queue->used_idx) > queue->size)
		mock_violation(mock, "queue %u: more buffers than descriptors", index);
	queue->last_idx = now;
	if (mock_has(mock, VIRTIO_F_EVENT_IDX) && *word(queue->avail) != 0)
		mock_violation(mock, "queue %u: avail.flags is %#x with EVENT_IDX", index,
			       *word(queue->avail));
	else if (*word(queue->avail) > 1)
		mock_violation(mock, "queue %u: avail.flags is %#x", index,
			       *word(queue->avail));
	return now;
}

unsigned mock_available(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];

	if (!queue->enabled)
		return 0;
	return (uint16_t)(available_index(mock, index) - queue->seen);
}

/* §2.7.10: tells the driver from where on it should kick again. */
static void ask_for_kicks(struct mock *mock, struct mock_queue *queue)
{
	if (mock_has(mock, VIRTIO_F_EVENT_IDX))
		*word(queue->used + 4 + 8ull * queue->size) = queue->seen;
	else
		*word(queue->used) = mock->no_notify;
}

static void take_piece(struct mock *mock, struct mock_chain *chain,
		       const struct descriptor *descriptor)
{
	bool writable = descriptor->flags & WRITE;

	if (descriptor->bytes == 0 || descriptor->address == 0)
		mock_violation(mock, "an empty descriptor");
	if (!writable && chain->writable)
		mock_violation(mock, "a readable descriptor after a writable one");
	if (chain->count == MOCK_PIECES_MAX)
		abort(); /* a limit of the mock */
	if ((uint64_t)chain->readable + chain->writable + descriptor->bytes > UINT32_MAX)
		mock_violation(mock, "a chain of more than 4 GiB");
	chain->pieces[chain->count++] = (struct mock_piece){ descriptor->address,
							     descriptor->bytes,
							     writable };
	*(writable ? &chain->writable : &chain->readable) += descriptor->bytes;
}

/* Walks a table of `size` entries from `at`; limit: of pieces (§2.7.5.3.1). */
static void walk(struct mock *mock, unsigned limit, const struct descriptor *table,
		 unsigned size, unsigned at, struct mock_chain *chain)
{
	for (;;) {
		struct descriptor each = table[at];

		if (chain->count >= limit) {
			mock_violation(mock, "a chain longer than the queue, or a loop");
			return;
		}
		if (each.flags & INDIRECT)
			mock_violation(mock, "INDIRECT within a table");
		if (each.flags & ~(NEXT | WRITE | INDIRECT))
			mock_violation(mock, "unknown descriptor flags %#x", each.flags);
		take_piece(mock, chain, &each);
		if (!(each.flags & NEXT))
			return;
		if (each.next >= size) {
			mock_violation(mock, "next %u beyond the table", each.next);
			return;
		}
		at = each.next;
	}
}

bool mock_pop(struct mock *mock, unsigned index, struct mock_chain *chain)
{
	struct mock_queue *queue = &mock->queues[index];
	const struct descriptor *table = descriptors(queue->desc);
	struct descriptor first;

	if (mock_available(mock, index) == 0) {
		if (queue->enabled)
			ask_for_kicks(mock, queue);
		return false;
	}
	memset(chain, 0, offsetof(struct mock_chain, pieces));
	chain->head = word(queue->avail + 4)[queue->seen % queue->size];
	queue->seen++;
	ask_for_kicks(mock, queue);
	if (chain->head >= queue->size) {
		mock_violation(mock, "head %u beyond the queue", chain->head);
		return false;
	}
	if (queue->out[chain->head])
		mock_violation(mock, "head %u is ours already", chain->head);
	queue->out[chain->head] = true;
	queue->popped++;
	first = table[chain->head];
	if (first.flags & INDIRECT) {
		if (!mock_has(mock, VIRTIO_F_INDIRECT_DESC))
			mock_violation(mock, "INDIRECT was not negotiated");
		if (first.flags != INDIRECT)
			mock_violation(mock, "flags %#x beside INDIRECT", first.flags);
		if (first.bytes == 0 || first.bytes % 16)
			mock_violation(mock, "an indirect table of %u bytes",
				       first.bytes);
		chain->indirect = true;
		chain->descriptors = 1;
		queue->indirect++;
		queue->table = first.address;
		queue->table_bytes = first.bytes;
		walk(mock, queue->size, descriptors(first.address), first.bytes / 16, 0,
		     chain);
	} else {
		walk(mock, queue->size, table, queue->size, chain->head, chain);
		chain->descriptors = chain->count;
	}
	return true;
}

/* Copies between flat memory and the pieces of one direction. */
static uint32_t copy(const struct mock_chain *chain, bool writable, uint32_t offset,
		     void *flat, uint32_t bytes)
{
	uint32_t done = 0;

	for (unsigned i = 0; i < chain->count && done < bytes; i++) {
		const struct mock_piece *piece = &chain->pieces[i];
		uint32_t now;

		if (piece->writable != writable)
			continue;
		if (offset >= piece->bytes) {
			offset -= piece->bytes;
			continue;
		}
		now = piece->bytes - offset;
		if (now > bytes - done)
			now = bytes - done;
		if (writable)
			memcpy((char *)(uintptr_t)piece->address + offset,
			       (char *)flat + done, now);
		else
			memcpy((char *)flat + done,
			       (char *)(uintptr_t)piece->address + offset, now);
		done += now;
		offset = 0;
	}
	return done;
}

uint32_t mock_read(const struct mock_chain *chain, uint32_t offset, void *out,
		   uint32_t bytes)
{
	return copy(chain, false, offset, out, bytes);
}

uint32_t mock_write(const struct mock_chain *chain, uint32_t offset, const void *in,
		    uint32_t bytes)
{
	return copy(chain, true, offset, (void *)(uintptr_t)in, bytes);
}

void mock_set_used_index(struct mock *mock, unsigned index, uint16_t value)
{
	__atomic_store_n((uint16_t *)(uintptr_t)(mock->queues[index].used + 2), value,
			 __ATOMIC_RELEASE);
}

void mock_push_raw(struct mock *mock, unsigned index, uint32_t id, uint32_t written)
{
	struct mock_queue *queue = &mock->queues[index];
	volatile struct used_element *element = used_at(queue, queue->used_idx);

	element->id = id;
	element->bytes = written;
	queue->used_idx++;
	queue->pushed++;
	mock_set_used_index(mock, index, queue->used_idx);
}

void mock_push(struct mock *mock, unsigned index, const struct mock_chain *chain,
	       uint32_t written)
{
	struct mock_queue *queue = &mock->queues[index];

	if (!queue->out[chain->head] || written > chain->writable)
		abort(); /* a mistake of the test */
	queue->out[chain->head] = false;
	mock_push_raw(mock, index, chain->head, written);
}

void mock_interrupt_always(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];

	queue->told_used = queue->used_idx;
	queue->interrupts++;
	mock->counts.interrupts++;
	mock->isr |= 1;
	mock_raise_queue(mock, index);
}

void mock_interrupt(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];
	uint16_t now = queue->used_idx, before = queue->told_used;

	if (!queue->enabled || now == before)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	queue->told_used = now;
	if (mock_has(mock, VIRTIO_F_EVENT_IDX)) {
		uint16_t event = *word(queue->avail + 4 + 2ull * queue->size);

		if ((uint16_t)(now - event - 1) >= (uint16_t)(now - before))
			return;
	} else if (*word(queue->avail) & 1) {
		return;
	}
	mock_interrupt_always(mock, index);
}

void mock_scribble(struct mock *mock, unsigned index, unsigned seed)
{
	struct mock_queue *queue = &mock->queues[index];
	struct descriptor *table = descriptors(queue->desc);
	volatile uint16_t *available = word(queue->avail);

	if (queue->table)
		memset((void *)(uintptr_t)queue->table, (int)(seed >> 8),
		       queue->table_bytes);
	for (unsigned i = 0; i < queue->size; i++) {
		seed = seed * 1103515245 + 12345;
		table[i].address = seed;
		table[i].bytes = seed >> 3;
		table[i].flags = (uint16_t)(seed >> 16);
		table[i].next = (uint16_t)(seed >> 5);
		available[2 + i] = (uint16_t)(seed >> 7);
	}
}
