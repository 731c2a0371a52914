/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* From memory as the program sees it to pieces as a device does: physically contiguous
 * runs. The direct map and the image are contiguous by construction; application memory
 * and stacks are walked page by page, and neighbours that happen to touch are merged. */

#ifndef VIRTIO_DEVICE_PIECES_H
#define VIRTIO_DEVICE_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <arch/mmu.h>
#include <virtio/ring/virtqueue.h>

static inline bool pieces_contiguous(const void *data)
{
	uintptr_t address = (uintptr_t)data;

	return address - DIRECT_MAP_BASE < MMIO_BASE - DIRECT_MAP_BASE ||
	       address >= KERNEL_BASE;
}

/* Has every page of [data, data + bytes) present, so that pieces_append() finds it later
 * under a spinlock. False: that memory does not exist. Context: for memory that is not
 * contiguous, a thread that holds no spinlock.
 * *phys (may be NULL): the physical address if it is one contiguous run, else 0. */
bool pieces_populate(const void *data, size_t bytes, uint64_t *phys);

/* Appends the pieces of [data, data + bytes), each at most piece_max bytes long, to
 * pieces[0..count), of which the last may grow if `merge`; stops when `room` are in use.
 * Returns the new count, *taken the bytes covered: less than `bytes` when room ran out or
 * a page is missing (then *missing is set). */
unsigned pieces_append(struct virtio_piece *pieces, unsigned count, unsigned room,
		       const void *data, size_t bytes, uint32_t piece_max, bool merge,
		       size_t *taken, bool *missing);

#endif
