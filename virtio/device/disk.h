/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What any disk is made of, whatever device it stands on. A driver embeds struct
 * ferrule_block, fills in `operations`, `info` and the limits, and adds it:
 *
 *	disk.c		names, the list, holding and removal
 *	disk_api.c	the calls of <ferrule/block.h>: checks, submission, waiting
 *	disk_more.c	those of them that few programs make
 *	disk_data.c	from requests to pieces, the requests' ends
 *	disk_queue.c	the life of a queue: stopped, in service again, given up
 *	every_disk.c	the drivers that a program with disks is linked with
 *
 * A request becomes one or more device requests ("parts"). */

#ifndef VIRTIO_DEVICE_DISK_H
#define VIRTIO_DEVICE_DISK_H

#include <ferrule/block.h>
#include <kernel/lock.h>
#include <kernel/thread.h>
#include <virtio/ring/virtqueue.h>

#define DISK_SERIAL_BYTES 21
/* The longest part, and the longest range of one. */
#define DISK_PART_BYTES_MAX    (UINT32_C(16) << 20)
#define DISK_RANGE_SECTORS_MAX (UINT32_C(1) << 22)
#define DISK_BLOCK_BYTES_MAX   65536

/* NULL: this kind of disk cannot do that. */
struct disk_operations {
	/* Takes requests that were checked, linked by driver.next; *end is the last one's
	 * link. Sets driver.lock of each. Any context. */
	void (*submit)(struct ferrule_block *disk, struct ferrule_block_request *first,
		       struct ferrule_block_request **end);
	/* The serial number into zeroed bytes; asked for once, by a thread. */
	void (*serial)(struct ferrule_block *disk, char serial[DISK_SERIAL_BYTES]);
	/* Completion with or without interrupts; taking what has completed. */
	int (*set_polled)(struct ferrule_block *disk, bool polled);
	bool (*poll)(struct ferrule_block *disk);
	int (*write_cache)(struct ferrule_block *disk, bool on);
	int (*lifetime)(struct ferrule_block *disk, struct ferrule_block_lifetime *out);
	/* Further checks of data requests, for zoned disks. */
	int (*check)(const struct ferrule_block *disk,
		     const struct ferrule_block_request *request, uint64_t bytes);
	/* It was removed and nobody holds it any more. */
	void (*free)(struct ferrule_block *disk);
};

struct ferrule_block {
	const struct disk_operations *operations;
	struct ferrule_block_info info; /* all but `sectors` and `serial`: fixed */
	uint64_t sectors;		/* atomic: changes with the configuration */
	unsigned data_pieces_max;	/* of a part */
	uint32_t piece_bytes_max;
	uint32_t discard_align, erase_align; /* sectors; 1: any */
	bool flush;			     /* knows how to flush */
	bool polled;			     /* atomic: completes without interrupts */
	bool serial_known;		     /* atomic */
	bool gone;			     /* atomic: unplugged */
	struct wait_queue resized;	     /* sleepers in ferrule_block_wait_resize() */

	unsigned holders; /* disk.c's, as all below */
	struct ferrule_block *next;
};

/* disk.c */

/* How many request queues a disk may use: one a CPU, or what disk_queues= says. */
unsigned disk_queues_wanted(void);
/* Names the disk ("vd" and letters, or "pmem" and a number) and puts it on the list. */
void disk_add(struct ferrule_block *disk, const char *prefix);
/* The disk was unplugged: nobody finds it any more; its operations give -ENODEV by now.
 * operations->free() is called when nobody holds it. */
void disk_remove(struct ferrule_block *disk);
/* The disk has another size now: tells who waits for that. */
void disk_resized(struct ferrule_block *disk, uint64_t sectors);

/* disk_api.c */

/* Submits a request of the driver's own, unchecked, and sleeps until it is done. */
int disk_command(struct ferrule_block *disk, struct ferrule_block_request *request);

/* disk_data.c */

/* The next part's data as pieces[1..]: as many whole blocks as one part can take. Returns
 * the piece count including pieces[0], which is the caller's; or -errno: -EFAULT memory is
 * missing, -EMSGSIZE not even one block fits the pieces: it needs a bounce buffer. */
int disk_gather(const struct ferrule_block *disk,
		const struct ferrule_block_request *request, struct virtio_piece *pieces,
		uint32_t *part_bytes);
/* Moves the request's cursor over what was issued; notes whether anything is left. */
void disk_advance(struct ferrule_block_request *request, uint32_t bytes);
/* Back to the start, as if nothing had been issued. */
void disk_rewind(struct ferrule_block_request *request);
/* Copies between a buffer and the request's data from `sector` of it on. */
void disk_copy(const struct ferrule_block_request *request, uint64_t sector, void *buffer,
	       uint32_t bytes, bool to_buffer);

/* The whole request as one piece, which is by far the most common; 0: it needs
 * disk_gather(). Returns the piece count. */
static inline int disk_single(const struct ferrule_block *disk,
			      const struct ferrule_block_request *request,
			      struct virtio_piece *pieces, uint32_t *part_bytes)
{
	size_t bytes = request->segments->bytes;

	if (!request->driver.phys || bytes > disk->piece_bytes_max)
		return 0;
	pieces[1] = (struct virtio_piece){ request->driver.phys, (uint32_t)bytes };
	*part_bytes = (uint32_t)bytes;
	return 2;
}

/* Issues the next range of a discard, write-zeroes or secure erase request: not longer
 * than `max` and cut where the device likes ranges to start (§5.2.4). Moves the cursor;
 * disk_range_undo() moves it back. */
void disk_range(struct ferrule_block_request *request, uint32_t max, uint32_t align,
		uint64_t *sector, uint32_t *sectors);
void disk_range_undo(struct ferrule_block_request *request, uint64_t sector);

/* Sets the result of a request that has no part in flight, wakes its waiter or puts it
 * on *finished. Under its lock. */
static inline void disk_end(struct ferrule_block_request *request, int status,
			    struct ferrule_block_request **finished)
{
	struct wait_queue *waiter = request->driver.waiter;

	if (request->done) {
		request->driver.error = status;
		request->driver.next = *finished;
		*finished = request;
		return;
	}
	/* From here on the request may be gone, unless its waiter sleeps: that one takes
	 * the lock, which we hold, before it returns. */
	__atomic_store_n(&request->status, status, __ATOMIC_RELEASE);
	if (waiter)
		wait_wake(waiter, WAKE_ALL, 0);
}
/* Calls done() of all of them, in no lock. */
void disk_finish(struct ferrule_block_request *finished);

#endif
