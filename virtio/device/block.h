/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the files of the virtio-blk driver share (VIRTIO 1.3 §5.2):
 *
 *	block.c		 the driver: its life, its disk
 *	block_config.c	 what the configuration says, brought into sane ranges
 *	block_queue.c	 queues: slots, and what they hold when one breaks
 *	block_request.c	 requests come in, become device requests, and end
 *	block_issue.c	 those that are neither reads nor writes
 *	block_zones.c	 zoned disks; only in programs that use <ferrule/zones.h>
 *
 * Each device request ("part") has a slot. */

#ifndef VIRTIO_DEVICE_BLOCK_H
#define VIRTIO_DEVICE_BLOCK_H

#include <virtio/device/disk_queue.h>
#include <virtio/virtio.h>

enum block_feature {
	VIRTIO_BLK_F_BARRIER = 0, /* legacy: request barriers; never accepted [BLK-22] */
	VIRTIO_BLK_F_SIZE_MAX = 1,
	VIRTIO_BLK_F_SEG_MAX = 2,
	VIRTIO_BLK_F_RO = 5,
	VIRTIO_BLK_F_BLK_SIZE = 6,
	VIRTIO_BLK_F_SCSI = 7, /* legacy: SCSI commands; never accepted [BLK-22] */
	VIRTIO_BLK_F_FLUSH = 9,
	VIRTIO_BLK_F_TOPOLOGY = 10,
	VIRTIO_BLK_F_CONFIG_WCE = 11,
	VIRTIO_BLK_F_MQ = 12,
	VIRTIO_BLK_F_DISCARD = 13,
	VIRTIO_BLK_F_WRITE_ZEROES = 14,
	VIRTIO_BLK_F_LIFETIME = 15,
	VIRTIO_BLK_F_SECURE_ERASE = 16,
	VIRTIO_BLK_F_ZONED = 17,
};

/* Offsets in the configuration space (§5.2.4). */
enum block_config {
	BLOCK_CONFIG_CAPACITY = 0,
	BLOCK_CONFIG_SIZE_MAX = 8,
	BLOCK_CONFIG_SEG_MAX = 12,
	BLOCK_CONFIG_BLK_SIZE = 20,
	BLOCK_CONFIG_PHYSICAL_BLOCK_EXP = 24,
	BLOCK_CONFIG_ALIGNMENT_OFFSET = 25,
	BLOCK_CONFIG_MIN_IO_SIZE = 26,
	BLOCK_CONFIG_OPT_IO_SIZE = 28,
	BLOCK_CONFIG_WRITEBACK = 32,
	BLOCK_CONFIG_NUM_QUEUES = 34,
	BLOCK_CONFIG_MAX_DISCARD_SECTORS = 36,
	BLOCK_CONFIG_MAX_DISCARD_SEG = 40,
	BLOCK_CONFIG_DISCARD_SECTOR_ALIGNMENT = 44,
	BLOCK_CONFIG_MAX_WRITE_ZEROES_SECTORS = 48,
	BLOCK_CONFIG_MAX_WRITE_ZEROES_SEG = 52,
	BLOCK_CONFIG_MAX_SECURE_ERASE_SECTORS = 60,
	BLOCK_CONFIG_MAX_SECURE_ERASE_SEG = 64,
	BLOCK_CONFIG_SECURE_ERASE_SECTOR_ALIGNMENT = 68,
	BLOCK_CONFIG_ZONE_SECTORS = 72,
	BLOCK_CONFIG_MAX_OPEN_ZONES = 76,
	BLOCK_CONFIG_MAX_ACTIVE_ZONES = 80,
	BLOCK_CONFIG_MAX_APPEND_SECTORS = 84,
	BLOCK_CONFIG_WRITE_GRANULARITY = 88,
	BLOCK_CONFIG_ZONED_MODEL = 92,
};

/* Request types and status values (§5.2.6). */
enum block_type {
	VIRTIO_BLK_T_IN = 0,
	VIRTIO_BLK_T_OUT = 1,
	VIRTIO_BLK_T_FLUSH = 4,
	VIRTIO_BLK_T_GET_ID = 8,
	VIRTIO_BLK_T_GET_LIFETIME = 10,
	VIRTIO_BLK_T_DISCARD = 11,
	VIRTIO_BLK_T_WRITE_ZEROES = 13,
	VIRTIO_BLK_T_SECURE_ERASE = 14,
	VIRTIO_BLK_T_ZONE_APPEND = 15,
	VIRTIO_BLK_T_ZONE_REPORT = 16,
	VIRTIO_BLK_T_ZONE_OPEN = 18,
	VIRTIO_BLK_T_ZONE_CLOSE = 20,
	VIRTIO_BLK_T_ZONE_FINISH = 22,
	VIRTIO_BLK_T_ZONE_RESET = 24,
	VIRTIO_BLK_T_ZONE_RESET_ALL = 26,
};

enum block_status {
	VIRTIO_BLK_S_OK = 0,
	VIRTIO_BLK_S_IOERR = 1,
	VIRTIO_BLK_S_UNSUPP = 2,
	VIRTIO_BLK_S_ZONE_INVALID_CMD = 3,
	VIRTIO_BLK_S_ZONE_UNALIGNED_WP = 4,
	VIRTIO_BLK_S_ZONE_OPEN_RESOURCE = 5,
	VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE = 6,
	BLOCK_STATUS_UNWRITTEN = 0xff, /* ours: no device writes it */
};

#define BLOCK_ID_BYTES	     20 /* of GET_ID: no NUL when all are in use */
#define BLOCK_LIFETIME_BYTES 6

/* Operations of the driver's own, by request type: those below have the request's sector
 * or 0 in the header, and what the device writes, at most the slot's `answer`, goes to
 * request->context. A zone report writes to the request's segment. */
#define BLOCK_OPERATION(type) ((enum ferrule_block_operation)(64 + (type)))

/* What the device sees of a slot, on pages that hold nothing else. Little-endian; legacy:
 * the guest's order, which is the same here. */
struct block_slot_shared {
	uint32_t type; /* driver writes */
	uint32_t reserved;
	uint64_t sector;
	union {
		struct {
			uint64_t sector;
			uint32_t sectors;
			uint32_t flags;
		} range;		     /* driver writes: discard, … */
		char answer[BLOCK_ID_BYTES]; /* device writes: GET_ID, GET_LIFETIME */
	};
	uint64_t append_sector; /* device writes: ZONE_APPEND, just before the status */
	uint8_t status;		/* device writes; read once, after the used entry */
	uint8_t pad_to_line[15];
};
_Static_assert(sizeof(struct block_slot_shared) == 64, "one cache line");
_Static_assert(offsetof(struct block_slot_shared, status) ==
		       offsetof(struct block_slot_shared, append_sector) + 8,
	       "the footer of ZONE_APPEND is one piece");

#define BLOCK_HEADER_BYTES 16
#define BLOCK_RANGE_BYTES  16

/* The driver's own side of a slot; the device cannot touch it. Under the queue's lock. */
struct block_slot {
	struct ferrule_block_request *request; /* NULL: free */
	struct block_slot *next;	       /* in the free list */
	struct block_slot_shared *shared;
	uint64_t phys;	     /* of *shared */
	uint32_t data_bytes; /* what the device must have written besides the status */
	bool bounced;	     /* its data lies in the queue's bounce buffer */
};

struct block_queue {
	struct disk_queue base; /* the first member; its lock is for all below, too */
	struct block *block;
	struct block_slot *slots; /* slot_count of them */
	struct block_slot *free;
	unsigned slot_count;
	struct virtio_piece *pieces; /* scratch for one part: data_pieces_max + 2 */
	uint32_t written;	     /* scratch: what the device says of one part */
	struct ferrule_block_request *finished; /* scratch: ended, not told so yet */
	/* Requests with parts that were not issued yet, oldest first. */
	struct ferrule_block_request *waiting, **waiting_end;

	void *bounce; /* a block's worth, for data in too many pieces; or NULL */
	struct ferrule_block_request *bounce_user; /* NULL: free */
	uint64_t bounce_sector;

	uint64_t shared_phys; /* of the slots' pages */
	unsigned shared_order;
};

struct block {
	struct ferrule_block disk;
	struct virtio_device *device;
	struct block_queue *queues;
	struct virtqueue **vqs; /* the same queues, for virtio_find_queues() */
	unsigned queue_count, next_queue;
	bool unchecked_lengths; /* legacy: used lengths mean nothing */
	bool sequential;	/* host-managed zones: one part of a write at a time */
	bool listed;
	struct spinlock size_lock;  /* disk.sectors is written under it */
	uint32_t write_granularity; /* bytes; zoned disks */
	uint32_t append_max_sectors;
};

static inline struct block *block_of(const struct ferrule_block *disk)
{
	return (struct block *)disk; /* its first member */
}

/* block_config.c */

/* Clears wishes that do not go with what this device says of itself. */
void block_validate(struct virtio_device *device, struct virtio_features *wanted);
uint64_t block_read_capacity(struct virtio_device *device);
unsigned block_read_queues(struct virtio_device *device);
/* Fills in disk.info and the limits. `ring`: pieces a queue takes. */
int block_read_config(struct block *block, unsigned ring);

/* block_queue.c */

int block_queues_find(struct block *block);
/* Slots and bounce buffers; for the same queues again they are kept. */
int block_queues_make(struct block *block);
void block_queues_free(struct block *block);
/* Waiting requests beyond the end of a disk that has shrunk end with -EIO. */
void block_queue_shrink(struct block_queue *queue, uint64_t sectors);

/* block_issue.c */

/* Issues the next part of what is no read or write. Under the lock. */
int block_issue_other(struct block_queue *queue, struct ferrule_block_request *request,
		      struct block_slot *slot);

/* block_request.c */

void block_submit(struct ferrule_block *disk, struct ferrule_block_request *first,
		  struct ferrule_block_request **end);
/* Issues parts of waiting requests while there is room. Requests that ended without any
 * part in flight are put on *finished. Under the lock; true: something was added. */
bool block_pump(struct block_queue *queue, struct ferrule_block_request **finished);
/* The queue's callback. */
void block_used(struct virtqueue *vq);
bool block_poll(struct ferrule_block *disk);
/* Puts a slot's request back as if it had not been issued. Under the lock. */
struct ferrule_block_request *block_slot_release(struct block_queue *queue,
						 struct block_slot *slot);

/* block_zones.c: what a zoned disk needs checked; NULL when it is not linked in. */
int block_zones_check(const struct ferrule_block *disk,
		      const struct ferrule_block_request *request, uint64_t bytes)
	__attribute__((weak));

#endif
