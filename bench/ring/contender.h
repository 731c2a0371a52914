/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The rings that are compared, each with the device it works with. */

#ifndef BENCH_RING_CONTENDER_H
#define BENCH_RING_CONTENDER_H

#include <stddef.h>
#include "device.h"

#define SIZE	  256
#define BATCH_MAX 64

struct contender {
	const char *name;
	/* Adds `batch` buffers of one piece and publishes them; whether to kick. */
	bool (*submit)(void *ring, unsigned batch);
	/* Takes as many back. */
	void (*complete)(void *ring, unsigned batch);
	void (*called_back)(void *ring);
	bool (*enable)(void *ring); /* NULL: only ever polled */
	void *ring, *memory;
	size_t bytes;
	struct device device;
};

void contenders_init(void);
struct contender contender_textbook(void);
/* `polled`: without a callback. */
struct contender contender_queue(enum virtqueue_layout layout, bool many, bool polled,
				 bool event_idx);
struct contender contender_reference(enum virtqueue_layout layout, bool fence);
/* As many calls as a ring gets, of functions that do nothing. */
struct contender contender_calls(void);

#endif
