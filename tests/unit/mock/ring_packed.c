/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The device's side of a packed ring (VIRTIO 1.3 §2.8). */

#include <stdlib.h>
#include <string.h>
#include "mock/mock.h"
#include "mock/ring.h"

#define AVAIL 0x80
#define USED  0x8000

enum { EVENT_ENABLE, EVENT_DISABLE, EVENT_DESC };

static uint64_t slot_at(const struct mock_queue *queue, unsigned slot)
{
	return queue->desc + 16ull * slot;
}

static void step(const struct mock_queue *queue, struct mock_place *place)
{
	if (++place->slot == queue->size)
		*place = (struct mock_place){ 0, !place->wrap };
}

static uint16_t flags_at(struct mock_queue *queue, struct mock_place place)
{
	return mock_load16(queue, slot_at(queue, place.slot) + 14);
}

/* §2.8.1: AVAIL is the driver's wrap counter, USED its opposite. */
static bool is_available(uint16_t flags, struct mock_place place)
{
	return !!(flags & AVAIL) == place.wrap && !!(flags & USED) != place.wrap;
}

/* §2.8.6: the first descriptor of a list is made available last, so that the others can
 * be relied on as soon as it is seen. */
unsigned mock_packed_available(struct mock *mock, unsigned index)
{
	struct mock_queue *queue = &mock->queues[index];

	while (queue->scan_total - queue->used_total < queue->size) {
		struct mock_place place = queue->scan;
		uint16_t flags = flags_at(queue, place);
		unsigned slots = 0;

		if (!is_available(flags, place))
			break;
		for (;;) {
			step(queue, &place);
			slots++;
			if (!(flags & MOCK_NEXT))
				break;
			if (slots == queue->size) {
				mock_violation(mock, "a list longer than the queue");
				return queue->lists;
			}
			flags = flags_at(queue, place);
			if (!is_available(flags, place)) {
				mock_violation(
					mock,
					"slot %u is not available, though the list it belongs to was exposed",
					place.slot);
				return queue->lists;
			}
		}
		queue->scan = place;
		queue->scan_total += slots;
		queue->lists++;
		queue->news = true;
	}
	return queue->lists;
}

/* The entries of a table follow each other and have no flag but WRITE (§2.8.7). */
static void walk_table(struct mock *mock, struct mock_queue *queue,
		       const struct mock_descriptor *first, struct mock_chain *chain)
{
	for (unsigned i = 0; i < first->bytes / 16 && i < MOCK_PIECES_MAX; i++) {
		struct mock_descriptor each;

		mock_load_descriptor(queue, first->address + 16ull * i, &each);
		each.flags = each.next;
		if (each.flags & ~MOCK_WRITE)
			mock_violation(mock, "flags %#x within a table", each.flags);
		mock_take_piece(mock, chain, &each);
	}
}

/* Reads the slot at `take`, notes what it holds, goes on to the next. */
static void take_slot(struct mock *mock, struct mock_queue *queue,
		      struct mock_descriptor *out, uint16_t *id)
{
	struct mock_slot *slot = &queue->slots[queue->take.slot];

	mock_load_descriptor(queue, slot_at(queue, queue->take.slot), out);
	slot->content = *out;
	slot->ours = true;
	*id = out->flags;
	if (!is_available(out->next, queue->take))
		mock_violation(mock, "slot %u is not available any more",
			       queue->take.slot);
	out->flags = out->next & (uint16_t) ~(AVAIL | USED);
	if (out->flags & ~(MOCK_NEXT | MOCK_WRITE | MOCK_INDIRECT))
		mock_violation(mock, "unknown descriptor flags %#x", out->flags);
	step(queue, &queue->take);
}

bool mock_packed_take(struct mock *mock, unsigned index, struct mock_chain *chain)
{
	struct mock_queue *queue = &mock->queues[index];
	struct mock_descriptor each;

	queue->lists--;
	do {
		take_slot(mock, queue, &each, &chain->head);
		chain->descriptors++;
		if (!(each.flags & MOCK_INDIRECT)) {
			if (chain->count == MOCK_PIECES_MAX)
				return false;
			mock_take_piece(mock, chain, &each);
		} else if (chain->descriptors > 1) {
			mock_violation(mock, "INDIRECT in a list");
			return false;
		} else if (mock_take_table(mock, queue, chain, &each)) {
			walk_table(mock, queue, &each, chain);
		}
		if (chain->descriptors > queue->size) /* changed since it was scanned */
			return false;
	} while (each.flags & MOCK_NEXT);
	return mock_take_head(mock, queue, chain);
}

/* §2.8.10: offset and wrap counter before the flags that make them count. */
void mock_packed_ask(struct mock *mock, struct mock_queue *queue)
{
	if (mock_has(mock, VIRTIO_F_EVENT_IDX)) {
		mock_store16(queue, queue->used,
			     (uint16_t)(queue->take.slot | queue->take.wrap << 15));
		mock_store16(queue, queue->used + 2, EVENT_DESC);
	} else {
		mock_store16(queue, queue->used + 2,
			     mock->no_notify ? EVENT_DISABLE : EVENT_ENABLE);
	}
}

/* §2.8.16: what was made available stays as it is until it is used. */
static void check_untouched(struct mock *mock, struct mock_queue *queue, unsigned at)
{
	struct mock_slot *slot = &queue->slots[at];
	struct mock_descriptor now;

	if (!slot->ours)
		return;
	memcpy(&now, (const void *)(uintptr_t)slot_at(queue, at), sizeof(now));
	if (memcmp(&now, &slot->content, sizeof(now)))
		mock_violation(mock, "slot %u was changed before it was used", at);
	slot->ours = false;
}

/* One used descriptor; the device skips the other slots that it stands for. */
void mock_packed_give(struct mock *mock, struct mock_queue *queue, uint32_t id,
		      uint32_t written, unsigned count)
{
	struct mock_place place = queue->give;
	uint64_t at = slot_at(queue, place.slot);
	uint16_t flags = place.wrap ? AVAIL | USED : 0;

	for (unsigned i = 0; i < count; i++) {
		check_untouched(mock, queue, queue->give.slot);
		step(queue, &queue->give);
	}
	if (written && !mock->no_write_flag)
		flags |= MOCK_WRITE;
	mock_store32(queue, at + 8, written);
	mock_store16(queue, at + 12, (uint16_t)id);
	mock_store16(queue, at + 14, flags);
}

/* §2.8.10: the driver's structure, in one load. Places are counted from the ring's start
 * on, as if it never wrapped. */
bool mock_packed_wants(struct mock *mock, struct mock_queue *queue)
{
	uint32_t event = mock_load32(queue, queue->avail);
	unsigned offset = event & 0x7fff, flags = event >> 16 & 3;
	bool wrap = event >> 15 & 1;
	int64_t place;

	if (event >> 18)
		mock_violation(mock, "reserved bits of the event flags: %#x",
			       event >> 16);
	if (flags == EVENT_DISABLE || flags == EVENT_ENABLE)
		return flags == EVENT_ENABLE;
	if (flags != EVENT_DESC || !mock_has(mock, VIRTIO_F_EVENT_IDX))
		mock_violation(mock, "event flags %u", flags);
	if (offset >= queue->size)
		mock_violation(mock, "event offset %u beyond the ring", offset);
	place = (int64_t)queue->used_total - queue->give.slot + offset;
	if (wrap != queue->give.wrap)
		place -= queue->size;
	return place >= (int64_t)queue->told_total && place < (int64_t)queue->used_total;
}

/* All but the bits that would say "used". */
void mock_packed_scribble(struct mock_queue *queue, unsigned seed)
{
	for (unsigned i = 0; i < queue->size; i++) {
		struct mock_descriptor *each = (void *)(uintptr_t)slot_at(queue, i);

		if (!queue->slots[i].ours)
			continue;
		seed = seed * 1103515245 + 12345;
		each->address = seed;
		each->bytes = seed >> 3;
		each->flags = (uint16_t)(seed >> 5);
		each->next = (uint16_t)((each->next & (AVAIL | USED)) |
					(seed >> 16 & (uint16_t) ~(AVAIL | USED)));
		queue->slots[i].ours = false;
	}
}
