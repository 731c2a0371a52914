/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <kernel/page.h>
#include <virtio/virtio.h>
#include "contender.h"
#include "reference.h"
#include "textbook.h"

static struct virtio_piece pieces[BATCH_MAX];
static struct virtqueue_buffer buffers[BATCH_MAX];
static int token;
static struct virtio_device owner;

void virtio_queue_break(struct virtqueue *vq, const char *why)
{
	(void)vq;
	fprintf(stderr, "the device broke a rule: %s\n", why);
	abort();
}

/* No buffer is mapped here, so mapped.c is left out. */
uint64_t virtqueue_pages_alloc(unsigned order, uint64_t limit)
{
	return page_alloc_below(order, limit);
}

void virtqueue_pages_free(uint64_t phys, unsigned order)
{
	page_free(phys, order);
}

bool virtqueue_mapped_wrap(struct virtqueue *vq)
{
	(void)vq;
	return true;
}

void virtqueue_mapped_unwrap(struct virtqueue *vq)
{
	(void)vq;
}

/* The same program text for both kinds of ring. */
#define DRIVER(name, type)                                                       \
	static bool name##_submit(void *ring, unsigned batch)                    \
	{                                                                        \
		type *vq = ring;                                                 \
		for (unsigned i = 0; i < batch; i++)                             \
			if (name##_add(vq, &pieces[i], 0, 1, &token))            \
				abort();                                         \
		return name##_kick_prepare(vq);                                  \
	}                                                                        \
	static void name##_complete(void *ring, unsigned batch)                  \
	{                                                                        \
		type *vq = ring;                                                 \
		uint32_t written;                                                \
		for (unsigned i = 0; i < batch; i++)                             \
			if (name##_get(vq, &written) != &token || written != 64) \
				abort();                                         \
	}

DRIVER(virtqueue, struct virtqueue)
DRIVER(textbook, struct textbook)

static bool many_submit(void *ring, unsigned batch)
{
	struct virtqueue *vq = ring;

	if (virtqueue_fill(vq, buffers, batch) != batch)
		abort();
	return virtqueue_kick_prepare(vq);
}

static void many_complete(void *ring, unsigned batch)
{
	struct virtqueue_used used[BATCH_MAX];
	struct virtqueue *vq = ring;

	if (virtqueue_drain(vq, used, batch) != batch)
		abort();
	for (unsigned i = 0; i < batch; i++)
		if (used[i].token != &token || used[i].written != 64)
			abort();
}

static bool textbook_enable(void *ring)
{
	return textbook_enable_cb(ring);
}

static bool virtqueue_enable(void *ring)
{
	return virtqueue_enable_cb(ring);
}

static void textbook_called_back(void *ring)
{
	textbook_disable_cb(ring);
}

static void virtqueue_called_back(void *ring)
{
	virtqueue_interrupt(ring);
}

static void callback(struct virtqueue *vq)
{
	virtqueue_disable_cb(vq);
}

static __attribute__((noinline)) int nothing_add(struct virtqueue *vq,
						 const struct virtio_piece *pieces,
						 unsigned readable, unsigned writable,
						 void *what)
{
	__asm__ volatile("" : : "r"(vq), "r"(pieces), "r"(what) : "memory");
	return (int)(readable + writable - 1);
}

static __attribute__((noinline)) bool nothing_kick_prepare(struct virtqueue *vq)
{
	__asm__ volatile("" : : "r"(vq) : "memory");
	return false;
}

static __attribute__((noinline)) void *nothing_get(struct virtqueue *vq,
						   uint32_t *written)
{
	__asm__ volatile("" : : "r"(vq) : "memory");
	*written = 64;
	return &token;
}

DRIVER(nothing, struct virtqueue)

void contenders_init(void)
{
	for (unsigned i = 0; i < BATCH_MAX; i++) {
		pieces[i] = (struct virtio_piece){ 4096u * (i + 1), 64 };
		buffers[i] = (struct virtqueue_buffer){ pieces[i], &token };
	}
}

struct contender contender_textbook(void)
{
	size_t bytes = (textbook_bytes(SIZE) + 4095) & ~4095u;
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct textbook *vq = malloc(sizeof(*vq));

	if (memory == MAP_FAILED || !vq)
		abort();
	textbook_init(vq, SIZE, memory, calloc(SIZE, sizeof(void *)));
	return (struct contender){
		.name = "textbook split",
		.submit = textbook_submit,
		.complete = textbook_complete,
		.called_back = textbook_called_back,
		.enable = textbook_enable,
		.ring = vq,
		.memory = memory,
		.bytes = bytes,
		.device = { .size = SIZE,
			    .desc = memory,
			    .driver = (void *)(uintptr_t)vq->avail,
			    .device = (void *)(uintptr_t)vq->used },
	};
}

struct contender contender_queue(enum virtqueue_layout layout, bool many, bool polled,
				 bool event_idx)
{
	const struct virtqueue_geometry geometry = {
		.device = &owner,
		.name = "bench",
		.size = SIZE,
		.layout = layout,
		.callback = polled ? NULL : callback,
		.pieces_max = 1,
		.event_idx = event_idx,
	};
	struct virtqueue *vq = virtqueue_create(&geometry);

	if (!vq)
		abort();
	virtqueue_live(vq);
	return (struct contender){
		.name = virtqueue_layout_names[layout],
		.submit = many ? many_submit : virtqueue_submit,
		.complete = many ? many_complete : virtqueue_complete,
		.called_back = virtqueue_called_back,
		.enable = virtqueue_enable,
		.ring = vq,
		.memory = phys_to_virt(vq->desc_phys),
		.bytes = PAGE_BYTES << vq->ring_order,
		.device = { .layout = layout,
			    .event_idx = event_idx,
			    .size = SIZE,
			    .desc = phys_to_virt(vq->desc_phys),
			    .driver = phys_to_virt(vq->driver_phys),
			    .device = phys_to_virt(vq->device_phys),
			    .wrap = true },
	};
}

/* Areas as our own queues have them: one after the other, the last on a line of its own. */
static struct contender in_memory(const char *name, enum virtqueue_layout layout,
				  bool event_idx)
{
	size_t bytes = 4 * PAGE_BYTES, driver_at = SIZE * sizeof(struct ring_desc);
	size_t device_at = driver_at + (layout >= VIRTQUEUE_PACKED ? 64 : 576);
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		abort();
	return (struct contender){
		.name = name,
		.memory = memory,
		.bytes = bytes,
		.device = { .layout = layout,
			    .event_idx = event_idx,
			    .size = SIZE,
			    .desc = memory,
			    .driver = memory + driver_at,
			    .device = memory + device_at,
			    .wrap = true },
	};
}

struct contender contender_reference(enum virtqueue_layout layout, bool fence)
{
	struct contender made = in_memory("reference", layout, false);
	struct reference *vq = malloc(sizeof(*vq));

	if (!vq)
		abort();
	reference_init(vq, layout, made.device.desc, made.device.driver,
		       made.device.device);
	vq->pieces = pieces;
	vq->token = &token;
	vq->fence = fence;
	made.ring = vq;
	switch (layout) {
	case VIRTQUEUE_SPLIT_IN_ORDER:
		made.submit = reference_split_in_order_submit;
		made.complete = reference_split_in_order_complete;
		break;
	case VIRTQUEUE_PACKED:
		made.submit = reference_packed_submit;
		made.complete = reference_packed_complete;
		break;
	case VIRTQUEUE_PACKED_IN_ORDER:
		made.submit = reference_packed_in_order_submit;
		made.complete = reference_packed_in_order_complete;
		break;
	default:
		made.submit = reference_split_submit;
		made.complete = reference_split_complete;
	}
	return made;
}

struct contender contender_calls(void)
{
	struct contender made = in_memory("calls alone", VIRTQUEUE_SPLIT, false);

	made.submit = nothing_submit;
	made.complete = nothing_complete;
	return made;
}
