/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: device virtio/device/rng.c */

/* virtio-rng and a device that lies (requirements RNG). */

#include <ferrule/entropy.h>
#include <kernel/random.h>
#include "fuzz.h"

static size_t mixed;

void ferrule_entropy_mix(const void *bytes, size_t count, bool counts_as_seed)
{
	uint8_t copy[4096];

	FUZZ_ASSERT(count <= sizeof(copy) && counts_as_seed);
	memcpy(copy, bytes, count); /* all of it is there */
	mixed += count;
}

bool ferrule_entropy_ready(void)
{
	return mixed > 100;
}

static void setup(struct mock *mock, struct mock_chaos *chaos)
{
	(void)chaos;
	mock->queue_max[0] = 8;
}

static void step(struct mock *mock, struct mock_chaos *chaos)
{
	(void)mock;
	if (mock_chaos_byte(chaos) & 1)
		mixed = 0;
	random_source_request();
}

const struct fuzz_device fuzz_device = {
	.id = VIRTIO_ID_ENTROPY,
	.setup = setup,
	.step = step,
};
