/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The calls of <ferrule/block.h> that few programs make. */

#include <errno.h>
#include <string.h>
#include <kernel/time.h>
#include <virtio/device/disk.h>

int ferrule_block_range(struct ferrule_block *disk,
			enum ferrule_block_operation operation, uint64_t sector,
			uint64_t sectors)
{
	struct ferrule_block_request request = { .operation = operation,
						 .sector = sector,
						 .sectors = sectors };
	struct ferrule_block_request *batch = &request;

	if (operation != FERRULE_BLOCK_DISCARD &&
	    operation != FERRULE_BLOCK_WRITE_ZEROES &&
	    operation != FERRULE_BLOCK_SECURE_ERASE)
		return -EINVAL;
	ferrule_block_submit(disk, &batch, 1);
	return ferrule_block_wait(&request);
}

int ferrule_block_set_polled(struct ferrule_block *disk, bool polled)
{
	return disk->operations->set_polled ? disk->operations->set_polled(disk, polled)
					    : -ENOTSUP;
}

bool ferrule_block_poll(struct ferrule_block *disk)
{
	return disk->operations->poll && disk->operations->poll(disk);
}

int ferrule_block_write_cache(struct ferrule_block *disk, bool on)
{
	int error;

	if (__atomic_load_n(&disk->gone, __ATOMIC_ACQUIRE))
		return -ENODEV;
	if (!disk->info.cache_switchable || !disk->operations->write_cache)
		return -ENOTSUP;
	error = disk->operations->write_cache(disk, on);
	if (error)
		return error;
	disk->info.flushable = on;
	/* What was written before is still not safe (§5.2.6.1). [BLK-10] */
	return on ? 0 : ferrule_block_flush(disk);
}

int ferrule_block_lifetime(struct ferrule_block *disk, struct ferrule_block_lifetime *out)
{
	memset(out, 0, sizeof(*out));
	if (__atomic_load_n(&disk->gone, __ATOMIC_ACQUIRE))
		return -ENODEV;
	return disk->operations->lifetime ? disk->operations->lifetime(disk, out)
					  : -ENOTSUP;
}

int ferrule_block_wait_resize(struct ferrule_block *disk, uint64_t sectors,
			      uint64_t timeout_ns)
{
	uint64_t now = clock_ns();
	uint64_t deadline = timeout_ns > NO_DEADLINE - now ? NO_DEADLINE
							   : now + timeout_ns;
	int result = -EINPROGRESS;
	struct wait wait;

	wait_begin(&disk->resized, &wait);
	while (result == -EINPROGRESS) {
		if (__atomic_load_n(&disk->gone, __ATOMIC_ACQUIRE))
			result = -ENODEV;
		else if (__atomic_load_n(&disk->sectors, __ATOMIC_ACQUIRE) != sectors)
			result = 0;
		else if (!wait_sleep(&wait, deadline))
			result = -ETIMEDOUT;
	}
	wait_end(&wait);
	return result;
}
