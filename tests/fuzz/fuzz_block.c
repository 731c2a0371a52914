/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: device virtio/device/block*.c virtio/device/disk*.c
 *	virtio/device/exchange*.c virtio/device/pieces.c */
/* runs: 5000 */

/* virtio-blk and a disk that lies (requirements BLK). */

#include <errno.h>
#include <virtio/device/block.h>
#include "disk.h"

#define REQUESTS 16

static uint8_t memory[1 << 17] __attribute__((aligned(4096)));
static struct ferrule_block_request requests[REQUESTS];
static struct ferrule_block_segment segments[REQUESTS][4];
static bool used[REQUESTS];

static void setup(struct mock *mock, struct mock_chaos *chaos)
{
	static const uint8_t config[] = {
		0, 16, 0, 0, 0,	 0, 0, 0, /* capacity */
		0, 0,  1, 0, 62, 0, 0, 0, /* size_max, seg_max */
		0, 0,  0, 0, 0,	 2, 0, 0, /* geometry, blk_size */
		0, 0,  0, 0, 0,	 0, 0, 0, /* topology */
		1, 0,  1, 0, 0,	 1, 0, 0, /* writeback, num_queues, discard: sectors, */
		4, 0,  0, 0, 8,	 0, 0, 0, /* segments, alignment, */
		0, 1,  0, 0, 4,	 0, 0, 0, 1, /* write zeroes */
	};

	for (unsigned i = 0; i < 4; i++)
		mock->queue_max[i] = (uint16_t)(1u << mock_chaos_byte(chaos) % 8);
	memcpy(mock->config, config, sizeof(config));
	mock->config_bytes = 96;
	mock_offer(mock, VIRTIO_BLK_F_SEG_MAX);
	mock_offer(mock, VIRTIO_BLK_F_FLUSH);
	mock_offer(mock, VIRTIO_BLK_F_DISCARD);
	mock_offer(mock, VIRTIO_BLK_F_WRITE_ZEROES);
}

static void done(struct ferrule_block_request *request)
{
	bool *flag = request->context;

	FUZZ_ASSERT(*flag && request->status <= 0 && request->status != -EINPROGRESS);
	*flag = false;
}

static void submit(struct ferrule_block *disk, struct mock_chaos *chaos)
{
	unsigned which = mock_chaos_byte(chaos) % REQUESTS;
	struct ferrule_block_request *request = &requests[which], *batch[1] = { request };

	if (used[which])
		return;
	*request = (struct ferrule_block_request){
		.operation = mock_chaos_byte(chaos) % 7,
		.sector = mock_chaos_byte(chaos),
		.sectors = mock_chaos_byte(chaos),
		.segments = segments[which],
		.segment_count = 1 + which % 4,
		.done = done,
		.context = &used[which],
	};
	for (unsigned i = 0; i < 4; i++)
		segments[which][i] = (struct ferrule_block_segment){
			memory + which * 8192 + i * 2048, 512u << i % 3
		};
	used[which] = true;
	ferrule_block_submit(disk, batch, 1);
}

static void step(struct mock *mock, struct mock_chaos *chaos)
{
	struct ferrule_block *disk = ferrule_block_at(0);
	unsigned bytes = 512u << mock_chaos_byte(chaos) % 9;
	unsigned what;

	(void)mock;
	if (!disk)
		return;
	what = mock_chaos_byte(chaos) % 6;
	if (what <= DISK_FLUSH)
		disk_use(disk, what, memory, bytes, chaos);
	else if (what == 3)
		disk_info(disk);
	else
		submit(disk, chaos);
	ferrule_block_release(disk);
}

/* Every request came back, one way or another. */
static void finish(struct mock *mock)
{
	(void)mock;
	for (unsigned i = 0; i < REQUESTS; i++)
		FUZZ_ASSERT(!used[i]);
}

const struct fuzz_device fuzz_device = {
	.id = VIRTIO_ID_BLOCK,
	.setup = setup,
	.step = step,
	.finish = finish,
};
