/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-blk: the configuration (VIRTIO 1.3 §5.2.4). Each field is read once and brought
 * into a range that the driver can work with. */

#include <errno.h>
#include <ferrule/zones.h>
#include <kernel/log.h>
#include <virtio/device/block.h>

#define DATA_PIECES_MAX 254
#define EXPONENT_MAX	12

static bool offers(const struct virtio_device *device, unsigned feature)
{
	return virtio_features_has(&device->offered, feature);
}

/* A host-managed disk is not discarded (§5.2.5.1); a program without the calls for zones
 * does not ask for them, and such a device then refuses it. [BLK-15] */
void block_validate(struct virtio_device *device, struct virtio_features *wanted)
{
	if (!block_zones_check || device->transport->legacy) {
		virtio_features_clear(wanted, VIRTIO_BLK_F_ZONED);
		return;
	}
	if (offers(device, VIRTIO_BLK_F_ZONED) &&
	    virtio_config_read8(device, BLOCK_CONFIG_ZONED_MODEL) ==
		    FERRULE_ZONED_HOST_MANAGED)
		virtio_features_clear(wanted, VIRTIO_BLK_F_DISCARD);
}

uint64_t block_read_capacity(struct virtio_device *device)
{
	uint64_t sectors = virtio_config_read64(device, BLOCK_CONFIG_CAPACITY);

	/* So that a byte offset fits 64 bits whatever the device says. */
	return sectors > UINT64_MAX / FERRULE_SECTOR_BYTES
		       ? UINT64_MAX / FERRULE_SECTOR_BYTES
		       : sectors;
}

/* [BLK-18] At least one, and no more than asked for, than there are, than we have use
 * for. */
unsigned block_read_queues(struct virtio_device *device)
{
	unsigned wanted = disk_queues_wanted(), most = 1, count = 1;

	if (virtio_has(device, VIRTIO_BLK_F_MQ))
		most = virtio_config_read16(device, BLOCK_CONFIG_NUM_QUEUES);
	while (count < wanted && count < most &&
	       device->transport->queue_size(device, count))
		count++;
	return count;
}

static bool power_of_two(uint32_t value)
{
	return value && !(value & (value - 1));
}

/* Sizes that are advice only: protocol units are sectors. [BLK-01] [BLK-20] */
static void read_topology(struct block *block)
{
	struct virtio_device *device = block->device;
	struct ferrule_block_info *info = &block->disk.info;
	uint64_t minimum, optimal;
	uint32_t exponent, offset;

	exponent = virtio_config_read8(device, BLOCK_CONFIG_PHYSICAL_BLOCK_EXP);
	offset = virtio_config_read8(device, BLOCK_CONFIG_ALIGNMENT_OFFSET);
	minimum = virtio_config_read16(device, BLOCK_CONFIG_MIN_IO_SIZE);
	optimal = virtio_config_read32(device, BLOCK_CONFIG_OPT_IO_SIZE);
	if (exponent <= EXPONENT_MAX)
		info->physical_block_bytes = info->block_bytes << exponent;
	if (offset * (uint64_t)info->block_bytes < info->physical_block_bytes)
		info->alignment_bytes = offset * info->block_bytes;
	if (minimum * info->block_bytes <= DISK_PART_BYTES_MAX)
		info->minimum_io_bytes = (uint32_t)(minimum * info->block_bytes);
	if (optimal * info->block_bytes <= DISK_PART_BYTES_MAX)
		info->optimal_io_bytes = (uint32_t)(optimal * info->block_bytes);
}

static void read_sizes(struct block *block)
{
	struct virtio_device *device = block->device;
	struct ferrule_block_info *info = &block->disk.info;
	uint32_t block_bytes = FERRULE_SECTOR_BYTES;

	if (virtio_has(device, VIRTIO_BLK_F_BLK_SIZE))
		block_bytes = virtio_config_read32(device, BLOCK_CONFIG_BLK_SIZE);
	if (!power_of_two(block_bytes) || block_bytes < FERRULE_SECTOR_BYTES ||
	    block_bytes > DISK_BLOCK_BYTES_MAX) {
		log_warn("%s: block size %u makes no sense, using 512", device->name,
			 block_bytes);
		block_bytes = FERRULE_SECTOR_BYTES;
	}
	info->block_bytes = info->physical_block_bytes = block_bytes;
	if (virtio_has(device, VIRTIO_BLK_F_TOPOLOGY))
		read_topology(block);
	block->disk.sectors = block_read_capacity(device);
}

/* [BLK-04] How long and how many the pieces of one part may be (§5.2.3, §5.2.5). */
static int read_limits(struct block *block, unsigned ring)
{
	struct virtio_device *device = block->device;
	struct ferrule_block *disk = &block->disk;
	uint32_t seg_max = 1, part_max = DISK_PART_BYTES_MAX;

	if (ring < 3)
		return -ENOTSUP; /* no room for header, data and status */
	if (part_max > virtqueue_bytes_max(block->vqs[0]) / 2) /* a bounce arena */
		part_max = virtqueue_bytes_max(block->vqs[0]) / 2 &
			   ~(DISK_BLOCK_BYTES_MAX - 1u);
	disk->piece_bytes_max = part_max;
	if (virtio_has(device, VIRTIO_BLK_F_SIZE_MAX)) {
		uint32_t size_max = virtio_config_read32(device, BLOCK_CONFIG_SIZE_MAX);

		if (size_max && size_max < disk->piece_bytes_max)
			disk->piece_bytes_max = size_max;
	}
	if (virtio_has(device, VIRTIO_BLK_F_SEG_MAX))
		seg_max = virtio_config_read32(device, BLOCK_CONFIG_SEG_MAX);
	if (seg_max > ring - 2)
		seg_max = ring - 2;
	if (seg_max > DATA_PIECES_MAX)
		seg_max = DATA_PIECES_MAX;
	disk->data_pieces_max = seg_max ? seg_max : 1;
	if ((uint64_t)disk->data_pieces_max * disk->piece_bytes_max <
	    disk->info.block_bytes)
		return -ENOTSUP; /* not even one block fits a request */
	disk->info.segments_max = disk->data_pieces_max;
	disk->info.transfer_max_bytes = part_max;
	if ((uint64_t)disk->data_pieces_max * disk->piece_bytes_max < part_max)
		disk->info.transfer_max_bytes = disk->data_pieces_max *
						disk->piece_bytes_max;
	return 0;
}

/* [BLK-11] The longest range of a request, 0: it cannot do that. We send one range a
 * request, which must be allowed. */
static uint32_t read_range_limit(struct virtio_device *device, unsigned feature,
				 unsigned sectors_at, unsigned segments_at)
{
	uint32_t sectors;

	if (!virtio_has(device, feature) || virtio_has(device, VIRTIO_BLK_F_RO) ||
	    !virtio_config_read32(device, segments_at))
		return 0;
	sectors = virtio_config_read32(device, sectors_at);
	return sectors && sectors < DISK_RANGE_SECTORS_MAX ? sectors
							   : DISK_RANGE_SECTORS_MAX;
}

/* Where ranges are cut; only advice for discards. */
static uint32_t read_alignment(struct virtio_device *device, unsigned offset,
			       uint32_t max)
{
	uint32_t align = max ? virtio_config_read32(device, offset) : 1;

	return align && align <= max ? align : 1;
}

static void read_ranges(struct block *block)
{
	struct virtio_device *device = block->device;
	struct ferrule_block *disk = &block->disk;
	struct ferrule_block_info *info = &disk->info;

	info->read_only = virtio_has(device, VIRTIO_BLK_F_RO); /* [BLK-05] */
	info->discard_max_sectors = read_range_limit(device, VIRTIO_BLK_F_DISCARD,
						     BLOCK_CONFIG_MAX_DISCARD_SECTORS,
						     BLOCK_CONFIG_MAX_DISCARD_SEG);
	disk->discard_align = read_alignment(
		device, BLOCK_CONFIG_DISCARD_SECTOR_ALIGNMENT, info->discard_max_sectors);
	info->write_zeroes_max_sectors = read_range_limit(
		device, VIRTIO_BLK_F_WRITE_ZEROES, BLOCK_CONFIG_MAX_WRITE_ZEROES_SECTORS,
		BLOCK_CONFIG_MAX_WRITE_ZEROES_SEG);
	info->secure_erase_max_sectors = read_range_limit(
		device, VIRTIO_BLK_F_SECURE_ERASE, BLOCK_CONFIG_MAX_SECURE_ERASE_SECTORS,
		BLOCK_CONFIG_MAX_SECURE_ERASE_SEG);
	disk->erase_align = read_alignment(device,
					   BLOCK_CONFIG_SECURE_ERASE_SECTOR_ALIGNMENT,
					   info->secure_erase_max_sectors);
}

/* [BLK-06] [BLK-09] FLUSH without CONFIG_WCE means a write-back cache; neither, a
 * write-through one (§5.2.5.1). A cache that we cannot flush is switched off (§5.2.6.1).
 * We come after FEATURES_OK, before which `writeback` may not be read. */
static void read_cache(struct block *block)
{
	struct virtio_device *device = block->device;
	struct ferrule_block *disk = &block->disk;

	disk->flush = virtio_has(device, VIRTIO_BLK_F_FLUSH);
	disk->info.flushable = disk->flush;
	if (!virtio_has(device, VIRTIO_BLK_F_CONFIG_WCE))
		return;
	if (!disk->flush) {
		virtio_config_write8(device, BLOCK_CONFIG_WRITEBACK, 0);
		return;
	}
	disk->info.cache_switchable = true;
	disk->info.flushable = virtio_config_read8(device, BLOCK_CONFIG_WRITEBACK) != 0;
}

int block_read_config(struct block *block, unsigned ring)
{
	int error;

	read_sizes(block);
	error = read_limits(block, ring);
	if (error)
		return error;
	read_ranges(block);
	read_cache(block);
	return 0;
}
