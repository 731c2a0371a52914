/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Feature bits (VIRTIO 1.3 §2.2), 128 of them (1.4 uses bits above 63), and what each device type
 * names them. */

#ifndef VIRTIO_FEATURES_H
#define VIRTIO_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

struct virtio_features {
	uint64_t words[2];
};

/* A set as a constant: VIRTIO_FEATURES(BIT(a) | BIT(b)) for bits below 64. */
#define VIRTIO_BIT(bit) (UINT64_C(1) << (bit))
#define VIRTIO_FEATURES(low)     \
	{                        \
		{                \
			(low), 0 \
		}                \
	}

/* Bits 24 to 43: the ring's and the transport's (VIRTIO 1.3 §6). */
enum virtio_feature {
	VIRTIO_F_NOTIFY_ON_EMPTY = 24, /* legacy */
	VIRTIO_F_ANY_LAYOUT = 27,      /* legacy */
	VIRTIO_F_INDIRECT_DESC = 28,
	VIRTIO_F_EVENT_IDX = 29,
	VIRTIO_F_VERSION_1 = 32,
	VIRTIO_F_ACCESS_PLATFORM = 33,
	VIRTIO_F_RING_PACKED = 34,
	VIRTIO_F_IN_ORDER = 35,
	VIRTIO_F_ORDER_PLATFORM = 36,
	VIRTIO_F_SR_IOV = 37,
	VIRTIO_F_NOTIFICATION_DATA = 38,
	VIRTIO_F_NOTIF_CONFIG_DATA = 39,
	VIRTIO_F_RING_RESET = 40,
	VIRTIO_F_ADMIN_VQ = 41,
};

static inline bool virtio_features_has(const struct virtio_features *set, unsigned bit)
{
	return bit < 128 && (set->words[bit / 64] >> (bit % 64) & 1);
}

static inline void virtio_features_set(struct virtio_features *set, unsigned bit)
{
	set->words[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static inline void virtio_features_clear(struct virtio_features *set, unsigned bit)
{
	set->words[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

/* `bit` may be accepted only together with at least one bit of `needs`. */
struct virtio_dependency {
	uint8_t bit;
	struct virtio_features needs;
};

#endif
