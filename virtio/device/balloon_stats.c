/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The balloon's statistics queue (VIRTIO 1.3 §5.5.6.3): one buffer is always with the
 * device; when it comes back the host wants fresh figures, and it is sent again. */

#include <errno.h>
#include <string.h>
#include <virtio/device/balloon.h>

enum balloon_tag {
	VIRTIO_BALLOON_S_MEMFREE = 4,
	VIRTIO_BALLOON_S_MEMTOT = 5,
	VIRTIO_BALLOON_S_AVAIL = 6,
};

/* Ten bytes each: the "multiple of 6" of the specification's text is a mistake
 * (§5.5.6.3.1). */
struct balloon_stat {
	uint16_t tag;
	uint64_t value;
} __attribute__((packed));

/* The same tags each time, all of them valid from the first buffer on [BAL-07]. What is
 * free is available as well: nothing here is cached that could be given up only later. */
static void fill(struct balloon *balloon)
{
	struct page_stats stats;
	struct balloon_stat *out = (struct balloon_stat *)balloon->stats_page;

	page_stats(&stats);
	out[0] = (struct balloon_stat){ VIRTIO_BALLOON_S_MEMFREE, stats.free_bytes };
	out[1] = (struct balloon_stat){ VIRTIO_BALLOON_S_MEMTOT, stats.total_bytes };
	out[2] = (struct balloon_stat){ VIRTIO_BALLOON_S_AVAIL, stats.free_bytes };
}

int balloon_stats_prepare(struct balloon *balloon)
{
	if (balloon->stats_page)
		return 0;
	balloon->stats_phys = page_alloc(0);
	if (!balloon->stats_phys)
		return -ENOMEM;
	balloon->stats_page = phys_to_virt(balloon->stats_phys);
	memset(balloon->stats_page, 0, PAGE_BYTES);
	return 0;
}

void balloon_stats_start(struct balloon *balloon)
{
	struct virtio_piece piece = { balloon->stats_phys,
				      3 * sizeof(struct balloon_stat) };

	fill(balloon);
	balloon->stats_out = !virtqueue_add(balloon->stats, &piece, 1, 0, balloon);
	virtqueue_kick(balloon->stats);
}

void balloon_stats_follow(struct balloon *balloon)
{
	if (!balloon->stats_out) /* it found no room */
		balloon_stats_start(balloon);
	do {
		if (virtqueue_get(balloon->stats, NULL))
			balloon_stats_start(balloon);
	} while (!virtqueue_enable_cb(balloon->stats) &&
		 !virtqueue_broken(balloon->stats));
}
