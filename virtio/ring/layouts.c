/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* All layouts but the split one, in an image that has a driver other than the console's
 * (virtio/complete.c): which of them is negotiated, and the way to each. */

#include <string.h>
#include <kernel/cmdline.h>
#include <kernel/log.h>
#include <virtio/features.h>
#include <virtio/ring/ring.h>

/* Two questions at most, then straight to the code: no call goes through a pointer. */
static inline __attribute__((always_inline)) int add_as(enum virtqueue_layout layout,
							struct virtqueue *vq,
							const struct virtio_piece *pieces,
							unsigned readable,
							unsigned writable, void *token)
{
	if (layout < VIRTQUEUE_PACKED)
		return layout == VIRTQUEUE_SPLIT
			       ? virtqueue_split_add(vq, pieces, readable, writable,
						     token)
			       : virtqueue_split_in_order_add(vq, pieces, readable,
							      writable, token);
	return layout == VIRTQUEUE_PACKED
		       ? virtqueue_packed_add(vq, pieces, readable, writable, token)
		       : virtqueue_packed_in_order_add(vq, pieces, readable, writable,
						       token);
}

static inline __attribute__((always_inline)) void *
get_as(enum virtqueue_layout layout, struct virtqueue *vq, uint32_t *written)
{
	if (layout < VIRTQUEUE_PACKED)
		return layout == VIRTQUEUE_SPLIT
			       ? virtqueue_split_get(vq, written)
			       : virtqueue_split_in_order_get(vq, written);
	return layout == VIRTQUEUE_PACKED ? virtqueue_packed_get(vq, written)
					  : virtqueue_packed_in_order_get(vq, written);
}

int virtqueue_other_add(struct virtqueue *vq, const struct virtio_piece *pieces,
			unsigned readable, unsigned writable, void *token)
{
	if (__builtin_expect(vq->layout == VIRTQUEUE_MAPPED, 0))
		return virtqueue_mapped_add(vq, pieces, readable, writable, token);
	return add_as(vq->layout, vq, pieces, readable, writable, token);
}

void *virtqueue_other_get(struct virtqueue *vq, uint32_t *written)
{
	if (__builtin_expect(vq->layout == VIRTQUEUE_MAPPED, 0))
		return virtqueue_mapped_get(vq, written);
	return get_as(vq->layout, vq, written);
}

int virtqueue_inner_add(struct virtqueue *vq, const struct virtio_piece *pieces,
			unsigned readable, unsigned writable, void *token)
{
	return add_as(vq->inner, vq, pieces, readable, writable, token);
}

void *virtqueue_inner_get(struct virtqueue *vq, uint32_t *written)
{
	return get_as(vq->inner, vq, written);
}

unsigned virtqueue_other_fill(struct virtqueue *vq,
			      const struct virtqueue_buffer *buffers, unsigned count)
{
	switch (vq->layout) {
	case VIRTQUEUE_SPLIT_IN_ORDER:
		return virtqueue_split_in_order_fill(vq, buffers, count);
	case VIRTQUEUE_PACKED:
		return virtqueue_packed_fill(vq, buffers, count);
	case VIRTQUEUE_PACKED_IN_ORDER:
		return virtqueue_packed_in_order_fill(vq, buffers, count);
	default:
		return virtqueue_mapped_fill(vq, buffers, count);
	}
}

unsigned virtqueue_other_drain(struct virtqueue *vq, struct virtqueue_used *used,
			       unsigned count)
{
	switch (vq->layout) {
	case VIRTQUEUE_SPLIT_IN_ORDER:
		return virtqueue_split_in_order_drain(vq, used, count);
	case VIRTQUEUE_PACKED:
		return virtqueue_packed_drain(vq, used, count);
	case VIRTQUEUE_PACKED_IN_ORDER:
		return virtqueue_packed_in_order_drain(vq, used, count);
	default:
		return virtqueue_mapped_drain(vq, used, count);
	}
}

void virtqueue_other_start(struct virtqueue *vq)
{
	if (vq->inner == VIRTQUEUE_SPLIT_IN_ORDER)
		virtqueue_split_in_order_start(vq);
	else if (vq->inner >= VIRTQUEUE_PACKED)
		virtqueue_packed_start(vq);
}

const char *const virtqueue_layout_names[] = {
	[VIRTQUEUE_SPLIT] = "split",
	[VIRTQUEUE_SPLIT_IN_ORDER] = "split-in-order",
	[VIRTQUEUE_PACKED] = "packed",
	[VIRTQUEUE_PACKED_IN_ORDER] = "packed-in-order",
};

/* What may be negotiated: what the named layout needs, or all. */
static uint64_t allowed = VIRTIO_BIT(VIRTIO_F_RING_PACKED) |
			  VIRTIO_BIT(VIRTIO_F_IN_ORDER);

static void apply_ring(const char *value)
{
	unsigned i = 0;

	while (i <= VIRTQUEUE_PACKED_IN_ORDER && strcmp(value, virtqueue_layout_names[i]))
		i++;
	if (i > VIRTQUEUE_PACKED_IN_ORDER) {
		log_warn("virtio_ring=%s: there is no such ring", value);
		return;
	}
	allowed = 0;
	if (i >= VIRTQUEUE_PACKED)
		allowed |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	if (i == VIRTQUEUE_SPLIT_IN_ORDER || i == VIRTQUEUE_PACKED_IN_ORDER)
		allowed |= VIRTIO_BIT(VIRTIO_F_IN_ORDER);
}
CMDLINE_KEY_APPLY(virtio_ring,
		  "split|split-in-order|packed|packed-in-order: the most a device gets",
		  apply_ring);

/* What tells the device more with a kick costs nothing, so it has no switch. */
uint64_t virtqueue_ring_features(void)
{
	return allowed | VIRTIO_BIT(VIRTIO_F_NOTIFICATION_DATA) |
	       VIRTIO_BIT(VIRTIO_F_NOTIF_CONFIG_DATA);
}
