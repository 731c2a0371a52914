/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: device virtio/device/balloon*.c kernel/page.c kernel/page_region.c
 *	kernel/sync.c */
/* runs: 2000 */

/* virtio-balloon and a host that lies, over the real page allocator, which panics when a
 * page comes back twice (requirements BAL). */

#include <sys/mman.h>
#include <kernel/page.h>
#include <kernel/time.h>
#include <virtio/device/balloon.h>
#include "fuzz.h"

#define BASE (UINT64_C(256) << 20) /* where the sanitizer lets us map */
#define RAM  (UINT64_C(16) << 20)
#define HELD 16

static uint64_t held[HELD]; /* the program's */
static unsigned orders[HELD];
static struct mock *balloon;
static bool (*device_world)(void);

static void step(struct mock *mock, struct mock_chaos *chaos);

/* The driver's thread runs until the device is unplugged; whenever it sleeps something
 * happens. */
static bool world(void)
{
	static unsigned turns;

	if (++turns >= 2000)
		mock_unplug(balloon);
	else if (turns % 4 == 0 && balloon->chaos && !mock_chaos_over(balloon->chaos))
		step(balloon, balloon->chaos);
	else if (turns % 4 == 0)
		turns += 40;
	if (!device_world() && turns < 2000) {
		host_clock_advance(NS_PER_SEC);
		mock_config_changed(balloon);
	}
	return turns < 4000;
}

static void setup(struct mock *mock, struct mock_chaos *chaos)
{
	uint8_t target = mock_chaos_byte(chaos);
	void *memory = mmap((void *)BASE, RAM, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	FUZZ_ASSERT(memory == (void *)BASE);
	balloon = mock;
	host_cpu.current = thread_current(); /* so that mutexes have an owner */
	device_world = host_world;
	host_world = world;
	page_add_region(BASE, BASE + RAM);
	for (unsigned i = 0; i < 5; i++)
		mock->queue_max[i] = (uint16_t)(2u << mock_chaos_byte(chaos) % 6);
	for (unsigned i = 0; i < 6; i++)
		mock_offer(mock, i);
	mock->config_bytes = 16;
	mock->config[0] = target;
	mock->config[1] = target % 16;
}

/* The program takes and gives memory, the host wants more or less. */
static void step(struct mock *mock, struct mock_chaos *chaos)
{
	uint8_t what = mock_chaos_byte(chaos);
	unsigned i = what >> 4;
	struct ferrule_balloon_info info;

	switch (what & 3) {
	case 0:
		mock->config[what & 4 ? BALLOON_CONFIG_HINT_COMMAND : 0] =
			mock_chaos_byte(chaos);
		mock->config[1] = i;
		mock_config_changed(mock);
		break;
	case 1:
		orders[i] = held[i] ? orders[i] : mock_chaos_byte(chaos) % 12;
		if (held[i])
			page_free(held[i], orders[i]);
		held[i] = held[i] ? 0 : page_alloc(orders[i]);
		break;
	default:
		if (ferrule_balloon_info(&info))
			FUZZ_ASSERT(info.held_bytes <= RAM);
	}
}

const struct fuzz_device fuzz_device = {
	.id = VIRTIO_ID_BALLOON,
	.setup = setup,
	.step = step,
};
