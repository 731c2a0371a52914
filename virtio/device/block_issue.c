/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-blk: device requests that are neither reads nor writes (VIRTIO 1.3 §5.2.6). */

#include <errno.h>
#include <string.h>
#include <arch/mmu.h>
#include <virtio/device/block.h>

/* Appends to a zone: all of it in one part, and the place comes back before the status
 * (§5.2.6). */
static int issue_append(struct block_queue *queue, struct ferrule_block_request *request,
			struct block_slot *slot)
{
	uint32_t bytes;
	int count = disk_gather(&queue->block->disk, request, queue->pieces, &bytes);
	int error;

	if (count < 0)
		return count == -EMSGSIZE ? -EINVAL : count;
	slot->shared->type = VIRTIO_BLK_T_ZONE_APPEND;
	slot->shared->sector = request->sector;
	slot->data_bytes = 8;
	queue->pieces[count] = (struct virtio_piece){
		slot->phys + offsetof(struct block_slot_shared, append_sector), 9
	};
	error = virtqueue_add(queue->base.vq, queue->pieces, (unsigned)count, 1, slot);
	if (error)
		return error;
	disk_advance(request, bytes);
	if (!request->driver.waits)
		return 0;
	/* In too many pieces: the rest would be another append. What was issued is in
	 * doubt, so the request fails. */
	request->driver.waits = false;
	request->driver.error = -EINVAL;
	return 0;
}

/* Type, and for ranges where the next one goes. */
static void fill_command(struct ferrule_block *disk,
			 struct ferrule_block_request *request,
			 struct block_slot_shared *shared)
{
	struct ferrule_block_info *info = &disk->info;
	uint32_t max = info->write_zeroes_max_sectors, align = 1;

	shared->sector = 0; /* [BLK-08] */
	switch (request->operation) {
	case FERRULE_BLOCK_FLUSH: /* [BLK-07] covers what was completed when it was sent */
		shared->type = VIRTIO_BLK_T_FLUSH;
		request->driver.waits = false;
		return;
	case FERRULE_BLOCK_DISCARD:
		shared->type = VIRTIO_BLK_T_DISCARD;
		max = info->discard_max_sectors;
		align = disk->discard_align;
		break;
	case FERRULE_BLOCK_WRITE_ZEROES:
		shared->type = VIRTIO_BLK_T_WRITE_ZEROES;
		break;
	case FERRULE_BLOCK_SECURE_ERASE:
		shared->type = VIRTIO_BLK_T_SECURE_ERASE;
		max = info->secure_erase_max_sectors;
		align = disk->erase_align;
		break;
	default:
		shared->type = (uint32_t)request->operation - BLOCK_OPERATION(0);
		shared->sector = request->sector;
		request->driver.waits = false;
		return;
	}
	/* [BLK-11] One range a request; unmap is 0: zeroes stay allocated. */
	disk_range(request, max, align, &shared->range.sector, &shared->range.sectors);
	shared->range.flags = 0;
}

/* What the device writes for a request of the driver's own; false: nothing. */
static bool answer_piece(const struct ferrule_block_request *request,
			 const struct block_slot *slot, struct virtio_piece *piece)
{
	uint64_t answer = slot->phys + offsetof(struct block_slot_shared, answer);

	switch (slot->shared->type) {
	case VIRTIO_BLK_T_GET_ID:
		*piece = (struct virtio_piece){ answer, BLOCK_ID_BYTES }; /* [BLK-13] */
		return true;
	case VIRTIO_BLK_T_GET_LIFETIME:
		*piece = (struct virtio_piece){ answer, BLOCK_LIFETIME_BYTES };
		return true;
	case VIRTIO_BLK_T_ZONE_REPORT:
		*piece = (struct virtio_piece){ virt_to_phys(request->segments->data),
						(uint32_t)request->segments->bytes };
		return true;
	default:
		return false;
	}
}

/* Issues all others: header, the range or the answer's buffer if there is one, status. */
static int issue_command(struct block_queue *queue, struct ferrule_block_request *request,
			 struct block_slot *slot)
{
	struct block_slot_shared *shared = slot->shared;
	struct virtio_piece *pieces = queue->pieces;
	unsigned readable = 1, writable = 1;
	int error;

	memset(shared->answer, 0, sizeof(shared->answer));
	fill_command(&queue->block->disk, request, shared);
	slot->data_bytes = 0;
	if (answer_piece(request, slot, &pieces[1])) {
		writable++;
	} else if (request->operation != FERRULE_BLOCK_FLUSH &&
		   request->operation <= FERRULE_BLOCK_SECURE_ERASE) {
		pieces[1] = (struct virtio_piece){
			slot->phys + offsetof(struct block_slot_shared, range),
			BLOCK_RANGE_BYTES
		};
		readable++;
	}
	pieces[readable + writable - 1] = (struct virtio_piece){
		slot->phys + offsetof(struct block_slot_shared, status), 1
	};
	error = virtqueue_add(queue->base.vq, pieces, readable, writable, slot);
	if (error && readable == 2)
		disk_range_undo(request, shared->range.sector);
	else if (error)
		request->driver.waits = true;
	return error;
}

int block_issue_other(struct block_queue *queue, struct ferrule_block_request *request,
		      struct block_slot *slot)
{
	return request->operation == FERRULE_BLOCK_ZONE_APPEND
		       ? issue_append(queue, request, slot)
		       : issue_command(queue, request, slot);
}
