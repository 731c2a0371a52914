/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-blk: requests come in, become device requests, and end (VIRTIO 1.3 §5.2.6). This is the hot
 * path: nothing here allocates. */

#include <errno.h>
#include <string.h>
#include <arch/mmu.h>
#include <virtio/device/block.h>

/* One block through the queue's buffer, for data in more pieces than a part can have.
 * The piece count; -ENOSPC: the buffer is in use. */
static int bounce(struct block_queue *queue, struct ferrule_block_request *request,
		  uint32_t *part_bytes)
{
	struct ferrule_block *disk = &queue->block->disk;
	uint32_t left = disk->info.block_bytes;
	int count = 1;
	uint64_t phys;

	if (!queue->bounce)
		return -EINVAL;
	if (queue->bounce_user)
		return -ENOSPC;
	phys = virt_to_phys(queue->bounce);
	if (request->operation != FERRULE_BLOCK_READ)
		disk_copy(request, request->driver.next_sector, queue->bounce, left,
			  true);
	*part_bytes = left;
	while (left) {
		uint32_t run = left < disk->piece_bytes_max ? left
							    : disk->piece_bytes_max;

		queue->pieces[count++] = (struct virtio_piece){ phys, run };
		phys += run;
		left -= run;
	}
	return count;
}

/* Issues reads and writes: header, data, status. [BLK-03] */
static int issue_data(struct block_queue *queue, struct ferrule_block_request *request,
		      struct block_slot *slot)
{
	struct ferrule_block *disk = &queue->block->disk;
	struct virtio_piece *pieces = queue->pieces;
	bool read = request->operation == FERRULE_BLOCK_READ;
	uint32_t bytes;
	int count = disk_single(disk, request, pieces, &bytes);
	bool whole = count != 0;
	int error;

	if (!whole)
		count = disk_gather(disk, request, pieces, &bytes);
	slot->bounced = count == -EMSGSIZE;
	if (slot->bounced)
		count = bounce(queue, request, &bytes);
	if (count < 0)
		return count;
	slot->shared->type = read ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT;
	slot->shared->sector = request->driver.next_sector;
	slot->data_bytes = read ? bytes : 0;
	pieces[count] = (struct virtio_piece){
		slot->phys + offsetof(struct block_slot_shared, status), 1
	};
	error = read ? virtqueue_add(queue->base.vq, pieces, 1, (unsigned)count, slot)
		     : virtqueue_add(queue->base.vq, pieces, (unsigned)count, 1, slot);
	if (error)
		return error;
	if (slot->bounced) {
		queue->bounce_user = request;
		queue->bounce_sector = request->driver.next_sector;
	}
	if (whole)
		request->driver.waits = false;
	else
		disk_advance(request, bytes);
	return 0;
}

static int issue_part(struct block_queue *queue, struct ferrule_block_request *request)
{
	struct block_slot *slot = queue->free;
	int error;

	if (!slot)
		return -ENOSPC;
	queue->pieces[0] = (struct virtio_piece){ slot->phys, BLOCK_HEADER_BYTES };
	*(volatile uint8_t *)&slot->shared->status = BLOCK_STATUS_UNWRITTEN;
	if (request->operation <= FERRULE_BLOCK_WRITE)
		error = issue_data(queue, request, slot);
	else
		error = block_issue_other(queue, request, slot);
	if (error)
		return error;
	queue->free = slot->next;
	slot->request = request;
	request->driver.parts++;
	disk_queue_issued(&queue->base);
	return 0;
}

/* To a zone that is written in order, the parts of a write go one after the other. */
static bool must_wait(const struct block_queue *queue,
		      const struct ferrule_block_request *request)
{
	return queue->block->sequential && request->driver.parts &&
	       request->operation == FERRULE_BLOCK_WRITE;
}

bool block_pump(struct block_queue *queue, struct ferrule_block_request **finished)
{
	bool added = false;

	while (queue->waiting) {
		struct ferrule_block_request *request = queue->waiting;
		int error = request->driver.error;

		if (!error) {
			if (must_wait(queue, request))
				break;
			error = issue_part(queue, request);
			/* The queue is full; a part that comes back makes room. A broken
			 * one keeps its requests. */
			if (error == -EIO ||
			    (error == -ENOSPC && (queue->base.in_flight ||
						  virtqueue_starved(queue->base.vq))))
				break;
			if (error)
				request->driver.error = error == -ENOSPC ? -EIO : error;
			added |= !error;
		}
		if (!error && request->driver.waits)
			continue;
		request->driver.waits = false;
		queue->waiting = request->driver.next;
		if (!queue->waiting)
			queue->waiting_end = &queue->waiting;
		if (!request->driver.parts)
			disk_end(request, request->driver.error, finished);
	}
	return added;
}

/* [BLK-18] A queue a CPU; with more of them, batches go to each in turn. */
static struct block_queue *choose_queue(struct block *block)
{
	if (block->queue_count == 1)
		return block->queues;
	return &block->queues[__atomic_fetch_add(&block->next_queue, 1,
						 __ATOMIC_RELAXED) %
			      block->queue_count];
}

/* On the queue, and not on the stack, for the compiler guards a stack that addresses are
 * taken of. Under the lock. */
static inline struct ferrule_block_request *take_finished(struct block_queue *queue)
{
	struct ferrule_block_request *finished = queue->finished;

	queue->finished = NULL;
	return finished;
}

void block_submit(struct ferrule_block *disk, struct ferrule_block_request *first,
		  struct ferrule_block_request **end)
{
	struct block_queue *queue = choose_queue(block_of(disk));
	struct ferrule_block_request *finished;
	unsigned long flags;
	bool kick;

	for (struct ferrule_block_request *each = first; each; each = each->driver.next)
		each->driver.lock = &queue->base.lock;
	flags = spin_lock(&queue->base.lock);
	*queue->waiting_end = first;
	queue->waiting_end = end;
	if (queue->base.stopped) {
		int error = queue->base.error;

		spin_unlock(&queue->base.lock, flags);
		if (error)
			disk_queue_give_up(&queue->base, error);
		return;
	}
	kick = block_pump(queue, &queue->finished) &&
	       virtqueue_kick_prepare(queue->base.vq);
	finished = take_finished(queue);
	spin_unlock(&queue->base.lock, flags);
	if (kick)
		virtqueue_notify(queue->base.vq);
	if (finished)
		disk_finish(finished);
}

/* What a status that is not OK means. [BLK-15] The last four: zoned disks (§5.2.6). */
static int error_of(const struct block *block, uint8_t status)
{
	if (status == VIRTIO_BLK_S_UNSUPP)
		return -ENOTSUP;
	if (!block->write_granularity)
		return -EIO;
	switch (status) {
	case VIRTIO_BLK_S_ZONE_INVALID_CMD:
		return -EINVAL;
	case VIRTIO_BLK_S_ZONE_UNALIGNED_WP:
		return -ESPIPE;
	case VIRTIO_BLK_S_ZONE_OPEN_RESOURCE:
		return -ETOOMANYREFS;
	case VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE:
		return -EOVERFLOW;
	default:
		return -EIO;
	}
}

/* What a good answer holds besides its status. */
static __attribute__((noinline)) int take_answer(struct block_queue *queue,
						 struct ferrule_block_request *request,
						 struct block_slot *slot)
{
	const struct ferrule_block *disk = &queue->block->disk;
	struct block_slot_shared *shared = slot->shared;

	if (slot->bounced && request->operation == FERRULE_BLOCK_READ)
		disk_copy(request, queue->bounce_sector, queue->bounce,
			  disk->info.block_bytes, false);
	else if (request->operation == FERRULE_BLOCK_ZONE_APPEND)
		request->sector = *(volatile uint64_t *)&shared->append_sector;
	else if (request->operation == BLOCK_OPERATION(VIRTIO_BLK_T_GET_ID))
		memcpy(request->context, shared->answer, BLOCK_ID_BYTES);
	else if (request->operation == BLOCK_OPERATION(VIRTIO_BLK_T_GET_LIFETIME))
		memcpy(request->context, shared->answer, BLOCK_LIFETIME_BYTES);
	return request->operation == FERRULE_BLOCK_ZONE_APPEND &&
			       request->sector >= disk->sectors
		       ? -EIO
		       : 0;
}

static inline void slot_put(struct block_queue *queue, struct block_slot *slot)
{
	slot->request->driver.parts--;
	slot->request = NULL;
	slot->next = queue->free;
	queue->free = slot;
	disk_queue_completed(&queue->base);
}

struct ferrule_block_request *block_slot_release(struct block_queue *queue,
						 struct block_slot *slot)
{
	struct ferrule_block_request *request = slot->request;

	slot_put(queue, slot);
	if (slot->bounced)
		queue->bounce_user = NULL;
	return request;
}

/* All but a plain transfer that went well. */
static __attribute__((noinline)) void complete_odd(struct block_queue *queue,
						   struct block_slot *slot, int error)
{
	struct ferrule_block_request *request = slot->request;

	if (!error)
		error = take_answer(queue, request, slot);
	if (slot->bounced)
		queue->bounce_user = NULL;
	if (error && !request->driver.error) /* [BLK-12] of all its ranges */
		request->driver.error = error;
}

/* [BLK-16] [BLK-17] The device wrote the status, once the used entry is seen (§5.2.6.2).
 * A read is good only if the device also claims to have written all of it: memory that it
 * did not write must not be taken for data. Legacy devices may get lengths wrong
 * (§5.2.6.4). [BLK-21] */
static inline void complete_part(struct block_queue *queue, struct block_slot *slot,
				 uint32_t written,
				 struct ferrule_block_request **finished)
{
	struct ferrule_block_request *request = slot->request;
	uint8_t status = *(const volatile uint8_t *)&slot->shared->status;
	int error = 0;

	if (status != VIRTIO_BLK_S_OK)
		error = error_of(queue->block, status);
	else if (written <= slot->data_bytes && !queue->block->unchecked_lengths)
		error = -EIO;
	if (error || slot->bounced || request->operation > FERRULE_BLOCK_WRITE)
		complete_odd(queue, slot, error);
	slot_put(queue, slot);
	if (!request->driver.parts && !request->driver.waits)
		disk_end(request, request->driver.error, finished);
}

/* Takes back what the device has used, until there is no more. Under the lock. */
static inline __attribute__((always_inline)) bool reap(struct block_queue *queue)
{
	struct block_slot *slot;
	bool any = false;

	while ((slot = virtqueue_get(queue->base.vq, &queue->written))) {
		complete_part(queue, slot, queue->written, &queue->finished);
		any = true;
	}
	return any;
}

void block_used(struct virtqueue *vq)
{
	struct block *block = virtqueue_device(vq)->driver_data;
	struct block_queue *queue = &block->queues[virtqueue_index(vq)];
	unsigned long flags = spin_lock(&queue->base.lock);
	struct ferrule_block_request *finished;
	bool kick;

	do {
		virtqueue_disable_cb(vq);
		reap(queue);
	} while (!__atomic_load_n(&block->disk.polled, __ATOMIC_RELAXED) &&
		 !virtqueue_enable_cb(vq) && !virtqueue_broken(vq));
	kick = queue->waiting && block_pump(queue, &queue->finished) &&
	       virtqueue_kick_prepare(vq);
	finished = take_finished(queue);
	spin_unlock(&queue->base.lock, flags);
	if (kick)
		virtqueue_notify(vq);
	disk_finish(finished);
}

bool block_poll(struct ferrule_block *disk)
{
	struct block *block = block_of(disk);
	bool any = false;

	for (unsigned i = 0; i < block->queue_count; i++) {
		struct block_queue *queue = &block->queues[i];
		struct ferrule_block_request *finished;
		unsigned long flags = spin_lock(&queue->base.lock);
		bool kick = false;

		if (!queue->base.stopped && reap(queue)) {
			any = true;
			kick = queue->waiting && block_pump(queue, &queue->finished) &&
			       virtqueue_kick_prepare(queue->base.vq);
		}
		finished = take_finished(queue);
		spin_unlock(&queue->base.lock, flags);
		if (kick)
			virtqueue_notify(queue->base.vq);
		disk_finish(finished);
	}
	return any;
}
