/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-blk: zoned disks (VIRTIO 1.3 §5.2.6), <ferrule/zones.h>. [BLK-15] */

#include <errno.h>
#include <string.h>
#include <ferrule/zones.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <virtio/device/block.h>

/* The device writes these (§5.2.6); each is copied before it is looked at. */
struct zone_report {
	uint64_t count;
	uint8_t reserved[56];
};
struct zone_descriptor {
	uint64_t capacity, start, pointer;
	uint8_t type, state;
	uint8_t reserved[38];
};
_Static_assert(sizeof(struct zone_report) == 64 && sizeof(struct zone_descriptor) == 64,
	       "as the device lays them out");

#define REPORT_ZONES_MAX 63 /* a page's worth */

static uint64_t zone_sectors(const struct block *block)
{
	return virtio_config_read32(block->device, BLOCK_CONFIG_ZONE_SECTORS);
}

/* Whether the call may be made at all. */
static int zoned(const struct ferrule_block *disk)
{
	if (__atomic_load_n(&disk->gone, __ATOMIC_ACQUIRE))
		return -ENODEV;
	return disk->operations->check == block_zones_check ? 0 : -ENOTSUP;
}

/* Lengths and places of writes: whole granules; an append is one part, from the start of
 * a zone's name on. */
int block_zones_check(const struct ferrule_block *disk,
		      const struct ferrule_block_request *request, uint64_t bytes)
{
	const struct block *block = block_of(disk);

	if (bytes % block->write_granularity)
		return -EINVAL;
	if (request->operation != FERRULE_BLOCK_ZONE_APPEND)
		return block->sequential && request->sector * FERRULE_SECTOR_BYTES %
						    block->write_granularity
			       ? -EINVAL
			       : 0;
	if (!block->append_max_sectors)
		return -ENOTSUP;
	return bytes > (uint64_t)block->append_max_sectors * FERRULE_SECTOR_BYTES ||
			       bytes > disk->info.transfer_max_bytes
		       ? -EINVAL
		       : 0;
}

int ferrule_zones_info(struct ferrule_block *disk, struct ferrule_zones_info *out)
{
	const struct block *block = block_of(disk);
	struct virtio_device *device;
	uint64_t sectors = __atomic_load_n(&disk->sectors, __ATOMIC_RELAXED);
	int error = zoned(disk);

	memset(out, 0, sizeof(*out));
	if (error)
		return error;
	device = block->device;
	out->model = block->sequential ? FERRULE_ZONED_HOST_MANAGED
				       : FERRULE_ZONED_HOST_AWARE;
	out->zone_sectors = (uint32_t)zone_sectors(block);
	if (out->zone_sectors)
		out->zones = sectors / out->zone_sectors +
			     (sectors % out->zone_sectors != 0);
	out->max_open = virtio_config_read32(device, BLOCK_CONFIG_MAX_OPEN_ZONES);
	out->max_active = virtio_config_read32(device, BLOCK_CONFIG_MAX_ACTIVE_ZONES);
	out->append_max_sectors = block->append_max_sectors;
	out->write_granularity_bytes = block->write_granularity;
	return 0;
}

/* One descriptor, if it makes sense. */
static bool take_zone(const struct ferrule_block *disk,
		      const struct zone_descriptor *descriptor, struct ferrule_zone *out)
{
	struct zone_descriptor zone;

	memcpy(&zone, descriptor, sizeof(zone));
	if (zone.start >= disk->sectors || zone.capacity > disk->sectors - zone.start ||
	    zone.type < FERRULE_ZONE_CONVENTIONAL ||
	    zone.type > FERRULE_ZONE_SEQUENTIAL_PREFERRED)
		return false;
	if (zone.state > FERRULE_ZONE_CLOSED &&
	    (zone.state < FERRULE_ZONE_READ_ONLY || zone.state > FERRULE_ZONE_OFFLINE))
		return false;
	*out = (struct ferrule_zone){ .sector = zone.start,
				      .capacity = zone.capacity,
				      .type = zone.type,
				      .state = zone.state };
	/* The pointer means something only in these states (§5.2.6). */
	if (zone.state >= FERRULE_ZONE_EMPTY && zone.state <= FERRULE_ZONE_CLOSED) {
		if (zone.pointer < zone.start ||
		    zone.pointer - zone.start > zone.capacity)
			return false;
		out->pointer = zone.pointer;
	}
	return true;
}

/* A page of the report from `sector` on: how many zones, or -errno. */
static int report_some(struct ferrule_block *disk, uint64_t sector, void *page,
		       struct ferrule_zone *zones, unsigned count)
{
	struct ferrule_block_segment segment = {
		page, sizeof(struct zone_report) + count * sizeof(struct zone_descriptor)
	};
	struct ferrule_block_request request = {
		.operation = BLOCK_OPERATION(VIRTIO_BLK_T_ZONE_REPORT),
		.sector = sector,
		.segments = &segment,
		.segment_count = 1,
	};
	struct zone_report header;
	struct zone_descriptor *descriptors;
	int error;

	memset(page, 0, PAGE_BYTES);
	error = disk_command(disk, &request);
	if (error)
		return error;
	memcpy(&header, page, sizeof(header));
	descriptors = (struct zone_descriptor *)((char *)page + sizeof(header));
	if (header.count > count)
		return -EIO;
	for (unsigned i = 0; i < header.count; i++)
		if (!take_zone(disk, &descriptors[i], &zones[i]))
			return -EIO;
	return (int)header.count;
}

int ferrule_zones_report(struct ferrule_block *disk, uint64_t sector,
			 struct ferrule_zone *zones, unsigned count)
{
	void *page;
	unsigned done = 0;
	int result = zoned(disk);

	if (result)
		return result;
	page = kzalloc(PAGE_BYTES);
	if (!page)
		return -ENOMEM;
	while (done < count && sector < disk->sectors) {
		unsigned some = count - done;
		uint64_t next;

		if (some > REPORT_ZONES_MAX)
			some = REPORT_ZONES_MAX;
		result = report_some(disk, sector, page, zones + done, some);
		if (result <= 0)
			break;
		done += (unsigned)result;
		next = zones[done - 1].sector + zone_sectors(block_of(disk));
		if (next <= sector) /* a report must get on */
			break;
		sector = next;
	}
	kfree(page);
	return result < 0 ? result : (int)done;
}

int ferrule_zone_change(struct ferrule_block *disk, enum ferrule_zone_change change,
			uint64_t sector)
{
	static const uint8_t types[] = {
		[FERRULE_ZONE_OPEN] = VIRTIO_BLK_T_ZONE_OPEN,
		[FERRULE_ZONE_CLOSE] = VIRTIO_BLK_T_ZONE_CLOSE,
		[FERRULE_ZONE_FINISH] = VIRTIO_BLK_T_ZONE_FINISH,
		[FERRULE_ZONE_RESET] = VIRTIO_BLK_T_ZONE_RESET,
		[FERRULE_ZONE_RESET_ALL] = VIRTIO_BLK_T_ZONE_RESET_ALL,
	};
	struct ferrule_block_request request = { 0 };
	int error = zoned(disk);
	uint64_t zone;

	if (error)
		return error;
	if (change > FERRULE_ZONE_RESET_ALL)
		return -EINVAL;
	if (disk->info.read_only)
		return -EROFS;
	zone = zone_sectors(block_of(disk));
	if (change == FERRULE_ZONE_RESET_ALL)
		sector = 0;
	else if (sector >= disk->sectors || !zone || sector % zone)
		return -EINVAL;
	request.operation = BLOCK_OPERATION(types[change]);
	request.sector = sector;
	return disk_command(disk, &request);
}

int ferrule_zone_append(struct ferrule_block *disk, uint64_t sector, const void *data,
			size_t bytes, uint64_t *where)
{
	struct ferrule_block_segment segment = { (void *)data, bytes };
	struct ferrule_block_request request = { .operation = FERRULE_BLOCK_ZONE_APPEND,
						 .sector = sector,
						 .segments = &segment,
						 .segment_count = 1 };
	struct ferrule_block_request *batch = &request;
	int error = zoned(disk);

	if (error)
		return error;
	ferrule_block_submit(disk, &batch, 1);
	error = ferrule_block_wait(&request);
	if (!error)
		*where = request.sector;
	return error;
}
