/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The inside of a virtqueue (VIRTIO 1.3 §2.6), for the virtio core and the transports.
 * Drivers see virtqueue.h alone.
 *
 *	virtqueue.c	    making and ending a queue
 *	split.c		    the split ring (§2.7), split_in_order.c if it keeps the order
 *	packed.c	    the packed ring (§2.8), packed_in_order.c likewise;
 *			    packed_events.c what a batch takes in both
 *	layouts.c	    which layout a queue gets, beyond the split one
 *	tables.c	    indirect tables
 *	mapped.c	    a queue whose buffers are mapped for the device (dma.h)
 *
 * Shared memory is little-endian (VIRTIO 1.3 §1.4); the legacy ring is guest-native,
 * which is the same on every CPU this runs on [VQ-29]. */

#ifndef VIRTIO_RING_RING_H
#define VIRTIO_RING_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <virtio/ring/virtqueue.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings need byte swapping");

#define VIRTQUEUE_SIZE_MAX	 32768 /* §2.7 */
#define VIRTQUEUE_LEGACY_ALIGN	 4096  /* §2.7.2: the used ring's alignment */
#define VIRTQUEUE_LEGACY_LIMIT	 (UINT64_C(1) << 44) /* a 32-bit page frame number */
#define VIRTQUEUE_PIECES_DEFAULT 16

/* §2.7.5. Written by the driver only; never read back. */
struct ring_desc {
	uint64_t address;
	uint64_t rest; /* length, flags, next: RING_DESC_REST */
};
#define RING_DESC_NEXT	   1 /* continues at `next` */
#define RING_DESC_WRITE	   2 /* the device writes it */
#define RING_DESC_INDIRECT 4 /* it holds a table of descriptors (§2.7.5.3) */
#define RING_DESC_REST(bytes, flags, next) \
	((uint64_t)(next) << 48 | (uint64_t)(flags) << 32 | (uint32_t)(bytes))

/* §2.7.6. Written by the driver only. The used_event word follows the last slot. */
struct ring_avail {
	uint16_t flags;
	uint16_t index;
	uint16_t heads[];
};
#define RING_AVAIL_NO_INTERRUPT 1

/* §2.7.8. Written by the device at any time. avail_event follows the last element. */
struct ring_used_element {
	uint32_t id;
	uint32_t bytes;
};
struct ring_used {
	uint16_t flags;
	uint16_t index;
	struct ring_used_element elements[];
};
#define RING_USED_NO_NOTIFY 1

/* §2.8.13. Both sides write it, in turns; the driver reads flags, id and bytes of those
 * that are marked used, and nothing else of it. */
struct packed_desc {
	uint64_t address;
	union {
		uint64_t rest; /* PACKED_DESC_REST: what the driver stores */
		struct {
			uint32_t bytes;
			uint16_t id;
			uint16_t flags; /* RING_DESC_*, and: */
		};
	};
};
#define PACKED_DESC_AVAIL 0x0080
#define PACKED_DESC_USED  0x8000
#define PACKED_DESC_REST(bytes, id, flags) \
	((uint64_t)(flags) << 48 | (uint64_t)(id) << 32 | (uint32_t)(bytes))

/* §2.8.14. Two of them: the driver's, written by the driver only, and the device's. */
struct packed_event {
	uint16_t position; /* offset in the ring, wrap counter in bit 15 */
	uint16_t flags;
};
enum { PACKED_EVENT_ENABLE = 0, PACKED_EVENT_DISABLE = 1, PACKED_EVENT_DESC = 2 };
#define PACKED_WRAP 0x8000 /* of a position */

/* Private state of one buffer, by the number the device knows it by (the head of its
 * chain, or its buffer id); what the device knows is never asked for. */
struct ring_slot {
	void *token; /* of the buffer; NULL: none in flight */
	union {
		uint64_t shape; /* RING_SLOT: the three below in one store */
		struct {
			uint32_t writable; /* bytes the device may write into it */
			uint16_t count;	   /* descriptors it takes */
			uint16_t next;	   /* split, packed: the next descriptor or id of
					    * its chain; split in order: the buffer's
					    * available index */
		};
	};
};
#define RING_SLOT(writable, count, next) \
	((uint64_t)(next) << 48 | (uint64_t)(count) << 32 | (uint32_t)(writable))

/* How a queue is laid out in memory, and in what order the device uses buffers. Chosen at
 * creation by what was negotiated. Each is a file of its own that calls nothing through
 * pointers; those after the first are linked in only by virtio/complete.c. */
enum virtqueue_layout {
	VIRTQUEUE_SPLIT = 0,	       /* split.c */
	VIRTQUEUE_SPLIT_IN_ORDER = 1,  /* split_in_order.c */
	VIRTQUEUE_PACKED = 2,	       /* packed.c */
	VIRTQUEUE_PACKED_IN_ORDER = 3, /* packed_in_order.c */
	VIRTQUEUE_MAPPED = 4,	       /* buffers are mapped for the device, by a wrapper
					* around one of those above: vq->inner */
};

enum virtqueue_block {
	VIRTQUEUE_BROKEN = 1,	/* for good: add gives -EIO, get gives NULL */
	VIRTQUEUE_NOT_LIVE = 2, /* before DRIVER_OK: adding yes, publishing no */
	/* Set at creation; with these, so that a split queue pays nothing for them: */
	VIRTQUEUE_OTHER = 4,	   /* add and get are another layout's than split */
	VIRTQUEUE_RING_PACKED = 8, /* and the rest is of the packed ring */
};

/* How the doorbell is rung (§2.9), when it is a memory-mapped register. */
enum virtqueue_doorbell {
	VIRTQUEUE_DOORBELL_WIDE = 1, /* it takes 32 bits, of the number alone (MMIO) */
	VIRTQUEUE_DOORBELL_DATA = 2, /* NOTIFICATION_DATA: 32 bits, with the position */
};

struct virtqueue {
	/* Set at creation. */
	union {
		struct ring_desc *desc;
		struct packed_desc *ring;
	};
	union {
		struct ring_avail *avail;
		struct packed_event *driver_event;
	};
	union {
		struct ring_used *used;
		struct packed_event *device_event;
	};
	struct ring_slot *slots;
	/* Split and packed: the free descriptors or ids, a stack; split in order: what
	 * avail->heads holds. */
	uint16_t *ids;
	uint32_t size, mask; /* mask: split only */
	uint8_t layout;	     /* enum virtqueue_layout */
	uint8_t inner;	     /* the layout, or, of a wrapper, the one it wraps */
	bool event_idx, order_platform;

	/* Under the owner's lock; zeroed by a reset. `blocked` is also set by
	 * virtio_device_break(). */
	uint8_t blocked;      /* enum virtqueue_block */
	uint8_t event_flags;  /* what avail->flags, or driver_event->flags, holds */
	bool event_triggered; /* EVENT_IDX: an interrupt came since the last arming:
				   * the event lies in the past, no other comes (a hint) */
	bool armed;	      /* a callback is owed for what is used after armed_at */
	uint32_t free;	      /* descriptors; split and packed: what is on the stack */
	/* Positions: in a split queue, free-running indices, which never go back [VQ-07]; in
	 * a packed one, offsets in the ring with the wrap counter in bit 15: one word, so
	 * that an interrupt elsewhere never sees half of one [PQ-19]. They are ours alone, so
	 * that shared words are not read for them [VQ-32]. */
	uint16_t avail_index; /* of the next buffer to add */
	uint16_t published;   /* up to where the device was told; read by notify */
	uint16_t last_used;   /* where the device's next used buffer will be */
	uint16_t armed_at;    /* last_used at the last arming */
	uint16_t used_event;  /* what the event's word holds */
	uint16_t used_index;  /* split: used->index as last read and checked */
	/* Packed: of the descriptors that were added and not published, the first one's
	 * offset, and what is held back of it until then; AVAIL and USED as they are made
	 * available now. */
	uint32_t held_at;
	uint64_t held_rest;
	uint64_t wrap_bits;
	uint32_t next_free;   /* in order, and packed: the first free descriptor, */
	uint32_t next_used;   /* and the one that the next used buffer begins at */
	uint32_t used_bits;   /* packed: AVAIL and USED of one that is used there */
	uint32_t batch_last;  /* in order: the buffer that ends a batch, and */
	uint32_t batch_bytes; /* what the device says it wrote to that one; */
	bool in_batch;	      /* false: there is none, and the next used is batch_last */
	uint16_t detach_next; /* where virtqueue_detach() goes on */

	struct virtqueue_counters counters;

	/* Set at creation, or, for the doorbell, by the transport's queue_enable(). */
	struct ring_desc *tables; /* one indirect table per descriptor, or NULL */
	uint64_t tables_phys;
	uint16_t table_pieces;
	uint16_t index;	       /* the queue's number */
	uint16_t notify_id;    /* what rings for it: the number, or, NOTIF_CONFIG_DATA,
				      * what the transport puts here (§4.1.5.2.1) */
	uint8_t doorbell_mode; /* enum virtqueue_doorbell */
	volatile uint16_t *doorbell; /* NULL: transport->notify() rings */

	/* Rarely touched. */
	struct virtio_device *device;
	void (*callback)(struct virtqueue *vq);
	const char *name;
	/* The three areas, for the transport: §2.7's descriptor table, available and used
	 * ring; §2.8's descriptor ring, driver and device event suppression. One block of
	 * pages from desc_phys on. */
	uint64_t desc_phys, driver_phys, device_phys;
	unsigned ring_order, tables_order;
	size_t ring_bytes;
	void *transport_data;
	void *wrapper;	   /* VIRTQUEUE_MAPPED's */
	const char *fault; /* queue_recovery.c's: why it broke; NULL once it was told */
};

/* used_event lies after the available ring, avail_event after the used ring (§2.7.6,
 * §2.7.8); both mean something only with EVENT_IDX. */
static inline volatile uint16_t *ring_used_event(const struct virtqueue *vq)
{
	return &vq->avail->heads[vq->size];
}

static inline volatile uint16_t *ring_avail_event(const struct virtqueue *vq)
{
	return (volatile uint16_t *)&vq->used->elements[vq->size];
}

/* What rings for this queue: §2.9, little-endian in one store of 32 bits. Without
 * NOTIFICATION_DATA the upper half is 0; with it, the position of the next buffer [PQ-15].
 * Any context. */
static inline uint32_t virtqueue_doorbell_value(const struct virtqueue *vq)
{
	uint32_t next = *(const volatile uint16_t *)&vq->published;

	return vq->notify_id |
	       (vq->doorbell_mode & VIRTQUEUE_DOORBELL_DATA ? next << 16 : 0);
}

/* What a queue is made of. `size` is at most VIRTQUEUE_SIZE_MAX; of a split queue, a power
 * of two. */
struct virtqueue_geometry {
	struct virtio_device *device;
	const char *name;
	unsigned index, size;
	enum virtqueue_layout layout;		  /* must be linked in */
	void (*callback)(struct virtqueue *vq);	  /* NULL: no interrupts wanted */
	unsigned pieces_max;			  /* see struct virtqueue_wanted */
	bool legacy;				  /* the layout of §2.7.2 */
	bool indirect, event_idx, order_platform; /* as negotiated */
	bool notification_data;
};

/* A queue that is not live yet; NULL without memory, with a bad size or layout. */
struct virtqueue *virtqueue_create(const struct virtqueue_geometry *geometry);
/* Only when the device cannot reach the memory any more: never enabled, or reset. */
void virtqueue_destroy(struct virtqueue *vq);

/* After a reset of the queue or the device, with everything detached: as just created, but
 * for its counters. Enable it with the transport again, then virtqueue_live(). */
void virtqueue_reset(struct virtqueue *vq);

/* DRIVER_OK was set, or the queue was enabled again after its reset: publishing may
 * begin. */
void virtqueue_live(struct virtqueue *vq);
void virtqueue_block(struct virtqueue *vq);

/* From the core, for each interrupt of this queue; false: nothing was used (spurious). */
bool virtqueue_interrupt(struct virtqueue *vq);

/* The layouts. Only add and get differ in each; a broken queue does not come so far. */
#define VIRTQUEUE_LAYOUT(name, attributes)                               \
	attributes int virtqueue_##name##_add(                           \
		struct virtqueue *vq, const struct virtio_piece *pieces, \
		unsigned readable, unsigned writable, void *token);      \
	attributes void *virtqueue_##name##_get(struct virtqueue *vq, uint32_t *written)
#define VIRTQUEUE_LAYOUT_MANY(name, attributes)                               \
	attributes unsigned virtqueue_##name##_fill(                          \
		struct virtqueue *vq, const struct virtqueue_buffer *buffers, \
		unsigned count);                                              \
	attributes unsigned virtqueue_##name##_drain(                         \
		struct virtqueue *vq, struct virtqueue_used *used, unsigned count)
#define VIRTQUEUE_OPTIONAL __attribute__((weak))

VIRTQUEUE_LAYOUT(split, );
VIRTQUEUE_LAYOUT(split_in_order, );
VIRTQUEUE_LAYOUT_MANY(split_in_order, );
VIRTQUEUE_LAYOUT(packed, );
VIRTQUEUE_LAYOUT_MANY(packed, );
VIRTQUEUE_LAYOUT(packed_in_order, );
VIRTQUEUE_LAYOUT_MANY(packed_in_order, );
/* The wrapper, VIRTQUEUE_MAPPED: it maps the pieces and hands its own record of a buffer
 * to the inner layout as the token, by the calls below. */
VIRTQUEUE_LAYOUT(mapped, VIRTQUEUE_OPTIONAL);
VIRTQUEUE_LAYOUT_MANY(mapped, VIRTQUEUE_OPTIONAL);
VIRTQUEUE_OPTIONAL void *virtqueue_mapped_detach(struct virtqueue *vq);
/* Makes a new queue one, where buffers must be mapped; false: without memory. */
bool virtqueue_mapped_wrap(struct virtqueue *vq);
void virtqueue_mapped_unwrap(struct virtqueue *vq);
/* Pages for what both sides use: rings and tables (mapped.c). */
uint64_t virtqueue_pages_alloc(unsigned order, uint64_t limit);
void virtqueue_pages_free(uint64_t phys, unsigned order);
VIRTQUEUE_LAYOUT(inner, ); /* by vq->inner */
void *virtqueue_inner_detach(struct virtqueue *vq);

/* What both packed layouts have in common; those of the split ones are in split.c, under
 * the public names. */
VIRTQUEUE_OPTIONAL bool virtqueue_packed_kick_prepare(struct virtqueue *vq);
VIRTQUEUE_OPTIONAL void virtqueue_packed_disable_cb(struct virtqueue *vq);
VIRTQUEUE_OPTIONAL bool virtqueue_packed_enable_cb(struct virtqueue *vq, bool delayed);
VIRTQUEUE_OPTIONAL bool virtqueue_packed_used(const struct virtqueue *vq);
/* ring_bytes, and the offsets of the driver's and the device's area in that block. */
VIRTQUEUE_OPTIONAL void virtqueue_packed_areas(struct virtqueue *vq);
/* What a layout other than split has in a new queue, beyond zeroes; the last is for each of
 * them, the wrapper too. */
void virtqueue_packed_start(struct virtqueue *vq);
void virtqueue_split_in_order_start(struct virtqueue *vq);
VIRTQUEUE_OPTIONAL void virtqueue_other_start(struct virtqueue *vq);
/* By vq->layout. */
VIRTQUEUE_LAYOUT(other, VIRTQUEUE_OPTIONAL);
VIRTQUEUE_LAYOUT_MANY(other, VIRTQUEUE_OPTIONAL);

/* Indirect tables (tables.c): one for each descriptor, with room for that many pieces, if
 * there is memory; and adding a split queue's buffer through one. */
VIRTQUEUE_OPTIONAL void virtqueue_tables_allocate(struct virtqueue *vq, unsigned pieces);
VIRTQUEUE_OPTIONAL int virtqueue_split_add_table(struct virtqueue *vq,
						 const struct virtio_piece *pieces,
						 unsigned readable, unsigned writable,
						 void *token);

/* Defined with those (layouts.c), and not weak: what refers to it links them in. */
extern const char *const virtqueue_layout_names[];

/* The features of the ring that the linked layouts can do and the command line allows. */
VIRTQUEUE_OPTIONAL uint64_t virtqueue_ring_features(void);

/* One line of state for a panic. */
void virtqueue_panic_print(const struct virtqueue *vq);

#endif
