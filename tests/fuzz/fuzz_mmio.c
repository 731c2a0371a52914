/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: mmio tests/fuzz/two_queues.c */

/* Virtio over MMIO, version 1 and 2: registers that lie from the first one on, and places that
 * are too small for them, or none (requirements MMI). */

#include "mock/mmio.h"
#include "two_queues.h"

#define LINE 40

/* As a monitor writes it, more or less. */
static void by_cmdline(const struct mock_mmio *mmio, struct mock_chaos *chaos)
{
	static char text[64];
	int length = snprintf(text, sizeof(text), "512@%#llx:%u:1",
			      (unsigned long long)mmio->address, LINE);

	for (unsigned left = mock_chaos_byte(chaos) % 4; left; left--)
		text[mock_chaos_below(chaos, (uint32_t)length)] = (char)mock_chaos_byte(
			chaos);
	host_cmdline[0][0] = virtio_mmio_key;
	host_cmdline[0][1] = text;
	virtio_mmio_scan();
}

void fuzz_one(const uint8_t *data, size_t bytes)
{
	struct mock_chaos chaos;
	struct mock_mmio *mmio;
	struct mock *mock;
	uint8_t kind;

	mock_mmio_reset();
	kind = two_queues_begin(&chaos, data, bytes);
	mock = two_queues_new(kind);
	mmio = mock_mmio_new(mock, 1 + (kind & 1), LINE);
	mmio->isr_extra = mock_chaos_byte(&chaos);
	mmio->stays_ready = kind & 2;
	mock->shared[1].phys = mmio->address;
	mock->chaos = &chaos;
	if (kind >> 6 == 3)
		by_cmdline(mmio, &chaos);
	else if (kind >> 6 == 2)
		virtio_mmio_probe(mmio->address, mock_chaos_byte(&chaos) * 4u, LINE);
	else
		virtio_mmio_probe(mmio->address, MOCK_MMIO_BYTES, LINE);
	two_queues_use(mock, &chaos);
	two_queues_end(mock, &chaos, mock_mmio_end);
}
