/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A queue whose buffers are mapped for the device: a wrapper around one of the layouts, which
 * gets the mapped pieces, and as the token our own record of the buffer (<virtio/dma.h>).
 *
 * When there is no room to map a buffer the queue's callback comes once there may be some, as
 * nothing of the queue's own may be in flight that would do that. */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/time.h>
#include <virtio/dma.h>
#include <virtio/ring/ring.h>
#include <virtio/virtio.h>

#define PIECES_INSIDE 2 /* writable ones that a record holds; more are allocated */

struct record {
	void *token;
	struct record *next; /* in the free list */
	struct virtio_mapping mapping;
	unsigned writable; /* pieces */
	struct virtio_piece *pieces, inside[PIECES_INSIDE];
};

/* Under the queue's owner's lock, but for `starved`. */
struct mapped {
	struct record *free;
	bool starved; /* atomic */
	struct virtio_piece *scratch;
	struct record records[];
};

static unsigned starving; /* atomic: some queue is */
static struct timer room; /* calls back those that starved */

bool virtqueue_mapped_wrap(struct virtqueue *vq)
{
	size_t records = vq->size * sizeof(struct record);
	struct mapped *mapped;

	if (!virtio_dma())
		return true;
	mapped = kzalloc(sizeof(*mapped) + records +
			 vq->size * sizeof(struct virtio_piece));
	if (!mapped)
		return false;
	mapped->scratch = (void *)((char *)mapped->records + records);
	for (unsigned i = vq->size; i-- > 0;) {
		mapped->records[i].next = mapped->free;
		mapped->free = &mapped->records[i];
	}
	vq->wrapper = mapped;
	vq->layout = VIRTQUEUE_MAPPED;
	return true;
}

uint64_t virtqueue_pages_alloc(unsigned order, uint64_t limit)
{
	const struct virtio_dma *dma = virtio_dma();

	return dma ? dma->alloc(order, limit) : page_alloc_below(order, limit);
}

void virtqueue_pages_free(uint64_t phys, unsigned order)
{
	const struct virtio_dma *dma = virtio_dma();

	if (dma)
		dma->free(phys, order);
	else
		page_free(phys, order);
}

/* Some driver may hold any lock when room is made, so from a timer. */
static void call_back(struct timer *timer)
{
	(void)timer;
	__atomic_store_n(&starving, 0, __ATOMIC_SEQ_CST);
	for (struct virtio_device *device = virtio_devices; device;
	     device = device->next) {
		for (unsigned i = 0; device->live && i < device->queue_count; i++) {
			struct virtqueue *vq = device->queues[i];
			struct mapped *mapped = vq->wrapper;

			if (mapped &&
			    __atomic_exchange_n(&mapped->starved, false,
						__ATOMIC_SEQ_CST) &&
			    vq->callback &&
			    !(vq->blocked & (VIRTQUEUE_BROKEN | VIRTQUEUE_NOT_LIVE)))
				vq->callback(vq);
		}
	}
}

static void made_room(void)
{
	if (!__atomic_load_n(&starving, __ATOMIC_SEQ_CST))
		return;
	room.expired = call_back;
	timer_arm(&room, clock_ns());
}

/* Before the driver hears of it somebody may have made room: it looks once more. */
static int starve(struct virtqueue *vq, struct record *record, unsigned readable,
		  unsigned writable)
{
	struct mapped *mapped = vq->wrapper;

	vq->counters.full++;
	__atomic_store_n(&mapped->starved, true, __ATOMIC_SEQ_CST);
	__atomic_store_n(&starving, 1, __ATOMIC_SEQ_CST);
	return virtio_dma()->map(&record->mapping, mapped->scratch, readable, writable);
}

/* Sum of the pieces' bytes; more than any buffer has if one is empty. */
static uint64_t sum(const struct virtio_piece *pieces, unsigned count)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < count; i++)
		bytes += pieces[i].bytes ? pieces[i].bytes : UINT32_MAX;
	return bytes;
}

/* What must be known to bring back what the device writes. */
static bool remember(struct record *record, const struct virtio_piece *writable,
		     unsigned count)
{
	record->pieces = record->inside;
	if (count > PIECES_INSIDE)
		record->pieces = kmalloc(count * sizeof(*writable));
	if (!record->pieces)
		return false;
	memcpy(record->pieces, writable, count * sizeof(*writable));
	record->writable = count;
	return true;
}

static void forget(struct mapped *mapped, struct record *record, uint32_t written)
{
	virtio_dma()->unmap(&record->mapping, record->pieces, record->writable, written);
	if (record->pieces != record->inside)
		kfree(record->pieces);
	record->next = mapped->free;
	mapped->free = record;
	made_room();
}

int virtqueue_mapped_add(struct virtqueue *vq, const struct virtio_piece *pieces,
			 unsigned readable, unsigned writable, void *token)
{
	struct mapped *mapped = vq->wrapper;
	struct record *record = mapped->free;
	unsigned count = readable + writable;
	uint64_t bytes = sum(pieces, readable), in = sum(pieces + readable, writable);
	int error;

	if (!token || !count || count > vq->size || bytes + in > virtio_dma()->bytes_max)
		return -EINVAL;
	if (!record || !vq->free) {
		vq->counters.full++;
		return -ENOSPC;
	}
	record->mapping = (struct virtio_mapping){ .readable = (uint32_t)bytes,
						   .writable = (uint32_t)in };
	if (!remember(record, pieces + readable, writable))
		return -ENOSPC;
	memcpy(mapped->scratch, pieces, count * sizeof(*pieces));
	error = virtio_dma()->map(&record->mapping, mapped->scratch, readable, writable);
	if (error == -ENOSPC)
		error = starve(vq, record, readable, writable);
	if (error) {
		if (record->pieces != record->inside)
			kfree(record->pieces);
		return error;
	}
	record->token = token;
	mapped->free = record->next;
	error = virtqueue_inner_add(vq, mapped->scratch, readable, writable, record);
	if (error)
		forget(mapped, record, 0);
	return error;
}

void *virtqueue_mapped_get(struct virtqueue *vq, uint32_t *written)
{
	uint32_t bytes;
	struct record *record = virtqueue_inner_get(vq, &bytes);

	if (!record)
		return NULL;
	if (written)
		*written = bytes;
	forget(vq->wrapper, record, bytes);
	return record->token;
}

/* Mapping costs so much more than a call that there is nothing to save. */
unsigned virtqueue_mapped_fill(struct virtqueue *vq,
			       const struct virtqueue_buffer *buffers, unsigned count)
{
	unsigned added = 0;

	while (added < count && !virtqueue_mapped_add(vq, &buffers[added].piece, 0, 1,
						      buffers[added].token))
		added++;
	return added;
}

unsigned virtqueue_mapped_drain(struct virtqueue *vq, struct virtqueue_used *used,
				unsigned count)
{
	unsigned taken = 0;

	while (taken < count &&
	       (used[taken].token = virtqueue_mapped_get(vq, &used[taken].written)))
		taken++;
	return taken;
}

void *virtqueue_mapped_detach(struct virtqueue *vq)
{
	struct record *record = virtqueue_inner_detach(vq);

	if (!record)
		return NULL;
	forget(vq->wrapper, record, 0);
	return record->token;
}

void virtqueue_mapped_unwrap(struct virtqueue *vq)
{
	while (virtqueue_mapped_detach(vq))
		;
	kfree(vq->wrapper);
}

bool virtqueue_starved(const struct virtqueue *vq)
{
	const struct mapped *mapped = vq->wrapper;

	return mapped && __atomic_load_n(&mapped->starved, __ATOMIC_SEQ_CST);
}

uint32_t virtqueue_bytes_max(const struct virtqueue *vq)
{
	return vq->wrapper ? virtio_dma()->bytes_max : UINT32_MAX;
}
