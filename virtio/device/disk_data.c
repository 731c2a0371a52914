/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* From a request's data to the pieces of one part, and the ends of requests: what all
 * disk drivers do on the hot path. Nothing here allocates. */

#include <errno.h>
#include <string.h>
#include <virtio/device/disk.h>
#include <virtio/device/pieces.h>

int disk_gather(const struct ferrule_block *disk,
		const struct ferrule_block_request *request, struct virtio_piece *pieces,
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
		count = pieces_append(pieces, count, room,
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
		struct virtio_piece *last = &pieces[count - 1];
		uint32_t cut = last->bytes < excess ? last->bytes : excess;

		last->bytes -= cut;
		excess -= cut;
		count -= !last->bytes;
	}
	*part_bytes = total;
	return total ? (int)count : -EMSGSIZE;
}

void disk_advance(struct ferrule_block_request *request, uint32_t bytes)
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

void disk_rewind(struct ferrule_block_request *request)
{
	request->driver.next_segment = 0;
	request->driver.segment_offset = 0;
	request->driver.next_sector = request->sector;
	request->driver.waits = true;
}

/* Through the direct map, a page at a time: under a spinlock nothing else is safe. */
void disk_copy(const struct ferrule_block_request *request, uint64_t sector, void *buffer,
	       uint32_t bytes, bool to_buffer)
{
	uint64_t skip = (sector - request->sector) * FERRULE_SECTOR_BYTES;
	char *at = buffer;

	for (unsigned i = 0; i < request->segment_count && bytes; i++) {
		const struct ferrule_block_segment *segment = &request->segments[i];
		uint64_t offset = skip;

		if (skip >= segment->bytes) {
			skip -= segment->bytes;
			continue;
		}
		for (skip = 0; offset < segment->bytes && bytes;) {
			const char *data = (const char *)segment->data + offset;
			size_t run = PAGE_BYTES - ((uintptr_t)data & (PAGE_BYTES - 1));
			uint64_t phys = virt_to_phys(data);

			run = run < bytes ? run : bytes;
			if (run > segment->bytes - offset)
				run = segment->bytes - offset;
			if (phys && to_buffer)
				memcpy(at, phys_to_virt(phys), run);
			else if (phys)
				memcpy(phys_to_virt(phys), at, run);
			at += run;
			offset += run;
			bytes -= (uint32_t)run;
		}
	}
}

void disk_range(struct ferrule_block_request *request, uint32_t max, uint32_t align,
		uint64_t *sector, uint32_t *sectors)
{
	uint64_t start = request->driver.next_sector;
	uint64_t left = request->sector + request->sectors - start;
	uint32_t count = left < max ? (uint32_t)left : max;

	if (count < left) {
		uint32_t over = (uint32_t)((start + count) % align);

		if (over < count)
			count -= over;
	}
	*sector = start;
	*sectors = count;
	request->driver.next_sector += count;
	request->driver.waits = count < left;
}

void disk_range_undo(struct ferrule_block_request *request, uint64_t sector)
{
	request->driver.next_sector = sector;
	request->driver.waits = true;
}

void disk_finish(struct ferrule_block_request *finished)
{
	while (finished) {
		struct ferrule_block_request *request = finished;

		finished = request->driver.next;
		request->status = request->driver.error;
		request->done(request);
	}
}
