/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Raw block devices: asynchronous submit and completion, and blocking calls on top.
 *
 * Units: a sector is 512 bytes, whatever the device's own block size (VIRTIO 1.3 §5.2.4);
 * lengths are bytes and multiples of ferrule_block_info.block_bytes.
 * Errors: 0, or a negative errno: -EIO the device failed it, -EROFS it is read-only,
 * -EINVAL bad alignment, length or range, -ENOTSUP the device cannot do that, -ENODEV it
 * is gone. */

#ifndef FERRULE_BLOCK_H
#define FERRULE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FERRULE_SECTOR_BYTES 512

struct ferrule_block;

/* By name ("vda", "vdb", … in order of finding) or serial number; NULL: no such disk.
 * Devices are never closed. Context: thread. */
struct ferrule_block *ferrule_block_find(const char *name);
/* The index-th disk, NULL past the last. */
struct ferrule_block *ferrule_block_at(unsigned index);

struct ferrule_block_info {
	char name[16];	 /* "vda" */
	char serial[21]; /* "" if it has none */
	uint64_t sectors;
	uint32_t block_bytes; /* smallest unit of a transfer */
	uint32_t
		physical_block_bytes; /* unit that is written without read-modify-write */
	uint32_t optimal_io_bytes;    /* 0: not said */
	uint32_t transfer_max_bytes;  /* per request; larger ones are split for you */
	uint32_t segments_max;	      /* pieces per request */
	uint32_t queue_depth;	      /* requests in flight that add no waiting */
	uint32_t discard_max_sectors; /* 0: cannot discard */
	uint32_t write_zeroes_max_sectors; /* 0: cannot */
	bool read_only;
	bool flushable; /* has a volatile cache: durable only after a flush */
};
void ferrule_block_info(struct ferrule_block *disk, struct ferrule_block_info *out);

enum ferrule_block_operation {
	FERRULE_BLOCK_READ,
	FERRULE_BLOCK_WRITE,
	FERRULE_BLOCK_FLUSH, /* all writes completed before it was submitted are durable */
	FERRULE_BLOCK_DISCARD,
	FERRULE_BLOCK_WRITE_ZEROES,
};

struct ferrule_block_segment {
	void *data; /* any mapped memory; read before done for writes, owned till then */
	size_t bytes; /* multiple of 512 */
};

/* One request. The caller fills the first part and keeps it all alive until done. */
struct ferrule_block_request {
	enum ferrule_block_operation operation;
	uint64_t sector;
	uint64_t sectors; /* discard and write zeroes; else ignored */
	const struct ferrule_block_segment *segments;
	unsigned segment_count;
	/* Interrupt context, status is set; it may submit again. NULL: wait for it. */
	void (*done)(struct ferrule_block_request *self);
	void *context; /* yours */

	int status; /* -EINPROGRESS, then the result */
	struct {    /* the driver's */
		struct ferrule_block *disk;
		struct ferrule_block_request *next;
		void *waiter;	/* who sleeps in ferrule_block_wait() */
		unsigned parts; /* device requests not yet back */
		int error;	/* the first one of its parts */
		bool waits;	/* has parts that were not issued yet */
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

#endif
