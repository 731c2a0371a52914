/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The life of a queue by which requests go to a disk's device. */

#include <errno.h>
#include <virtio/device/disk_queue.h>

/* While the queue is stopped, this is how long requests wait for it to come back. */
static void expired(struct timer *timer)
{
	struct disk_queue *queue = (struct disk_queue *)((char *)timer -
							 offsetof(struct disk_queue,
								  watchdog.timer));
	enum watchdog_finding finding = WATCHDOG_WELL;
	unsigned long flags = spin_lock(&queue->lock);
	bool stopped = queue->stopped;

	if (!stopped)
		finding = watchdog_look(&queue->watchdog, queue->in_flight,
					queue->watchdog.silences ? DISK_PATIENCE_NS
								 : DISK_SILENCE_NS);
	spin_unlock(&queue->lock, flags);
	if (stopped)
		disk_queue_give_up(queue, -EIO);
	else if (finding == WATCHDOG_QUIET)
		watchdog_nudge(queue->vq);
	else if (finding == WATCHDOG_SILENT)
		queue->operations->silent(queue);
}

void disk_queue_init(struct disk_queue *queue,
		     const struct disk_queue_operations *operations)
{
	queue->operations = operations;
	queue->watchdog.timer.expired = expired;
}

void disk_queue_stop(struct disk_queue *queue)
{
	struct ferrule_block_request *finished = NULL;
	unsigned long flags = spin_lock(&queue->lock);

	queue->stopped = true;
	queue->operations->lose(queue, &finished);
	if (!queue->error)
		timer_arm(&queue->watchdog.timer, clock_ns() + DISK_RECOVERY_NS);
	spin_unlock(&queue->lock, flags);
	disk_finish(finished);
}

void disk_queue_go_on(struct disk_queue *queue)
{
	struct ferrule_block_request *finished = NULL;
	unsigned long flags = spin_lock(&queue->lock);
	bool kick;

	timer_cancel(&queue->watchdog.timer);
	queue->stopped = false;
	queue->error = 0;
	kick = queue->operations->resume(queue, &finished) &&
	       virtqueue_kick_prepare(queue->vq);
	/* Its callback may have issued some before, when it was live already. */
	if (queue->in_flight)
		watchdog_begin(&queue->watchdog);
	spin_unlock(&queue->lock, flags);
	if (kick)
		virtqueue_notify(queue->vq);
	disk_finish(finished);
}

void disk_queue_give_up(struct disk_queue *queue, int error)
{
	struct ferrule_block_request *finished = NULL;
	unsigned long flags = spin_lock(&queue->lock);

	timer_cancel(&queue->watchdog.timer);
	queue->stopped = true;
	queue->error = error;
	queue->operations->fail(queue, error, &finished);
	spin_unlock(&queue->lock, flags);
	disk_finish(finished);
}
