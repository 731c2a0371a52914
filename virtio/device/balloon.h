/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What the files of the balloon driver share (VIRTIO 1.3 §5.5):
 *
 *	balloon.c	  the driver: features, queues, its thread
 *	balloon_pages.c	  inflating, deflating, also when memory runs out
 *	balloon_idle.c	  idle memory: free page reporting and hinting
 *	balloon_stats.c	  statistics
 *	balloon_queue.c	  a queue that is reset alone
 *
 * All queues but the deflate queue are worked by the driver's thread alone. */

#ifndef VIRTIO_DEVICE_BALLOON_H
#define VIRTIO_DEVICE_BALLOON_H

#include <ferrule/balloon.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/sync.h>
#include <kernel/thread.h>
#include <virtio/virtio.h>

enum balloon_feature {
	VIRTIO_BALLOON_F_MUST_TELL_HOST = 0,
	VIRTIO_BALLOON_F_STATS_VQ = 1,
	VIRTIO_BALLOON_F_DEFLATE_ON_OOM = 2,
	VIRTIO_BALLOON_F_FREE_PAGE_HINT = 3,
	VIRTIO_BALLOON_F_PAGE_POISON = 4,
	VIRTIO_BALLOON_F_PAGE_REPORTING = 5,
};

/* Offsets in the configuration space (§5.5.4), little-endian words. */
enum balloon_config {
	BALLOON_CONFIG_NUM_PAGES = 0,
	BALLOON_CONFIG_ACTUAL = 4,
	BALLOON_CONFIG_HINT_COMMAND = 8,
	BALLOON_CONFIG_POISON = 12,
};

/* The balloon counts in pages of 4096 bytes, whatever the CPU's are (§5.5.6); numbers are
 * little-endian on legacy devices too [BAL-01]. */
#define BALLOON_PAGE_SHIFT 12
_Static_assert(PAGE_SHIFT == BALLOON_PAGE_SHIFT, "one page of ours is one of theirs");

/* A device that holds a buffer for longer than this is broken. */
#define BALLOON_SILENCE_NS (10 * NS_PER_SEC)

#define BALLOON_BATCH  256 /* pages told of at once */
#define BALLOON_CHUNK  1018
#define BALLOON_BLOCKS 32 /* blocks of idle memory told of at once */

/* Which pages the balloon holds is kept outside them: nobody touches them (§5.5.6.1). */
struct balloon_chunk {
	struct balloon_chunk *next;
	uint32_t count;
	uint32_t pages[BALLOON_CHUNK]; /* page numbers */
};
_Static_assert(sizeof(struct balloon_chunk) <= PAGE_BYTES, "a page");

struct balloon_block {
	uint64_t phys;
	unsigned order;
};

struct balloon {
	struct virtio_device *device;
	struct virtqueue *inflate, *deflate, *stats, *hint, *report; /* the last three may
								      * be NULL */
	struct mutex work;	/* the thread holds it while it works */
	struct wait_queue wake; /* the thread sleeps here */
	bool attention;		/* atomic: look at the configuration and the queues */
	unsigned changes;	/* atomic: configuration interrupts so far */
	bool failed;		/* atomic: broken; the queues are dead */
	bool removed;		/* atomic: for good */

	/* Inflating: the thread's. */
	uint32_t *inflate_pages; /* page numbers the device reads */
	uint64_t inflate_phys;
	/* Of them the device was told, and they are in no record; after the queue was reset
	 * it is not known whether it has them. */
	unsigned inflating;
	struct balloon_chunk *spare; /* the next record: none is needed under lock */
	uint64_t retry_ns; /* when to try for more memory again; 0: the target is met */

	struct spinlock lock; /* for what the balloon holds and the deflate queue */
	struct balloon_chunk *chunks;
	uint32_t held;		 /* pages in chunks */
	uint32_t *deflate_pages; /* page numbers the device reads while deflate_out */
	uint64_t deflate_phys;
	unsigned deflating; /* of them are on their way out */
	bool deflate_out;   /* atomic: the device was told */
	uint64_t deflated;  /* pages that came back so far */

	/* The thread's. */
	uint8_t *stats_page; /* one of the driver's, the device's while stats_out */
	uint64_t stats_phys;
	bool stats_out;
	uint32_t *hint_words; /* commands the device reads */
	uint64_t hint_phys;
	unsigned hint_out;	      /* buffers the device has */
	uint32_t hint_id;	      /* that we serve; 0 stop, 1 done (§5.5.6.5) */
	struct balloon_chunk *hinted; /* blocks given away till the host is done, as
				       * page numbers with the order in the low bits */
	struct balloon_chunk *hint_spare;
	uint64_t report_ns;			     /* the next look for idle memory */
	struct balloon_block blocks[BALLOON_BLOCKS]; /* with the device just now */
	unsigned block_count;

	uint64_t reported, hinted_bytes, reclaimed; /* bytes in all, for display */
};

/* balloon.c: sleeps until the device has used the buffer it was given in `queue`; false:
 * it did not, and is broken now, or its queue is. */
bool balloon_wait_used(struct balloon *balloon, struct virtqueue *queue);
/* Gives the device one buffer and waits. */
bool balloon_tell(struct balloon *balloon, struct virtqueue *queue,
		  const struct virtio_piece *pieces, unsigned readable,
		  unsigned writable);
/* Fills the block with the poison, if one was negotiated (§5.5.6.6). */
void balloon_poison(struct balloon *balloon, uint64_t phys, unsigned order);

/* Has the thread look at everything. Any context. */
void balloon_attend(struct balloon *balloon);
bool balloon_quiet(struct virtio_device *device); /* the thread holds no queue */

/* balloon_pages.c */
int balloon_pages_prepare(struct balloon *balloon);
void balloon_pages_start(void); /* memory may run out from now on */
/* Takes or gives memory until the host has what it wants or may have. */
void balloon_pages_follow(struct balloon *balloon);
/* The device forgot all: every page is the guest's again. */
void balloon_pages_forget(struct balloon *balloon);
/* The deflate queue was reset: what is on its way out, and when that is told again. */
void balloon_deflate_lost(struct balloon *balloon);
void balloon_deflate_again(struct balloon *balloon);
/* Frees what is the driver's own, when probing failed or after an unplug. */
void balloon_pages_release(struct balloon *balloon);
void balloon_deflated(struct virtqueue *queue); /* callback */
/* Records of page numbers, in pages of their own. A push uses *spare when the first one
 * is full; NULL without memory. */
struct balloon_chunk *balloon_chunk_new(void);
void balloon_chunk_push(struct balloon_chunk **chunks, struct balloon_chunk **spare,
			uint32_t page);
bool balloon_chunk_pop(struct balloon_chunk **chunks, uint32_t *page);

/* balloon_idle.c */
int balloon_idle_prepare(struct balloon *balloon);
void balloon_idle_follow(struct balloon *balloon);
void balloon_idle_forget(struct balloon *balloon);
/* The device has let go of what it was told of in the report or the hint queue. */
void balloon_report_forget(struct balloon *balloon);
void balloon_hint_forget(struct balloon *balloon);

/* balloon_stats.c */
int balloon_stats_prepare(struct balloon *balloon);
void balloon_stats_start(struct balloon *balloon); /* posts the first buffer */
void balloon_stats_follow(struct balloon *balloon);

/* balloon_queue.c: the driver's calls for one queue */
void balloon_queue_broken(struct virtqueue *queue);
void balloon_queue_restored(struct virtqueue *queue);
bool balloon_queue_leaks(const struct virtqueue *queue);
bool balloon_queue_quiet(const struct virtqueue *queue);

#endif
