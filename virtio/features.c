/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Feature negotiation (VIRTIO 1.3 §2.2, §6): of the bits that are offered [NEG-01] only those
 * that are known are accepted [NEG-03], and only with what they depend on [NEG-02]. SR_IOV is
 * not known to anybody [NEG-09]. */

#include <errno.h>
#include <kernel/log.h>
#include <virtio/core.h>
#include <virtio/ring/ring.h>

/* Bits 24 to 40 belong to the ring and the transport: a driver has no say in them. Above
 * that, numbers are the device types' (VIRTIO 1.4 §2.2). */
#define RESERVED_BITS (((VIRTIO_BIT(41) - 1)) & ~(VIRTIO_BIT(24) - 1))

/* What the ring and the transports can do. ACCESS_PLATFORM: addresses are physical ones,
 * which is what the platform maps them to (<virtio/dma.h>) [NEG-05]; ORDER_PLATFORM: the
 * rings' barriers are those for devices [NEG-07]. ANY_LAYOUT exists without VERSION_1 only
 * [VQ-34]. */
#define CORE_BITS (VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX))
#define MODERN_BITS                                                              \
	(VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) | \
	 VIRTIO_BIT(VIRTIO_F_ORDER_PLATFORM))
#define LEGACY_BITS VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT)

static bool intersects(const struct virtio_features *a, const struct virtio_features *b)
{
	return (a->words[0] & b->words[0]) || (a->words[1] & b->words[1]);
}

/* Drops bits whose needs are not met, until that changes nothing more: dependencies form
 * chains, never longer than the table. */
static void drop_dependants(struct virtio_features *set,
			    const struct virtio_driver *driver)
{
	bool changed;

	do {
		changed = false;
		for (unsigned i = 0; i < driver->dependency_count; i++) {
			const struct virtio_dependency *each = &driver->dependencies[i];

			if (virtio_features_has(set, each->bit) &&
			    !intersects(set, &each->needs)) {
				virtio_features_clear(set, each->bit);
				changed = true;
			}
		}
	} while (changed);
}

int virtio_features_negotiate(const struct virtio_device *device,
			      const struct virtio_driver *driver,
			      const struct virtio_features *wanted,
			      struct virtio_features *accepted)
{
	bool legacy = device->transport->legacy;
	uint64_t core = CORE_BITS | (legacy ? LEGACY_BITS : MODERN_BITS);

	if (device->transport->queue_reset && driver->queue_broken &&
	    driver->queue_restored)
		core |= VIRTIO_BIT(VIRTIO_F_RING_RESET);
	if (virtqueue_ring_features && !legacy) /* [NEG-06], [NEG-08] */
		core |= virtqueue_ring_features();
	for (unsigned i = 0; i < 2; i++) {
		uint64_t known = driver->required.words[i] | wanted->words[i];

		if (i == 0)
			known = (known & ~RESERVED_BITS) | core;
		accepted->words[i] = device->offered.words[i] & known;
	}
	if (legacy) { /* §2.2.3: there are 32 [NEG-12] */
		accepted->words[0] &= UINT32_MAX;
		accepted->words[1] = 0;
	}
	drop_dependants(accepted, driver);
	/* Anything else may be missing [NEG-13]. */
	for (unsigned i = 0; i < 2; i++) {
		uint64_t missing = driver->required.words[i] & ~accepted->words[i];

		if (!missing)
			continue;
		log_error(
			"virtio: %s: it does not offer feature %u, which the driver needs",
			device->where, i * 64 + (unsigned)__builtin_ctzll(missing));
		return -ENOTSUP;
	}
	if (!legacy &&
	    !virtio_features_has(accepted, VIRTIO_F_VERSION_1)) { /* §6.1 [NEG-04] */
		log_error("virtio: %s: a modern device that does not offer VERSION_1",
			  device->where);
		return -ENOTSUP;
	}
	return 0;
}
