/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-blk: the calls of <ferrule/block.h>. */

#include <errno.h>
#include <string.h>
#include <kernel/thread.h>
#include <virtio/device/block.h>
#include <virtio/device/pieces.h>

/* All blocks of [sector, sector + sectors) exist and are whole ones. */
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
	uint64_t bytes = 0;
	int error;

	if (request->operation == FERRULE_BLOCK_WRITE && disk->info.read_only)
		return -EROFS;
	for (unsigned i = 0; i < request->segment_count; i++) {
		if (request->segments[i].bytes % FERRULE_SECTOR_BYTES)
			return -EINVAL;
		if (__builtin_add_overflow(bytes, request->segments[i].bytes, &bytes))
			return -EINVAL;
	}
	error = check_range(disk, request->sector, bytes / FERRULE_SECTOR_BYTES);
	for (unsigned i = 0; !error && i < request->segment_count; i++)
		if (!pieces_populate(request->segments[i].data,
				     request->segments[i].bytes, &request->driver.phys))
			error = -EFAULT;
	if (request->segment_count > 1)
		request->driver.phys = 0; /* not for all of it */
	return error;
}

/* 0: it goes to the device; 1: it is done, there is nothing to do; -errno. */
static int check(const struct ferrule_block *disk, struct ferrule_block_request *request)
{
	switch ((int)request->operation) {
	case FERRULE_BLOCK_READ:
	case FERRULE_BLOCK_WRITE:
		return check_data(disk, request);
	case FERRULE_BLOCK_FLUSH:
		return !disk->flush; /* without FLUSH the cache is write-through */
	case FERRULE_BLOCK_DISCARD:
	case FERRULE_BLOCK_WRITE_ZEROES:
		if (disk->info.read_only)
			return -EROFS;
		if (request->operation == FERRULE_BLOCK_DISCARD
			    ? !disk->info.discard_max_sectors
			    : !disk->info.write_zeroes_max_sectors)
			return -ENOTSUP;
		return check_range(disk, request->sector, request->sectors);
	case BLOCK_GET_ID:
		return 0;
	default:
		return -EINVAL;
	}
}

/* Resets the driver's part of a request; true if it goes to the device. */
static bool start(struct ferrule_block *disk, struct ferrule_block_request *request)
{
	int error;

	request->status = -EINPROGRESS;
	request->driver = (__typeof__(request->driver)){
		.disk = disk,
		.next_sector = request->sector,
		.waits = true,
	};
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
	struct ferrule_block_request *first = NULL, **end = &first, *finished = NULL;
	unsigned long flags;
	bool kick;

	for (unsigned i = 0; i < count; i++) {
		if (start(disk, requests[i])) {
			*end = requests[i];
			end = &requests[i]->driver.next;
		}
	}
	if (!first)
		return;
	flags = spin_lock(&disk->lock);
	*disk->waiting_end = first;
	disk->waiting_end = end;
	if (disk->failed) {
		spin_unlock(&disk->lock, flags);
		block_fail_all(disk);
		return;
	}
	kick = block_pump(disk, &finished) && virtqueue_kick_prepare(disk->queue);
	spin_unlock(&disk->lock, flags);
	if (kick)
		virtqueue_notify(disk->queue);
	if (finished)
		block_finish(finished);
}

int ferrule_block_wait(struct ferrule_block_request *request)
{
	struct ferrule_block *disk = request->driver.disk;
	int status = __atomic_load_n(&request->status, __ATOMIC_ACQUIRE);
	struct wait_queue queue = { 0 };
	struct wait wait;

	if (status != -EINPROGRESS)
		return status;
	wait_begin(&queue, &wait);
	for (;;) {
		unsigned long flags = spin_lock(&disk->lock);

		request->driver.waiter = &queue;
		status = request->status;
		spin_unlock(&disk->lock, flags);
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

/* Asks for the serial number when somebody wants to know it, once. A device without one
 * answers UNSUPP or zeroes; an error leaves it empty. */
static void learn_serial(struct ferrule_block *disk)
{
	char id[BLOCK_ID_BYTES + 1] = { 0 };
	struct ferrule_block_request request = { .operation = BLOCK_GET_ID,
						 .context = id };
	unsigned long flags;

	if (__atomic_load_n(&disk->serial_known, __ATOMIC_ACQUIRE))
		return;
	submit_and_wait(disk, &request);
	for (char *each = id; *each; each++)
		if (*each < ' ' || *each > '~')
			*each = '?';
	flags = spin_lock(&disk->lock);
	memcpy(disk->info.serial, id, sizeof(id));
	__atomic_store_n(&disk->serial_known, true, __ATOMIC_RELEASE);
	spin_unlock(&disk->lock, flags);
}

void ferrule_block_info(struct ferrule_block *disk, struct ferrule_block_info *out)
{
	learn_serial(disk);
	*out = disk->info;
	out->sectors = __atomic_load_n(&disk->sectors, __ATOMIC_RELAXED);
}

struct ferrule_block *ferrule_block_at(unsigned index)
{
	struct ferrule_block *disk = block_disks();

	while (disk && index--)
		disk = __atomic_load_n(&disk->next, __ATOMIC_ACQUIRE);
	return disk;
}

struct ferrule_block *ferrule_block_find(const char *name)
{
	struct ferrule_block *disk;

	for (unsigned i = 0; (disk = ferrule_block_at(i)); i++)
		if (!strcmp(disk->info.name, name))
			return disk;
	for (unsigned i = 0; *name && (disk = ferrule_block_at(i)); i++) {
		learn_serial(disk);
		if (!strcmp(disk->info.serial, name))
			return disk;
	}
	return NULL;
}
