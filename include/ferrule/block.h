/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Raw disks of any kind (virtio-blk, SCSI, persistent memory): asynchronous submit and
 * completion, and blocking calls on top. What only zoned disks can do: <ferrule/zones.h>.
 *
 * Units: a sector is 512 bytes, whatever the device's own block size (VIRTIO 1.3 §5.2.4);
 * lengths are bytes and multiples of ferrule_block_info.block_bytes.
 * Errors: 0, or a negative errno: -EIO the device failed it, -EROFS it is read-only,
 * -EINVAL bad alignment, length or range, -ENOTSUP the device cannot do that, -ENODEV it
 * was unplugged. A device that breaks a rule or falls silent is reset; requests wait for
 * that and are issued again, at most three times. One that goes on so is given up: -EIO. */

#ifndef FERRULE_BLOCK_H
#define FERRULE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FERRULE_SECTOR_BYTES 512

struct ferrule_block;

/* By name ("vda", "vdb", … of virtio-blk, "sda", … of SCSI, "pmem0", …; by order of
 * finding) or serial number; NULL: no such disk. At any time: a disk that was plugged in
 * later is found too. Whoever found a disk holds it: the pointer stays valid and its name
 * is given to no other disk, even after it was unplugged, until it is released.
 * Context: thread. */
struct ferrule_block *ferrule_block_find(const char *name);
/* The index-th disk, NULL past the last; held, as above. */
struct ferrule_block *ferrule_block_at(unsigned index);
/* Gives up what one find() or at() returned; none of the caller's requests is in flight. */
void ferrule_block_release(struct ferrule_block *disk);

struct ferrule_block_info {
	char name[16];	 /* "vda" */
	char serial[21]; /* "" if it has none */
	uint64_t sectors;
	uint32_t block_bytes; /* smallest unit of a transfer */
	uint32_t
		physical_block_bytes; /* unit that is written without read-modify-write */
	uint32_t alignment_bytes;     /* where the first physical block begins */
	uint32_t minimum_io_bytes;    /* smallest length without penalty; 0: not said */
	uint32_t optimal_io_bytes;    /* 0: not said */
	uint32_t transfer_max_bytes;  /* per request; larger ones are split for you */
	uint32_t segments_max;	      /* pieces per request */
	uint32_t queues;	      /* that requests are spread over */
	uint32_t queue_depth;	      /* requests in flight that add no waiting */
	uint32_t discard_max_sectors; /* 0: cannot discard */
	uint32_t write_zeroes_max_sectors; /* 0: cannot */
	uint32_t secure_erase_max_sectors; /* 0: cannot */
	bool read_only;
	bool flushable;	       /* has a volatile cache: durable only after a flush */
	bool cache_switchable; /* ferrule_block_write_cache() works */
};
void ferrule_block_info(struct ferrule_block *disk, struct ferrule_block_info *out);

enum ferrule_block_operation {
	FERRULE_BLOCK_READ,
	FERRULE_BLOCK_WRITE,
	FERRULE_BLOCK_FLUSH, /* all writes completed before it was submitted are durable */
	FERRULE_BLOCK_DISCARD, /* what is read there afterwards is anything */
	FERRULE_BLOCK_WRITE_ZEROES,
	FERRULE_BLOCK_SECURE_ERASE, /* every copy is gone afterwards */
	FERRULE_BLOCK_ZONE_APPEND,  /* <ferrule/zones.h> */
};

struct ferrule_block_segment {
	void *data; /* any mapped memory; read before done for writes, owned till then */
	size_t bytes; /* multiple of 512 */
};

/* One request. The caller fills the first part and keeps it all alive until done. */
struct ferrule_block_request {
	enum ferrule_block_operation operation;
	uint64_t sector;
	uint64_t sectors; /* discard, write zeroes, secure erase; else ignored */
	const struct ferrule_block_segment *segments;
	unsigned segment_count;
	/* Interrupt context, status is set; it may submit again. NULL: wait for it. */
	void (*done)(struct ferrule_block_request *self);
	void *context; /* yours */

	int status; /* -EINPROGRESS, then the result */
	struct {    /* the driver's */
		struct ferrule_block *disk;
		struct ferrule_block_request *next;
		void *lock;	/* under which it ends */
		void *waiter;	/* who sleeps in ferrule_block_wait() */
		unsigned parts; /* device requests not yet back */
		int error;	/* the first one of its parts */
		bool waits;	/* has parts that were not issued yet */
		uint8_t tries;	/* times it was lost with a device that broke */
		uint64_t phys;	/* of the data, if it is all in one piece; else 0 */
		unsigned next_segment;
		size_t segment_offset;
		uint64_t next_sector;
	} driver;
};

/* Submits `count` requests with one kick. A request that cannot start now waits in the
 * driver, in order; nothing is refused for want of room. Bad ones are done at once with
 * their error. Context: any. */
void ferrule_block_submit(struct ferrule_block *disk,
			  struct ferrule_block_request **requests, unsigned count);
/* Sleeps until the request is done; its status. Only for requests without `done`. */
int ferrule_block_wait(struct ferrule_block_request *request);

/* Blocking forms. Context: thread. */
int ferrule_block_read(struct ferrule_block *disk, uint64_t sector, void *data,
		       size_t bytes);
int ferrule_block_write(struct ferrule_block *disk, uint64_t sector, const void *data,
			size_t bytes);
int ferrule_block_flush(struct ferrule_block *disk);
/* Discard, write zeroes, secure erase. */
int ferrule_block_range(struct ferrule_block *disk,
			enum ferrule_block_operation operation, uint64_t sector,
			uint64_t sectors);

/* Polled completion: from now on the disk raises no interrupts; who waits looks for what
 * has completed, and requests with `done` come back in ferrule_block_poll(), which says
 * whether any did. For a thread that has the CPU to itself. -ENOTSUP: it cannot. */
int ferrule_block_set_polled(struct ferrule_block *disk, bool polled);
bool ferrule_block_poll(struct ferrule_block *disk);

/* Switches the volatile write cache on or off; off: what it held is durable on return.
 * Not while writes are in flight: whether those are durable is undefined. */
int ferrule_block_write_cache(struct ferrule_block *disk, bool on);

/* Sleeps until the disk has another size than `sectors`, and returns 0; -ENODEV when it
 * was unplugged, -ETIMEDOUT. */
int ferrule_block_wait_resize(struct ferrule_block *disk, uint64_t sectors,
			      uint64_t timeout_ns);

/* How worn a disk is, as it says itself; 0: it does not say. */
struct ferrule_block_lifetime {
	unsigned reserve_used; /* 1: under 80 % of the spare blocks, 2: 80 %, 3: 90 % */
	unsigned slc_used;     /* 1: up to 10 % of the life, … 10, 11: exceeded */
	unsigned mlc_used;
};
int ferrule_block_lifetime(struct ferrule_block *disk,
			   struct ferrule_block_lifetime *out);

#endif
