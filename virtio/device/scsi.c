/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-scsi: the driver (VIRTIO 1.3 §5.6). [SCS-01] Queue 0 is control, 1 events, the
 * others requests. */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <virtio/device/scsi.h>

#define SEG_MAX	      254
#define MAX_LUN	      16383
#define MAX_TARGET    255
#define MAX_IN_FLIGHT 128
#define BOOT_NS	      (5 * NS_PER_SEC) /* boot waits for disks at most */

/* [SCS-08] Each limit, read once, between what we need and what we can do. */
static uint32_t limit(struct virtio_device *device, unsigned offset, uint32_t most)
{
	uint32_t value = virtio_config_read32(device, offset);

	return value && value < most ? value : most;
}

static unsigned count_queues(struct virtio_device *device)
{
	unsigned most = virtio_config_read32(device, SCSI_CONFIG_NUM_QUEUES);
	unsigned wanted = disk_queues_wanted(), count = 1;

	while (count < wanted && count < most &&
	       device->transport->queue_size(device, SCSI_CONTROL_QUEUES + count))
		count++;
	return count;
}

static int read_config(struct scsi *scsi)
{
	struct virtio_device *device = scsi->device;
	unsigned ring = UINT32_MAX;
	uint16_t target = virtio_config_read16(device, SCSI_CONFIG_MAX_TARGET);

	for (unsigned i = 0; i < scsi->queue_count; i++) {
		unsigned pieces = virtqueue_pieces_max(scsi->queues[i].base.vq);

		if (pieces < ring)
			ring = pieces;
	}
	if (ring < 3)
		return -ENOTSUP;
	scsi->seg_max = limit(device, SCSI_CONFIG_SEG_MAX, SEG_MAX);
	if (scsi->seg_max > ring - 2)
		scsi->seg_max = ring - 2;
	scsi->max_sectors = limit(device, SCSI_CONFIG_MAX_SECTORS,
				  DISK_PART_BYTES_MAX / FERRULE_SECTOR_BYTES);
	scsi->cmd_per_lun = limit(device, SCSI_CONFIG_CMD_PER_LUN, MAX_IN_FLIGHT);
	scsi->max_target = target < MAX_TARGET ? target : MAX_TARGET;
	scsi->max_lun = virtio_config_read32(device, SCSI_CONFIG_MAX_LUN);
	if (scsi->max_lun > MAX_LUN)
		scsi->max_lun = MAX_LUN;
	/* [SCS-02] The sizes in the requests are those a reset sets; nothing is written. */
	if (virtio_config_read32(device, SCSI_CONFIG_SENSE_SIZE) != SCSI_SENSE_BYTES ||
	    virtio_config_read32(device, SCSI_CONFIG_CDB_SIZE) != SCSI_CDB_BYTES ||
	    virtio_config_read32(device, SCSI_CONFIG_EVENT_INFO_SIZE) > SCSI_EVENT_BYTES)
		return -EPROTO;
	return 0;
}

static int find_queues(struct scsi *scsi)
{
	unsigned count = SCSI_CONTROL_QUEUES + scsi->queue_count;
	struct virtqueue_wanted *wanted = kzalloc(count * sizeof(*wanted));
	int error;

	if (!wanted)
		return -ENOMEM;
	wanted[0] = (struct virtqueue_wanted){ .name = "control",
					       .size_max = 8,
					       .callback = scsi_control_used,
					       .pieces_max = 1 };
	wanted[1] = (struct virtqueue_wanted){ .name = "events",
					       .index = 1,
					       .size_max = SCSI_EVENTS,
					       .callback = scsi_event_used,
					       .pieces_max = 1 };
	for (unsigned i = SCSI_CONTROL_QUEUES; i < count; i++)
		wanted[i] = (struct virtqueue_wanted){ .name = "requests",
						       .index = i,
						       .callback = scsi_used,
						       .pieces_max = 8 };
	error = virtio_find_queues(scsi->device, wanted, count, scsi->vqs);
	kfree(wanted);
	for (unsigned i = 0; i < scsi->queue_count && !error; i++)
		scsi->queues[i].base.vq = scsi->vqs[SCSI_CONTROL_QUEUES + i];
	return error;
}

static void scsi_free(struct scsi *scsi)
{
	for (unsigned i = 0; scsi->queues && i < scsi->queue_count; i++)
		scsi_queue_free(&scsi->queues[i]);
	if (scsi->shared_phys)
		page_free(scsi->shared_phys, 0);
	kfree(scsi->queues);
	kfree(scsi->vqs);
	kfree(scsi);
}

void scsi_put(struct scsi *scsi)
{
	if (__atomic_sub_fetch(&scsi->holders, 1, __ATOMIC_ACQ_REL) == 0)
		scsi_free(scsi);
}

static int set_up(struct scsi *scsi)
{
	int error;

	scsi->queue_count = count_queues(scsi->device);
	scsi->queues = kzalloc(scsi->queue_count * sizeof(*scsi->queues));
	scsi->vqs = kzalloc((SCSI_CONTROL_QUEUES + scsi->queue_count) *
			    sizeof(struct virtqueue *));
	scsi->shared_phys = page_alloc(0);
	if (!scsi->queues || !scsi->vqs || !scsi->shared_phys)
		return -ENOMEM;
	scsi->shared = phys_to_virt(scsi->shared_phys);
	memset(scsi->shared, 0, PAGE_BYTES);
	error = find_queues(scsi);
	if (!error)
		error = read_config(scsi);
	for (unsigned i = 0; i < scsi->queue_count && !error; i++) {
		scsi->queues[i].scsi = scsi;
		error = scsi_queue_make(&scsi->queues[i]);
	}
	return error;
}

static int scsi_probe(struct virtio_device *device)
{
	struct scsi *scsi = kzalloc(sizeof(*scsi));
	int error;

	if (!scsi)
		return -ENOMEM;
	scsi->device = device;
	scsi->holders = 1;
	scsi->scan.expired = scsi_scan_expired;
	error = set_up(scsi);
	if (error) {
		scsi_free(scsi);
		return error;
	}
	device->driver_data = scsi;
	scsi_events_fill(scsi);
	return 0;
}

static void kick_events(struct scsi *scsi)
{
	unsigned long flags = spin_lock(&scsi->lock);
	bool kick = virtqueue_kick_prepare(scsi->vqs[1]);

	spin_unlock(&scsi->lock, flags);
	if (kick)
		virtqueue_notify(scsi->vqs[1]);
}

/* The units there are now, before boot goes on. It does not wait for a host that is silent:
 * what that has is found later, by the thread. */
static void scsi_ready(struct virtio_device *device)
{
	struct scsi *scsi = device->driver_data;
	uint64_t deadline = clock_ns() + BOOT_NS;
	bool in_time = true;
	struct wait wait;

	kick_events(scsi);
	wait_begin(&scsi->first_scan, &wait);
	scsi_want_scan(scsi, -1);
	while (!__atomic_load_n(&scsi->scanned, __ATOMIC_ACQUIRE) && in_time)
		in_time = wait_sleep(&wait, deadline);
	wait_end(&wait);
	if (!in_time)
		log_warn("%s: slow to say which disks it has: boot goes on without",
			 device->name);
}

static void scsi_broken(struct virtio_device *device)
{
	struct scsi *scsi = device->driver_data;
	unsigned long flags;

	if (!scsi)
		return;
	flags = spin_lock(&scsi->lock);
	scsi->stopped = true;
	scsi->control_busy = false;
	spin_unlock(&scsi->lock, flags);
	for (unsigned i = 0; i < scsi->queue_count; i++)
		disk_queue_stop(&scsi->queues[i].base);
}

static int scsi_restore(struct virtio_device *device)
{
	struct scsi *scsi = device->driver_data;
	int error = find_queues(scsi);

	for (unsigned i = 0; i < scsi->queue_count && !error; i++)
		if (virtqueue_pieces_max(scsi->queues[i].base.vq) < scsi->seg_max + 2)
			error = -EPROTO;
	if (!error)
		scsi_events_fill(scsi);
	return error;
}

static void scsi_restored(struct virtio_device *device)
{
	struct scsi *scsi = device->driver_data;
	unsigned long flags = spin_lock(&scsi->lock);

	scsi->stopped = false;
	spin_unlock(&scsi->lock, flags);
	kick_events(scsi);
	for (unsigned i = 0; i < scsi->queue_count; i++)
		disk_queue_go_on(&scsi->queues[i].base);
	scsi_want_scan(scsi, -1); /* events may have been lost */
}

/* Commands take their time: devices end some when their queue is back in service already
 * (as in block.c). Events are written at once. */
static bool scsi_queue_leaks(const struct virtqueue *vq)
{
	return virtqueue_index(vq) != 1;
}

static struct scsi_queue *request_queue(const struct virtqueue *vq)
{
	struct scsi *scsi = virtqueue_device(vq)->driver_data;
	unsigned index = virtqueue_index(vq);

	return index < SCSI_CONTROL_QUEUES ? NULL
					   : &scsi->queues[index - SCSI_CONTROL_QUEUES];
}

static void scsi_queue_broken(struct virtqueue *vq)
{
	struct scsi_queue *requests = request_queue(vq);

	if (requests)
		disk_queue_stop(&requests->base);
}

static void scsi_queue_restored(struct virtqueue *vq)
{
	struct scsi *scsi = virtqueue_device(vq)->driver_data;
	struct scsi_queue *requests = request_queue(vq);

	if (requests) {
		disk_queue_go_on(&requests->base);
	} else if (virtqueue_index(vq)) {
		scsi_events_fill(scsi);
		kick_events(scsi);
		scsi_want_scan(scsi, -1); /* as above */
	}
}

/* Of a device that was unplugged: whether the thread that scans has let go. */
static bool scsi_quiet(struct virtio_device *device)
{
	struct scsi *scsi = device->driver_data;

	if (!scsi || !device->gone)
		return true;
	for (unsigned i = 0; i < scsi->queue_count; i++)
		disk_queue_give_up(&scsi->queues[i].base, -ENODEV);
	__atomic_store_n(&scsi->ending, true, __ATOMIC_RELEASE);
	timer_cancel(&scsi->scan);
	return !__atomic_load_n(&scsi->thread, __ATOMIC_ACQUIRE);
}

static void scsi_removed(struct virtio_device *device)
{
	struct scsi *scsi = device->driver_data;

	if (!scsi)
		return;
	spin_unlock(&scsi->lock, spin_lock(&scsi->lock)); /* it let go of that, too */
	scsi_forget_all(scsi);
	device->driver_data = NULL;
	scsi_put(scsi);
}

const struct virtio_driver virtio_scsi_driver = {
	.name = "scsi",
	.device_id = VIRTIO_ID_SCSI,
	.wanted = VIRTIO_FEATURES(VIRTIO_BIT(VIRTIO_SCSI_F_HOTPLUG) |
				  VIRTIO_BIT(VIRTIO_SCSI_F_CHANGE)),
	.probe = scsi_probe,
	.ready = scsi_ready,
	.broken = scsi_broken,
	.restore = scsi_restore,
	.restored = scsi_restored,
	.queue_broken = scsi_queue_broken,
	.queue_restored = scsi_queue_restored,
	.queue_leaks = scsi_queue_leaks,
	.quiet = scsi_quiet,
	.removed = scsi_removed,
};
VIRTIO_DRIVER(virtio_scsi_driver);
