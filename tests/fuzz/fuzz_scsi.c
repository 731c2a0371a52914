/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: device virtio/device/scsi*.c virtio/device/disk*.c virtio/device/pieces.c */
/* runs: 1200 */

/* virtio-scsi and a host whose units, answers and events are anything (requirements SCS). */

#include <errno.h>
#include <virtio/device/scsi.h>
#include "disk.h"

static uint8_t memory[1 << 16] __attribute__((aligned(4096)));

static void setup(struct mock *mock, struct mock_chaos *chaos)
{
	static const uint8_t config[] = {
		2,  0, 0, 0, 30, 0, 0, 0, 255, 255, 0, 0, /* queues, seg_max, sectors */
		8,  0, 0, 0, 16, 0, 0, 0, 96,  0,   0, 0, /* a unit, event, sense */
		32, 0, 0, 0, 0,	 0, 1, 0, 255, 0,   0, 0, /* cdb, channel, target, lun */
	};

	for (unsigned i = 0; i < 4; i++)
		mock->queue_max[i] = (uint16_t)(4u << mock_chaos_byte(chaos) % 5);
	memcpy(mock->config, config, sizeof(config));
	mock->config_bytes = sizeof(config);
	mock_offer(mock, VIRTIO_SCSI_F_HOTPLUG);
	mock_offer(mock, VIRTIO_SCSI_F_CHANGE);
}

static void step(struct mock *mock, struct mock_chaos *chaos)
{
	struct ferrule_block *disk = ferrule_block_at(mock_chaos_byte(chaos) % 3);
	unsigned bytes = 512u << mock_chaos_byte(chaos) % 8;
	unsigned what;

	(void)mock;
	if (!disk)
		return;
	what = mock_chaos_byte(chaos) % 5;
	if (what <= DISK_ZERO) {
		disk_use(disk, what, memory, bytes, chaos);
	} else {
		disk_info(disk);
		ferrule_block_write_cache(disk, bytes > 4096);
	}
	ferrule_block_release(disk);
}

static void finish(struct mock *mock)
{
	(void)mock;
	FUZZ_ASSERT(!ferrule_block_at(0));
}

const struct fuzz_device fuzz_device = {
	.id = VIRTIO_ID_SCSI,
	.setup = setup,
	.step = step,
	.finish = finish,
};
