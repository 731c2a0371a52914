/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-blk: its queues (VIRTIO 1.3 §5.2.2), their slots, and what becomes of requests when one breaks. */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <virtio/device/block.h>

#define SLOTS_MAX 1024

/* The queues the device has now. Header, status and up to six runs of data are an
 * indirect table; more become chains. */
int block_queues_find(struct block *block)
{
	struct virtqueue_wanted *wanted = kzalloc(block->queue_count * sizeof(*wanted));
	int error;

	if (!wanted)
		return -ENOMEM;
	for (unsigned i = 0; i < block->queue_count; i++)
		wanted[i] = (struct virtqueue_wanted){ .name = "requests",
						       .index = i,
						       .callback = block_used,
						       .pieces_max = 8 };
	error = virtio_find_queues(block->device, wanted, block->queue_count, block->vqs);
	kfree(wanted);
	for (unsigned i = 0; i < block->queue_count && !error; i++)
		block->queues[i].base.vq = block->vqs[i];
	return error;
}

/* A slot for each request the ring can hold: with indirect descriptors one descriptor a
 * request, else three. */
static int make_slots(struct block_queue *queue, bool indirect)
{
	unsigned size = virtqueue_size(queue->base.vq);
	unsigned count = indirect ? size : size / 3 + 1;
	struct block_slot_shared *shared;
	size_t bytes;

	if (count > SLOTS_MAX)
		count = SLOTS_MAX;
	bytes = count * sizeof(*shared);
	queue->slots = kzalloc(count * sizeof(*queue->slots));
	queue->shared_order = page_order(bytes);
	queue->shared_phys = page_alloc(queue->shared_order);
	if (!queue->slots || !queue->shared_phys)
		return -ENOMEM;
	shared = phys_to_virt(queue->shared_phys);
	memset(shared, 0, PAGE_BYTES << queue->shared_order);
	for (unsigned i = count; i-- > 0;) {
		struct block_slot *slot = &queue->slots[i];

		slot->shared = &shared[i];
		slot->phys = queue->shared_phys + i * sizeof(*shared);
		slot->next = queue->free;
		queue->free = slot;
	}
	queue->slot_count = count;
	return 0;
}

/* A block of sectors that each cross a page may be in more pieces than a part can have:
 * then it goes through a buffer that is in one. */
static bool needs_bounce(const struct ferrule_block *disk)
{
	uint64_t sectors = disk->info.block_bytes / FERRULE_SECTOR_BYTES;
	uint64_t pieces = 2 + FERRULE_SECTOR_BYTES / disk->piece_bytes_max;

	return sectors * pieces > disk->data_pieces_max;
}

static int make_queue(struct block *block, struct block_queue *queue, bool indirect)
{
	struct ferrule_block *disk = &block->disk;
	unsigned size = virtqueue_size(queue->base.vq);
	int error = make_slots(queue, indirect);

	if (error)
		return error;
	queue->pieces = kzalloc((disk->data_pieces_max + 2) * sizeof(*queue->pieces));
	if (needs_bounce(disk))
		queue->bounce = kzalloc(disk->info.block_bytes);
	if (!queue->pieces || (needs_bounce(disk) && !queue->bounce))
		return -ENOMEM;
	/* With tables the ring still takes short chains while it is less than half full. */
	disk->info.queue_depth = indirect ? size / 2 + size / 6 : size / 3;
	if (disk->info.queue_depth > queue->slot_count || !disk->info.queue_depth)
		disk->info.queue_depth = indirect ? queue->slot_count : 1;
	return 0;
}

/* What was appended may have been written: to do it again would write it twice. */
static bool can_be_repeated(const struct ferrule_block_request *request)
{
	return request->operation != FERRULE_BLOCK_ZONE_APPEND;
}

/* Ends requests that have an error and no part left. Under the lock. */
static void end_failed(struct block_queue *queue, struct ferrule_block_request **finished)
{
	struct ferrule_block_request **link = &queue->waiting, *request;

	while ((request = *link)) {
		if (!request->driver.error || request->driver.parts) {
			link = &request->driver.next;
			continue;
		}
		*link = request->driver.next;
		request->driver.waits = false;
		disk_end(request, request->driver.error, finished);
	}
	queue->waiting_end = link;
}

/* The request's last lost part: once more from the start, before what waits already. */
static void again(struct block_queue *queue, struct ferrule_block_request *request)
{
	bool queued = request->driver.waits;

	if (!request->driver.error &&
	    (!can_be_repeated(request) || request->driver.tries++ == DISK_TRIES_MAX))
		request->driver.error = -EIO;
	disk_rewind(request);
	if (queued)
		return;
	request->driver.next = queue->waiting;
	if (!queue->waiting)
		queue->waiting_end = &request->driver.next;
	queue->waiting = request;
}

static struct block_queue *queue_of(struct disk_queue *base)
{
	return (struct block_queue *)base; /* its first member */
}

static void lose(struct disk_queue *base, struct ferrule_block_request **finished)
{
	struct block_queue *queue = queue_of(base);

	for (unsigned i = 0; i < queue->slot_count; i++) {
		struct ferrule_block_request *request =
			queue->slots[i].request
				? block_slot_release(queue, &queue->slots[i])
				: NULL;

		if (request && !request->driver.parts)
			again(queue, request);
	}
	end_failed(queue, finished);
}

static bool resume(struct disk_queue *base, struct ferrule_block_request **finished)
{
	struct block_queue *queue = queue_of(base);

	if (__atomic_load_n(&queue->block->disk.polled, __ATOMIC_RELAXED))
		virtqueue_disable_cb(base->vq);
	return block_pump(queue, finished);
}

static void fail(struct disk_queue *base, int error,
		 struct ferrule_block_request **finished)
{
	struct block_queue *queue = queue_of(base);

	for (struct ferrule_block_request *each = queue->waiting; each;
	     each = each->driver.next)
		each->driver.error = error;
	end_failed(queue, finished);
}

/* [BLK-24] */
static void silent(struct disk_queue *base)
{
	virtio_device_silent(queue_of(base)->block->device, 0, "no answer for a minute");
}

static const struct disk_queue_operations operations = {
	.lose = lose,
	.resume = resume,
	.fail = fail,
	.silent = silent,
};

int block_queues_make(struct block *block)
{
	bool indirect = virtio_has(block->device, VIRTIO_F_INDIRECT_DESC);

	for (unsigned i = 0; i < block->queue_count; i++) {
		struct block_queue *queue = &block->queues[i];
		int error;

		queue->block = block;
		queue->waiting_end = &queue->waiting;
		disk_queue_init(&queue->base, &operations);
		error = make_queue(block, queue, indirect);
		if (error)
			return error;
	}
	block->disk.info.queues = block->queue_count;
	return 0;
}

void block_queues_free(struct block *block)
{
	for (unsigned i = 0; block->queues && i < block->queue_count; i++) {
		struct block_queue *queue = &block->queues[i];

		timer_cancel(&queue->base.watchdog.timer);
		if (queue->shared_phys)
			page_free(queue->shared_phys, queue->shared_order);
		kfree(queue->slots);
		kfree(queue->pieces);
		kfree(queue->bounce);
	}
	kfree(block->queues);
	kfree(block->vqs);
}

void block_queue_shrink(struct block_queue *queue, uint64_t sectors)
{
	struct ferrule_block_request *finished = NULL;
	unsigned long flags = spin_lock(&queue->base.lock);

	for (struct ferrule_block_request *each = queue->waiting; each;
	     each = each->driver.next) {
		uint64_t count = each->sectors;

		if (each->operation == FERRULE_BLOCK_FLUSH ||
		    each->operation > FERRULE_BLOCK_ZONE_APPEND)
			continue;
		if (each->segment_count && each->segments) {
			count = 0;
			for (unsigned i = 0; i < each->segment_count; i++)
				count += each->segments[i].bytes / FERRULE_SECTOR_BYTES;
		}
		if (each->sector > sectors || count > sectors - each->sector)
			each->driver.error = -EIO;
	}
	end_failed(queue, &finished);
	spin_unlock(&queue->base.lock, flags);
	disk_finish(finished);
}
