/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the two orders of the split virtqueue share (VIRTIO 1.3 §2.7): how a buffer
 * is described, and the look at the used index. */

#ifndef VIRTIO_RING_SPLIT_H
#define VIRTIO_RING_SPLIT_H

#include <virtio/ring/access.h>

/* Two whole stores: a descriptor is never read, so never modified in part. */
static inline void desc_set(struct ring_desc *desc, uint64_t address, uint32_t bytes,
			    unsigned flags, unsigned next)
{
	desc->address = address;
	desc->rest = RING_DESC_REST(bytes, flags, next);
}

/* A buffer that no chain may be: an empty piece, or more than 4 GiB [VQ-04]. */
#define SPLIT_BAD (~0u)

/* Describes a list of pieces, first what is to be read [VQ-03], in descriptors from `at` on:
 * the next ones down the stack of free ones, or, without one, each in the next, within
 * `mask`. Takes nothing from that stack, so that a bad buffer leaves no trace. The
 * descriptor past the last, or SPLIT_BAD. */
static inline __attribute__((always_inline)) unsigned
split_describe(struct virtqueue *vq, struct ring_desc *desc, const uint16_t *free,
	       unsigned mask, unsigned at, struct ring_slot *slot,
	       const struct virtio_piece *piece, unsigned readable, unsigned writable)
{
	const struct virtio_piece *first_written = piece + readable;
	const struct virtio_piece *last = first_written + writable - 1;
	uint64_t flags = RING_DESC_REST(0, RING_DESC_NEXT, 0), sum = 0, read = 0;
	uint32_t bytes;

	for (;; piece++) {
		unsigned next;

		if (unlikely(piece == first_written)) {
			flags |= RING_DESC_REST(0, RING_DESC_WRITE, 0);
			read = sum;
		}
		bytes = piece->bytes;
		if (unlikely(!bytes))
			return SPLIT_BAD;
		sum += bytes;
		if (piece == last)
			break;
		next = free ? *--free : (at + 1) & mask;
		desc[at].address = piece->address;
		desc[at].rest = RING_DESC_REST(bytes, 0, next) | flags;
		if (free)
			vq->slots[at].next = (uint16_t)next;
		at = next;
	}
	desc[at].address = piece->address;
	desc[at].rest = bytes | (flags & ~RING_DESC_REST(0, RING_DESC_NEXT, 0));
	slot->writable = writable ? (uint32_t)(sum - read) : 0;
	return likely(sum <= UINT32_MAX) ? (at + 1) & mask : SPLIT_BAD;
}

/* Puts a head into the available ring; the device sees it at the next publication. */
static inline __attribute__((always_inline)) void split_avail_put(struct virtqueue *vq,
								  unsigned head)
{
	vq->avail->heads[vq->avail_index & vq->mask] = (uint16_t)head;
	vq->avail_index++;
	vq->counters.added++;
}

/* A chain goes onto the stack of free descriptors so that it comes off it in the same order;
 * the new top. */
static inline __attribute__((always_inline)) uint16_t *
split_free_chain(struct virtqueue *vq, uint16_t *top, const struct ring_slot *slot,
		 unsigned head)
{
	uint16_t *at = top + slot->count;

	for (;; head = vq->slots[head].next) {
		*--at = (uint16_t)head;
		if (at == top)
			return top + slot->count;
	}
}

/* Looks how far the device is, at most once a burst [VQ-18]. */
enum split_look { SPLIT_NOTHING, SPLIT_NEW, SPLIT_LIES };
#define SPLIT_LIE "used index beyond what is in flight"

static inline __attribute__((always_inline)) enum split_look
split_used_look(struct virtqueue *vq)
{
	uint16_t index = LOAD(vq->used->index);

	if (index == vq->last_used)
		return SPLIT_NOTHING;
	if (unlikely((uint16_t)(index - vq->last_used) >
		     (uint16_t)(vq->published - vq->last_used)))
		return SPLIT_LIES;
	order_read(vq); /* §2.7.14: the index before the elements it covers */
	vq->used_index = index;
	return SPLIT_NEW;
}

/* Describes a buffer in the indirect table of that descriptor, and the descriptor; false: a
 * bad one. */
bool split_describe_table(struct virtqueue *vq, unsigned head,
			  const struct virtio_piece *pieces, unsigned readable,
			  unsigned writable);

#endif
