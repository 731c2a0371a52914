/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: device virtio/device/scsi*.c virtio/device/disk*.c virtio/device/pieces.c */
/* runs: 1200 */

/* virtio-scsi and a host whose units, answers and events are anything (requirements SCS). */

#include <errno.h>
#include <virtio/device/scsi.h>
#include "fuzz.h"

const void *const disk_drivers[] = { NULL };

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
	struct ferrule_block_info info;

	(void)mock;
	if (!disk)
		return;
	switch (mock_chaos_byte(chaos) % 5) {
	case 0:
		ferrule_block_read(disk, mock_chaos_byte(chaos), memory, bytes);
		break;
	case 1:
		ferrule_block_write(disk, mock_chaos_byte(chaos), memory, bytes);
		break;
	case 2:
		ferrule_block_flush(disk);
		break;
	case 3:
		ferrule_block_range(disk, FERRULE_BLOCK_WRITE_ZEROES, 0,
				    mock_chaos_byte(chaos));
		break;
	default:
		ferrule_block_info(disk, &info);
		FUZZ_ASSERT(memchr(info.serial, 0, sizeof(info.serial)));
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
