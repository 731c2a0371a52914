/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Reads 4 KiB blocks at random places of the first disk, DEPTH at a time, by the native
 * interface: COUNT to warm up, MARK 1, COUNT, MARK 2, twice COUNT, MARK 3.
 *
 * Arguments: DEPTH COUNT */

#include <stdio.h>
#include <stdlib.h>
#include <ferrule/block.h>
#include "../mark.h"

#define BLOCK_BYTES 4096
#define DEPTH_MAX   256

static struct ferrule_block *disk;
static struct ferrule_block_info info;
static struct ferrule_block_segment segment[DEPTH_MAX];
static struct ferrule_block_request request[DEPTH_MAX], *batch[DEPTH_MAX];
static unsigned depth;

static uint64_t random_sector(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % (info.sectors / (BLOCK_BYTES / FERRULE_SECTOR_BYTES)) *
	       (BLOCK_BYTES / FERRULE_SECTOR_BYTES);
}

static void check(int status)
{
	if (status) {
		printf("a read failed: %d\n", status);
		exit(1);
	}
}

static void read_blocks(unsigned count)
{
	if (depth == 1) {
		while (count--)
			check(ferrule_block_read(disk, random_sector(), segment[0].data,
						 BLOCK_BYTES));
		return;
	}
	for (; count >= depth; count -= depth) {
		for (unsigned i = 0; i < depth; i++)
			request[i].sector = random_sector();
		ferrule_block_submit(disk, batch, depth);
		for (unsigned i = 0; i < depth; i++)
			check(ferrule_block_wait(&request[i]));
	}
}

int main(int argc, char **argv)
{
	unsigned count = argc == 3 ? (unsigned)atoi(argv[2]) : 0;

	depth = argc == 3 ? (unsigned)atoi(argv[1]) : 0;
	disk = ferrule_block_at(0);
	if (!disk || !count || !depth || depth > DEPTH_MAX) {
		printf("needs a disk, and arguments DEPTH COUNT\n");
		return 2;
	}
	ferrule_block_info(disk, &info);
	for (unsigned i = 0; i < depth; i++) {
		if (posix_memalign(&segment[i].data, BLOCK_BYTES, BLOCK_BYTES))
			return 1;
		segment[i].bytes = BLOCK_BYTES;
		request[i] = (struct ferrule_block_request){
			.operation = FERRULE_BLOCK_READ,
			.segments = &segment[i],
			.segment_count = 1,
		};
		batch[i] = &request[i];
	}
	read_blocks(count);
	MARK(1);
	read_blocks(count);
	MARK(2);
	read_blocks(2 * count);
	MARK(3);
	printf("DONE\n");
	return 0;
}
