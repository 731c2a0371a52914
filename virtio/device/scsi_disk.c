/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-scsi: a logical unit as a disk: requests become commands (SBC), their answers
 * results. */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <virtio/device/scsi.h>

enum opcode {
	READ_10 = 0x28,
	WRITE_10 = 0x2a,
	SYNCHRONIZE_CACHE_10 = 0x35,
	UNMAP = 0x42,
	READ_16 = 0x88,
	WRITE_16 = 0x8a,
	WRITE_SAME_16 = 0x93,
};

#define PAUSE_NS    (20 * NS_PER_MS)
#define BUSY_TRIES  100
#define UNMAP_BYTES 24

static void fill_transfer(uint8_t *cdb, bool read, uint64_t block, uint32_t blocks)
{
	if (block + blocks <= UINT32_MAX && blocks <= UINT16_MAX) {
		cdb[0] = read ? READ_10 : WRITE_10;
		put_be32(cdb + 2, (uint32_t)block);
		put_be16(cdb + 7, blocks);
	} else {
		cdb[0] = read ? READ_16 : WRITE_16;
		put_be64(cdb + 2, block);
		put_be32(cdb + 10, blocks);
	}
}

/* A block's data in more pieces than a command may have, in one. */
static int bounce(struct scsi_unit *unit, struct ferrule_block_request *request,
		  struct scsi_slot *slot, struct virtio_piece *pieces, uint32_t *bytes)
{
	*bytes = unit->disk.info.block_bytes;
	slot->bounce = kmalloc(*bytes);
	if (!slot->bounce)
		return -ENOMEM;
	slot->bounce_sector = request->driver.next_sector;
	if (request->operation == FERRULE_BLOCK_WRITE)
		disk_copy(request, slot->bounce_sector, slot->bounce, *bytes, true);
	pieces[1] = (struct virtio_piece){ virt_to_phys(slot->bounce), *bytes };
	return 2;
}

/* Request, data to write, answer, data to read. */
static int issue_data(struct scsi_unit *unit, struct ferrule_block_request *request,
		      struct scsi_slot *slot)
{
	struct scsi_queue *queue = unit->queue;
	bool read = request->operation == FERRULE_BLOCK_READ;
	struct virtio_piece *pieces = queue->pieces + read;
	uint32_t bytes,
		block_sectors = unit->disk.info.block_bytes / FERRULE_SECTOR_BYTES;
	int count = disk_single(&unit->disk, request, pieces, &bytes);
	bool whole = count != 0 && bytes <= unit->disk.info.transfer_max_bytes;
	int error;

	if (!whole)
		count = disk_gather(&unit->disk, request, pieces, &bytes);
	if (count == -EMSGSIZE)
		count = bounce(unit, request, slot, pieces, &bytes);
	if (count < 0)
		return count;
	queue->pieces[read ? 1 : count] = (struct virtio_piece){
		slot->phys + offsetof(struct scsi_slot_shared, answer),
		sizeof(struct scsi_answer)
	};
	fill_transfer(slot->shared->request.cdb, read,
		      request->driver.next_sector / block_sectors,
		      bytes / unit->disk.info.block_bytes);
	slot->data_bytes = bytes;
	error = read ? scsi_slot_issue(queue, slot, 1, (unsigned)count)
		     : scsi_slot_issue(queue, slot, (unsigned)count, 1);
	if (error)
		return error;
	if (whole)
		request->driver.waits = false;
	else
		disk_advance(request, bytes);
	return 0;
}

static void fill_unmap(struct scsi_slot *slot, uint64_t block, uint32_t blocks)
{
	uint8_t *list = slot->shared->list, *cdb = slot->shared->request.cdb;

	memset(list, 0, UNMAP_BYTES);
	put_be16(list, UNMAP_BYTES - 2);
	put_be16(list + 2, 16);
	put_be64(list + 8, block);
	put_be32(list + 16, blocks);
	cdb[0] = UNMAP;
	put_be16(cdb + 7, UNMAP_BYTES);
	slot->data_bytes = UNMAP_BYTES;
}

static void fill_write_same(struct scsi_unit *unit, struct scsi_slot *slot,
			    uint64_t block, uint32_t blocks)
{
	uint8_t *cdb = slot->shared->request.cdb;

	cdb[0] = WRITE_SAME_16;
	put_be64(cdb + 2, block);
	put_be32(cdb + 10, blocks);
	slot->data_bytes = unit->disk.info.block_bytes;
}

/* All that is no read or write. */
static int issue_command(struct scsi_unit *unit, struct ferrule_block_request *request,
			 struct scsi_slot *slot)
{
	struct ferrule_block_info *info = &unit->disk.info;
	uint32_t block_sectors = info->block_bytes / FERRULE_SECTOR_BYTES;
	bool discard = request->operation == FERRULE_BLOCK_DISCARD;
	struct virtio_piece *pieces = unit->queue->pieces;
	unsigned readable = 1;
	uint64_t sector = 0;
	uint32_t sectors;
	int error;

	slot->data_bytes = 0;
	if (request->operation == FERRULE_BLOCK_FLUSH) {
		slot->shared->request.cdb[0] = SYNCHRONIZE_CACHE_10; /* all of it */
		request->driver.waits = false;
	} else {
		disk_range(request,
			   discard ? info->discard_max_sectors
				   : info->write_zeroes_max_sectors,
			   discard ? unit->disk.discard_align : block_sectors, &sector,
			   &sectors);
		if (discard)
			fill_unmap(slot, sector / block_sectors, sectors / block_sectors);
		else
			fill_write_same(unit, slot, sector / block_sectors,
					sectors / block_sectors);
		pieces[readable++] = (struct virtio_piece){
			discard ? slot->phys + offsetof(struct scsi_slot_shared, list)
				: unit->blank_phys,
			slot->data_bytes
		};
	}
	pieces[readable] = (struct virtio_piece){
		slot->phys + offsetof(struct scsi_slot_shared, answer),
		sizeof(struct scsi_answer)
	};
	error = scsi_slot_issue(unit->queue, slot, readable, 1);
	if (error && readable == 2)
		disk_range_undo(request, sector);
	else if (error)
		request->driver.waits = true;
	return error;
}

int scsi_disk_issue(struct scsi_unit *unit, struct ferrule_block_request *request)
{
	struct scsi_slot *slot = scsi_slot_take(unit->queue, unit->lun);
	int error;

	if (!slot)
		return -ENOSPC;
	slot->unit = unit;
	error = request->operation <= FERRULE_BLOCK_WRITE
			? issue_data(unit, request, slot)
			: issue_command(unit, request, slot);
	if (error) {
		slot->unit = NULL;
		kfree(slot->bounce);
		slot->bounce = NULL;
		return error;
	}
	slot->request = request;
	request->driver.parts++;
	return 0;
}

void scsi_disk_again(struct scsi_unit *unit, struct ferrule_block_request *request)
{
	bool queued = request->driver.waits;

	if (!request->driver.error)
		disk_rewind(request);
	if (queued)
		return;
	request->driver.waits = true;
	request->driver.next = unit->waiting;
	if (!unit->waiting)
		unit->waiting_end = &request->driver.next;
	unit->waiting = request;
}

/* The last part of it is back. What a unit attention or a full queue stopped is begun
 * again, a few times. */
static void settle(struct scsi_unit *unit, struct ferrule_block_request *request,
		   struct ferrule_block_request **finished)
{
	unsigned most = unit->paused ? BUSY_TRIES : DISK_TRIES_MAX;

	if (request->driver.error == -EAGAIN) {
		request->driver.error = unit->dead			 ? -ENODEV
					: request->driver.tries++ < most ? 0
									 : -EIO;
		if (!request->driver.error) {
			scsi_disk_again(unit, request);
			return;
		}
	}
	if (!request->driver.waits)
		disk_end(request, request->driver.error, finished);
}

void scsi_disk_done(struct scsi_slot *slot, const struct scsi_outcome *outcome,
		    struct ferrule_block_request **finished)
{
	struct ferrule_block_request *request = slot->request;
	struct scsi_unit *unit = slot->unit;
	int error = outcome->error;

	if (!error && outcome->residual) /* not all of it was transferred */
		error = -EIO;
	if (outcome->verdict != SCSI_DONE)
		error = -EAGAIN;
	if (outcome->verdict == SCSI_BUSY && !unit->paused && !unit->dead) {
		unit->paused = true;
		timer_arm(&unit->pause, clock_ns() + PAUSE_NS);
	}
	if (!error && slot->bounce && request->operation == FERRULE_BLOCK_READ)
		disk_copy(request, slot->bounce_sector, slot->bounce, slot->data_bytes,
			  false);
	/* An error for good counts more than one that is tried again. */
	if (error && (!request->driver.error || request->driver.error == -EAGAIN))
		request->driver.error = error;
	scsi_slot_free(unit->queue, slot);
	if (!--request->driver.parts)
		settle(unit, request, finished);
}

void scsi_disk_fail_waiting(struct scsi_unit *unit, int error,
			    struct ferrule_block_request **finished)
{
	while (unit->waiting) {
		struct ferrule_block_request *request = unit->waiting;

		unit->waiting = request->driver.next;
		request->driver.waits = false;
		request->driver.error = error;
		if (!request->driver.parts)
			disk_end(request, error, finished);
	}
	unit->waiting_end = &unit->waiting;
}

static void scsi_disk_submit(struct ferrule_block *disk,
			     struct ferrule_block_request *first,
			     struct ferrule_block_request **end)
{
	struct scsi_unit *unit = scsi_unit_of(disk);
	struct scsi_queue *queue = unit->queue;
	struct ferrule_block_request *finished = NULL;
	unsigned long flags;
	bool kick = false;

	for (struct ferrule_block_request *each = first; each; each = each->driver.next)
		each->driver.lock = &queue->base.lock;
	flags = spin_lock(&queue->base.lock);
	*unit->waiting_end = first;
	unit->waiting_end = end;
	if (unit->dead || queue->base.error)
		scsi_disk_fail_waiting(unit, unit->dead ? -ENODEV : queue->base.error,
				       &finished);
	else if (!queue->base.stopped)
		kick = scsi_pump(queue, &finished) &&
		       virtqueue_kick_prepare(queue->base.vq);
	spin_unlock(&queue->base.lock, flags);
	if (kick)
		virtqueue_notify(queue->base.vq);
	disk_finish(finished);
}

static void scsi_disk_free(struct ferrule_block *disk)
{
	struct scsi_unit *unit = scsi_unit_of(disk);

	if (unit->blank_phys)
		page_free(unit->blank_phys, page_order(disk->info.block_bytes));
	scsi_put(unit->scsi);
	kfree(unit);
}

const struct disk_operations scsi_disk_operations = {
	.submit = scsi_disk_submit,
	.serial = scsi_disk_serial,
	.write_cache = scsi_write_cache,
	.free = scsi_disk_free,
};
