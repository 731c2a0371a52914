/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* One input against a device driver: what the device offers, what the program does, and
 * each lie. The device is expected to break; the rest is expected to hold. */

#include <limits.h>
#include <kernel/time.h>
#include <virtio/virtio.h>
#include "fuzz.h"

#define STEPS_MAX 64

/* Ring and transport bits that the input switches, from its first word on. */
static const uint8_t switched[] = {
	VIRTIO_F_EVENT_IDX,	 VIRTIO_F_INDIRECT_DESC,     VIRTIO_F_ACCESS_PLATFORM,
	VIRTIO_F_ORDER_PLATFORM, VIRTIO_F_NOTIFICATION_DATA, VIRTIO_F_NOTIF_CONFIG_DATA,
	VIRTIO_F_RING_RESET,
};

static void offer(struct mock *mock, struct mock_chaos *chaos)
{
	uint8_t mode = mock_chaos_byte(chaos), bits = mock_chaos_byte(chaos);
	uint32_t toggles;

	mock_layout(mock, mode % MOCK_LAYOUTS);
	mock->batch = mode & 4;
	mock->no_notify = mode & 8;
	mock->no_write_flag = mode & 16;
	mock->legacy = (mode & 0xe0) == 0xe0;
	for (unsigned i = 0; i < sizeof(switched); i++) {
		if (bits >> i & 1) /* the first two are on by default */
			(i < 2 ? mock_withhold : mock_offer)(mock, switched[i]);
	}
	fuzz_device.setup(mock, chaos);
	toggles = mock_chaos_word(chaos);
	mock->offered.words[0] ^= toggles & 0x00ffffff;
}

/* The configuration is what setup made it, but for some bytes. */
static void configure(struct mock *mock, struct mock_chaos *chaos)
{
	for (unsigned left = mock_chaos_byte(chaos) % 16; left; left--) {
		unsigned at = mock_chaos_byte(chaos);

		mock->config[at % MOCK_CONFIG_BYTES] = mock_chaos_byte(chaos);
	}
	memset(mock->config_writable, true, sizeof(mock->config_writable));
}

/* Rarely: no memory, slow or endless resets, a restless configuration, tiny queues. */
static void trouble(struct mock *mock, struct mock_chaos *chaos)
{
	uint8_t kind = mock_chaos_byte(chaos);
	unsigned amount = mock_chaos_byte(chaos);

	switch (kind) {
	case 1:
		host_heap_budget = amount;
		break;
	case 2:
		host_page_budget = amount;
		break;
	case 3:
		mock->reset_reads = amount == 255 ? UINT_MAX : amount;
		break;
	case 4:
		mock->queue_reset_reads = amount == 255 ? UINT_MAX : amount;
		break;
	case 5:
		mock->generation_runs = true;
		break;
	case 6:
		mock->no_features_ok = true;
		break;
	case 7:
		for (unsigned i = 0; i < MOCK_QUEUES; i++)
			if (mock->queue_max[i])
				mock->queue_max[i] = 1u << amount % 2;
		break;
	default:
		break;
	}
}

/* While the program sleeps: time passes, also when the device has something new to say for
 * ever, and other threads run. */
static bool world(void)
{
	static unsigned turns;
	bool any = mock_run_all();

	any |= host_threads_run() > 0;
	host_clock_advance(NS_PER_MS);
	return any && ++turns % 32;
}

static void act(struct mock *mock, struct mock_chaos *chaos)
{
	uint8_t what = mock_chaos_byte(chaos);

	if (what & 1)
		fuzz_device.step(mock, chaos);
	if (what & 2)
		mock_run(mock);
	if (what & 4)
		mock_chaos_strike(mock, what >> 3 & 3);
	if (what & 0x20)
		host_clock_advance(NS_PER_MS << (what >> 6) * 6);
	if ((what & 0xc1) == 0x40)
		host_threads_run();
}

void fuzz_one(const uint8_t *data, size_t bytes)
{
	struct mock *mock = mock_new(fuzz_device.id);
	struct mock_chaos chaos;
	bool added;

	mock_chaos_bytes(&chaos, data, bytes);
	host_world = world;
	mock->lenient = true;
	mock->serve = mock_chaos_serve;
	offer(mock, &chaos);
	configure(mock, &chaos);
	trouble(mock, &chaos);
	mock->chaos = &chaos;
	host_clock_step_ns = NS_PER_MS / 8;
	added = mock_add(mock) == 0;
	if (added)
		for (unsigned i = 0; i < STEPS_MAX && !mock_chaos_over(&chaos); i++)
			act(mock, &chaos);
	host_heap_budget = host_page_budget = -1;
	for (unsigned i = 0; i < 100; i++) { /* what was broken is recovered, or is not */
		world();
		host_clock_advance(NS_PER_SEC * 100);
	}
	if (fuzz_device.finish)
		fuzz_device.finish(mock);
	fuzz_check_leaks();
	mock->chaos = NULL;
	mock->reset_reads = mock->reset_pending = 0;
	mock_remove(mock);
	mock_chaos_end(&chaos);
	host_threads_forget();
}
