/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The calls of <ferrule/block.h> that are the same for all disks. */

#include <errno.h>
#include <string.h>
#include <kernel/time.h>
#include <virtio/device/disk.h>
#include <virtio/device/pieces.h>

/* The drivers come with these calls: every_disk.c. */
extern const void *const disk_drivers[];
static const void *const *const disk_api_drivers __attribute__((used)) = disk_drivers;

/* All blocks of [sector, sector + sectors) exist and are whole ones. [BLK-01] [BLK-02] */
static int check_range(const struct ferrule_block *disk, uint64_t sector,
		       uint64_t sectors)
{
	uint64_t end = __atomic_load_n(&disk->sectors, __ATOMIC_RELAXED);
	uint32_t block_sectors = disk->info.block_bytes / FERRULE_SECTOR_BYTES;

	if (!sectors || sector > end || sectors > end - sector)
		return -EINVAL;
	return (sector | sectors) & (block_sectors - 1) ? -EINVAL : 0;
}

static int check_data(const struct ferrule_block *disk,
		      struct ferrule_block_request *request)
{
	bool read = request->operation == FERRULE_BLOCK_READ;
	uint64_t bytes = 0;
	int error;

	if (!read && disk->info.read_only)
		return -EROFS; /* [BLK-05] */
	for (unsigned i = 0; i < request->segment_count; i++) {
		if (request->segments[i].bytes % FERRULE_SECTOR_BYTES)
			return -EINVAL;
		if (__builtin_add_overflow(bytes, request->segments[i].bytes, &bytes))
			return -EINVAL;
	}
	error = check_range(disk, request->sector, bytes / FERRULE_SECTOR_BYTES);
	if (!read && !error && disk->operations->check)
		error = disk->operations->check(disk, request, bytes);
	if (error)
		return error;
	for (unsigned i = 0; i < request->segment_count; i++)
		if (!pieces_populate(request->segments[i].data,
				     request->segments[i].bytes, &request->driver.phys))
			return -EFAULT;
	if (request->segment_count > 1)
		request->driver.phys = 0; /* not for all of it */
	return 0;
}

static int check_erasing(const struct ferrule_block *disk,
			 const struct ferrule_block_request *request, uint32_t max)
{
	if (disk->info.read_only)
		return -EROFS;
	return max ? check_range(disk, request->sector, request->sectors) : -ENOTSUP;
}

/* 0: it goes to the device; 1: it is done, there is nothing to do; -errno. */
static int check(const struct ferrule_block *disk, struct ferrule_block_request *request)
{
	if (request->operation <= FERRULE_BLOCK_WRITE ||
	    (request->operation == FERRULE_BLOCK_ZONE_APPEND && disk->operations->check))
		return check_data(disk, request);
	switch (request->operation) {
	case FERRULE_BLOCK_READ:
	case FERRULE_BLOCK_WRITE:
		break; /* above */
	case FERRULE_BLOCK_ZONE_APPEND:
		return -ENOTSUP;
	case FERRULE_BLOCK_FLUSH:
		return !disk->flush; /* without FLUSH the cache is write-through */
	case FERRULE_BLOCK_DISCARD:
		return check_erasing(disk, request, disk->info.discard_max_sectors);
	case FERRULE_BLOCK_WRITE_ZEROES:
		return check_erasing(disk, request, disk->info.write_zeroes_max_sectors);
	case FERRULE_BLOCK_SECURE_ERASE:
		return check_erasing(disk, request, disk->info.secure_erase_max_sectors);
	}
	return -EINVAL;
}

/* Resets the driver's part of a request. */
static void prepare(struct ferrule_block *disk, struct ferrule_block_request *request)
{
	request->status = -EINPROGRESS;
	request->driver.disk = disk;
	request->driver.next = NULL;
	request->driver.waiter = NULL;
	request->driver.parts = 0;
	request->driver.error = 0;
	request->driver.waits = true;
	request->driver.tries = 0;
	request->driver.next_segment = 0;
	request->driver.segment_offset = 0;
	request->driver.next_sector = request->sector;
	request->driver.phys = 0;
}

/* True if the request goes to the device. */
static bool start(struct ferrule_block *disk, struct ferrule_block_request *request)
{
	int error;

	prepare(disk, request);
	error = check(disk, request);
	if (!error)
		return true;
	request->status = error < 0 ? error : 0;
	if (request->done)
		request->done(request);
	return false;
}

void ferrule_block_submit(struct ferrule_block *disk,
			  struct ferrule_block_request **requests, unsigned count)
{
	struct ferrule_block_request *first = NULL, *last = NULL;

	for (unsigned i = 0; i < count; i++) {
		struct ferrule_block_request *request = requests[i];

		if (!start(disk, request))
			continue;
		if (last)
			last->driver.next = request;
		else
			first = request;
		last = request;
	}
	if (first)
		disk->operations->submit(disk, first, &last->driver.next);
}

/* Completion without interrupts: whoever waits looks himself. A device that is silent
 * fails the request in the end, by its watchdog. [BLK-23] */
static int wait_polled(struct ferrule_block_request *request)
{
	struct ferrule_block *disk = request->driver.disk;
	int status;

	while ((status = __atomic_load_n(&request->status, __ATOMIC_ACQUIRE)) ==
	       -EINPROGRESS) {
		if (!__atomic_load_n(&disk->polled, __ATOMIC_RELAXED))
			return ferrule_block_wait(request);
		if (!disk->operations->poll(disk))
			thread_yield();
	}
	return status;
}

int ferrule_block_wait(struct ferrule_block_request *request)
{
	struct ferrule_block *disk = request->driver.disk;
	int status = __atomic_load_n(&request->status, __ATOMIC_ACQUIRE);
	struct wait_queue queue = { 0 };
	struct wait wait;

	if (status != -EINPROGRESS)
		return status;
	if (__atomic_load_n(&disk->polled, __ATOMIC_RELAXED))
		return wait_polled(request);
	wait_begin(&queue, &wait);
	for (;;) {
		unsigned long flags = spin_lock(request->driver.lock);

		request->driver.waiter = &queue;
		status = request->status;
		spin_unlock(request->driver.lock, flags);
		if (status != -EINPROGRESS)
			break;
		wait_sleep(&wait, NO_DEADLINE);
	}
	wait_end(&wait);
	return status;
}

static int submit_and_wait(struct ferrule_block *disk,
			   struct ferrule_block_request *request)
{
	ferrule_block_submit(disk, &request, 1);
	return ferrule_block_wait(request);
}

int disk_command(struct ferrule_block *disk, struct ferrule_block_request *request)
{
	prepare(disk, request);
	disk->operations->submit(disk, request, &request->driver.next);
	return ferrule_block_wait(request);
}

static int transfer(struct ferrule_block *disk, enum ferrule_block_operation operation,
		    uint64_t sector, void *data, size_t bytes)
{
	struct ferrule_block_segment segment = { data, bytes };
	struct ferrule_block_request request;

	if (!bytes)
		return 0;
	request.operation = operation;
	request.sector = sector;
	request.segments = &segment;
	request.segment_count = 1;
	request.done = NULL;
	return submit_and_wait(disk, &request);
}

int ferrule_block_read(struct ferrule_block *disk, uint64_t sector, void *data,
		       size_t bytes)
{
	return transfer(disk, FERRULE_BLOCK_READ, sector, data, bytes);
}

int ferrule_block_write(struct ferrule_block *disk, uint64_t sector, const void *data,
			size_t bytes)
{
	return transfer(disk, FERRULE_BLOCK_WRITE, sector, (void *)data, bytes);
}

int ferrule_block_flush(struct ferrule_block *disk)
{
	struct ferrule_block_request request = { .operation = FERRULE_BLOCK_FLUSH };

	return submit_and_wait(disk, &request);
}

/* Asks for the serial number when somebody wants to know it, once. Whoever comes
 * meanwhile asks too, and gets the same answer. */
static void learn_serial(struct ferrule_block *disk)
{
	char serial[DISK_SERIAL_BYTES] = { 0 };

	if (__atomic_load_n(&disk->serial_known, __ATOMIC_ACQUIRE))
		return;
	if (disk->operations->serial)
		disk->operations->serial(disk, serial);
	for (unsigned i = 0; i < DISK_SERIAL_BYTES - 1 && serial[i]; i++)
		if (serial[i] < ' ' || serial[i] > '~')
			serial[i] = '?';
	serial[DISK_SERIAL_BYTES - 1] = '\0';
	memcpy(disk->info.serial, serial, sizeof(serial));
	__atomic_store_n(&disk->serial_known, true, __ATOMIC_RELEASE);
}

void ferrule_block_info(struct ferrule_block *disk, struct ferrule_block_info *out)
{
	learn_serial(disk);
	*out = disk->info;
	out->sectors = __atomic_load_n(&disk->sectors, __ATOMIC_RELAXED);
}
