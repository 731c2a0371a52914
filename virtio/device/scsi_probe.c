/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-scsi: what a logical unit says of itself (SPC, SBC, MMC). Everything it says is
 * read once, from memory that was zeroed, and brought into a range we can work with. */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <virtio/device/scsi.h>

enum opcode {
	TEST_UNIT_READY = 0x00,
	INQUIRY = 0x12,
	READ_CAPACITY_10 = 0x25,
	SERVICE_ACTION_IN_16 = 0x9e,
};

#define READ_CAPACITY_16 0x10
#define PAGE_SERIAL	 0x80
#define PAGE_LIMITS	 0xb0
#define PAGE_PROVISION	 0xb2
#define TYPE_DISK	 0
#define TYPE_CD		 5

static int inquire(struct scsi_unit *unit, int page, uint8_t **data, uint32_t *got)
{
	uint32_t bytes = page < 0 ? 36 : SCSI_DATA_BYTES - 1;
	uint8_t cdb[16] = { INQUIRY, page >= 0, (uint8_t)(page < 0 ? 0 : page), 0,
			    (uint8_t)bytes };
	int error = scsi_ask(unit, cdb, bytes, data, got);

	if (!error && page >= 0 && (*got < 4 || (*data)[1] != page)) {
		kfree(*data);
		error = -ENOTSUP;
	}
	return error;
}

/* What it has is left as it is where an answer makes no sense. */
static int set_capacity(struct scsi_unit *unit, uint64_t last, uint32_t block_bytes)
{
	uint64_t sectors;

	if (!block_bytes || block_bytes & (block_bytes - 1) ||
	    block_bytes < FERRULE_SECTOR_BYTES || block_bytes > DISK_BLOCK_BYTES_MAX)
		return -ENOTSUP;
	if (unit->disk.info.block_bytes && unit->disk.info.block_bytes != block_bytes)
		return -ENOTSUP; /* another medium: not this disk any more */
	unit->disk.info.block_bytes = block_bytes;
	if (last == UINT64_MAX ||
	    __builtin_mul_overflow(last + 1, block_bytes / FERRULE_SECTOR_BYTES,
				   &sectors) ||
	    sectors > UINT64_MAX / FERRULE_SECTOR_BYTES)
		sectors = UINT64_MAX / FERRULE_SECTOR_BYTES / 128 * 128;
	if (sectors != unit->disk.sectors)
		disk_resized(&unit->disk, sectors);
	return 0;
}

static int capacity_16(struct scsi_unit *unit)
{
	static const uint8_t cdb[16] = { SERVICE_ACTION_IN_16,
					 READ_CAPACITY_16, [13] = 32 };
	struct ferrule_block_info *info = &unit->disk.info;
	uint8_t *data;
	uint32_t got, exponent, aligned;
	int error = scsi_ask(unit, cdb, 32, &data, &got);

	if (error)
		return error;
	error = got < 12 ? -EIO : set_capacity(unit, get_be64(data), get_be32(data + 8));
	if (!error && got >= 16) {
		exponent = data[13] & 15;
		aligned = get_be16(data + 14) & 0x3fff;
		info->physical_block_bytes = info->block_bytes
					     << (exponent <= 12 ? exponent : 0);
		if ((uint64_t)aligned * info->block_bytes < info->physical_block_bytes)
			info->alignment_bytes = aligned * info->block_bytes;
	}
	kfree(data);
	return error;
}

int scsi_probe_capacity(struct scsi_unit *unit)
{
	static const uint8_t cdb[16] = { READ_CAPACITY_10 };
	uint8_t *data;
	uint32_t got, last;
	int error = capacity_16(unit);

	if (!error)
		return 0;
	error = scsi_ask(unit, cdb, 8, &data, &got);
	if (error)
		return error;
	last = get_be32(data);
	error = got < 8 ? -EIO : set_capacity(unit, last, get_be32(data + 4));
	kfree(data);
	if (!unit->disk.info.physical_block_bytes)
		unit->disk.info.physical_block_bytes = unit->disk.info.block_bytes;
	return error;
}

static uint32_t sectors_of(const struct scsi_unit *unit, uint64_t blocks, uint32_t most)
{
	uint64_t block_sectors = unit->disk.info.block_bytes / FERRULE_SECTOR_BYTES;

	if (blocks > most / block_sectors)
		blocks = most / block_sectors;
	return (uint32_t)(blocks * block_sectors);
}

/* Whether ranges can be unmapped: without the page, they cannot. */
static bool can_unmap(struct scsi_unit *unit)
{
	uint8_t *data;
	uint32_t got;
	bool can;

	if (inquire(unit, PAGE_PROVISION, &data, &got))
		return false;
	can = got > 5 && data[5] & 0x80;
	kfree(data);
	return can;
}

static void read_limits(struct scsi_unit *unit)
{
	struct ferrule_block_info *info = &unit->disk.info;
	uint64_t most_unmap = 0, most_same = 0;
	uint32_t transfer = 0, granularity = 1;
	uint8_t *data;
	uint32_t got;

	if (!inquire(unit, PAGE_LIMITS, &data, &got)) {
		if (got >= 16) {
			transfer = get_be32(data + 8);
			info->optimal_io_bytes = sectors_of(unit, get_be32(data + 12),
							    1 << 15) *
						 FERRULE_SECTOR_BYTES;
		}
		if (got >= 32) {
			most_unmap = get_be32(data + 24) ? get_be32(data + 20) : 0;
			granularity = get_be32(data + 28);
		}
		if (got >= 44)
			most_same = get_be64(data + 36);
		kfree(data);
	}
	if (transfer && sectors_of(unit, transfer, UINT32_MAX) <
				info->transfer_max_bytes / FERRULE_SECTOR_BYTES)
		info->transfer_max_bytes = sectors_of(unit, transfer, UINT32_MAX) *
					   FERRULE_SECTOR_BYTES;
	if (info->read_only)
		return;
	if (most_unmap && can_unmap(unit)) {
		info->discard_max_sectors = sectors_of(unit, most_unmap,
						       DISK_RANGE_SECTORS_MAX);
		granularity = sectors_of(unit, granularity, DISK_RANGE_SECTORS_MAX);
		if (granularity && granularity <= info->discard_max_sectors)
			unit->disk.discard_align = granularity;
	}
	/* 0: it does not say; what every unit with the command takes. */
	info->write_zeroes_max_sectors = sectors_of(unit, most_same ? most_same : 0xffff,
						    DISK_RANGE_SECTORS_MAX);
}

/* What a command may be at most, by the device's and our limits. [SCS-08] */
static int set_limits(struct scsi_unit *unit)
{
	struct ferrule_block *disk = &unit->disk;
	struct scsi *scsi = unit->scsi;
	uint64_t most = (uint64_t)scsi->max_sectors * FERRULE_SECTOR_BYTES;
	uint32_t arena = virtqueue_bytes_max(unit->queue->base.vq) /
			 2; /* of a bounce arena */

	disk->piece_bytes_max = DISK_PART_BYTES_MAX;
	disk->data_pieces_max = scsi->seg_max;
	disk->discard_align = disk->erase_align = 1;
	disk->info.segments_max = scsi->seg_max;
	if (most > DISK_PART_BYTES_MAX)
		most = DISK_PART_BYTES_MAX;
	if (most > arena)
		most = arena;
	most -= most % disk->info.block_bytes;
	disk->info.transfer_max_bytes = most ? (uint32_t)most : disk->info.block_bytes;
	disk->info.queues = 1;
	disk->info.queue_depth = scsi->cmd_per_lun < unit->queue->slot_count / 2
					 ? scsi->cmd_per_lun
					 : unit->queue->slot_count / 2;
	if (!disk->info.queue_depth)
		disk->info.queue_depth = 1;
	unit->blank_phys = page_alloc(page_order(disk->info.block_bytes));
	if (!unit->blank_phys)
		return -ENOMEM;
	memset(phys_to_virt(unit->blank_phys), 0,
	       PAGE_BYTES << page_order(disk->info.block_bytes));
	return 0;
}

enum scsi_found scsi_probe_unit(struct scsi_unit *unit)
{
	static const uint8_t ready[16] = { TEST_UNIT_READY };
	uint8_t *data, type;
	uint32_t got;

	if (inquire(unit, -1, &data, &got))
		return SCSI_NOTHING;
	type = got ? data[0] : 0xff; /* qualifier, type: 0 both of a disk that is there */
	kfree(data);
	if (type != TYPE_DISK && type != TYPE_CD)
		return SCSI_NOTHING;
	scsi_ask(unit, ready, 0, &data, NULL); /* takes its unit attentions off it */
	if (scsi_probe_capacity(unit) || set_limits(unit))
		return SCSI_NOTHING;
	scsi_modes_read(unit, type == TYPE_CD);
	if (type == TYPE_DISK)
		read_limits(unit);
	return SCSI_DISK;
}

void scsi_disk_serial(struct ferrule_block *disk, char serial[DISK_SERIAL_BYTES])
{
	uint8_t *data;
	uint32_t got, length;

	if (inquire(scsi_unit_of(disk), PAGE_SERIAL, &data, &got))
		return;
	length = get_be16(data + 2);
	if (length > got - 4)
		length = got - 4;
	if (length > DISK_SERIAL_BYTES - 1)
		length = DISK_SERIAL_BYTES - 1;
	memcpy(serial, data + 4, length);
	while (length && serial[length - 1] == ' ')
		serial[--length] = '\0';
	kfree(data);
}
