/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <stdlib.h>
#include <virtio/ring/access.h>
#include "reference.h"

#define MASK (REFERENCE_SIZE - 1)
#define BOTH (PACKED_DESC_AVAIL | PACKED_DESC_USED)

void reference_init(struct reference *vq, enum virtqueue_layout layout, void *desc,
		    void *driver, void *device)
{
	*vq = (struct reference){
		.desc = desc,
		.avail = driver,
		.used = device,
		.free = REFERENCE_SIZE,
		.last = REFERENCE_SIZE,
		.wrap = UINT64_C(1) * PACKED_DESC_AVAIL << 48,
		.taken = BOTH,
	};
	for (unsigned i = 0; i < REFERENCE_SIZE; i++) {
		vq->ids[i] = (uint16_t)i;
		if (layout == VIRTQUEUE_SPLIT_IN_ORDER)
			vq->avail->heads[i] = (uint16_t)i;
	}
}

static inline void describe(struct reference *vq, unsigned at,
			    const struct virtio_piece *piece)
{
	STORE(vq->desc[at].address, piece->address);
	STORE(vq->desc[at].rest, RING_DESC_REST(piece->bytes, RING_DESC_WRITE, 0));
}

/* Of the buffer that the device says it used. */
static inline bool take(struct reference *vq, unsigned id, uint32_t bytes, void *token)
{
	if (unlikely(id >= REFERENCE_SIZE || !vq->slots[id].token ||
		     bytes > vq->slots[id].bytes || vq->slots[id].token != token))
		return false;
	vq->slots[id].token = NULL;
	return true;
}

static inline bool publish_split(struct reference *vq)
{
	barrier_write();
	STORE(vq->avail->index, vq->added);
	if (!vq->fence)
		return false;
	barrier_full();
	return !(LOAD(vq->used->flags) & RING_USED_NO_NOTIFY);
}

bool reference_split_submit(void *ring, unsigned batch)
{
	struct reference *vq = ring;
	const struct virtio_piece *pieces = vq->pieces;
	void *token = vq->token;

	for (unsigned i = 0; i < batch; i++) {
		unsigned id;

		if (unlikely(!vq->free || !pieces[i].bytes))
			abort();
		id = vq->ids[--vq->free];
		describe(vq, id, &pieces[i]);
		vq->slots[id].token = token;
		vq->slots[id].bytes = pieces[i].bytes;
		STORE(vq->avail->heads[vq->added++ & MASK], (uint16_t)id);
	}
	return publish_split(vq);
}

void reference_split_complete(void *ring, unsigned batch)
{
	struct reference *vq = ring;
	void *token = vq->token;

	for (unsigned i = 0; i < batch; i++) {
		struct ring_used_element *element = &vq->used->elements[vq->at & MASK];
		uint32_t id;

		if ((uint16_t)vq->at == vq->used_index) {
			vq->used_index = LOAD(vq->used->index);
			if ((uint16_t)(vq->used_index - vq->at) >
			    REFERENCE_SIZE - vq->free)
				abort();
			barrier_read();
		}
		id = LOAD(element->id);
		if (!take(vq, id, LOAD(element->bytes), token))
			abort();
		vq->ids[vq->free++] = (uint16_t)id;
		vq->at++;
	}
}

bool reference_split_in_order_submit(void *ring, unsigned batch)
{
	struct reference *vq = ring;
	const struct virtio_piece *pieces = vq->pieces;
	void *token = vq->token;

	for (unsigned i = 0; i < batch; i++) {
		unsigned id = vq->added & MASK;

		if (unlikely(!vq->free || !pieces[i].bytes))
			abort();
		vq->free--;
		describe(vq, id, &pieces[i]);
		vq->slots[id].token = token;
		vq->slots[id].bytes = pieces[i].bytes;
		vq->added++;
	}
	return publish_split(vq);
}

void reference_split_in_order_complete(void *ring, unsigned batch)
{
	struct reference *vq = ring;
	void *token = vq->token;

	for (unsigned i = 0; i < batch; i++) {
		unsigned id = vq->at & MASK;

		if (vq->last == REFERENCE_SIZE) {
			uint16_t index = LOAD(vq->used->index);

			barrier_read();
			vq->last = LOAD(vq->used->elements[id].id);
			vq->last_bytes = LOAD(vq->used->elements[id].bytes);
			if (vq->last >= REFERENCE_SIZE ||
			    (uint16_t)(index - vq->at) > REFERENCE_SIZE - vq->free ||
			    ((vq->last - vq->at) & MASK) >= (uint16_t)(index - vq->at))
				abort();
		}
		if (unlikely(id == vq->last)) {
			if (!take(vq, id, vq->last_bytes, token))
				abort();
			vq->last = REFERENCE_SIZE;
		} else if (!take(vq, id, vq->slots[id].bytes, token)) {
			abort();
		}
		vq->free++;
		vq->at++;
	}
}

/* The first descriptor's flags last. */
static inline bool publish_packed(struct reference *vq, uint64_t first)
{
	barrier_write();
	STORE(vq->ring[vq->published].rest, first);
	vq->published = vq->next;
	if (!vq->fence)
		return false;
	barrier_full();
	return (LOAD(*(uint32_t *)vq->device_event) >> 16 & 3) != PACKED_EVENT_DISABLE;
}

static inline __attribute__((always_inline)) bool
packed_submit(struct reference *vq, unsigned batch, bool in_order)
{
	const struct virtio_piece *pieces = vq->pieces;
	void *token = vq->token;
	uint64_t first = 0;

	for (unsigned i = 0; i < batch; i++) {
		unsigned at = vq->next, id;
		uint64_t rest;

		if (unlikely(!vq->free || !pieces[i].bytes))
			abort();
		vq->free--;
		id = in_order ? at : vq->ids[vq->free];
		vq->slots[id].token = token;
		vq->slots[id].bytes = pieces[i].bytes;
		rest = PACKED_DESC_REST(pieces[i].bytes, id, RING_DESC_WRITE) | vq->wrap;
		STORE(vq->ring[at].address, pieces[i].address);
		if (i)
			STORE(vq->ring[at].rest, rest);
		else
			first = rest;
		if (unlikely(++vq->next == REFERENCE_SIZE)) {
			vq->next = 0;
			vq->wrap ^= UINT64_C(1) * BOTH << 48;
		}
	}
	return publish_packed(vq, first);
}

bool reference_packed_submit(void *ring, unsigned batch)
{
	return packed_submit(ring, batch, false);
}

bool reference_packed_in_order_submit(void *ring, unsigned batch)
{
	return packed_submit(ring, batch, true);
}

static inline void packed_step(struct reference *vq)
{
	vq->free++;
	if (unlikely(++vq->at == REFERENCE_SIZE)) {
		vq->at = 0;
		vq->taken ^= BOTH;
	}
}

void reference_packed_complete(void *ring, unsigned batch)
{
	struct reference *vq = ring;
	void *token = vq->token;

	for (unsigned i = 0; i < batch; i++) {
		struct packed_desc *desc = &vq->ring[vq->at];
		uint16_t id;

		if ((LOAD(desc->flags) & BOTH) != vq->taken)
			abort();
		barrier_read();
		id = LOAD(desc->id);
		if (!take(vq, id, LOAD(desc->bytes), token))
			abort();
		vq->ids[vq->free] = id;
		packed_step(vq);
	}
}

void reference_packed_in_order_complete(void *ring, unsigned batch)
{
	struct reference *vq = ring;
	void *token = vq->token;

	for (unsigned i = 0; i < batch; i++) {
		unsigned id = vq->at;

		if (vq->last == REFERENCE_SIZE) {
			struct packed_desc *desc = &vq->ring[id];

			if ((LOAD(desc->flags) & BOTH) != vq->taken)
				abort();
			barrier_read();
			vq->last = LOAD(desc->id);
			vq->last_bytes = LOAD(desc->bytes);
			if (vq->last >= REFERENCE_SIZE ||
			    ((vq->last - id) & MASK) >= REFERENCE_SIZE - vq->free)
				abort();
		}
		if (unlikely(id == vq->last)) {
			if (!take(vq, id, vq->last_bytes, token))
				abort();
			vq->last = REFERENCE_SIZE;
		} else if (!take(vq, id, vq->slots[id].bytes, token)) {
			abort();
		}
		packed_step(vq);
	}
}
