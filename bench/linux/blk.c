/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* What bench/guest/blk.c does, on Linux: O_DIRECT reads of 4 KiB at random places, by
 * pread() one at a time and by io_uring in batches, with the same marks.
 *
 * Arguments: DEPTH COUNT */

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../mark.h"

#define BLOCK_BYTES 4096
#define DEPTH_MAX   256

static int disk, ring;
static unsigned depth;
static uint64_t blocks;
static char *buffer[DEPTH_MAX];
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;
static unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;

static void need(int good, const char *what)
{
	if (!good) {
		perror(what);
		exit(1);
	}
}

static uint64_t random_offset(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % blocks * BLOCK_BYTES;
}

static void make_ring(void)
{
	struct io_uring_params p = { 0 };
	char *map;

	ring = (int)syscall(SYS_io_uring_setup, depth, &p);
	need(ring >= 0 && (p.features & IORING_FEAT_SINGLE_MMAP), "io_uring_setup");
	map = mmap(NULL,
		   p.sq_off.array + p.sq_entries * 4 + p.cq_off.cqes +
			   p.cq_entries * sizeof(*cqes),
		   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
		   IORING_OFF_SQ_RING);
	sqes = mmap(NULL, p.sq_entries * sizeof(*sqes), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	need(map != MAP_FAILED && (void *)sqes != MAP_FAILED, "mmap");
	sq_tail = (unsigned *)(map + p.sq_off.tail);
	sq_mask = (unsigned *)(map + p.sq_off.ring_mask);
	sq_array = (unsigned *)(map + p.sq_off.array);
	cq_head = (unsigned *)(map + p.cq_off.head);
	cq_tail = (unsigned *)(map + p.cq_off.tail);
	cq_mask = (unsigned *)(map + p.cq_off.ring_mask);
	cqes = (struct io_uring_cqe *)(map + p.cq_off.cqes);
}

static void read_batch(void)
{
	unsigned tail = *sq_tail, head = *cq_head, end;

	for (unsigned i = 0; i < depth; i++, tail++) {
		struct io_uring_sqe *sqe = &sqes[tail & *sq_mask];

		memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = IORING_OP_READ;
		sqe->fd = disk;
		sqe->addr = (uintptr_t)buffer[i];
		sqe->len = BLOCK_BYTES;
		sqe->off = random_offset();
		sq_array[tail & *sq_mask] = tail & *sq_mask;
	}
	__atomic_store_n(sq_tail, tail, __ATOMIC_RELEASE);
	need(syscall(SYS_io_uring_enter, ring, depth, depth, IORING_ENTER_GETEVENTS, NULL,
		     0) >= 0,
	     "io_uring_enter");
	for (end = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE); head != end; head++)
		need(cqes[head & *cq_mask].res == BLOCK_BYTES, "read");
	__atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
}

static void read_blocks(unsigned count)
{
	if (depth == 1) {
		while (count--)
			need(pread(disk, buffer[0], BLOCK_BYTES,
				   (off_t)random_offset()) == BLOCK_BYTES,
			     "pread");
		return;
	}
	for (; count >= depth; count -= depth)
		read_batch();
}

int main(int argc, char **argv)
{
	unsigned count = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
	uint64_t bytes;
	int scheduler;

	depth = argc == 3 ? (unsigned)atoi(argv[1]) : 0;
	if (!count || !depth || depth > DEPTH_MAX)
		return 2;
	scheduler = open("/sys/block/vda/queue/scheduler", O_WRONLY);
	need(scheduler >= 0 && write(scheduler, "none", 4) == 4, "scheduler");
	disk = open("/dev/vda", O_RDONLY | O_DIRECT);
	need(disk >= 0 && !ioctl(disk, BLKGETSIZE64, &bytes), "/dev/vda");
	blocks = bytes / BLOCK_BYTES;
	for (unsigned i = 0; i < depth; i++)
		need(!posix_memalign((void **)&buffer[i], BLOCK_BYTES, BLOCK_BYTES),
		     "memory");
	if (depth > 1)
		make_ring();
	read_blocks(count);
	MARK(1);
	read_blocks(count);
	MARK(2);
	read_blocks(2 * count);
	MARK(3);
	printf("DONE\n");
	return 0;
}
