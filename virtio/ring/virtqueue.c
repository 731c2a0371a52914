/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Making and ending a virtqueue, and what others may ask of it. */

#include <string.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/panic.h>
#include <virtio/ring/ring.h>

#define CACHE_LINE 64

static size_t align_up(size_t value, size_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

/* One block: descriptors, available ring, used ring. Legacy puts the used ring on the
 * next 4096 boundary (§2.7.2); else on a cache line of its own, as each side writes its
 * part. A block of pages satisfies the alignments of §2.7.1. */
static bool rings_allocate(struct virtqueue *vq, bool legacy)
{
	size_t avail_at = (size_t)vq->size * sizeof(struct ring_desc);
	size_t avail_bytes = sizeof(struct ring_avail) +
			     (vq->size + 1u) * sizeof(uint16_t);
	size_t used_bytes = sizeof(struct ring_used) +
			    vq->size * sizeof(struct ring_used_element) +
			    sizeof(uint16_t);
	size_t used_at, bytes;
	char *memory;

	if (!legacy)
		avail_at = align_up(avail_at, CACHE_LINE);
	used_at = align_up(avail_at + avail_bytes,
			   legacy ? VIRTQUEUE_LEGACY_ALIGN : CACHE_LINE);
	bytes = used_at + used_bytes;
	vq->ring_order = page_order(bytes);
	vq->ring_phys = legacy ? page_alloc_below(vq->ring_order, VIRTQUEUE_LEGACY_LIMIT)
			       : page_alloc(vq->ring_order);
	if (!vq->ring_phys)
		return false;
	memory = phys_to_virt(vq->ring_phys);
	memset(memory, 0, bytes);
	vq->desc = (struct ring_desc *)memory;
	vq->avail = (struct ring_avail *)(memory + avail_at);
	vq->used = (struct ring_used *)(memory + used_at);
	vq->avail_phys = vq->ring_phys + avail_at;
	vq->used_phys = vq->ring_phys + used_at;
	return true;
}

/* Without memory for tables the queue works with chains alone. */
static void tables_allocate(struct virtqueue *vq, unsigned pieces)
{
	if (pieces == 0)
		pieces = VIRTQUEUE_PIECES_DEFAULT;
	if (pieces > vq->size) /* §2.7.5.3.1: also limits a table */
		pieces = vq->size;
	if (pieces < 2)
		return;
	vq->tables_order = page_order((size_t)vq->size * pieces *
				      sizeof(struct ring_desc));
	vq->tables_phys = page_alloc(vq->tables_order);
	if (!vq->tables_phys)
		return;
	vq->tables = phys_to_virt(vq->tables_phys);
	vq->table_pieces = (uint16_t)pieces;
}

static bool slots_allocate(struct virtqueue *vq)
{
	vq->slots = kmalloc(vq->size * sizeof(*vq->slots));
	if (!vq->slots)
		return false;
	for (unsigned i = 0; i < vq->size; i++)
		vq->slots[i] = (struct ring_slot){ .next = (uint16_t)(i + 1) };
	vq->free = vq->size;
	return true;
}

struct virtqueue *virtqueue_create(const struct virtqueue_geometry *geometry)
{
	unsigned size = geometry->size;
	struct virtqueue *vq;

	if (size == 0 || size > VIRTQUEUE_SIZE_MAX || (size & (size - 1)))
		return NULL;
	vq = kzalloc(sizeof(*vq));
	if (!vq)
		return NULL;
	vq->device = geometry->device;
	vq->name = geometry->name;
	vq->index = (uint16_t)geometry->index;
	vq->size = (uint16_t)size;
	vq->mask = (uint16_t)(size - 1);
	vq->callback = geometry->callback;
	vq->event_idx = geometry->event_idx;
	vq->order_platform = geometry->order_platform;
	vq->blocked = VIRTQUEUE_NOT_LIVE;
	if (!rings_allocate(vq, geometry->legacy) || !slots_allocate(vq)) {
		virtqueue_destroy(vq);
		return NULL;
	}
	if (geometry->indirect)
		tables_allocate(vq, geometry->pieces_max);
	vq->armed = true; /* as a ring of zeroes is */
	if (!vq->callback)
		virtqueue_disable_cb(vq);
	return vq;
}

void virtqueue_destroy(struct virtqueue *vq)
{
	if (!vq)
		return;
	if (vq->tables)
		page_free(vq->tables_phys, vq->tables_order);
	if (vq->ring_phys)
		page_free(vq->ring_phys, vq->ring_order);
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
		vq->last_used, *(const volatile uint16_t *)&vq->used->index,
		vq->blocked & VIRTQUEUE_BROKEN ? " broken" : "");
}
