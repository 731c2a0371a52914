/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The other side of a ring, on the same processor: it uses everything that is available, as
 * few entries as it may, and asks to hear of the next. */

#ifndef BENCH_RING_DEVICE_H
#define BENCH_RING_DEVICE_H

#include <virtio/ring/ring.h>

struct device {
	enum virtqueue_layout layout;
	bool event_idx;
	unsigned size;
	/* The three areas (§2.7, §2.8). */
	void *desc, *driver, *device;
	uint16_t taken,
		told; /* split: available index; used index at the last interrupt */
	unsigned at;  /* packed: the place, and */
	bool wrap;    /* its lap */
	uint64_t sum; /* of what it read, so that it was read */
};

void device_serve(struct device *device);
/* After device_serve(): whether the driver wants an interrupt for that. */
bool device_interrupts(struct device *device);

#endif
