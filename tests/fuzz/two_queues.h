/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* For targets of transports: a driver of no device type that has two queues, and what a
 * program does with them. */

#ifndef FUZZ_TWO_QUEUES_H
#define FUZZ_TWO_QUEUES_H

#include "fuzz.h"

#define TWO_QUEUES_ID 5

/* A target's fuzz_one() begins and ends with these. The first reads the `kind` of its mock;
 * `forget` is the bus's. */
uint8_t two_queues_begin(struct mock_chaos *chaos, const uint8_t *data, size_t bytes);
void two_queues_end(struct mock *mock, struct mock_chaos *chaos, void (*forget)(void));

/* A mock for it that lies once its `chaos` is set. `kind`: bits 4 and 5 choose the layout, 8
 * offers RING_RESET, 4 has a shared memory region. */
struct mock *two_queues_new(uint8_t kind);
/* If a driver took it: buffers, kicks, interrupts, time. */
void two_queues_use(struct mock *mock, struct mock_chaos *chaos);

#endif
