/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* disktest WHAT: writes a disk and reads it back, by every kind of memory a device may be
 * given: static data, a stack, pages of the kernel's.
 *
 *	nothing
 *	write  fills the disk with a pattern, flushes, reads back and compares
 *	poll   reads until that fails, and says how
 *	size   says how large the disk is, whenever that changes, until it is 1 MiB */

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <ferrule/block.h>
#include <ferrule/device.h>
#include <kernel/page.h>

#define BLOCK_BYTES 4096
#define DEPTH	    64

static unsigned char data[DEPTH][BLOCK_BYTES];

/* No two blocks are alike, and none is like a block that was never written. */
static void fill(unsigned char *block, uint64_t number)
{
	for (unsigned i = 0; i < BLOCK_BYTES; i++)
		block[i] = (unsigned char)(number * 31 + i * 7 + (i >> 8) + 1);
}

static int run(struct ferrule_block *disk, enum ferrule_block_operation operation,
	       uint64_t first, unsigned count)
{
	struct ferrule_block_request requests[DEPTH], *batch[DEPTH];
	struct ferrule_block_segment segments[DEPTH];
	int error = 0;

	for (unsigned i = 0; i < count; i++) {
		segments[i] = (struct ferrule_block_segment){ data[i], BLOCK_BYTES };
		requests[i] = (struct ferrule_block_request){
			.operation = operation,
			.sector = (first + i) * (BLOCK_BYTES / FERRULE_SECTOR_BYTES),
			.segments = &segments[i],
			.segment_count = 1,
		};
		batch[i] = &requests[i];
	}
	ferrule_block_submit(disk, batch, count);
	for (unsigned i = 0; i < count; i++) {
		int each = ferrule_block_wait(&requests[i]);

		error = error ? error : each;
	}
	return error;
}

static int compare(struct ferrule_block *disk, uint64_t blocks)
{
	unsigned char wanted[BLOCK_BYTES];
	unsigned wrong = 0;

	for (uint64_t at = 0; at < blocks; at += DEPTH) {
		memset(data, 0, sizeof(data));
		if (run(disk, FERRULE_BLOCK_READ, at, DEPTH))
			return 1;
		for (unsigned i = 0; i < DEPTH; i++) {
			fill(wanted, at + i);
			wrong += memcmp(data[i], wanted, BLOCK_BYTES) != 0;
		}
	}
	printf("%u of %lu blocks are wrong\n", wrong, blocks);
	return wrong != 0;
}

static int write_all(struct ferrule_block *disk, uint64_t blocks)
{
	unsigned char on_stack[BLOCK_BYTES], wanted[BLOCK_BYTES];
	uint64_t page = page_alloc(0);
	int error;

	for (uint64_t at = 0; at < blocks; at += DEPTH) {
		for (unsigned i = 0; i < DEPTH; i++)
			fill(data[i], at + i);
		if (run(disk, FERRULE_BLOCK_WRITE, at, DEPTH))
			return 1;
	}
	error = ferrule_block_flush(disk);
	printf("written, flush: %d\n", error);
	if (error || compare(disk, blocks))
		return 1;
	fill(wanted, 5);
	if (ferrule_block_read(disk, 5 * 8, on_stack, BLOCK_BYTES) ||
	    memcmp(on_stack, wanted, BLOCK_BYTES) != 0)
		return 1;
	if (ferrule_block_read(disk, 5 * 8, phys_to_virt(page), BLOCK_BYTES) ||
	    memcmp(phys_to_virt(page), wanted, BLOCK_BYTES) != 0)
		return 1;
	page_free(page, 0);
	printf("beyond the end: %d\n",
	       ferrule_block_read(disk, blocks * 8, on_stack, BLOCK_BYTES));
	return 0;
}

static int poll_all(struct ferrule_block *disk)
{
	struct ferrule_device_info info;
	bool listed;
	int error;

	printf("polling\n");
	fflush(stdout);
	do
		error = run(disk, FERRULE_BLOCK_READ, 0, DEPTH);
	while (!error);
	printf("a read failed: %s\n", strerror(-error));
	error = run(disk, FERRULE_BLOCK_READ, 0, DEPTH);
	printf("and the next one: %s\n", strerror(-error));
	listed = ferrule_device_info(0, &info);
	printf("%s\n", !listed ? "unplugged" : info.broken ? "broken" : "in service");
	return 0;
}

static int watch_size(struct ferrule_block *disk)
{
	struct ferrule_block_info info;
	uint64_t before = 0;

	do {
		ferrule_block_info(disk, &info);
		if (info.sectors != before)
			printf("%lu sectors\n", info.sectors);
		fflush(stdout);
		before = info.sectors;
		usleep(1000);
	} while (info.sectors != 2048);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "write";
	struct ferrule_block *disk = ferrule_block_find("vda");
	struct ferrule_block_info info;

	if (!disk) {
		printf("no disk\n");
		return 3;
	}
	if (strcmp(what, "nothing") == 0)
		return 0;
	if (strcmp(what, "poll") == 0)
		return poll_all(disk);
	if (strcmp(what, "size") == 0)
		return watch_size(disk);
	ferrule_block_info(disk, &info);
	return write_all(disk, info.sectors / (BLOCK_BYTES / FERRULE_SECTOR_BYTES));
}
