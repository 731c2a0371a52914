/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What both orders of the packed virtqueue do once a batch: publication, and the events by
 * which each side says when it wants to be told (VIRTIO 1.3 §2.8.10). */

#include <virtio/ring/packed.h>

/* Each area on a cache line of its own; a block of pages is aligned as §2.8.11 says
 * [PQ-01]. */
#define CACHE_LINE 64

void virtqueue_packed_areas(struct virtqueue *vq)
{
	size_t ring = (size_t)vq->size * sizeof(struct packed_desc);

	vq->driver_phys = (ring + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	vq->device_phys = vq->driver_phys + CACHE_LINE;
	vq->ring_bytes = vq->device_phys + sizeof(struct packed_event);
}

/* Both wrap counters begin at 1 (§2.8.1). With EVENT_IDX, the first used buffer is waited
 * for as any other: zeroes would ask for an interrupt each. */
void virtqueue_packed_start(struct virtqueue *vq)
{
	vq->avail_index = vq->published = vq->armed_at = PACKED_WRAP;
	packed_next(vq, PACKED_WRAP);
	vq->wrap_bits = PACKED_FIRST_LAP;
	if (vq->event_idx) {
		vq->used_event = vq->driver_event->position = PACKED_WRAP;
		vq->event_flags = PACKED_EVENT_DESC;
		vq->driver_event->flags = PACKED_EVENT_DESC;
	}
}

/* §2.8.10: whether the device waits for one of the `added` descriptors up to `now`. An
 * offset of the other lap is one ring behind [PQ-13]. */
static bool stepped_over(const struct virtqueue *vq, uint16_t event, uint16_t now,
			 uint16_t added)
{
	unsigned offset = packed_offset(event);

	if ((event ^ now) & PACKED_WRAP)
		offset -= vq->size;
	return (uint16_t)(packed_offset(now) - offset - 1) < added;
}

bool virtqueue_packed_kick_prepare(struct virtqueue *vq)
{
	uint16_t added = (uint16_t)packed_pending(vq), now;
	uint32_t event;
	bool wanted;

	if (!added) /* [VQ-31] */
		return false;
	/* All else before the first descriptor's flags [PQ-04]. */
	order_write(vq);
	STORE(vq->ring[packed_offset(vq->published)].rest, vq->held_rest);
	now = (uint16_t)(vq->next_free |
			 (vq->wrap_bits & PACKED_FIRST_LAP ? PACKED_WRAP : 0));
	vq->avail_index = now;
	STORE(vq->published, now);
	vq->held_at = vq->next_free;
	/* §2.8.21.3.1: the flags before the look at what it wants [PQ-11]; both halves of
	 * that in one load [PQ-12]. */
	order_full(vq);
	event = LOAD(*(uint32_t *)vq->device_event);
	switch (event >> 16 & 3) {
	case PACKED_EVENT_DISABLE:
		wanted = false;
		break;
	case PACKED_EVENT_DESC:
		wanted = !vq->event_idx || stepped_over(vq, (uint16_t)event, now, added);
		break;
	default: /* 3 is reserved */
		wanted = true;
	}
	if (wanted)
		vq->counters.kicks++;
	else
		vq->counters.kicks_saved++;
	return wanted;
}

static void flags_set(struct virtqueue *vq, uint8_t flags)
{
	if (flags == vq->event_flags)
		return;
	vq->event_flags = flags;
	STORE(vq->driver_event->flags, flags);
}

void virtqueue_packed_disable_cb(struct virtqueue *vq)
{
	flags_set(vq, PACKED_EVENT_DISABLE);
}

bool virtqueue_packed_used(const struct virtqueue *vq)
{
	uint16_t position = LOAD(vq->last_used);

	return vq->in_batch ||
	       packed_is_used(LOAD(vq->ring[packed_offset(position)].flags), position);
}

/* The position, then that it counts; then a look at what came before the device could see
 * it [PQ-14]. Only the next buffer's mark can be looked at: where the others' will be
 * depends on the order they are used in. */
bool virtqueue_packed_enable_cb(struct virtqueue *vq, bool delayed)
{
	unsigned ahead = delayed ? packed_in_flight(vq, vq->free) * 3 / 4
				 : 0; /* [VQ-33] */

	vq->event_triggered = false;
	vq->armed_at = vq->last_used;
	vq->armed = true;
	if (vq->event_idx) {
		uint16_t event = packed_after(vq, vq->last_used, ahead);

		if (event != vq->used_event) {
			vq->used_event = event;
			STORE(vq->driver_event->position, event);
			order_write(vq);
		}
		flags_set(vq, PACKED_EVENT_DESC);
	} else {
		flags_set(vq, PACKED_EVENT_ENABLE);
	}
	order_full(vq);
	return !virtqueue_packed_used(vq);
}
