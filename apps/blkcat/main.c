/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* blkcat [DISK [FIRST [COUNT]]]: writes sectors of a raw disk to standard output. Shows
 * <ferrule/block.h>: up to DEPTH requests are submitted with one kick. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ferrule/block.h>

#define DEPTH	    16
#define CHUNK_BYTES 4096u

static char data[DEPTH][CHUNK_BYTES];

int main(int argc, char **argv)
{
	struct ferrule_block *disk = ferrule_block_find(argc > 1 ? argv[1] : "vda");
	uint64_t at = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	uint64_t left = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	struct ferrule_block_segment segments[DEPTH];
	struct ferrule_block_request requests[DEPTH], *batch[DEPTH];
	struct ferrule_block_info info;

	if (!disk) {
		fprintf(stderr, "blkcat: no such disk\n");
		return 1;
	}
	ferrule_block_info(disk, &info);
	fprintf(stderr, "%s: %llu sectors, blocks of %u bytes, serial \"%s\"\n",
		info.name, (unsigned long long)info.sectors, info.block_bytes,
		info.serial);
	while (left) {
		unsigned count = 0;

		for (; left && count < DEPTH; count++) {
			uint64_t sectors = CHUNK_BYTES / FERRULE_SECTOR_BYTES;

			if (sectors > left)
				sectors = left;
			segments[count] = (struct ferrule_block_segment){
				data[count], sectors * FERRULE_SECTOR_BYTES
			};
			requests[count] = (struct ferrule_block_request){
				.operation = FERRULE_BLOCK_READ,
				.sector = at,
				.segments = &segments[count],
				.segment_count = 1,
			};
			batch[count] = &requests[count];
			at += sectors;
			left -= sectors;
		}
		ferrule_block_submit(disk, batch, count);
		for (unsigned i = 0; i < count; i++) {
			int error = ferrule_block_wait(&requests[i]);

			if (error) {
				fprintf(stderr, "blkcat: sector %llu: %s\n",
					(unsigned long long)requests[i].sector,
					strerror(-error));
				return 1;
			}
			fwrite(data[i], 1, segments[i].bytes, stdout);
		}
	}
	return 0;
}
