/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-blk: configuration, slots, the list of disks (VIRTIO 1.3 §5.2). */

#include <errno.h>
#include <string.h>
#include <kernel/format.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <virtio/device/block.h>

/* Offsets in the configuration space (§5.2.4). */
enum block_config {
	CONFIG_CAPACITY = 0,
	CONFIG_SIZE_MAX = 8,
	CONFIG_SEG_MAX = 12,
	CONFIG_BLK_SIZE = 20,
	CONFIG_PHYSICAL_BLOCK_EXP = 24,
	CONFIG_OPT_IO_SIZE = 28,
	CONFIG_WRITEBACK = 32,
	CONFIG_MAX_DISCARD_SECTORS = 36,
	CONFIG_DISCARD_SECTOR_ALIGNMENT = 44,
	CONFIG_MAX_WRITE_ZEROES_SECTORS = 48,
};

#define SLOTS_MAX	  1024
#define DATA_PIECES_MAX	  254
#define BLOCK_BYTES_MAX	  65536
#define PART_BYTES_MAX	  (UINT32_C(16) << 20)
#define RANGE_SECTORS_MAX (UINT32_C(1) << 22)

static struct ferrule_block *disks; /* append only, by ready() */
static struct ferrule_block **disks_end = &disks;
static unsigned disk_count;
static struct spinlock disks_lock;

struct ferrule_block *block_disks(void)
{
	return __atomic_load_n(&disks, __ATOMIC_ACQUIRE);
}

static uint64_t read_capacity(struct virtio_device *device)
{
	uint64_t sectors = virtio_config_read64(device, CONFIG_CAPACITY);

	/* So that a byte offset fits 64 bits whatever the device says. */
	return sectors > UINT64_MAX / FERRULE_SECTOR_BYTES
		       ? UINT64_MAX / FERRULE_SECTOR_BYTES
		       : sectors;
}

static bool power_of_two(uint32_t value)
{
	return value && !(value & (value - 1));
}

/* Sizes, each read once and brought into a range that the driver can work with. */
static void read_sizes(struct ferrule_block *disk)
{
	struct virtio_device *device = disk->device;
	struct ferrule_block_info *info = &disk->info;
	uint32_t block_bytes = FERRULE_SECTOR_BYTES;
	uint32_t exponent = 0;

	if (virtio_has(device, VIRTIO_BLK_F_BLK_SIZE))
		block_bytes = virtio_config_read32(device, CONFIG_BLK_SIZE);
	if (!power_of_two(block_bytes) || block_bytes < FERRULE_SECTOR_BYTES ||
	    block_bytes > BLOCK_BYTES_MAX) {
		log_warn("%s: block size %u makes no sense, using 512", device->name,
			 block_bytes);
		block_bytes = FERRULE_SECTOR_BYTES;
	}
	info->block_bytes = block_bytes;
	if (virtio_has(device, VIRTIO_BLK_F_TOPOLOGY)) {
		uint64_t optimal = virtio_config_read32(device, CONFIG_OPT_IO_SIZE);

		exponent = virtio_config_read8(device, CONFIG_PHYSICAL_BLOCK_EXP);
		if (exponent > 12)
			exponent = 0;
		if (optimal * block_bytes <= PART_BYTES_MAX)
			info->optimal_io_bytes = (uint32_t)(optimal * block_bytes);
	}
	info->physical_block_bytes = block_bytes << exponent;
	disk->sectors = read_capacity(device);
}

/* How long and how many the pieces of one part may be (§5.2.3, §5.2.5). */
static int read_limits(struct ferrule_block *disk)
{
	struct virtio_device *device = disk->device;
	unsigned ring = virtqueue_pieces_max(disk->queue);
	uint32_t seg_max = 1;

	if (ring < 3)
		return -ENOTSUP; /* no room for header, data and status */
	disk->piece_bytes_max = PART_BYTES_MAX;
	if (virtio_has(device, VIRTIO_BLK_F_SIZE_MAX)) {
		uint32_t size_max = virtio_config_read32(device, CONFIG_SIZE_MAX);

		if (size_max && size_max < disk->piece_bytes_max)
			disk->piece_bytes_max = size_max;
	}
	if (virtio_has(device, VIRTIO_BLK_F_SEG_MAX))
		seg_max = virtio_config_read32(device, CONFIG_SEG_MAX);
	if (seg_max > ring - 2)
		seg_max = ring - 2;
	if (seg_max > DATA_PIECES_MAX)
		seg_max = DATA_PIECES_MAX;
	disk->data_pieces_max = seg_max ? seg_max : 1;
	if ((uint64_t)disk->data_pieces_max * disk->piece_bytes_max <
	    disk->info.block_bytes)
		return -ENOTSUP; /* not even one block fits a request */
	disk->info.segments_max = disk->data_pieces_max;
	disk->info.transfer_max_bytes = PART_BYTES_MAX;
	if ((uint64_t)disk->data_pieces_max * disk->piece_bytes_max < PART_BYTES_MAX)
		disk->info.transfer_max_bytes = disk->data_pieces_max *
						disk->piece_bytes_max;
	return 0;
}

/* Longest range of a discard or write-zeroes request, and where to cut longer ones. */
static uint32_t read_range_limit(struct virtio_device *device, unsigned offset)
{
	uint32_t sectors = virtio_config_read32(device, offset);

	return sectors && sectors < RANGE_SECTORS_MAX ? sectors : RANGE_SECTORS_MAX;
}

static void read_abilities(struct ferrule_block *disk)
{
	struct virtio_device *device = disk->device;
	struct ferrule_block_info *info = &disk->info;

	info->read_only = virtio_has(device, VIRTIO_BLK_F_RO);
	disk->discard_align = disk->zeroes_align = 1;
	if (virtio_has(device, VIRTIO_BLK_F_DISCARD) && !info->read_only) {
		uint32_t align = virtio_config_read32(device,
						      CONFIG_DISCARD_SECTOR_ALIGNMENT);

		info->discard_max_sectors = read_range_limit(device,
							     CONFIG_MAX_DISCARD_SECTORS);
		if (align && align <= info->discard_max_sectors)
			disk->discard_align = align;
	}
	if (virtio_has(device, VIRTIO_BLK_F_WRITE_ZEROES) && !info->read_only)
		info->write_zeroes_max_sectors = read_range_limit(
			device, CONFIG_MAX_WRITE_ZEROES_SECTORS);

	/* §5.2.5.1: FLUSH without CONFIG_WCE means a write-back cache; neither, a
	 * write-through one. A cache that we cannot flush is switched off (§5.2.6.1). */
	disk->flush = virtio_has(device, VIRTIO_BLK_F_FLUSH);
	info->flushable = disk->flush;
	if (virtio_has(device, VIRTIO_BLK_F_CONFIG_WCE)) {
		if (!disk->flush)
			virtio_config_write8(device, CONFIG_WRITEBACK, 0);
		else
			info->flushable = virtio_config_read8(device, CONFIG_WRITEBACK) !=
					  0;
	}
}

/* A slot for each request the ring can hold: with indirect descriptors one descriptor a
 * request, else three. */
static int make_slots(struct ferrule_block *disk)
{
	bool indirect = virtio_has(disk->device, VIRTIO_F_INDIRECT_DESC);
	unsigned size = virtqueue_size(disk->queue);
	unsigned count = indirect ? size : size / 3 + 1;
	struct block_slot_shared *shared;
	uint64_t phys;
	size_t bytes;

	if (count > SLOTS_MAX)
		count = SLOTS_MAX;
	bytes = count * sizeof(*shared);
	disk->slots = kzalloc(count * sizeof(*disk->slots));
	disk->pieces = kzalloc((disk->data_pieces_max + 2) * sizeof(*disk->pieces));
	phys = page_alloc(page_order(bytes));
	if (!disk->slots || !disk->pieces || !phys) {
		kfree(disk->slots);
		kfree(disk->pieces);
		if (phys)
			page_free(phys, page_order(bytes));
		return -ENOMEM;
	}
	shared = phys_to_virt(phys);
	memset(shared, 0, PAGE_BYTES << page_order(bytes));
	for (unsigned i = count; i-- > 0;) {
		struct block_slot *slot = &disk->slots[i];

		slot->shared = &shared[i];
		slot->phys = phys + i * sizeof(*shared);
		slot->next = disk->free;
		disk->free = slot;
	}
	disk->slot_count = count;
	/* With tables the ring still takes short chains while it is less than half full. */
	disk->info.queue_depth = indirect ? size / 2 + size / 6 : size / 3;
	if (disk->info.queue_depth > count || !disk->info.queue_depth)
		disk->info.queue_depth = indirect ? count : 1;
	return 0;
}

static void watchdog_expired(struct timer *timer)
{
	struct ferrule_block *disk = (void *)((char *)timer -
					      offsetof(struct ferrule_block, watchdog));
	unsigned long flags = spin_lock(&disk->lock);
	bool silent = disk->in_flight && disk->completed == disk->completed_seen;

	disk->completed_seen = disk->completed;
	disk->watchdog_armed = disk->in_flight && !silent && !disk->failed;
	if (disk->watchdog_armed)
		timer_arm(&disk->watchdog, clock_ns() + BLOCK_SILENCE_NS);
	spin_unlock(&disk->lock, flags);
	if (silent)
		virtio_device_break(disk->device, "no answer for a minute");
}

static int block_probe(struct virtio_device *device)
{
	/* Header, status and up to six runs of data; more become chains. */
	static const struct virtqueue_wanted wanted = { .name = "requests",
							.callback = block_used,
							.pieces_max = 8 };
	struct ferrule_block *disk = kzalloc(sizeof(*disk));
	int error;

	if (!disk)
		return -ENOMEM;
	disk->device = device;
	disk->waiting_end = &disk->waiting;
	disk->unchecked_lengths = device->transport->legacy;
	disk->watchdog.expired = watchdog_expired;
	error = virtio_find_queues(device, &wanted, 1, &disk->queue);
	if (error)
		goto fail;
	read_sizes(disk);
	error = read_limits(disk);
	if (error) {
		log_error("%s: its size limits leave no room for a request",
			  device->name);
		goto fail;
	}
	read_abilities(disk);
	error = make_slots(disk);
	if (error)
		goto fail;
	device->driver_data = disk;
	return 0;
fail:
	kfree(disk);
	return error;
}

/* vda … vdz, vdaa … */
static void make_name(char name[16], unsigned number)
{
	char letters[8];
	unsigned at = sizeof(letters);

	letters[--at] = '\0';
	do {
		letters[--at] = (char)('a' + number % 26);
		number /= 26;
	} while (number-- && at);
	format(name, 16, "vd%s", &letters[at]);
}

static void block_ready(struct virtio_device *device)
{
	struct ferrule_block *disk = device->driver_data;
	unsigned long flags = spin_lock(&disks_lock);

	make_name(disk->info.name, disk_count++);
	__atomic_store_n(disks_end, disk, __ATOMIC_RELEASE);
	disks_end = &disk->next;
	spin_unlock(&disks_lock, flags);
	log_info("%s: %s, %llu MiB%s, %u requests of %u pieces", device->name,
		 disk->info.name, (unsigned long long)(disk->sectors >> 11),
		 disk->info.read_only ? ", read-only" : "", disk->slot_count,
		 disk->data_pieces_max);
}

static void block_config_changed(struct virtio_device *device)
{
	struct ferrule_block *disk = device->driver_data;
	uint64_t sectors = read_capacity(device);

	if (__atomic_exchange_n(&disk->sectors, sectors, __ATOMIC_RELAXED) != sectors)
		log_info("%s: now has %llu sectors", disk->info.name,
			 (unsigned long long)sectors);
}

static void block_broken(struct virtio_device *device)
{
	struct ferrule_block *disk = device->driver_data;

	if (!disk)
		return;
	__atomic_store_n(&disk->failed, true, __ATOMIC_RELEASE);
	block_fail_all(disk);
}

static const struct virtio_driver virtio_block_driver = {
	.name = "block",
	.device_id = VIRTIO_ID_BLOCK,
	.wanted = VIRTIO_FEATURES(
		VIRTIO_BIT(VIRTIO_BLK_F_SIZE_MAX) | VIRTIO_BIT(VIRTIO_BLK_F_SEG_MAX) |
		VIRTIO_BIT(VIRTIO_BLK_F_RO) | VIRTIO_BIT(VIRTIO_BLK_F_BLK_SIZE) |
		VIRTIO_BIT(VIRTIO_BLK_F_FLUSH) | VIRTIO_BIT(VIRTIO_BLK_F_TOPOLOGY) |
		VIRTIO_BIT(VIRTIO_BLK_F_CONFIG_WCE) | VIRTIO_BIT(VIRTIO_BLK_F_DISCARD) |
		VIRTIO_BIT(VIRTIO_BLK_F_WRITE_ZEROES)),
	.probe = block_probe,
	.ready = block_ready,
	.config_changed = block_config_changed,
	.broken = block_broken,
};
VIRTIO_DRIVER(virtio_block_driver);
