/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Each layout of the ring as short as it can be: buffers of one descriptor, flags instead of
 * event indices, one size of queue, all of it inlined into the loop that uses it; what the
 * device says is checked (identifier, in flight, length). What our rings' cycles are
 * compared with: what they take more is what the rest of a virtqueue costs. */

#ifndef BENCH_RING_REFERENCE_H
#define BENCH_RING_REFERENCE_H

#include <virtio/ring/ring.h>

#define REFERENCE_SIZE 256

struct reference {
	union {
		struct ring_desc *desc;
		struct packed_desc *ring;
	};
	struct ring_avail *avail;
	union {
		struct ring_used *used;
		struct packed_event *device_event;
	};
	const struct virtio_piece *pieces;
	void *token;
	bool fence;
	unsigned free, next; /* next: in order and packed, where the next one is added */
	unsigned at, last; /* where the next used one is; in order: the last of a batch */
	uint16_t added, used_index;
	uint32_t last_bytes;
	uint64_t wrap;	/* packed: AVAIL and USED of what is added, */
	uint16_t taken; /* and of what is used */
	unsigned published;
	uint16_t ids[REFERENCE_SIZE];
	struct {
		void *token;
		uint32_t bytes;
	} slots[REFERENCE_SIZE];
};

/* Add one buffer for each of the first `batch` pieces, and publish them; `fence`: and look
 * whether the device wants to be told, which needs one. */
bool reference_split_submit(void *ring, unsigned batch);
bool reference_split_in_order_submit(void *ring, unsigned batch);
bool reference_packed_submit(void *ring, unsigned batch);
bool reference_packed_in_order_submit(void *ring, unsigned batch);

/* Take back as many. */
void reference_split_complete(void *ring, unsigned batch);
void reference_split_in_order_complete(void *ring, unsigned batch);
void reference_packed_complete(void *ring, unsigned batch);
void reference_packed_in_order_complete(void *ring, unsigned batch);

/* The areas are zeroed memory of the driver's. */
void reference_init(struct reference *vq, enum virtqueue_layout layout, void *desc,
		    void *driver, void *device);

#endif
