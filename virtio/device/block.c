/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-blk: the driver (VIRTIO 1.3 §5.2). */

#include <errno.h>
#include <string.h>
#include <ferrule/zones.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <virtio/device/block.h>

static void block_serial(struct ferrule_block *disk, char serial[DISK_SERIAL_BYTES])
{
	struct ferrule_block_request request = {
		.operation = BLOCK_OPERATION(VIRTIO_BLK_T_GET_ID), .context = serial
	};

	disk_command(disk, &request); /* one without answers UNSUPP or zeroes */
}

/* [BLK-14] Values that mean nothing are taken for nothing said (§5.2.6). */
static int block_lifetime(struct ferrule_block *disk, struct ferrule_block_lifetime *out)
{
	uint16_t answer[BLOCK_LIFETIME_BYTES / 2] = { 0 };
	struct ferrule_block_request request = {
		.operation = BLOCK_OPERATION(VIRTIO_BLK_T_GET_LIFETIME), .context = answer
	};
	int error = -ENOTSUP;

	if (virtio_has(block_of(disk)->device, VIRTIO_BLK_F_LIFETIME))
		error = disk_command(disk, &request);
	if (error)
		return error;
	out->reserve_used = answer[0] <= 3 ? answer[0] : 0;
	out->slc_used = answer[1] <= 11 ? answer[1] : 0;
	out->mlc_used = answer[2] <= 11 ? answer[2] : 0;
	return 0;
}

static int block_write_cache(struct ferrule_block *disk, bool on)
{
	struct virtio_device *device = block_of(disk)->device;

	if (device->broken)
		return -EIO;
	virtio_config_write8(device, BLOCK_CONFIG_WRITEBACK, on);
	return virtio_config_read8(device, BLOCK_CONFIG_WRITEBACK) == on ? 0 : -EIO;
}

/* A queue without callbacks: its used ring is looked at by who waits. [BLK-23] */
static int block_set_polled(struct ferrule_block *disk, bool polled)
{
	struct block *block = block_of(disk);

	__atomic_store_n(&disk->polled, polled, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < block->queue_count; i++) {
		struct block_queue *queue = &block->queues[i];
		unsigned long flags = spin_lock(&queue->base.lock);
		bool missed = false;

		if (polled && !queue->base.stopped)
			virtqueue_disable_cb(queue->base.vq);
		else if (!queue->base.stopped)
			missed = !virtqueue_enable_cb(queue->base.vq);
		spin_unlock(&queue->base.lock, flags);
		if (missed && !virtqueue_broken(queue->base.vq))
			block_used(queue->base.vq);
	}
	return 0;
}

static void block_free(struct ferrule_block *disk)
{
	block_queues_free(block_of(disk));
	kfree(disk);
}

static const struct disk_operations block_operations = {
	.submit = block_submit,
	.serial = block_serial,
	.set_polled = block_set_polled,
	.poll = block_poll,
	.write_cache = block_write_cache,
	.lifetime = block_lifetime,
	.free = block_free,
}, zoned_operations = {
	.submit = block_submit,
	.serial = block_serial,
	.set_polled = block_set_polled,
	.poll = block_poll,
	.write_cache = block_write_cache,
	.lifetime = block_lifetime,
	.check = block_zones_check,
	.free = block_free,
};

/* [BLK-15] Only the two models that have zones: for others the fields mean nothing. */
static void read_zoned(struct block *block)
{
	struct virtio_device *device = block->device;
	uint8_t model;

	block->disk.operations = &block_operations;
	if (!virtio_has(device, VIRTIO_BLK_F_ZONED))
		return;
	model = virtio_config_read8(device, BLOCK_CONFIG_ZONED_MODEL);
	if (model != FERRULE_ZONED_HOST_MANAGED && model != FERRULE_ZONED_HOST_AWARE)
		return;
	block->disk.operations = &zoned_operations;
	block->sequential = model == FERRULE_ZONED_HOST_MANAGED;
	block->append_max_sectors = virtio_config_read32(device,
							 BLOCK_CONFIG_MAX_APPEND_SECTORS);
	block->write_granularity = virtio_config_read32(device,
							BLOCK_CONFIG_WRITE_GRANULARITY);
	if (block->write_granularity < block->disk.info.block_bytes)
		block->write_granularity = block->disk.info.block_bytes;
}

static int set_up(struct block *block)
{
	int error;

	block->queue_count = block_read_queues(block->device);
	block->queues = kzalloc(block->queue_count * sizeof(*block->queues));
	block->vqs = kzalloc(block->queue_count * sizeof(struct virtqueue *));
	if (!block->queues || !block->vqs)
		return -ENOMEM;
	error = block_queues_find(block);
	if (error)
		return error;
	error = block_read_config(block, virtqueue_pieces_max(block->vqs[0]));
	if (error) {
		log_error("%s: its size limits leave no room for a request",
			  block->device->name);
		return error;
	}
	read_zoned(block);
	return block_queues_make(block);
}

static int block_probe(struct virtio_device *device)
{
	struct block *block = kzalloc(sizeof(*block));
	int error;

	if (!block)
		return -ENOMEM;
	block->device = device;
	block->unchecked_lengths = device->transport->legacy;
	error = set_up(block);
	if (error) {
		block_queues_free(block);
		kfree(block);
		return error;
	}
	device->driver_data = block;
	return 0;
}

/* [BLK-19] Under a lock, so that what an interrupt read is not replaced by what a thread had
 * read before. */
static void block_config_changed(struct virtio_device *device)
{
	struct block *block = device->driver_data;
	unsigned long flags = spin_lock(&block->size_lock);
	uint64_t sectors = block_read_capacity(device), before = block->disk.sectors;

	if (sectors != before)
		disk_resized(&block->disk, sectors);
	spin_unlock(&block->size_lock, flags);
	if (sectors == before)
		return;
	for (unsigned i = 0; sectors < before && i < block->queue_count; i++)
		block_queue_shrink(&block->queues[i], sectors);
	log_info("%s: now has %llu sectors", block->disk.info.name,
		 (unsigned long long)sectors);
}

static void block_ready(struct virtio_device *device)
{
	struct block *block = device->driver_data;
	struct ferrule_block *disk = &block->disk;

	disk_add(disk, "vd");
	block->listed = true;
	block_config_changed(device); /* changes were not announced before DRIVER_OK */
	log_info("%s: %s, %llu MiB%s, %u × %u requests of %u pieces", device->name,
		 disk->info.name, (unsigned long long)(disk->sectors >> 11),
		 disk->info.read_only ? ", read-only" : "", block->queue_count,
		 block->queues->slot_count, disk->data_pieces_max);
}

static void block_broken(struct virtio_device *device)
{
	struct block *block = device->driver_data;

	for (unsigned i = 0; block && i < block->queue_count; i++)
		disk_queue_stop(&block->queues[i].base);
}

/* [BLK-24] The same disk again: requests wait in the queues' lists. Slots stay as they
 * are, unless the device has other queues now: then it is not the same disk. */
static int block_restore(struct virtio_device *device)
{
	struct block *block = device->driver_data;
	int error = block_queues_find(block);

	for (unsigned i = 0; !error && i < block->queue_count; i++)
		if (virtqueue_pieces_max(block->vqs[i]) < block->disk.data_pieces_max + 2)
			error = -EPROTO;
	if (!error && block->disk.info.cache_switchable) /* reset may have changed it */
		virtio_config_write8(device, BLOCK_CONFIG_WRITEBACK,
				     block->disk.info.flushable);
	return error;
}

static void block_restored(struct virtio_device *device)
{
	struct block *block = device->driver_data;

	for (unsigned i = 0; i < block->queue_count; i++)
		disk_queue_go_on(&block->queues[i].base);
	block_config_changed(device);
}

static void block_queue_broken(struct virtqueue *vq)
{
	struct block *block = virtqueue_device(vq)->driver_data;

	disk_queue_stop(&block->queues[virtqueue_index(vq)].base);
}

static void block_queue_restored(struct virtqueue *vq)
{
	struct block *block = virtqueue_device(vq)->driver_data;

	disk_queue_go_on(&block->queues[virtqueue_index(vq)].base);
}

static void block_removed(struct virtio_device *device)
{
	struct block *block = device->driver_data;

	device->driver_data = NULL;
	if (!block)
		return;
	for (unsigned i = 0; i < block->queue_count; i++)
		disk_queue_give_up(&block->queues[i].base, -ENODEV);
	if (!block->listed)
		block_free(&block->disk);
	else
		disk_remove(&block->disk);
}

const struct virtio_driver virtio_block_driver = {
	.name = "block",
	.device_id = VIRTIO_ID_BLOCK,
	.wanted = VIRTIO_FEATURES(
		VIRTIO_BIT(VIRTIO_BLK_F_SIZE_MAX) | VIRTIO_BIT(VIRTIO_BLK_F_SEG_MAX) |
		VIRTIO_BIT(VIRTIO_BLK_F_RO) | VIRTIO_BIT(VIRTIO_BLK_F_BLK_SIZE) |
		VIRTIO_BIT(VIRTIO_BLK_F_FLUSH) | VIRTIO_BIT(VIRTIO_BLK_F_TOPOLOGY) |
		VIRTIO_BIT(VIRTIO_BLK_F_CONFIG_WCE) | VIRTIO_BIT(VIRTIO_BLK_F_MQ) |
		VIRTIO_BIT(VIRTIO_BLK_F_DISCARD) | VIRTIO_BIT(VIRTIO_BLK_F_WRITE_ZEROES) |
		VIRTIO_BIT(VIRTIO_BLK_F_LIFETIME) |
		VIRTIO_BIT(VIRTIO_BLK_F_SECURE_ERASE) | VIRTIO_BIT(VIRTIO_BLK_F_ZONED)),
	.validate = block_validate,
	.probe = block_probe,
	.ready = block_ready,
	.config_changed = block_config_changed,
	.broken = block_broken,
	.restore = block_restore,
	.restored = block_restored,
	/* QEMU (7.2) forgets the ring of a queue that is reset, but not the requests it took
	 * from it: their data go where they went, and their ends show up in the new ring. */
	.queue_broken = block_queue_broken,
	.queue_restored = block_queue_restored,
	.queue_leaks = virtio_queue_leaks,
	.removed = block_removed,
};
VIRTIO_DRIVER(virtio_block_driver);
