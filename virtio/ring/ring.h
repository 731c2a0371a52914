/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The inside of a virtqueue, for the virtio core and the transports. Drivers see
 * virtqueue.h alone.
 *
 * Shared memory is little-endian (VIRTIO 1.3 §1.4); the legacy ring is guest-native,
 * which is the same on every CPU this runs on. */

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

/* Private state of one descriptor; what the device knows is never asked for. */
struct ring_slot {
	void *token;	   /* of the buffer that starts here; NULL: none in flight */
	uint32_t writable; /* bytes the device may write into that buffer */
	uint16_t count;	   /* descriptors it takes */
	uint16_t next;	   /* in its chain, or in the free list */
};

enum virtqueue_block {
	VIRTQUEUE_BROKEN = 1,	/* for good: add gives -EIO, get gives NULL */
	VIRTQUEUE_NOT_LIVE = 2, /* before DRIVER_OK: adding yes, publishing no */
};

struct virtqueue {
	/* Set at creation. */
	struct ring_desc *desc;
	struct ring_avail *avail;
	struct ring_used *used;
	struct ring_slot *slots;
	struct ring_desc *tables; /* one indirect table per descriptor, or NULL */
	uint64_t tables_phys;
	volatile uint16_t *doorbell; /* NULL: the port */
	uint16_t doorbell_port;
	uint16_t index;
	uint16_t size, mask;
	uint16_t table_pieces;
	bool event_idx, order_platform;

	/* Under the owner's lock. `blocked` is also set by virtio_device_break(). */
	uint8_t blocked;	  /* enum virtqueue_block */
	uint8_t avail_flags;	  /* what avail->flags holds */
	bool event_triggered;	  /* an interrupt came since the last arming: used_event
				   * lies in the past, no other comes (a hint) */
	bool armed;		  /* a callback is owed for what is used after armed_at */
	uint16_t armed_at;	  /* last_used at the last arming */
	uint16_t free_head, free; /* list of free descriptors, and its length */
	uint16_t avail_index;	  /* of the next buffer to add */
	uint16_t published;	  /* what avail->index holds */
	uint16_t last_used;	  /* the next used element to take */
	uint16_t used_index;	  /* used->index as last read and checked */
	uint16_t used_event;	  /* what used_event holds */
	uint16_t detach_next;	  /* where virtqueue_detach() goes on */
	struct virtqueue_counters counters;

	/* Rarely touched. */
	struct virtio_device *device;
	void (*callback)(struct virtqueue *vq);
	const char *name;
	uint64_t ring_phys, avail_phys, used_phys;
	unsigned ring_order, tables_order;
	void *transport_data;
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

/* What a queue is made of. `size` is a power of two up to VIRTQUEUE_SIZE_MAX. */
struct virtqueue_geometry {
	struct virtio_device *device;
	const char *name;
	unsigned index, size;
	void (*callback)(struct virtqueue *vq);	  /* NULL: no interrupts wanted */
	unsigned pieces_max;			  /* see struct virtqueue_wanted */
	bool legacy;				  /* the layout of §2.7.2 */
	bool indirect, event_idx, order_platform; /* as negotiated */
};

/* A queue that is not live yet; NULL without memory or with a bad size. */
struct virtqueue *virtqueue_create(const struct virtqueue_geometry *geometry);
/* Only when the device cannot reach the memory any more: never enabled, or reset. */
void virtqueue_destroy(struct virtqueue *vq);

/* DRIVER_OK was set: publishing may begin. */
void virtqueue_live(struct virtqueue *vq);
void virtqueue_block(struct virtqueue *vq);

/* From the core, for each interrupt of this queue; false: nothing was used (spurious). */
bool virtqueue_interrupt(struct virtqueue *vq);

/* One line of state for a panic. */
void virtqueue_panic_print(const struct virtqueue *vq);

#endif
