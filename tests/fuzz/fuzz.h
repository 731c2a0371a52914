/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What a fuzz target is made of. tests/fuzz/fuzz_NAME.c becomes a program for libFuzzer, one
 * for AFL++, and one by gcc that runs given inputs once (mk/fuzz.mk). Its first comment
 * names its sources; the word `device` stands for device.c, the mock and the virtio core,
 * `pci` and `mmio` for the transports with the mock behind them, `bare` for what every
 * target needs. A slow one says with "runs: N" how many inputs are enough for the tests
 * (tests/fuzz/run).
 *
 * A target of a device driver says what the device is like and what a program does with
 * it. All else, each lie of the device's included, comes from the input:
 *
 *	sources: device virtio/device/NAME.c
 *
 *	static void setup(struct mock *mock, struct mock_chaos *chaos)
 *	{
 *		mock->queue_max[0] = 16;
 *		mock->config_bytes = 60;
 *		mock_offer(mock, VIRTIO_NAME_F_THIS);	// bits are toggled afterwards
 *	}
 *
 *	static void step(struct mock *mock, struct mock_chaos *chaos)
 *	{
 *		switch (mock_chaos_byte(chaos) % 3) { … }
 *	}
 *
 *	const struct fuzz_device fuzz_device = {
 *		.id = VIRTIO_ID_NAME, .setup = setup, .step = step,
 *	};
 *
 * Any other target defines fuzz_one().
 *
 * Every input finds the world as it was at the program's start: variables of the sources
 * are put back and their memory is freed after it. What nothing refers to before that is
 * a leak, and reported. */

#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host/host.h"
#include "mock/chaos.h"
#include "mock/mock.h"

struct fuzz_device {
	uint32_t id;
	void (*setup)(struct mock *mock, struct mock_chaos *chaos);
	void (*step)(struct mock *mock, struct mock_chaos *chaos);
	/* More that was promised, at the end; may be NULL. */
	void (*finish)(struct mock *mock);
};
extern const struct fuzz_device fuzz_device;

void fuzz_one(const uint8_t *data, size_t bytes);

/* Not what was promised: the input is kept as a crash. */
#define FUZZ_ASSERT(condition)                                                          \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

/* For fuzz_one(), while all that may live does: looks for what nothing refers to. */
void fuzz_check_leaks(void);

/* memory.c: frees what the sources have allocated. */
void fuzz_memory_forget(void);

#endif
