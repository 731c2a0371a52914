/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* All layouts but the split one, in an image that has a driver other than the console's
 * (virtio/complete.c): which of them is negotiated, and the way to each. */

#include <string.h>
#include <kernel/cmdline.h>
#include <kernel/log.h>
#include <virtio/features.h>
#include <virtio/ring/ring.h>

static const struct {
	int (*add)(struct virtqueue *vq, const struct virtio_piece *pieces,
		   unsigned readable, unsigned writable, void *token);
	void *(*get)(struct virtqueue *vq, uint32_t *written);
} layouts[] = {
	[VIRTQUEUE_SPLIT] = { virtqueue_split_add, virtqueue_split_get },
	[VIRTQUEUE_SPLIT_IN_ORDER] = { virtqueue_split_in_order_add,
				       virtqueue_split_in_order_get },
	[VIRTQUEUE_PACKED] = { virtqueue_packed_add, virtqueue_packed_get },
	[VIRTQUEUE_PACKED_IN_ORDER] = { virtqueue_packed_in_order_add,
					virtqueue_packed_in_order_get },
	[VIRTQUEUE_MAPPED] = { virtqueue_mapped_add, virtqueue_mapped_get },
};

int virtqueue_inner_add(struct virtqueue *vq, const struct virtio_piece *pieces,
			unsigned readable, unsigned writable, void *token)
{
	return layouts[vq->inner].add(vq, pieces, readable, writable, token);
}

void *virtqueue_inner_get(struct virtqueue *vq, uint32_t *written)
{
	return layouts[vq->inner].get(vq, written);
}

void virtqueue_other_start(struct virtqueue *vq)
{
	vq->add = layouts[vq->layout].add;
	vq->get = layouts[vq->layout].get;
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
