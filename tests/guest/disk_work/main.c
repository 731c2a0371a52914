/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What a disk can do besides reading and writing: the first disk is asked for all of it. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ferrule/block.h>
#include <ferrule/device.h>

#define BYTES	65536
#define SECTORS (BYTES / FERRULE_SECTOR_BYTES)

static unsigned char *data, *zeroes;

static unsigned long long interrupts(void)
{
	struct ferrule_device_info device;
	struct ferrule_queue_info queue;
	unsigned long long sum = 0;

	for (unsigned i = 0; ferrule_device_info(i, &device); i++)
		for (unsigned k = 0; ferrule_queue_info(i, k, &queue); k++)
			sum += queue.interrupts;
	return sum;
}

static void describe(const struct ferrule_block_info *info)
{
	printf("physical %u, aligned at %u, minimum %u, optimal %u\n",
	       info->physical_block_bytes, info->alignment_bytes, info->minimum_io_bytes,
	       info->optimal_io_bytes);
	printf("discard %d, zeroes %d, erase %d, cache %d, switch %d\n",
	       info->discard_max_sectors != 0, info->write_zeroes_max_sectors != 0,
	       info->secure_erase_max_sectors != 0, info->flushable,
	       info->cache_switchable);
}

/* Zeroes in the middle of ones. */
static int write_zeroes(struct ferrule_block *disk)
{
	int status;

	memset(data, 0xff, BYTES);
	status = ferrule_block_write(disk, 0, data, BYTES);
	if (!status)
		status = ferrule_block_range(disk, FERRULE_BLOCK_WRITE_ZEROES, 8,
					     SECTORS - 16);
	if (!status)
		status = ferrule_block_read(disk, 0, data, BYTES);
	if (!status && (data[4095] != 0xff || data[BYTES - 4096] != 0xff ||
			memcmp(data + 4096, zeroes, BYTES - 8192)))
		return 1;
	return status;
}

static void poll(struct ferrule_block *disk)
{
	int status = ferrule_block_set_polled(disk, true);
	unsigned long long before = interrupts();

	for (unsigned i = 0; i < 100 && !status; i++)
		status = ferrule_block_read(disk, i * 8, data, 4096);
	printf("polled: %d, %llu interrupts\n", status, interrupts() - before);
	ferrule_block_set_polled(disk, false);
	printf("not polled: %d\n", ferrule_block_read(disk, 0, data, 4096));
}

/* How many queues took part. */
static void spread(struct ferrule_block *disk)
{
	struct ferrule_queue_info queue;
	unsigned used = 0;

	for (unsigned i = 0; i < 64; i++)
		if (ferrule_block_read(disk, i * 8, data, 4096))
			return;
	for (unsigned i = 0; ferrule_queue_info(0, i, &queue); i++)
		used += queue.used > 4;
	printf("%u queues used\n", used);
}

int main(void)
{
	struct ferrule_block *disk = ferrule_block_at(0);
	struct ferrule_block_lifetime lifetime;
	struct ferrule_block_info info;

	data = aligned_alloc(4096, BYTES);
	zeroes = calloc(1, BYTES);
	if (!disk || !data || !zeroes)
		return 1;
	ferrule_block_info(disk, &info);
	describe(&info);
	spread(disk);
	printf("zeroes: %d\n", write_zeroes(disk));
	printf("discard: %d\n",
	       ferrule_block_range(disk, FERRULE_BLOCK_DISCARD, 8, SECTORS));
	printf("erase: %d\n",
	       ferrule_block_range(disk, FERRULE_BLOCK_SECURE_ERASE, 8, SECTORS));
	printf("lifetime: %d\n", ferrule_block_lifetime(disk, &lifetime));
	printf("cache off: %d\n", ferrule_block_write_cache(disk, false));
	printf("cache on: %d\n", ferrule_block_write_cache(disk, true));
	poll(disk);
	printf("the end: %d\n", ferrule_block_flush(disk));
	return 0;
}
