/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Making and ending a virtqueue (VIRTIO 1.3 §2.6), and what others may ask of it. */

#include <string.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/panic.h>
#include <virtio/ring/ring.h>
#include <virtio/ring/access.h>
#include <virtio/virtio.h>

/* The DMA seam is linked in with virtio/complete.c (mapped.c). */
#pragma weak virtqueue_pages_alloc
#pragma weak virtqueue_pages_free
#pragma weak virtqueue_mapped_wrap
#pragma weak virtqueue_mapped_unwrap

#define CACHE_LINE 64

static size_t align_up(size_t value, size_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

/* One block: descriptors, available ring, used ring. Legacy puts the used ring on the
 * next 4096 boundary [VQ-28]; else on a cache line of its own, as each side writes its
 * part. A block of pages satisfies the alignments of §2.7.1 [VQ-01]. */
static void split_areas(struct virtqueue *vq, bool legacy)
{
	size_t avail_at = (size_t)vq->size * sizeof(struct ring_desc);
	size_t avail_bytes = sizeof(struct ring_avail) +
			     (vq->size + 1u) * sizeof(uint16_t);
	size_t used_at;

	used_at = align_up(avail_at + avail_bytes,
			   legacy ? VIRTQUEUE_LEGACY_ALIGN : CACHE_LINE);
	vq->driver_phys = avail_at;
	vq->device_phys = used_at;
	vq->ring_bytes = used_at + sizeof(struct ring_used) +
			 vq->size * sizeof(struct ring_used_element) + sizeof(uint16_t);
}

/* The areas' offsets become addresses. */
static bool rings_allocate(struct virtqueue *vq, bool legacy)
{
	char *memory;

	vq->ring_order = page_order(vq->ring_bytes);
	vq->desc_phys = (virtqueue_pages_alloc ? virtqueue_pages_alloc
					       : page_alloc_below)(
		vq->ring_order, legacy ? VIRTQUEUE_LEGACY_LIMIT : UINT64_MAX);
	if (!vq->desc_phys)
		return false;
	memory = phys_to_virt(vq->desc_phys);
	vq->desc = (struct ring_desc *)memory;
	vq->avail = (struct ring_avail *)(memory + vq->driver_phys);
	vq->used = (struct ring_used *)(memory + vq->device_phys);
	vq->driver_phys += vq->desc_phys;
	vq->device_phys += vq->desc_phys;
	return true;
}

/* Everything of a new queue: nothing in flight, the ring zeroed, callbacks wanted, as a ring
 * of zeroes says. */
void virtqueue_reset(struct virtqueue *vq)
{
	memset(vq->desc, 0, vq->ring_bytes);
	memset(&vq->blocked, 0,
	       offsetof(struct virtqueue, counters) -
		       offsetof(struct virtqueue, blocked));
	vq->blocked = VIRTQUEUE_NOT_LIVE;
	if (vq->inner >= VIRTQUEUE_PACKED)
		vq->blocked |= VIRTQUEUE_RING_PACKED;
	vq->armed = true;
	vq->free = vq->size;
	for (unsigned i = 0; i < vq->size; i++) {
		vq->slots[i].token = NULL;
		vq->ids[i] = (uint16_t)(vq->size - 1 - i); /* the last is 0 */
	}
	if (vq->layout != VIRTQUEUE_SPLIT) {
		vq->blocked |= VIRTQUEUE_OTHER;
		virtqueue_other_start(vq);
	}
	if (!vq->callback)
		virtqueue_disable_cb(vq);
}

static bool size_is_good(const struct virtqueue_geometry *geometry)
{
	unsigned size = geometry->size;

	if (size == 0 || size > VIRTQUEUE_SIZE_MAX)
		return false;
	return geometry->layout >= VIRTQUEUE_PACKED || !(size & (size - 1)); /* [VQ-02] */
}

struct virtqueue *virtqueue_create(const struct virtqueue_geometry *geometry)
{
	struct virtqueue *vq;

	if (!size_is_good(geometry))
		return NULL;
	vq = kzalloc(sizeof(*vq));
	if (!vq)
		return NULL;
	vq->device = geometry->device;
	vq->name = geometry->name;
	vq->index = vq->notify_id = (uint16_t)geometry->index;
	vq->size = geometry->size;
	vq->mask = geometry->size - 1;
	vq->layout = vq->inner = (uint8_t)geometry->layout;
	vq->callback = geometry->callback;
	vq->event_idx = geometry->event_idx;
	vq->order_platform = geometry->order_platform;
	if (geometry->notification_data)
		vq->doorbell_mode = VIRTQUEUE_DOORBELL_DATA;
	if (vq->layout >= VIRTQUEUE_PACKED)
		virtqueue_packed_areas(vq);
	else
		split_areas(vq, geometry->legacy);
	vq->slots = kmalloc(vq->size * (sizeof(*vq->slots) + sizeof(*vq->ids)));
	if (!rings_allocate(vq, geometry->legacy) || !vq->slots) {
		virtqueue_destroy(vq);
		return NULL;
	}
	vq->ids = (uint16_t *)(vq->slots + vq->size);
	if (geometry->indirect && virtqueue_tables_allocate)
		virtqueue_tables_allocate(vq, geometry->pieces_max);
	if (virtqueue_mapped_wrap && !virtqueue_mapped_wrap(vq)) {
		virtqueue_destroy(vq);
		return NULL;
	}
	virtqueue_reset(vq);
	return vq;
}

void virtqueue_destroy(struct virtqueue *vq)
{
	void (*free)(uint64_t, unsigned) = virtqueue_pages_free ? virtqueue_pages_free
								: page_free;

	if (!vq)
		return;
	if (vq->wrapper)
		virtqueue_mapped_unwrap(vq);
	if (vq->tables)
		free(vq->tables_phys, vq->tables_order);
	if (vq->desc_phys)
		free(vq->desc_phys, vq->ring_order);
	kfree(vq->slots);
	kfree(vq);
}

void virtqueue_live(struct virtqueue *vq)
{
	vq->blocked &= (uint8_t)~VIRTQUEUE_NOT_LIVE;
}

void virtqueue_block(struct virtqueue *vq)
{
	vq->blocked |= VIRTQUEUE_BROKEN;
}

void *virtqueue_violation(struct virtqueue *vq, const char *why)
{
	vq->blocked |= VIRTQUEUE_BROKEN;
	virtio_queue_break(vq, why);
	return NULL;
}

/* The device is out of it: lists of what is free matter no more before virtqueue_reset(). */
void *virtqueue_inner_detach(struct virtqueue *vq)
{
	while (vq->detach_next < vq->size) {
		struct ring_slot *slot = &vq->slots[vq->detach_next++];
		void *token = slot->token;

		if (token) {
			slot->token = NULL;
			vq->free += slot->count;
			return token;
		}
	}
	return NULL;
}

void *virtqueue_detach(struct virtqueue *vq)
{
	if (vq->layout == VIRTQUEUE_MAPPED)
		return virtqueue_mapped_detach(vq);
	return virtqueue_inner_detach(vq);
}

unsigned virtqueue_free(const struct virtqueue *vq)
{
	return vq->free;
}

unsigned virtqueue_size(const struct virtqueue *vq)
{
	return vq->size;
}

bool virtqueue_broken(const struct virtqueue *vq)
{
	return vq->blocked & VIRTQUEUE_BROKEN;
}

unsigned virtqueue_pieces_max(const struct virtqueue *vq)
{
	return vq->size;
}

const struct virtqueue_counters *virtqueue_counters(const struct virtqueue *vq)
{
	return &vq->counters;
}

const char *virtqueue_name(const struct virtqueue *vq)
{
	return vq->name;
}

unsigned virtqueue_index(const struct virtqueue *vq)
{
	return vq->index;
}

struct virtio_device *virtqueue_device(const struct virtqueue *vq)
{
	return vq->device;
}

void virtqueue_panic_print(const struct virtqueue *vq)
{
	panic_print(
		"  queue %u %s: size %u free %u added %u published %u taken %u used %u%s\n",
		vq->index, vq->name, vq->size, vq->free, vq->avail_index, vq->published,
		vq->last_used,
		vq->inner >= VIRTQUEUE_PACKED
			? LOAD(vq->ring[vq->last_used & ~PACKED_WRAP].flags)
			: LOAD(vq->used->index),
		vq->blocked & VIRTQUEUE_BROKEN ? " broken" : "");
}
