/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: device virtio/device/pmem*.c virtio/device/disk*.c virtio/device/pieces.c */

/* virtio-pmem and a device that lies of where its memory is, how much there is, and what
 * became of a flush (requirements PM). */

#include <sys/mman.h>
#include <arch/mmu.h>
#include <ferrule/pmem.h>
#include <kernel/time.h>
#include <virtio/device/pmem.h>
#include "disk.h"

#define BASE  (UINT64_C(512) << 20) /* where the sanitizer lets us map */
#define BYTES (UINT64_C(64) << 10)

static uint8_t memory[1 << 14];
static struct ferrule_pmem opened;

/* Beside the range of memory that there is, the driver maps any, but then may not look. */
static bool present(uint64_t phys, uint64_t bytes)
{
	return phys >= BASE && bytes <= BYTES && phys - BASE <= BYTES - bytes;
}

static void setup(struct mock *mock, struct mock_chaos *chaos)
{
	uint64_t range[2] = { BASE, BYTES };
	uint8_t what = mock_chaos_byte(chaos);
	void *there = mmap((void *)BASE, BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	FUZZ_ASSERT(there == (void *)BASE);
	host_phys_present = present;
	mock->queue_max[0] = (uint16_t)(2u << what % 6);
	memcpy(mock->config, range, sizeof(range));
	mock->config_bytes = 16;
	if (what & 0x80)
		mock_offer(mock, VIRTIO_PMEM_F_SHMEM_REGION);
	mock->shared[0] = (struct virtio_shared_memory){ BASE, BYTES };
	if (what & 0x40)
		mock->shared[0].bytes = mock_chaos_word(chaos);
}

static void use_range(struct mock_chaos *chaos)
{
	uint32_t at;

	FUZZ_ASSERT(opened.bytes && opened.bytes <= BYTES);
	at = mock_chaos_below(chaos, (uint32_t)opened.bytes);
	((volatile uint8_t *)opened.address)[at] = 1;
	ferrule_pmem_flush(&opened);
}

static void use_disk(struct ferrule_block *disk, struct mock_chaos *chaos)
{
	unsigned bytes = 512u << mock_chaos_byte(chaos) % 6;
	unsigned what = mock_chaos_byte(chaos) % 5;

	if (what <= DISK_ZERO)
		disk_use(disk, what, memory, bytes, chaos);
	else
		FUZZ_ASSERT(disk_info(disk).sectors * 512 <= BYTES);
}

static void step(struct mock *mock, struct mock_chaos *chaos)
{
	struct ferrule_block *disk = ferrule_block_at(0);

	switch (mock_chaos_byte(chaos) % 8) {
	case 0:
		if (opened.disk)
			ferrule_pmem_close(&opened);
		else
			ferrule_pmem_open("pmem0", &opened);
		break;
	case 1:
		if (opened.disk)
			use_range(chaos);
		break;
	case 2:
		if (mock_chaos_byte(chaos) == 1)
			mock_unplug(mock);
		break;
	default:
		if (disk)
			use_disk(disk, chaos);
	}
	if (disk)
		ferrule_block_release(disk);
}

/* Who still has it open gets errors. */
static void finish(struct mock *mock)
{
	if (!opened.disk)
		return;
	mock_unplug(mock);
	FUZZ_ASSERT(ferrule_pmem_flush(&opened) < 0);
	ferrule_pmem_close(&opened);
}

const struct fuzz_device fuzz_device = {
	.id = VIRTIO_ID_PMEM,
	.setup = setup,
	.step = step,
	.finish = finish,
};
