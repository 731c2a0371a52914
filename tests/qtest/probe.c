/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* probe [WORD …]: says what the drivers made of QEMU's devices, then does what it is told:
 *
 *	counters  what befell the first device
 *	read	  reads the first disk's first 64 KiB, and says their sum
 *	break	  the first disk's queue is broken as if by a lie; then "read" must work
 *	overrun	  a head that cannot be is put into that queue; waits until the device has
 *		  asked for its reset and is back
 *	entropy	  asks for random bytes; says whether there was a seed
 *	config N  the device's configuration, 16 bytes from N on, as 16-bit numbers
 *	ports	  the console's ports
 *	queues N  sizes of the first N queues, as the device gives them */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arch/barrier.h>
#include <ferrule/block.h>
#include <ferrule/device.h>
#include <ferrule/entropy.h>
#include <virtio/ring/ring.h>
#include <virtio/virtio.h>

static unsigned char data[65536];

static void show_devices(void)
{
	struct ferrule_device_info info;
	struct ferrule_queue_info queue;

	for (unsigned i = 0; ferrule_device_info(i, &info); i++) {
		printf("%s at %s, %s, interrupts %s, offered %#lx, negotiated %#lx, status "
		       "%#x%s\n",
		       info.name, info.where, info.transport, info.interrupts,
		       info.offered[0], info.negotiated[0], virtio_devices->status,
		       info.broken ? ", broken" : "");
		for (unsigned q = 0; ferrule_queue_info(i, q, &queue); q++)
			printf("%s.%u %s: size %u\n", info.name, q, queue.name,
			       queue.size);
	}
}

static int read_disk(void)
{
	struct ferrule_block *disk = ferrule_block_at(0);
	unsigned long sum = 0;
	int error = disk ? ferrule_block_read(disk, 0, data, sizeof(data)) : -1;

	for (size_t i = 0; i < sizeof(data); i++)
		sum += data[i] * (i + 1);
	printf("read %d, sum %lu\n", error, sum);
	return error != 0;
}

/* Until the device, or one queue of it, is back in service; that may never be. */
static void wait_for_recovery(void)
{
	const struct virtio_counters *counters = &virtio_devices->counters;
	uint64_t until = clock_ns() + 20 * NS_PER_SEC;

	while (!counters->recoveries && !counters->queue_resets && clock_ns() < until)
		usleep(1000);
}

/* As a violation found in the ring would: the driver's own way out. */
static void break_queue(void)
{
	virtio_queue_break(virtio_devices->queues[0], "the test says so");
	wait_for_recovery();
}

/* What a driver with a fault would do; QEMU asks to be reset for it. */
static void overrun(void)
{
	struct virtqueue *vq = virtio_devices->queues[0];

	vq->avail->heads[vq->avail_index & vq->mask] = UINT16_MAX;
	barrier_full();
	vq->avail->index = (uint16_t)(vq->avail_index + 1);
	virtqueue_notify(vq);
	wait_for_recovery();
}

static void show_counters(void)
{
	const struct virtio_counters *counters = &virtio_devices->counters;

	printf("queue resets %lu, recoveries %lu, config interrupts %lu\n",
	       counters->queue_resets, counters->recoveries, counters->config_interrupts);
}

static void show_config(unsigned at)
{
	printf("config %u:", at);
	for (unsigned i = 0; i < 8; i++)
		printf(" %u", virtio_config_read16(virtio_devices, at + 2 * i));
	printf("\n");
}

static void show_sizes(unsigned count)
{
	printf("sizes:");
	for (unsigned i = 0; i < count; i++)
		printf(" %u", virtio_devices->transport->queue_size(virtio_devices, i));
	printf("\n");
}

static void show_entropy(void)
{
	unsigned char bytes[32];

	ferrule_entropy_read(bytes, sizeof(bytes));
	printf("entropy ready %d\n", ferrule_entropy_ready());
}

int main(int argc, char **argv)
{
	int failed = 0;

	show_devices();
	for (int i = 1; i < argc && !failed; i++) {
		if (strcmp(argv[i], "read") == 0)
			failed = read_disk();
		else if (strcmp(argv[i], "break") == 0)
			break_queue();
		else if (strcmp(argv[i], "overrun") == 0)
			overrun();
		else if (strcmp(argv[i], "counters") == 0)
			show_counters();
		else if (strcmp(argv[i], "entropy") == 0)
			show_entropy();
		else if (strcmp(argv[i], "config") == 0 && i + 1 < argc)
			show_config((unsigned)strtoul(argv[++i], NULL, 0));
		else if (strcmp(argv[i], "queues") == 0 && i + 1 < argc)
			show_sizes((unsigned)strtoul(argv[++i], NULL, 0));
		else
			return 2;
	}
	return failed;
}
