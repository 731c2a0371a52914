/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the two orders of the packed virtqueue share (VIRTIO 1.3 §2.8): positions, and how
 * a buffer is described.
 *
 * The device writes the ring too, so nothing of it is state: what is made available comes
 * from private memory, and of a descriptor that is marked used only flags, id and bytes are
 * read, once [PQ-18]. */

#ifndef VIRTIO_RING_PACKED_H
#define VIRTIO_RING_PACKED_H

#include <errno.h>
#include <virtio/ring/access.h>

static inline unsigned packed_offset(unsigned position)
{
	return position & (PACKED_WRAP - 1);
}

/* The wrap counter flips when the last slot is passed, in the middle of a chain too
 * [PQ-02]. Sizes need not be powers of two. */
static inline uint16_t packed_after(const struct virtqueue *vq, uint16_t position,
				    unsigned count)
{
	unsigned offset = packed_offset(position) + count, wrap = position & PACKED_WRAP;

	if (unlikely(offset >= vq->size)) {
		offset -= vq->size;
		wrap ^= PACKED_WRAP;
	}
	return (uint16_t)(offset | wrap);
}

/* Available: AVAIL as the wrap counter, USED not [PQ-03]. Both flip with it. */
#define PACKED_FIRST_LAP (UINT64_C(1) * PACKED_DESC_AVAIL << 48)
#define PACKED_FLIP	 (UINT64_C(1) * (PACKED_DESC_AVAIL | PACKED_DESC_USED) << 48)

#define PACKED_BOTH (PACKED_DESC_AVAIL | PACKED_DESC_USED)

/* Used: both as the wrap counter. */
static inline bool packed_is_used(unsigned flags, unsigned position)
{
	return !((flags ^ -(position >> 15)) & PACKED_BOTH);
}

/* Descriptors that were added and not published. */
static inline unsigned packed_pending(const struct virtqueue *vq)
{
	bool lapped = !(vq->wrap_bits & PACKED_FIRST_LAP) !=
		      !(vq->published & PACKED_WRAP);

	return vq->next_free - vq->held_at + (lapped ? vq->size : 0);
}

/* Those that were published and did not come back, while so many are free. */
static inline unsigned packed_in_flight(const struct virtqueue *vq, unsigned free)
{
	return vq->size - free - packed_pending(vq);
}

/* One descriptor, in whole stores: a buffer of one piece costs one line written
 * [PQ-21]. A device looks no further than the first descriptor that is not available:
 * that of all that were added since the last publication is held back, so that each
 * costs no barrier (§2.8.21.1). */
static inline void packed_put(struct virtqueue *vq, uint64_t address, uint32_t bytes,
			      unsigned id, unsigned flags)
{
	unsigned offset = vq->next_free;
	struct packed_desc *desc = &vq->ring[offset];
	uint64_t rest = PACKED_DESC_REST(bytes, id, flags) | vq->wrap_bits;

	desc->address = address;
	if (likely(offset != vq->held_at))
		desc->rest = rest;
	else
		vq->held_rest = rest;
	if (unlikely(++offset == vq->size)) {
		offset = 0;
		vq->wrap_bits ^= PACKED_FLIP;
	}
	vq->next_free = offset;
}

/* Whether the pieces make a buffer, and how much of it the device may write. */
static inline bool packed_measure(const struct virtio_piece *pieces, unsigned readable,
				  unsigned writable, struct ring_slot *slot)
{
	uint64_t read = 0, written = 0;

	for (unsigned i = 0; i < readable + writable; i++) {
		if (!pieces[i].bytes)
			return false;
		if (i < readable)
			read += pieces[i].bytes;
		else
			written += pieces[i].bytes;
	}
	slot->writable = (uint32_t)written;
	return read + written <= UINT32_MAX;
}

/* The table of one descriptor: its entries have no flag but WRITE [PQ-07]. */
static inline uint64_t packed_table(struct virtqueue *vq, unsigned id,
				    const struct virtio_piece *pieces, unsigned readable,
				    unsigned count)
{
	size_t first = (size_t)id * vq->table_pieces;
	struct ring_desc *entry = vq->tables + first;

	for (unsigned i = 0; i < count; i++, entry++) {
		entry->address = pieces[i].address;
		entry->rest = PACKED_DESC_REST(pieces[i].bytes, 0,
					       i < readable ? 0 : RING_DESC_WRITE);
	}
	return vq->tables_phys + first * sizeof(*entry);
}

/* Buffers of one piece, under ids off the stack or, in order, their offsets. */
static inline __attribute__((always_inline)) unsigned
packed_fill(struct virtqueue *vq, const struct virtqueue_buffer *buffers, unsigned count,
	    bool in_order)
{
	const struct virtqueue_buffer *buffer = buffers, *end;
	unsigned at = vq->next_free, size = vq->size, held_at = vq->held_at;
	const uint16_t *top = vq->ids + vq->free;
	uint64_t wrap_bits = vq->wrap_bits;
	struct ring_slot *slots = vq->slots;
	struct packed_desc *ring = vq->ring;

	if (count > vq->free)
		count = vq->free;
	for (end = buffer + count; buffer < end; buffer++) {
		uint32_t bytes = buffer->piece.bytes;
		void *token = buffer->token;
		unsigned id = at;
		uint64_t rest;

		if (unlikely(!token || !bytes))
			break;
		if (!in_order)
			id = *--top;
		slots[id].token = token;
		slots[id].shape = RING_SLOT(bytes, 1, 0);
		rest = PACKED_DESC_REST(bytes, id, RING_DESC_WRITE) | wrap_bits;
		ring[at].address = buffer->piece.address;
		if (likely(at != held_at))
			ring[at].rest = rest;
		else
			vq->held_rest = rest;
		if (unlikely(++at == size)) {
			at = 0;
			wrap_bits ^= PACKED_FLIP;
		}
	}
	count = (unsigned)(buffer - buffers);
	vq->free -= count;
	vq->next_free = at;
	vq->wrap_bits = wrap_bits;
	vq->counters.added += count;
	return count;
}

/* A buffer of several pieces, under that id. Nothing is written before it is known to be
 * good and that there is room for all of it: slots whose buffers came back [PQ-05] [PQ-06]. */
static inline __attribute__((always_inline)) int
packed_add_list(struct virtqueue *vq, const struct virtio_piece *pieces,
		unsigned readable, unsigned writable, void *token, unsigned id)
{
	unsigned count = readable + writable;
	struct ring_slot *slot;
	bool table;

	if (count == 0 || count > vq->size || !token)
		return -EINVAL;
	table = wants_table(vq, count);
	if (!table && count > vq->free) {
		vq->counters.full++;
		return -ENOSPC;
	}
	slot = &vq->slots[id];
	if (!packed_measure(pieces, readable, writable, slot))
		return -EINVAL;
	slot->token = token;
	if (table) {
		packed_put(vq, packed_table(vq, id, pieces, readable, count),
			   count * (uint32_t)sizeof(struct packed_desc), id,
			   RING_DESC_INDIRECT);
		count = 1;
	} else {
		/* The id counts in the last descriptor alone (§2.8.6) [PQ-04]. */
		for (unsigned i = 0; i < count; i++)
			packed_put(vq, pieces[i].address, pieces[i].bytes, id,
				   (i < readable ? 0 : RING_DESC_WRITE) |
					   (i < count - 1 ? RING_DESC_NEXT : 0));
	}
	slot->count = (uint16_t)count;
	vq->free -= count;
	vq->counters.added++;
	return 0;
}

/* Where the device's next used buffer will be, in one word for those who look from elsewhere
 * [PQ-19], and in two as virtqueue_get() wants it. */
static inline void packed_next(struct virtqueue *vq, uint16_t position)
{
	STORE(vq->last_used, position);
	vq->next_used = packed_offset(position);
	vq->used_bits = position & PACKED_WRAP ? PACKED_BOTH : 0;
}

/* It goes on by the length that was noted [PQ-08]: by one, mostly, so that the next need not
 * wait for what was noted. */
static inline void packed_step(struct virtqueue *vq, unsigned at)
{
	if (likely(at + 1 != vq->size)) {
		vq->next_used = at + 1;
		STORE(vq->last_used, (uint16_t)(vq->last_used + 1));
	} else {
		packed_next(vq, (vq->last_used & PACKED_WRAP) ^ PACKED_WRAP);
	}
}

/* A used length means something only with the flag WRITE, which some devices forget; of a
 * buffer that was only read it says nothing [PQ-09]. */
static inline uint32_t packed_length(struct virtqueue *vq, uint32_t bytes, unsigned flags,
				     const struct ring_slot *slot)
{
	if (unlikely(bytes > slot->writable)) {
		if (slot->writable || flags & RING_DESC_WRITE)
			vq->counters.length_clamped++;
		return slot->writable;
	}
	return bytes;
}

#endif
