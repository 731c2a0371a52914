/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-balloon: one queue that broke a rule and is reset alone (RING_RESET, VIRTIO 1.3
 * §2.6.1) [VQ-26]. All in a timer interrupt.
 *
 * Pages that the device was being told of are neither lost nor used meanwhile: it is told
 * again, as it may have heard or not. */

#include <virtio/device/balloon.h>

/* The deflate queue is used in its lock alone. Of the others the thread may sleep until
 * something was used: it is to see that the queue is broken. */
bool balloon_queue_quiet(const struct virtqueue *queue)
{
	struct virtio_device *device = virtqueue_device(queue);
	struct balloon *balloon = device->driver_data;

	if (queue == balloon->deflate || balloon_quiet(device))
		return true;
	balloon_attend(balloon);
	return false;
}

void balloon_queue_broken(struct virtqueue *queue)
{
	struct balloon *balloon = virtqueue_device(queue)->driver_data;

	if (queue == balloon->deflate) {
		balloon_deflate_lost(balloon);
		return;
	}
	while (virtqueue_detach(queue))
		;
	if (queue == balloon->stats)
		balloon->stats_out = false;
	else if (queue == balloon->hint)
		balloon_hint_forget(balloon);
	else if (queue == balloon->report)
		balloon_report_forget(balloon);
}

/* The thread inflates and hints again and posts its statistics. Whoever has run out of memory
 * may be waiting for what is deflated: that goes out at once. */
void balloon_queue_restored(struct virtqueue *queue)
{
	struct balloon *balloon = virtqueue_device(queue)->driver_data;

	if (queue == balloon->deflate)
		balloon_deflate_again(balloon);
	balloon_attend(balloon);
}

/* QEMU (7.2) keeps the buffer of the statistics until somebody wants new ones (stats_vq_elem in
 * hw/virtio/virtio-balloon.c): a reset of the device drops it, one of the queue does not. Hints
 * are served by a thread of their own, which a reset of the queue does not wait for. The
 * buffers of the other queues are used as soon as they are taken. */
bool balloon_queue_leaks(const struct virtqueue *queue)
{
	const struct balloon *balloon = virtqueue_device(queue)->driver_data;

	return queue == balloon->stats || queue == balloon->hint;
}
