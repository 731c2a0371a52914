/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-pmem: the driver (VIRTIO 1.3 §5.19), <ferrule/pmem.h>. */

#include <errno.h>
#include <string.h>
#include <arch/mmu.h>
#include <ferrule/pmem.h>
#include <kernel/boot_info.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <virtio/device/pmem.h>

#define CONFIG_START 0
#define CONFIG_SIZE  8

extern const void *const disk_drivers[];
static const void *const *const pmem_disk_drivers __attribute__((used)) = disk_drivers;

/* [PM-01] By shared memory region 0 where that was agreed on, else by the configuration,
 * never by both. */
static bool read_range(struct virtio_device *device, struct virtio_shared_memory *range)
{
	if (virtio_has(device, VIRTIO_PMEM_F_SHMEM_REGION))
		return device->transport->shared_memory(device, 0, range);
	range->phys = virtio_config_read64(device, CONFIG_START);
	range->bytes = virtio_config_read64(device, CONFIG_SIZE);
	return true;
}

/* [PM-03] Whole pages that exist, where the direct map reaches, and none of our RAM. */
static bool usable(const struct virtio_shared_memory *range)
{
	uint64_t end;

	if (!range->bytes || (range->phys | range->bytes) & (PAGE_BYTES - 1) ||
	    !range->phys || __builtin_add_overflow(range->phys, range->bytes, &end) ||
	    end > MMIO_BASE - DIRECT_MAP_BASE)
		return false;
	return !boot_ram_within(range->phys, end - 1);
}

static void validate(struct virtio_device *device, struct virtio_features *wanted)
{
	if (!device->transport->shared_memory)
		virtio_features_clear(wanted, VIRTIO_PMEM_F_SHMEM_REGION);
}

static int find_queue(struct pmem *pmem)
{
	static const struct virtqueue_wanted wanted = {
		.name = "flush", .size_max = 8, .callback = pmem_used, .pieces_max = 1
	};
	int error = virtio_find_queues(pmem->device, &wanted, 1, &pmem->queue.vq);

	if (!error && virtqueue_pieces_max(pmem->queue.vq) < PMEM_PIECES)
		error = -ENOTSUP; /* no flush would ever be sent */
	return error;
}

static int set_up(struct pmem *pmem)
{
	struct virtio_shared_memory range = { 0, 0 };
	int error;

	if (!read_range(pmem->device, &range) || !usable(&range)) {
		log_error("%s: its range of %#llx bytes at %#llx cannot be used",
			  pmem->device->name, (unsigned long long)range.bytes,
			  (unsigned long long)range.phys);
		return -EPROTO;
	}
	error = find_queue(pmem);
	if (error)
		return error;
	pmem->shared_phys = page_alloc(0);
	if (!pmem->shared_phys || arch_direct_map(range.phys, range.bytes))
		return -ENOMEM;
	pmem->shared = phys_to_virt(pmem->shared_phys);
	memset(pmem->shared, 0, PAGE_BYTES);
	pmem->memory = phys_to_virt(range.phys);
	pmem->bytes = range.bytes;
	return 0;
}

static void describe(struct pmem *pmem)
{
	struct ferrule_block *disk = &pmem->disk;

	disk->operations = &pmem_operations;
	disk->flush = true;
	disk->sectors = pmem->bytes / FERRULE_SECTOR_BYTES;
	disk->info = (struct ferrule_block_info){
		.block_bytes = FERRULE_SECTOR_BYTES,
		.physical_block_bytes = FERRULE_SECTOR_BYTES,
		.transfer_max_bytes = DISK_PART_BYTES_MAX,
		.segments_max = UINT32_MAX,
		.queues = 1,
		.queue_depth = 1,
		.write_zeroes_max_sectors = DISK_RANGE_SECTORS_MAX,
		.flushable = true,
	};
}

static int pmem_probe(struct virtio_device *device)
{
	struct pmem *pmem = kzalloc(sizeof(*pmem));
	int error;

	if (!pmem)
		return -ENOMEM;
	pmem->device = device;
	disk_queue_init(&pmem->queue, &pmem_queue_operations);
	error = set_up(pmem);
	if (error) {
		if (pmem->shared_phys)
			page_free(pmem->shared_phys, 0);
		kfree(pmem);
		return error;
	}
	describe(pmem);
	device->driver_data = pmem;
	return 0;
}

static void pmem_ready(struct virtio_device *device)
{
	struct pmem *pmem = device->driver_data;

	disk_add(&pmem->disk, "pmem");
	pmem->listed = true;
	log_info("%s: %s, %llu MiB", device->name, pmem->disk.info.name,
		 (unsigned long long)(pmem->bytes >> 20));
}

static void pmem_broken(struct virtio_device *device)
{
	struct pmem *pmem = device->driver_data;

	if (pmem)
		disk_queue_stop(&pmem->queue);
}

/* The range is where it was: programs have it mapped. */
static int pmem_restore(struct virtio_device *device)
{
	struct pmem *pmem = device->driver_data;
	struct virtio_shared_memory range;

	if (!read_range(device, &range) || phys_to_virt(range.phys) != pmem->memory ||
	    range.bytes != pmem->bytes)
		return -EPROTO;
	return find_queue(pmem);
}

static void pmem_restored(struct virtio_device *device)
{
	struct pmem *pmem = device->driver_data;

	disk_queue_go_on(&pmem->queue);
}

/* Of the queue alone it is the same. */
static void pmem_queue_broken(struct virtqueue *vq)
{
	pmem_broken(virtqueue_device(vq));
}

static void pmem_queue_restored(struct virtqueue *vq)
{
	pmem_restored(virtqueue_device(vq));
}

static void pmem_removed(struct virtio_device *device)
{
	struct pmem *pmem = device->driver_data;

	device->driver_data = NULL;
	if (!pmem)
		return;
	disk_queue_give_up(&pmem->queue, -ENODEV);
	if (pmem->listed)
		disk_remove(&pmem->disk);
	else
		pmem->disk.operations->free(&pmem->disk);
}

int ferrule_pmem_open(const char *name, struct ferrule_pmem *out)
{
	struct ferrule_block *disk = ferrule_block_find(name);
	struct pmem *pmem = (struct pmem *)disk;

	if (!disk)
		return -ENODEV;
	if (disk->operations != &pmem_operations) {
		ferrule_block_release(disk);
		return -ENOTSUP;
	}
	*out = (struct ferrule_pmem){ pmem->memory, pmem->bytes, disk };
	return 0;
}

int ferrule_pmem_flush(struct ferrule_pmem *pmem)
{
	return ferrule_block_flush(pmem->disk);
}

void ferrule_pmem_close(struct ferrule_pmem *pmem)
{
	ferrule_block_release(pmem->disk);
	pmem->disk = NULL;
}

const struct virtio_driver virtio_pmem_driver = {
	.name = "pmem",
	.device_id = VIRTIO_ID_PMEM,
	.wanted = VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_PMEM_F_SHMEM_REGION)),
	.validate = validate,
	.probe = pmem_probe,
	.ready = pmem_ready,
	.broken = pmem_broken,
	.restore = pmem_restore,
	.restored = pmem_restored,
	/* A flush takes its time, and outlives its queue as in block.c. */
	.queue_broken = pmem_queue_broken,
	.queue_restored = pmem_queue_restored,
	.queue_leaks = virtio_queue_leaks,
	.removed = pmem_removed,
};
VIRTIO_DRIVER(virtio_pmem_driver);
