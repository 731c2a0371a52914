/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* How the rings touch memory that they share with the device (VIRTIO 1.3 §2.7, §2.8). */

#ifndef VIRTIO_RING_ACCESS_H
#define VIRTIO_RING_ACCESS_H

#include <arch/barrier.h>
#include <virtio/ring/ring.h>

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* Exactly one access: the other side changes or watches the word at any time. */
#define LOAD(lvalue)	     (*(const volatile __typeof__(lvalue) *)&(lvalue))
#define STORE(lvalue, value) (*(volatile __typeof__(lvalue) *)&(lvalue) = (value))

/* With ORDER_PLATFORM the device may sit outside the CPUs' coherence domain (§6.1). */
/* [NEG-07] */
static inline void order_full(const struct virtqueue *vq)
{
	if (unlikely(vq->order_platform))
		barrier_device_full();
	else
		barrier_full();
}

static inline void order_read(const struct virtqueue *vq)
{
	if (unlikely(vq->order_platform))
		barrier_device_read();
	else
		barrier_read();
}

static inline void order_write(const struct virtqueue *vq)
{
	if (unlikely(vq->order_platform))
		barrier_device_write();
	else
		barrier_write();
}

/* A buffer of more pieces than this goes through an indirect table if it can. */
#define CHAIN_PIECES_MAX 4

/* While there is plenty of room a short chain is cheaper for both sides than a table;
 * when the ring fills up, a table makes each buffer cost one descriptor. */
static inline bool wants_table(const struct virtqueue *vq, unsigned count)
{
	if (likely(count <= CHAIN_PIECES_MAX && vq->free >= count + vq->size / 2))
		return false;
	return count > 1 && count <= vq->table_pieces && vq->free;
}

/* A sum of pieces that no buffer may have (§2.7.5.2 allows 4 GiB). */
#define TOO_LONG (UINT64_C(1) << 40)

/* A device that says it wrote more than it may has written less, or lies [VQ-15]
 * [VQ-17]. */
static inline uint32_t length_check(struct virtqueue *vq, uint32_t bytes,
				    uint32_t writable)
{
	if (unlikely(bytes > writable)) {
		bytes = writable;
		vq->counters.length_clamped++;
	}
	return bytes;
}

/* The device broke a rule; its memory of us is worth nothing from here on [VQ-21]. NULL. */
__attribute__((cold)) void *virtqueue_violation(struct virtqueue *vq, const char *why);

#endif
