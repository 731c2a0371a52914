/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the files of the virtio-scsi driver share (VIRTIO 1.3 §5.6):
 *
 *	scsi.c		the driver: its life, its configuration
 *	scsi_queue.c	request queues: slots, issuing, completion
 *	scsi_recovery.c	what becomes of commands that are lost, or take too long
 *	scsi_command.c	single commands, and what their answers mean
 *	scsi_disk.c	logical units as disks
 *	scsi_probe.c	what a logical unit says of itself
 *	scsi_mode.c	its mode pages: write protection, the write cache
 *	scsi_scan.c	which logical units there are
 *	scsi_event.c	events, and the thread that looks into them
 *
 * A logical unit belongs to one request queue, so that its commands stay in order. */

#ifndef VIRTIO_DEVICE_SCSI_H
#define VIRTIO_DEVICE_SCSI_H

#include <virtio/device/disk_queue.h>
#include <virtio/virtio.h>

/* INOUT (0) and T10_PI (3) are of no use to disks and never accepted. [SCS-09] */
enum scsi_feature {
	VIRTIO_SCSI_F_INOUT = 0,
	VIRTIO_SCSI_F_HOTPLUG = 1,
	VIRTIO_SCSI_F_CHANGE = 2,
	VIRTIO_SCSI_F_T10_PI = 3,
};

/* Offsets in the configuration space (§5.6.4). */
enum scsi_config {
	SCSI_CONFIG_NUM_QUEUES = 0,
	SCSI_CONFIG_SEG_MAX = 4,
	SCSI_CONFIG_MAX_SECTORS = 8,
	SCSI_CONFIG_CMD_PER_LUN = 12,
	SCSI_CONFIG_EVENT_INFO_SIZE = 16,
	SCSI_CONFIG_SENSE_SIZE = 20,
	SCSI_CONFIG_CDB_SIZE = 24,
	SCSI_CONFIG_MAX_TARGET = 30,
	SCSI_CONFIG_MAX_LUN = 32,
};

enum scsi_response {
	VIRTIO_SCSI_S_OK = 0,
	VIRTIO_SCSI_S_OVERRUN = 1,
	VIRTIO_SCSI_S_ABORTED = 2,
	VIRTIO_SCSI_S_BAD_TARGET = 3,
	VIRTIO_SCSI_S_RESET = 4,
	VIRTIO_SCSI_S_BUSY = 5,
	VIRTIO_SCSI_S_TRANSPORT_FAILURE = 6,
	VIRTIO_SCSI_S_TARGET_FAILURE = 7,
	VIRTIO_SCSI_S_NEXUS_FAILURE = 8,
	VIRTIO_SCSI_S_FAILURE = 9,
	VIRTIO_SCSI_S_INCORRECT_LUN = 12,
	SCSI_RESPONSE_UNWRITTEN = 0xff, /* ours: no device writes it */
};

#define SCSI_SENSE_BYTES 96 /* §5.6.4: what a reset sets, and we leave */
#define SCSI_CDB_BYTES	 32

/* §5.6.6.1. Little-endian; legacy: the guest's order, which is the same here. */
struct scsi_request {
	uint8_t lun[8];
	uint64_t id;
	uint8_t task_attr, prio, crn; /* 0 [SCS-04] */
	uint8_t cdb[SCSI_CDB_BYTES];
} __attribute__((packed));

struct scsi_answer {
	uint32_t sense_len, residual;
	uint16_t status_qualifier;
	uint8_t status, response;
	uint8_t sense[SCSI_SENSE_BYTES];
};

/* What the device sees of a slot, on pages that hold nothing else. */
struct scsi_slot_shared {
	struct scsi_request request; /* driver writes */
	uint8_t pad[13];
	struct scsi_answer answer; /* device writes; read once, after the used entry */
	uint8_t pad_too[20];
	uint8_t list[64]; /* driver writes: the parameters of UNMAP */
};
_Static_assert(sizeof(struct scsi_request) == 51 && sizeof(struct scsi_answer) == 108 &&
		       sizeof(struct scsi_slot_shared) == 256,
	       "as the device sees it");

/* What an answer means. */
enum scsi_verdict {
	SCSI_DONE,  /* with the error, or none */
	SCSI_AGAIN, /* a unit attention, an abort, a reset: at once once more */
	SCSI_BUSY,  /* a little later once more */
};
struct scsi_outcome {
	enum scsi_verdict verdict;
	int error;
	uint8_t key, asc, ascq; /* of the sense data; 0: none */
	uint32_t residual;	/* at most what was to be transferred */
};

struct scsi_unit;
struct scsi_queue;

/* A single command that a thread waits for. */
struct scsi_call {
	struct scsi_unit *unit; /* whose commands it counts among; NULL: unknown yet */
	uint8_t lun[8];
	uint8_t cdb[16];
	void *data; /* from the kernel heap */
	uint32_t bytes;
	bool out; /* data goes to the device */

	struct scsi_outcome outcome;
	unsigned tries; /* lost with a device that broke */
	bool done;
	struct wait_queue waiter;
	struct scsi_call *next;
};

/* The driver's own side of a slot; the device cannot touch it. Under the queue's lock. */
struct scsi_slot {
	struct ferrule_block_request *request; /* of these two one, or none: free */
	struct scsi_call *call;
	struct scsi_unit *unit;
	struct scsi_slot *next; /* in the free list */
	struct scsi_slot_shared *shared;
	uint64_t phys;
	uint32_t data_bytes;
	void *bounce; /* a block of data that was in too many pieces; or NULL */
	uint64_t bounce_sector;
};

struct scsi_queue {
	struct disk_queue base; /* the first member; its lock is for all below, too */
	struct scsi *scsi;
	struct scsi_slot *slots, *free;
	unsigned slot_count;
	struct virtio_piece *pieces;
	struct scsi_call *calls, **calls_end; /* not issued yet */
	struct scsi_unit *units;	      /* that use this queue */
	struct scsi_unit *turn; /* whose it is to issue a command; NULL: the first's */
	uint64_t next_id;
	uint64_t shared_phys;
	unsigned shared_order;
};

/* What the write cache is to be, also after the unit was reset. */
enum scsi_cache { SCSI_CACHE_AS_IT_IS, SCSI_CACHE_OFF, SCSI_CACHE_ON };

struct scsi_unit {
	struct ferrule_block disk;
	struct scsi *scsi;
	struct scsi_queue *queue;
	uint8_t lun[8];
	unsigned target, number;
	/* Under the queue's lock. */
	struct ferrule_block_request *waiting, **waiting_end;
	unsigned in_flight;
	bool dead;   /* removed: requests end with -ENODEV */
	bool paused; /* it was busy: until `pause` */
	struct timer pause;
	struct scsi_unit *next_in_queue;
	uint64_t blank_phys;   /* a block of zeroes, for WRITE SAME; 0: none */
	enum scsi_cache cache; /* atomic */
	/* The scanning thread's. */
	struct scsi_unit *next;
	bool seen;
};

#define SCSI_CONTROL_QUEUES 2 /* control, events; behind them the requests */
#define SCSI_EVENT_BYTES    64
#define SCSI_EVENTS	    16

struct scsi {
	struct virtio_device *device;
	struct scsi_queue *queues;
	struct virtqueue **vqs; /* control, event, requests */
	unsigned queue_count;	/* of requests */
	unsigned seg_max, cmd_per_lun, max_target, max_lun;
	uint32_t max_sectors;
	struct scsi_unit *units; /* the scanning thread's */
	unsigned holders;	 /* atomic: the device, and each unit there is */

	struct spinlock lock; /* the control and event queues, and all below */
	uint8_t *shared;      /* a page: event buffers, the task management request */
	uint64_t shared_phys;
	unsigned idle_events; /* a bit for each event buffer the device has not */
	bool control_busy;
	bool stopped;
	bool scan_all;
	uint32_t scan_targets[8]; /* a bit each */
	struct timer scan;	  /* makes the thread that looks into that */
	bool thread;		  /* there is one */
	bool ending;		  /* the device was removed: no more */
	bool scanned;		  /* all of it, once */
	struct wait_queue first_scan;
};

/* scsi.c */

/* One holder less: units that were removed may be held long after the device. */
void scsi_put(struct scsi *scsi);

/* scsi_command.c */

/* [SCS-05] The answer is read once; lengths are cut to what there can be. */
void scsi_judge(const struct scsi_answer *shared, uint32_t bytes, uint32_t used,
		struct scsi_outcome *out);
/* Runs the command, again while that makes sense; the error. *got (may be NULL): bytes
 * of data that came. Thread context. */
int scsi_run(struct scsi *scsi, struct scsi_call *call, uint32_t *got);
/* Runs a command that brings up to SCSI_DATA_BYTES; *data is to be freed, unless this failed. */
#define SCSI_DATA_BYTES 256
int scsi_ask(struct scsi_unit *unit, const uint8_t cdb[16], uint32_t bytes,
	     uint8_t **data, uint32_t *got);
/* [SCS-03] Single level: 1, target, 0x40 | high, low, zeroes. */
void scsi_lun(uint8_t lun[8], unsigned target, unsigned number);

/* scsi_queue.c */

int scsi_queue_make(struct scsi_queue *queue);
void scsi_queue_free(struct scsi_queue *queue);
bool scsi_pump(struct scsi_queue *queue, struct ferrule_block_request **finished);
/* A free slot with its request filled in but for the CDB; NULL: no room. */
struct scsi_slot *scsi_slot_take(struct scsi_queue *queue, const uint8_t lun[8]);
/* Hands pieces[0..readable+writable) to the device. */
int scsi_slot_issue(struct scsi_queue *queue, struct scsi_slot *slot, unsigned readable,
		    unsigned writable);
void scsi_slot_free(struct scsi_queue *queue, struct scsi_slot *slot);
void scsi_used(struct virtqueue *vq);
void scsi_call_end(struct scsi_call *call);
void scsi_unit_pump(struct timer *timer);

/* scsi_recovery.c */
extern const struct disk_queue_operations scsi_queue_operations;
void scsi_control_used(struct virtqueue *vq);
/* The unit is gone: its requests end with -ENODEV, those in flight as they come back. */
void scsi_unit_kill(struct scsi_unit *unit);

/* scsi_disk.c */
extern const struct disk_operations scsi_disk_operations;
/* Issues the next part of a request. -ENOSPC: no room; -EIO: the queue is broken. */
int scsi_disk_issue(struct scsi_unit *unit, struct ferrule_block_request *request);
void scsi_disk_done(struct scsi_slot *slot, const struct scsi_outcome *outcome,
		    struct ferrule_block_request **finished);
/* Puts a request whose parts are all back before what waits, from its start. */
void scsi_disk_again(struct scsi_unit *unit, struct ferrule_block_request *request);
void scsi_disk_fail_waiting(struct scsi_unit *unit, int error,
			    struct ferrule_block_request **finished);
void scsi_disk_serial(struct ferrule_block *disk, char serial[DISK_SERIAL_BYTES]);

/* scsi_probe.c */
enum scsi_found { SCSI_NOTHING, SCSI_DISK };
/* Asks what is there; fills in disk.info and the limits. */
enum scsi_found scsi_probe_unit(struct scsi_unit *unit);
/* The size, once more. */
int scsi_probe_capacity(struct scsi_unit *unit);

/* scsi_mode.c */

/* Write protection and the cache; a unit that does not say has a cache, to be safe. */
void scsi_modes_read(struct scsi_unit *unit, bool cd);
int scsi_write_cache(struct ferrule_block *disk, bool on);
/* Of a unit that may have been reset: its cache is to be as its user set it. */
void scsi_cache_check(struct scsi_unit *unit);

/* scsi_scan.c */
void scsi_scan_target(struct scsi *scsi, unsigned target);
void scsi_scan_all(struct scsi *scsi);
void scsi_forget_all(struct scsi *scsi);

/* scsi_event.c */
void scsi_events_fill(struct scsi *scsi);
void scsi_event_used(struct virtqueue *vq);
void scsi_want_scan(struct scsi *scsi, int target); /* -1: all */
void scsi_scan_expired(struct timer *timer);

static inline struct scsi_unit *scsi_unit_of(const struct ferrule_block *disk)
{
	return (struct scsi_unit *)disk; /* its first member */
}

static inline void put_be16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put_be32(uint8_t *at, uint32_t value)
{
	put_be16(at, value >> 16);
	put_be16(at + 2, value);
}

static inline void put_be64(uint8_t *at, uint64_t value)
{
	put_be32(at, (uint32_t)(value >> 32));
	put_be32(at + 4, (uint32_t)value);
}

static inline uint32_t get_be16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t get_be32(const uint8_t *at)
{
	return get_be16(at) << 16 | get_be16(at + 2);
}

static inline uint64_t get_be64(const uint8_t *at)
{
	return (uint64_t)get_be32(at) << 32 | get_be32(at + 4);
}

#endif
