/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the files of the block driver share (VIRTIO 1.3 §5.2):
 *
 *	block.c		 the driver: configuration, slots, list of disks
 *	block_request.c	 from requests to device requests and back
 *	block_api.c	 checks, submission, blocking calls
 *
 * A request of the API becomes one or more device requests ("parts"), each in a slot. */

#ifndef VIRTIO_DEVICE_BLOCK_H
#define VIRTIO_DEVICE_BLOCK_H

#include <ferrule/block.h>
#include <kernel/lock.h>
#include <kernel/time.h>
#include <virtio/virtio.h>

enum block_feature {
	VIRTIO_BLK_F_SIZE_MAX = 1,
	VIRTIO_BLK_F_SEG_MAX = 2,
	VIRTIO_BLK_F_RO = 5,
	VIRTIO_BLK_F_BLK_SIZE = 6,
	VIRTIO_BLK_F_FLUSH = 9,
	VIRTIO_BLK_F_TOPOLOGY = 10,
	VIRTIO_BLK_F_CONFIG_WCE = 11,
	VIRTIO_BLK_F_DISCARD = 13,
	VIRTIO_BLK_F_WRITE_ZEROES = 14,
};

/* Request types and status values (§5.2.6). */
enum block_type {
	VIRTIO_BLK_T_IN = 0,
	VIRTIO_BLK_T_OUT = 1,
	VIRTIO_BLK_T_FLUSH = 4,
	VIRTIO_BLK_T_GET_ID = 8,
	VIRTIO_BLK_T_DISCARD = 11,
	VIRTIO_BLK_T_WRITE_ZEROES = 13,
};

enum block_status {
	VIRTIO_BLK_S_OK = 0,
	VIRTIO_BLK_S_IOERR = 1,
	VIRTIO_BLK_S_UNSUPP = 2,
	BLOCK_STATUS_UNWRITTEN = 0xff, /* ours: no device writes it */
};

#define BLOCK_ID_BYTES 20 /* of GET_ID: no NUL when all are in use */
/* The operation behind ferrule_block_info.serial: the id goes to request->context. */
#define BLOCK_GET_ID ((enum ferrule_block_operation)(FERRULE_BLOCK_WRITE_ZEROES + 1))

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
		} range;		 /* driver writes: discard, write zeroes */
		char id[BLOCK_ID_BYTES]; /* device writes: GET_ID */
	};
	uint8_t status; /* device writes; read once, after the used entry */
	uint8_t pad[19];
};
_Static_assert(sizeof(struct block_slot_shared) == 64, "one cache line");

#define BLOCK_HEADER_BYTES 16
#define BLOCK_RANGE_BYTES  16

/* The driver's own side of a slot; the device cannot touch it. Under disk->lock. */
struct block_slot {
	struct ferrule_block_request *request; /* NULL: free */
	struct block_slot *next;	       /* in the free list */
	struct block_slot_shared *shared;
	uint64_t phys;	     /* of *shared */
	uint32_t data_bytes; /* what the device must have written besides the status */
};

struct ferrule_block {
	struct spinlock lock;
	struct virtio_device *device;
	struct virtqueue *queue;
	struct block_slot *slots; /* slot_count of them */
	struct block_slot *free;
	unsigned slot_count, in_flight;
	struct virtio_piece *pieces; /* scratch for one part: data_pieces_max + 2 */
	unsigned data_pieces_max;
	uint32_t piece_bytes_max;
	/* Requests with parts that were not issued yet, oldest first. */
	struct ferrule_block_request *waiting, **waiting_end;

	uint64_t sectors;		      /* atomic: changes with the configuration */
	struct ferrule_block_info info;	      /* all but `sectors` and `serial`: fixed */
	uint32_t discard_align, zeroes_align; /* sectors; 1: any */
	bool flush;			      /* FLUSH was negotiated */
	bool unchecked_lengths;		      /* legacy: used lengths mean nothing */
	bool failed;			      /* broken: requests end with -EIO */
	bool serial_known;

	struct timer watchdog;	 /* runs while something is in flight */
	bool watchdog_armed;	 /* under lock */
	uint64_t completed;	 /* parts that came back */
	uint64_t completed_seen; /* the same at the watchdog's last turn */

	struct ferrule_block *next; /* list of disks: append only */
};

/* A device that holds requests and answers none of them for this long is broken. */
#define BLOCK_SILENCE_NS (60 * NS_PER_SEC)

/* block.c: refers the driver into the program. */
struct ferrule_block *block_disks(void);

/* block_request.c */

/* Issues parts of waiting requests while there is room. Requests that ended without any
 * part in flight are put on *finished. Under the lock; true: something was added. */
bool block_pump(struct ferrule_block *disk, struct ferrule_block_request **finished);
/* Sets the result of a request that has no part in flight, wakes its waiter or puts it
 * on *finished. Under the lock. */
void block_end(struct ferrule_block_request *request, int status,
	       struct ferrule_block_request **finished);
/* Calls done() of all of them, in no lock. */
void block_finish(struct ferrule_block_request *finished);
/* The queue's callback. */
void block_used(struct virtqueue *queue);
/* Ends everything with -EIO; the device owns nothing any more. */
void block_fail_all(struct ferrule_block *disk);

#endif
