/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The worked example of the virtio paper (5.1.1): one read of one block. Between the two
 * lines nothing else touches a queue, so the host can count: one kick, one interrupt. */

#include <stdio.h>
#include <stdlib.h>
#include <ferrule/block.h>
#include <ferrule/device.h>

static struct ferrule_queue_info request_queue(void)
{
	struct ferrule_device_info device;
	struct ferrule_queue_info queue = { 0 };

	for (unsigned i = 0; ferrule_device_info(i, &device); i++)
		if (device.name[0] == 'b' && ferrule_queue_info(i, 0, &queue))
			break;
	return queue;
}

int main(void)
{
	struct ferrule_block *disk = ferrule_block_find("vda");
	struct ferrule_queue_info before, after;
	unsigned char *block;
	int status;

	if (!disk || posix_memalign((void **)&block, 4096, 4096))
		return 1;
	printf("before\n");
	before = request_queue();
	status = ferrule_block_read(disk, 8, block, 4096);
	after = request_queue();
	printf("status %d, first byte %02x, last byte %02x\n", status, block[0],
	       block[4095]);
	printf("kicks %llu, interrupts %llu, chains %llu\n",
	       (unsigned long long)(after.kicks - before.kicks),
	       (unsigned long long)(after.interrupts - before.interrupts),
	       (unsigned long long)(after.used - before.used));
	return status ? 1 : 0;
}
