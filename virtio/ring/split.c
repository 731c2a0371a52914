/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The split virtqueue's fast path (VIRTIO 1.3 §2.7): add, kick, get, callbacks. These are
 * the public calls: another layout's queue leaves them at their first test, which a split
 * one needs anyway.
 *
 * Shared memory is only stored to, save three things the device writes: the used index,
 * used elements and the word that says whether it wants kicks. Each is loaded once and
 * checked against private state [VQ-19]. */

#include <errno.h>
#include <arch/io.h>
#include <virtio/ring/split.h>
#include <virtio/virtio.h>

/* A chain through the descriptor table. A buffer that goes into a table of its own goes
 * there by tables.c. What is in flight is noted first, and undone for a bad buffer, which
 * is rare: the device sees nothing of it before it is published. */
static __attribute__((noinline)) int add_list(struct virtqueue *vq,
					      const struct virtio_piece *pieces,
					      unsigned readable, unsigned writable,
					      void *token)
{
	unsigned count = readable + writable, head;
	const uint16_t *top = vq->ids + vq->free - 1;
	struct ring_slot *slot;

	if (unlikely(count - 1 >= vq->size || !token)) /* [VQ-05] */
		return -EINVAL;
	if (wants_table(vq, count))
		return virtqueue_split_add_table(vq, pieces, readable, writable, token);
	if (unlikely(count > vq->free)) {
		vq->counters.full++;
		return -ENOSPC;
	}
	head = *top;
	slot = &vq->slots[head];
	slot->token = token;
	slot->count = (uint16_t)count;
	vq->free -= count;
	split_avail_put(vq, head);
	if (likely(split_describe(vq, vq->desc, top, ~0u, head, slot, pieces, readable,
				  writable) != SPLIT_BAD))
		return 0;
	slot->token = NULL;
	vq->free += slot->count;
	vq->avail_index--;
	vq->counters.added--;
	return -EINVAL;
}

static inline __attribute__((always_inline)) int add(struct virtqueue *vq,
						     const struct virtio_piece *pieces,
						     unsigned readable, unsigned writable,
						     void *token)
{
	unsigned free = vq->free;
	if (readable + writable == 1 && likely(free && token && pieces->bytes)) {
		unsigned head = vq->ids[--free];
		struct ring_slot *slot = &vq->slots[head];

		slot->token = token;
		slot->shape = RING_SLOT(pieces->bytes * writable, 1, 0);
		vq->free = free;
		desc_set(&vq->desc[head], pieces->address, pieces->bytes,
			 writable * RING_DESC_WRITE, 0);
		split_avail_put(vq, head);
		return 0;
	}
	return add_list(vq, pieces, readable, writable, token);
}

int virtqueue_split_add(struct virtqueue *vq, const struct virtio_piece *pieces,
			unsigned readable, unsigned writable, void *token)
{
	return add(vq, pieces, readable, writable, token);
}

int virtqueue_add(struct virtqueue *vq, const struct virtio_piece *pieces,
		  unsigned readable, unsigned writable, void *token)
{
	if (unlikely(vq->blocked & (VIRTQUEUE_BROKEN | VIRTQUEUE_OTHER))) {
		if (vq->blocked & VIRTQUEUE_BROKEN)
			return -EIO;
		return virtqueue_other_add(vq, pieces, readable, writable, token);
	}
	return add(vq, pieces, readable, writable, token);
}

bool virtqueue_kick_prepare(struct virtqueue *vq)
{
	uint16_t now = vq->avail_index;
	uint16_t before = vq->published;
	bool wanted;

	if (unlikely(vq->blocked & (uint8_t)~VIRTQUEUE_OTHER)) {
		if (vq->blocked & (VIRTQUEUE_BROKEN | VIRTQUEUE_NOT_LIVE))
			return false;
		return virtqueue_packed_kick_prepare(vq);
	}
	if (now == before) /* [VQ-31] */
		return false;
	order_write(vq); /* §2.7.13.3.1: descriptors and heads before the index [VQ-08] */
	STORE(vq->avail->index, now);
	vq->published = now;
	order_full(
		vq); /* §2.7.13.4.1: the index before the look at what it wants [VQ-09] */
	if (vq->event_idx) {
		/* §2.7.10: does [before, now) step over the index it waits for? [VQ-11] */
		uint16_t event = *ring_avail_event(vq);

		wanted = (uint16_t)(now - event - 1) < (uint16_t)(now - before);
	} else {
		wanted = !(LOAD(vq->used->flags) & RING_USED_NO_NOTIFY); /* [VQ-10] */
	}
	if (wanted)
		vq->counters.kicks++;
	else
		vq->counters.kicks_saved++;
	return wanted;
}

/* §4.1.5.2: one write of what rings for the queue, outside the owner's lock. */
void virtqueue_notify(struct virtqueue *vq)
{
	if (unlikely(!vq->doorbell))
		vq->device->transport->notify(vq);
	else if (unlikely(vq->doorbell_mode))
		mmio_write32(vq->doorbell, virtqueue_doorbell_value(vq)); /* [VQ-25] */
	else
		mmio_write16(vq->doorbell, vq->notify_id);
}

static inline __attribute__((always_inline)) void *get(struct virtqueue *vq,
						       uint32_t *written)
{
	const struct ring_used_element *element;
	struct ring_slot *slot;
	uint32_t id, bytes;
	void *token;

	if (vq->last_used == vq->used_index) {
		enum split_look seen = split_used_look(vq);

		if (seen == SPLIT_LIES)
			return virtqueue_violation(vq, SPLIT_LIE);
		if (seen == SPLIT_NOTHING)
			return NULL;
	}
	element = &vq->used->elements[vq->last_used & vq->mask];
	id = LOAD(element->id);
	bytes = LOAD(element->bytes);
	if (unlikely(id >= vq->size)) /* [VQ-16] */
		return virtqueue_violation(vq, "used id out of range");
	slot = &vq->slots[id];
	token = slot->token;
	if (unlikely(!token)) /* [VQ-20] */
		return virtqueue_violation(vq, "used id not in flight");
	bytes = length_check(vq, bytes, slot->writable);
	if (written)
		*written = bytes;
	slot->token = NULL;
	vq->last_used++;
	vq->counters.used++;
	if (likely(slot->count == 1))
		vq->ids[vq->free++] = (uint16_t)id;
	else
		vq->free = (uint32_t)(split_free_chain(vq, vq->ids + vq->free, slot, id) -
				      vq->ids);
	return token;
}

void *virtqueue_split_get(struct virtqueue *vq, uint32_t *written)
{
	return get(vq, written);
}

void *virtqueue_get(struct virtqueue *vq, uint32_t *written)
{
	if (unlikely(vq->blocked & (VIRTQUEUE_BROKEN | VIRTQUEUE_OTHER))) {
		if (vq->blocked & VIRTQUEUE_BROKEN)
			return NULL;
		return virtqueue_other_get(vq, written);
	}
	return get(vq, written);
}

static void event_set(struct virtqueue *vq, uint16_t event)
{
	if (event == vq->used_event)
		return;
	vq->used_event = event;
	*ring_used_event(vq) = event;
}

static void flags_set(struct virtqueue *vq, uint8_t flags)
{
	if (flags == vq->event_flags)
		return;
	vq->event_flags = flags;
	STORE(vq->avail->flags, flags);
}

/* After an event's interrupt no other comes, so that nothing need be stored. */
void virtqueue_disable_cb(struct virtqueue *vq)
{
	vq->armed = false;
	if (vq->event_triggered)
		return;
	if (unlikely(vq->blocked & VIRTQUEUE_RING_PACKED))
		virtqueue_packed_disable_cb(vq);
	else if (!vq->event_idx)
		flags_set(vq, RING_AVAIL_NO_INTERRUPT);
	else
		/* §2.7.7: flags stay 0 [VQ-12]; an event just passed is as far away as can
		 * be. */
		event_set(vq, (uint16_t)(vq->last_used - 1));
}

/* Asks for an interrupt once all but a quarter of what is in flight is used, or `delayed`
 * is false, the next one is; then looks again for those that came before the device could
 * see it (§2.7.7.1) [VQ-13]. */
static inline __attribute__((always_inline)) bool arm(struct virtqueue *vq, bool delayed)
{
	uint16_t used, ahead = 0;

	if (unlikely(vq->blocked & (VIRTQUEUE_BROKEN | VIRTQUEUE_RING_PACKED))) {
		if (vq->blocked & VIRTQUEUE_BROKEN)
			return true;
		return virtqueue_packed_enable_cb(vq, delayed);
	}
	if (delayed) /* [VQ-33] */
		ahead = (uint16_t)((uint16_t)(vq->published - vq->last_used) * 3u / 4);
	vq->event_triggered = false;
	vq->armed_at = vq->last_used;
	vq->armed = true;
	if (vq->event_idx)
		event_set(vq, (uint16_t)(vq->last_used + ahead));
	else
		flags_set(vq, 0);
	order_full(vq);
	used = LOAD(vq->used->index);
	return (uint16_t)(used - vq->last_used) <= ahead;
}

bool virtqueue_enable_cb(struct virtqueue *vq)
{
	return arm(vq, false);
}

bool virtqueue_enable_cb_delayed(struct virtqueue *vq)
{
	return arm(vq, true);
}

/* Something was used that nobody took yet. */
static bool used_seen(const struct virtqueue *vq)
{
	if (unlikely(vq->blocked & VIRTQUEUE_RING_PACKED))
		return virtqueue_packed_used(vq);
	return LOAD(vq->used->index) != vq->last_used;
}

/* Buffers that somebody took between the device's interrupt and us still owe a callback if
 * it was asked for: it may be what arms the queue again. Others are spurious: a shared
 * vector, or nobody asked [VQ-14]. */
bool virtqueue_interrupt(struct virtqueue *vq)
{
	if (vq->blocked & (VIRTQUEUE_BROKEN | VIRTQUEUE_NOT_LIVE) || !vq->callback)
		return false;
	if (!used_seen(vq) && (!vq->armed || vq->last_used == vq->armed_at))
		return false;
	vq->event_triggered = vq->event_idx;
	vq->counters.interrupts++;
	vq->callback(vq);
	return true;
}
