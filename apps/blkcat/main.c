/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* blkcat [DISK [FIRST [COUNT]]]: writes sectors of a raw disk to standard output. Shows
 * <ferrule/block.h>: up to DEPTH requests of a block each are submitted with one kick. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ferrule/block.h>

#define DEPTH 16

static char data[DEPTH][65536]; /* the driver knows no larger block */

int main(int argc, char **argv)
{
	struct ferrule_block *disk = ferrule_block_find(argc > 1 ? argv[1] : "vda");
	uint64_t at = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	uint64_t end = at + (argc > 3 ? strtoull(argv[3], NULL, 0) : 1);
	struct ferrule_block_segment segments[DEPTH];
	struct ferrule_block_request requests[DEPTH], *batch[DEPTH];
	struct ferrule_block_info info;

	if (!disk) {
		fprintf(stderr, "blkcat: no such disk\n");
		return 1;
	}
	ferrule_block_info(disk, &info);
	fprintf(stderr, "%s: %llu sectors, serial \"%s\"\n", info.name,
		(unsigned long long)info.sectors, info.serial);
	while (at < end) {
		unsigned count = 0;

		for (; at < end && count < DEPTH; count++) {
			segments[count].data = data[count];
			segments[count].bytes = info.block_bytes;
			memset(&requests[count], 0, sizeof(requests[count]));
			requests[count].operation = FERRULE_BLOCK_READ;
			requests[count].sector = at;
			requests[count].segments = &segments[count];
			requests[count].segment_count = 1;
			batch[count] = &requests[count];
			at += info.block_bytes / FERRULE_SECTOR_BYTES;
		}
		ferrule_block_submit(disk, batch, count);
		for (unsigned i = 0; i < count; i++) {
			int error = ferrule_block_wait(&requests[i]);

			if (!error)
				fwrite(data[i], 1, info.block_bytes, stdout);
			else
				fprintf(stderr, "blkcat: %s\n", strerror(-error));
		}
	}
	return 0;
}
