/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The device's side of a ring, which believes nothing: what both layouts share. */

#include <stdlib.h>
#include <string.h>
#include <arch/barrier.h>
#include "host/host.h"
#include "mock/chaos.h"
#include "mock/mock.h"
#include "mock/ring.h"
#include "mock/thread.h"

static void count_read(struct mock_queue *queue, uint64_t address)
{
	queue->reads++;
	queue->lines_read += address / 64 != queue->read_line;
	queue->read_line = address / 64;
}

static void count_write(struct mock_queue *queue, uint64_t address)
{
	queue->writes++;
	queue->lines_written += address / 64 != queue->write_line;
	queue->write_line = address / 64;
}

uint16_t mock_load16(struct mock_queue *queue, uint64_t address)
{
	uint16_t value = *(volatile uint16_t *)(uintptr_t)address;

	barrier_read();
	count_read(queue, address);
	return value;
}

uint32_t mock_load32(struct mock_queue *queue, uint64_t address)
{
	uint32_t value = *(volatile uint32_t *)(uintptr_t)address;

	barrier_read();
	count_read(queue, address);
	return value;
}

/* What an index or a flag covers is read plainly: the driver must not touch it. */
void mock_load_descriptor(struct mock_queue *queue, uint64_t address,
			  struct mock_descriptor *out)
{
	count_read(queue, address);
	memcpy(out, (const void *)(uintptr_t)address, sizeof(*out));
}

void mock_store16(struct mock_queue *queue, uint64_t address, uint16_t value)
{
	barrier_write();
	count_write(queue, address);
	*(volatile uint16_t *)(uintptr_t)address = value;
}

void mock_store32(struct mock_queue *queue, uint64_t address, uint32_t value)
{
	barrier_write();
	count_write(queue, address);
	*(volatile uint32_t *)(uintptr_t)address = value;
}

unsigned mock_available(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];

	if (!mock_queue_usable(mock, index))
		return 0;
	if (mock->chaos)
		mock_chaos_undo(mock);
	return queue->packed ? mock_packed_available(mock, index)
			     : mock_split_available(mock, index);
}

bool mock_ring_news(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];
	bool any = mock_available(mock, index) || mock->thread;
	bool news = queue->packed ? queue->news : queue->last_idx != queue->kick_idx;

	queue->news = false;
	queue->kick_idx = queue->last_idx;
	return any && news;
}

uint16_t mock_ring_position(struct mock *mock, struct mock_queue *queue)
{
	(void)mock;
	if (!queue->packed)
		return queue->last_idx;
	return (uint16_t)(queue->scan.slot | queue->scan.wrap << 15);
}

void mock_take_piece(struct mock *mock, struct mock_chain *chain,
		     const struct mock_descriptor *descriptor)
{
	bool writable = descriptor->flags & MOCK_WRITE;

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

bool mock_take_table(struct mock *mock, struct mock_queue *queue,
		     struct mock_chain *chain, const struct mock_descriptor *first)
{
	if (!mock_has(mock, VIRTIO_F_INDIRECT_DESC))
		mock_violation(mock, "INDIRECT was not negotiated");
	if (first->flags != MOCK_INDIRECT)
		mock_violation(mock, "flags %#x beside INDIRECT", first->flags);
	if (first->address == 0 || first->bytes == 0 || first->bytes % 16) {
		mock_violation(mock, "an indirect table of %u bytes", first->bytes);
		return false;
	}
	if (first->bytes / 16 > queue->size)
		mock_violation(mock, "an indirect table longer than the queue");
	chain->indirect = true;
	chain->descriptors = 1;
	queue->indirect++;
	queue->table = first->address;
	queue->table_bytes = first->bytes;
	return true;
}

bool mock_take_head(struct mock *mock, struct mock_queue *queue, struct mock_chain *chain)
{
	if (chain->head >= queue->size) {
		mock_violation(mock, "head or id %u beyond the queue", chain->head);
		return false;
	}
	if (queue->out[chain->head]) {
		mock_violation(mock, "head or id %u is ours already", chain->head);
		return false;
	}
	queue->out[chain->head] = true;
	queue->popped++;
	return true;
}

static void ask_for_kicks(struct mock *mock, struct mock_queue *queue)
{
	if (queue->packed)
		mock_packed_ask(mock, queue);
	else
		mock_split_ask(mock, queue);
}

static void drop_oldest(struct mock_queue *queue)
{
	queue->order_first = (queue->order_first + 1) % queue->size;
	queue->order_count--;
}

bool mock_pop(struct mock *mock, unsigned index, struct mock_chain *chain)
{
	struct mock_queue *queue = &mock->queues[index];

	if (!mock_queue_usable(mock, index))
		return false;
	if (mock_available(mock, index) == 0) {
		ask_for_kicks(mock, queue);
		barrier_full();
		if (mock_available(mock, index) == 0)
			return false;
	}
	memset(chain, 0, offsetof(struct mock_chain, pieces));
	if (!(queue->packed ? mock_packed_take(mock, index, chain)
			    : mock_split_take(mock, index, chain)))
		return false;
	ask_for_kicks(mock, queue);
	queue->held[chain->head] = (struct mock_held){
		.writable = chain->writable,
		.slots = (uint16_t)chain->descriptors,
	};
	if (!queue->in_order)
		return true;
	if (queue->order_count == queue->size) /* with lies alone */
		drop_oldest(queue);
	queue->order[(queue->order_first + queue->order_count++) % queue->size] =
		chain->head;
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

/* One used entry that stands for `buffers` buffers and `slots` slots. */
static void give(struct mock *mock, struct mock_queue *queue, uint32_t id,
		 uint32_t written, unsigned buffers, unsigned slots)
{
	if (mock->chaos)
		mock_chaos_used(mock, queue, &id, &written);
	if (queue->packed)
		mock_packed_give(mock, queue, id, written, slots);
	else
		mock_split_give(queue, id, written, buffers);
	queue->used_total += queue->packed ? slots : buffers;
	queue->used_ns = mock_ns(mock);
	queue->used_written++;
	queue->pushed += buffers;
}

static struct mock_held *oldest(struct mock_queue *queue, uint16_t *id)
{
	*id = queue->order[queue->order_first];
	return &queue->held[*id];
}

/* §2.7.9, §2.8.8: in order, what is done. A buffer may be left out of the used entries
 * only if it was used completely, and another follows it. */
static void give_in_order(struct mock *mock, struct mock_queue *queue, bool batch)
{
	unsigned buffers = 0, slots = 0;

	while (queue->order_count) {
		uint16_t id, next;
		struct mock_held *held = oldest(queue, &id);

		if (!held->done)
			return;
		drop_oldest(queue);
		buffers++;
		slots += held->slots;
		if (batch && held->written == held->writable && queue->order_count &&
		    oldest(queue, &next)->done)
			continue;
		give(mock, queue, id, held->written, buffers, slots);
		buffers = slots = 0;
	}
}

void mock_flush(struct mock *mock, unsigned index)
{
	if (mock_queue_usable(mock, index) && mock->queues[index].in_order)
		give_in_order(mock, &mock->queues[index], mock->batch);
}

void mock_push_raw(struct mock *mock, unsigned index, uint32_t id, uint32_t written)
{
	struct mock_queue *queue = &mock->queues[index];
	unsigned slots = 1;

	if (!mock_queue_usable(mock, index))
		return;
	if (id < queue->size && queue->held[id].slots)
		slots = queue->held[id].slots;
	/* Whatever was said of its order is moot now. */
	if (queue->order_count && queue->order[queue->order_first] == id)
		drop_oldest(queue);
	give(mock, queue, id, written, 1, slots);
}

void mock_push(struct mock *mock, unsigned index, const struct mock_chain *chain,
	       uint32_t written)
{
	struct mock_queue *queue = &mock->queues[index];

	if (!mock_queue_usable(mock, index))
		return; /* it was reset meanwhile */
	if (!queue->out[chain->head] || written > chain->writable)
		abort(); /* a mistake of the test */
	queue->out[chain->head] = false;
	if (!queue->in_order) {
		give(mock, queue, chain->head, written, 1, chain->descriptors);
		return;
	}
	queue->held[chain->head].done = true;
	queue->held[chain->head].written = written;
	if (!mock->batch)
		give_in_order(mock, queue, false);
}

void mock_interrupt_always(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];

	queue->told_total = queue->used_total;
	queue->interrupts++;
	mock->counts.interrupts++;
	mock->isr |= 1;
	if (mock->thread)
		mock_thread_post(mock, index);
	else
		mock_raise_queue(mock, index);
}

void mock_interrupt(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];
	bool wanted;

	mock_flush(mock, index);
	if (!mock_queue_usable(mock, index) || queue->used_total == queue->told_total)
		return;
	barrier_full();
	wanted = queue->packed ? mock_packed_wants(mock, queue)
			       : mock_split_wants(mock, queue);
	queue->told_total = queue->used_total;
	if (wanted)
		mock_interrupt_always(mock, index);
}

void mock_scribble(struct mock *mock, unsigned index, unsigned seed)
{
	struct mock_queue *queue = &mock->queues[index];

	if (!mock_queue_usable(mock, index))
		return;
	if (queue->table)
		memset((void *)(uintptr_t)queue->table, (int)(seed >> 8),
		       queue->table_bytes);
	if (queue->packed)
		mock_packed_scribble(queue, seed);
	else
		mock_split_scribble(queue, seed);
}
