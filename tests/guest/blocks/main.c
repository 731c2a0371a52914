/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Every disk: what it is, a checksum of all its bytes, and, where it can be written, a
 * pattern in its last 64 KiB that is read back. The host compares both. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ferrule/block.h>

#define PIECE_BYTES 65536
#define DEPTH	    8

static unsigned char *piece[DEPTH];

/* FNV-1a, 64 bits. */
static uint64_t checksum(uint64_t sum, const unsigned char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		sum = (sum ^ data[i]) * 0x100000001b3;
	return sum;
}

/* Reads the whole disk with DEPTH requests in flight. */
static int read_all(struct ferrule_block *disk, uint64_t sectors, uint64_t *sum)
{
	struct ferrule_block_segment segment[DEPTH];
	struct ferrule_block_request request[DEPTH], *batch[DEPTH];
	uint64_t next = 0;
	int status = 0;

	*sum = 0xcbf29ce484222325;
	while (next < sectors && !status) {
		unsigned count = 0;

		for (; count < DEPTH && next < sectors; count++) {
			uint64_t left = (sectors - next) * FERRULE_SECTOR_BYTES;

			segment[count] = (struct ferrule_block_segment){
				piece[count], left < PIECE_BYTES ? left : PIECE_BYTES
			};
			request[count] = (struct ferrule_block_request){
				.operation = FERRULE_BLOCK_READ,
				.sector = next,
				.segments = &segment[count],
				.segment_count = 1,
			};
			batch[count] = &request[count];
			next += segment[count].bytes / FERRULE_SECTOR_BYTES;
		}
		ferrule_block_submit(disk, batch, count);
		for (unsigned i = 0; i < count; i++) {
			int result = ferrule_block_wait(&request[i]);

			if (result)
				status = result;
			*sum = checksum(*sum, piece[i], segment[i].bytes);
		}
	}
	return status;
}

static int write_end(struct ferrule_block *disk, const struct ferrule_block_info *info)
{
	uint64_t sector = info->sectors - PIECE_BYTES / FERRULE_SECTOR_BYTES;
	int status;

	for (size_t i = 0; i < PIECE_BYTES; i++)
		piece[0][i] = (unsigned char)(i * 7 + i / 512);
	status = ferrule_block_write(disk, sector, piece[0], PIECE_BYTES);
	if (!status)
		status = ferrule_block_flush(disk);
	if (!status)
		status = ferrule_block_read(disk, sector, piece[1], PIECE_BYTES);
	if (!status && memcmp(piece[0], piece[1], PIECE_BYTES))
		status = -EILSEQ;
	return status;
}

/* Requests that no disk can answer: each must give its error, not more. */
static void refuse(struct ferrule_block *disk, const struct ferrule_block_info *info)
{
	printf("past the end: %d\n",
	       ferrule_block_read(disk, info->sectors, piece[0], FERRULE_SECTOR_BYTES));
	printf("across the end: %d\n",
	       ferrule_block_read(disk, info->sectors - 1, piece[0], PIECE_BYTES));
	printf("far past the end: %d\n",
	       ferrule_block_read(disk, UINT64_MAX, piece[0], FERRULE_SECTOR_BYTES));
	printf("odd length: %d\n", ferrule_block_read(disk, 0, piece[0], 100));
}

int main(void)
{
	struct ferrule_block_info info;
	struct ferrule_block *disk;
	unsigned count = 0;
	uint64_t sum;
	int status;

	for (unsigned i = 0; i < DEPTH; i++)
		if (posix_memalign((void **)&piece[i], 4096, PIECE_BYTES))
			return 1;
	for (; (disk = ferrule_block_at(count)); count++) {
		ferrule_block_info(disk, &info);
		printf("disk %s serial '%s': %llu sectors, block %u%s%s\n", info.name,
		       info.serial, (unsigned long long)info.sectors, info.block_bytes,
		       info.read_only ? ", read-only" : "",
		       info.flushable ? ", flushable" : "");
		status = read_all(disk, info.sectors, &sum);
		printf("read %s: %d, sum %016llx\n", info.name, status,
		       (unsigned long long)sum);
		status = write_end(disk, &info);
		printf("write %s: %d\n", info.name, status);
		refuse(disk, &info);
	}
	printf("%u disks\n", count);
	return 0;
}
