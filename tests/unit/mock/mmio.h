/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The strict mock as a virtio MMIO device, version 1 or 2, behind the host's MMIO hooks:
 * each access is checked for width, direction and order (requirements MMI).
 *
 *	mock_mmio_reset();			// no registers anywhere, hooks set
 *	struct mock_mmio *mmio = mock_mmio_new(mock, 2, LINE);
 *	virtio_mmio_probe(mmio->address, MOCK_MMIO_BYTES, LINE);
 *	…
 *	mock_mmio_end();			// shuts down and frees all, mocks too */

#ifndef MOCK_MMIO_H
#define MOCK_MMIO_H

#include <virtio/transport/mmio.h>
#include "mock/mock.h"

#define MOCK_MMIO_BYTES 0x200

struct mock_mmio {
	struct mock *mock; /* NULL: an empty slot */
	uint64_t address;
	uint32_t magic, version;
	unsigned gsi;
	uint8_t isr_extra; /* undefined bits that the status shows too */
	bool stays_ready;  /* QueueReady outlives a queue's reset */
	bool never_ready;  /* QueueReady reads 0 after all */
	void (*before_ack)(struct mock_mmio *mmio); /* a race: at the acknowledgement */

	bool feature_selected, driver_feature_selected; /* since the last access */
	uint32_t feature_select, driver_feature_select, queue_select, shm_select;
	uint32_t page_size, align;
	struct virtio_features driver_features;
	bool ready[MOCK_QUEUES];
	uint64_t reads, writes, doorbells, acks, shm_accesses;
	struct mock_mmio *next;
};

void mock_mmio_reset(void);
void mock_mmio_end(void);
struct mock_mmio *mock_mmio_new(struct mock *mock, uint32_t version, unsigned gsi);

#endif
