/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-blk: from requests to device requests and back (VIRTIO 1.3 §5.2.6). This is the
 * hot path: nothing here allocates, and what can be computed once was (slot addresses). */

#include <errno.h>
#include <string.h>
#include <kernel/thread.h>
#include <virtio/device/block.h>
#include <virtio/device/pieces.h>

/* The next part's data as disk->pieces[1..]: as many whole blocks as one device request
 * can take. Returns the piece count including pieces[0], the header's; or -errno. */
static int gather(struct ferrule_block *disk, const struct ferrule_block_request *request,
		  uint32_t *part_bytes)
{
	const struct ferrule_block_segment *segment =
		&request->segments[request->driver.next_segment];
	const struct ferrule_block_segment *end =
		&request->segments[request->segment_count];
	size_t offset = request->driver.segment_offset;
	uint32_t max = disk->info.transfer_max_bytes, total = 0, excess;
	unsigned count = 1, room = 1 + disk->data_pieces_max;

	for (; segment < end && total < max; segment++, offset = 0) {
		size_t want = segment->bytes - offset, taken;
		bool missing;

		if (want > max - total)
			want = max - total;
		count = pieces_append(disk->pieces, count, room,
				      (const char *)segment->data + offset, want,
				      disk->piece_bytes_max, count > 1, &taken, &missing);
		if (missing)
			return -EFAULT;
		total += (uint32_t)taken;
		if (taken < want)
			break;
	}
	/* Room may have run out inside a block: leave that block to the next part. */
	excess = total & (disk->info.block_bytes - 1);
	total -= excess;
	while (excess) {
		struct virtio_piece *last = &disk->pieces[count - 1];
		uint32_t cut = last->bytes < excess ? last->bytes : excess;

		last->bytes -= cut;
		excess -= cut;
		count -= !last->bytes;
	}
	*part_bytes = total;
	return total ? (int)count : -EINVAL;
}

/* Moves the request's cursor over what was issued; notes whether anything is left. */
static void advance_data(struct ferrule_block_request *request, uint32_t bytes)
{
	request->driver.next_sector += bytes / FERRULE_SECTOR_BYTES;
	while (request->driver.next_segment < request->segment_count) {
		const struct ferrule_block_segment *segment =
			&request->segments[request->driver.next_segment];
		size_t left = segment->bytes - request->driver.segment_offset;

		if (bytes < left) {
			request->driver.segment_offset += bytes;
			return;
		}
		bytes -= (uint32_t)left;
		request->driver.segment_offset = 0;
		request->driver.next_segment++;
	}
	request->driver.waits = false;
}

/* The next range of a discard or write-zeroes request: not longer than the device allows,
 * and cut where it likes ranges to start (§5.2.4). */
static void make_range(struct ferrule_block *disk, struct ferrule_block_request *request,
		       struct block_slot_shared *shared)
{
	bool discard = request->operation == FERRULE_BLOCK_DISCARD;
	uint32_t max = discard ? disk->info.discard_max_sectors
			       : disk->info.write_zeroes_max_sectors;
	uint64_t start = request->driver.next_sector;
	uint64_t left = request->sector + request->sectors - start;
	uint32_t count = left < max ? (uint32_t)left : max;

	if (discard && count < left) {
		uint32_t over = (uint32_t)((start + count) % disk->discard_align);

		if (over < count)
			count -= over;
	}
	shared->range.sector = start;
	shared->range.sectors = count;
	shared->range.flags = 0; /* unmap: 0 for discard; zeroes stay allocated */
	request->driver.next_sector += count;
	request->driver.waits = count < left;
}

static void undo_range(struct ferrule_block_request *request,
		       const struct block_slot_shared *shared)
{
	request->driver.next_sector = shared->range.sector;
	request->driver.waits = true;
}

/* The whole request as one piece, which is by far the most common; 0: it needs gather().
 * Returns the piece count. */
static int single(struct ferrule_block *disk, const struct ferrule_block_request *request,
		  uint32_t *part_bytes)
{
	size_t bytes = request->segments->bytes;

	if (!request->driver.phys || bytes > disk->piece_bytes_max)
		return 0;
	disk->pieces[1] = (struct virtio_piece){ request->driver.phys, (uint32_t)bytes };
	*part_bytes = (uint32_t)bytes;
	return 2;
}

/* Issues reads and writes: header, data, status. */
static int issue_data(struct ferrule_block *disk, struct ferrule_block_request *request,
		      struct block_slot *slot)
{
	struct virtio_piece *pieces = disk->pieces;
	bool read = request->operation == FERRULE_BLOCK_READ;
	uint32_t bytes;
	int count = single(disk, request, &bytes);
	bool whole = count != 0;
	int error;

	if (!whole)
		count = gather(disk, request, &bytes);
	if (count < 0)
		return count;
	slot->shared->type = read ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT;
	slot->shared->sector = request->driver.next_sector;
	slot->data_bytes = read ? bytes : 0;
	pieces[count] = (struct virtio_piece){
		slot->phys + offsetof(struct block_slot_shared, status), 1
	};
	error = read ? virtqueue_add(disk->queue, pieces, 1, (unsigned)count, slot)
		     : virtqueue_add(disk->queue, pieces, (unsigned)count, 1, slot);
	if (error)
		return error;
	if (whole)
		request->driver.waits = false;
	else
		advance_data(request, bytes);
	return 0;
}

/* Issues all others: header, the range or id buffer if there is one, status. */
static int issue_command(struct ferrule_block *disk,
			 struct ferrule_block_request *request, struct block_slot *slot)
{
	struct block_slot_shared *shared = slot->shared;
	struct virtio_piece *pieces = disk->pieces;
	unsigned readable = 1, writable = 1, count = 1;
	int error;

	shared->sector = 0;
	slot->data_bytes = 0;
	pieces[1].address = slot->phys + offsetof(struct block_slot_shared, range);
	if (request->operation == FERRULE_BLOCK_FLUSH) {
		shared->type = VIRTIO_BLK_T_FLUSH;
		request->driver.waits = false;
	} else if (request->operation == BLOCK_GET_ID) {
		shared->type = VIRTIO_BLK_T_GET_ID;
		memset(shared->id, 0, sizeof(shared->id));
		pieces[count++].bytes = BLOCK_ID_BYTES;
		writable++;
		request->driver.waits = false;
	} else {
		shared->type = request->operation == FERRULE_BLOCK_DISCARD
				       ? VIRTIO_BLK_T_DISCARD
				       : VIRTIO_BLK_T_WRITE_ZEROES;
		make_range(disk, request, shared);
		pieces[count++].bytes = BLOCK_RANGE_BYTES;
		readable++;
	}
	pieces[count] = (struct virtio_piece){
		slot->phys + offsetof(struct block_slot_shared, status), 1
	};
	error = virtqueue_add(disk->queue, pieces, readable, writable, slot);
	if (error) {
		if (readable == 2)
			undo_range(request, shared);
		request->driver.waits = true;
	}
	return error;
}

static int issue_part(struct ferrule_block *disk, struct ferrule_block_request *request)
{
	struct block_slot *slot = disk->free;
	int error;

	if (!slot)
		return -ENOSPC;
	disk->pieces[0] = (struct virtio_piece){ slot->phys, BLOCK_HEADER_BYTES };
	*(volatile uint8_t *)&slot->shared->status = BLOCK_STATUS_UNWRITTEN;
	if (request->operation <= FERRULE_BLOCK_WRITE)
		error = issue_data(disk, request, slot);
	else
		error = issue_command(disk, request, slot);
	if (error)
		return error;
	disk->free = slot->next;
	slot->request = request;
	request->driver.parts++;
	if (!disk->in_flight++ && !disk->watchdog_armed) {
		disk->watchdog_armed = true;
		timer_arm(&disk->watchdog, clock_ns() + BLOCK_SILENCE_NS);
	}
	return 0;
}

bool block_pump(struct ferrule_block *disk, struct ferrule_block_request **finished)
{
	bool added = false;

	while (disk->waiting) {
		struct ferrule_block_request *request = disk->waiting;
		int error = request->driver.error;

		if (!error) {
			error = issue_part(disk, request);
			/* The queue is full; a part that comes back makes room. */
			if (error == -ENOSPC && disk->in_flight)
				break;
			request->driver.error = error == -ENOSPC ? -EIO : error;
			added |= !error;
		}
		if (!error && request->driver.waits)
			continue;
		request->driver.waits = false;
		disk->waiting = request->driver.next;
		if (!disk->waiting)
			disk->waiting_end = &disk->waiting;
		if (!request->driver.parts)
			block_end(request, request->driver.error, finished);
	}
	return added;
}

void block_end(struct ferrule_block_request *request, int status,
	       struct ferrule_block_request **finished)
{
	struct wait_queue *waiter = request->driver.waiter;

	if (request->done) {
		request->driver.error = status;
		request->driver.next = *finished;
		*finished = request;
		return;
	}
	/* From here on the request may be gone, unless its waiter sleeps: that one takes
	 * the lock, which we hold, before it returns. */
	__atomic_store_n(&request->status, status, __ATOMIC_RELEASE);
	if (waiter)
		wait_wake(waiter, WAKE_ALL, 0);
}

void block_finish(struct ferrule_block_request *finished)
{
	while (finished) {
		struct ferrule_block_request *request = finished;

		finished = request->driver.next;
		request->status = request->driver.error;
		request->done(request);
	}
}

/* The device wrote the status, once the used entry is seen (§5.2.6.2). A read is good
 * only if the device also claims to have written all of it: memory that it did not write
 * must not be taken for data. Legacy devices may get lengths wrong (§5.2.6.4). */
static int part_result(const struct ferrule_block *disk, const struct block_slot *slot,
		       uint32_t written)
{
	switch (*(const volatile uint8_t *)&slot->shared->status) {
	case VIRTIO_BLK_S_OK:
		if (written < slot->data_bytes + 1 && !disk->unchecked_lengths)
			return -EIO;
		return 0;
	case VIRTIO_BLK_S_UNSUPP:
		return -ENOTSUP;
	default:
		return -EIO;
	}
}

static void complete_part(struct ferrule_block *disk, struct block_slot *slot, int error,
			  struct ferrule_block_request **finished)
{
	struct ferrule_block_request *request = slot->request;

	if (request->operation == BLOCK_GET_ID && !error)
		memcpy(request->context, slot->shared->id, BLOCK_ID_BYTES);
	slot->request = NULL;
	slot->next = disk->free;
	disk->free = slot;
	disk->in_flight--;
	disk->completed++;
	if (error && !request->driver.error)
		request->driver.error = error;
	if (--request->driver.parts == 0 && !request->driver.waits)
		block_end(request, request->driver.error, finished);
}

void block_used(struct virtqueue *queue)
{
	struct ferrule_block *disk = virtqueue_device(queue)->driver_data;
	struct ferrule_block_request *finished = NULL;
	unsigned long flags = spin_lock(&disk->lock);
	struct block_slot *slot;
	uint32_t written;
	bool kick;

	do {
		virtqueue_disable_cb(queue);
		while ((slot = virtqueue_get(queue, &written)))
			complete_part(disk, slot, part_result(disk, slot, written),
				      &finished);
	} while (!virtqueue_enable_cb(queue) && !virtqueue_broken(queue));
	kick = disk->waiting && block_pump(disk, &finished) &&
	       virtqueue_kick_prepare(queue);
	spin_unlock(&disk->lock, flags);
	if (kick)
		virtqueue_notify(queue);
	block_finish(finished);
}

void block_fail_all(struct ferrule_block *disk)
{
	struct ferrule_block_request *finished = NULL;
	unsigned long flags = spin_lock(&disk->lock);

	while (disk->waiting) {
		struct ferrule_block_request *request = disk->waiting;

		disk->waiting = request->driver.next;
		request->driver.waits = false;
		request->driver.error = -EIO;
		if (!request->driver.parts)
			block_end(request, -EIO, &finished);
	}
	disk->waiting_end = &disk->waiting;
	for (unsigned i = 0; i < disk->slot_count; i++)
		if (disk->slots[i].request)
			complete_part(disk, &disk->slots[i], -EIO, &finished);
	spin_unlock(&disk->lock, flags);
	block_finish(finished);
}
