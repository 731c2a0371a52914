/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-pmem: the disk. Reading and writing are copies, done by who submits; a flush is a
 * request, and one stands for all that wait when it is sent (VIRTIO 1.3 §5.19.6). */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <virtio/device/pmem.h>

/* [PM-02] Sends a flush for all that wait. Under the lock; true: it did. */
static bool send(struct pmem *pmem)
{
	struct virtio_piece pieces[PMEM_PIECES] = {
		{ pmem->shared_phys + offsetof(struct pmem_shared, type), 4 },
		{ pmem->shared_phys + offsetof(struct pmem_shared, result), 4 },
	};

	if (!pmem->waiting || pmem->queue.in_flight || pmem->queue.stopped)
		return false;
	pmem->shared->type = 0;
	*(volatile uint32_t *)&pmem->shared->result = PMEM_RESULT_UNWRITTEN;
	if (virtqueue_add(pmem->queue.vq, pieces, 1, 1, pmem))
		return false; /* it is broken: they wait for it to come back */
	pmem->sent = pmem->waiting;
	pmem->waiting = NULL;
	disk_queue_issued(&pmem->queue);
	return true;
}

static void end_all(struct ferrule_block_request **list, int status,
		    struct ferrule_block_request **finished)
{
	while (*list) {
		struct ferrule_block_request *request = *list;

		*list = request->driver.next;
		disk_end(request, status, finished);
	}
}

/* [PM-04] What is flushed is durable when the device says so, not before. */
void pmem_used(struct virtqueue *vq)
{
	struct pmem *pmem = virtqueue_device(vq)->driver_data;
	struct ferrule_block_request *finished = NULL;
	unsigned long flags = spin_lock(&pmem->queue.lock);
	uint32_t written;
	bool kick;

	do {
		virtqueue_disable_cb(vq);
		while (virtqueue_get(vq, &written)) {
			uint32_t result = *(volatile uint32_t *)&pmem->shared->result;

			disk_queue_completed(&pmem->queue);
			end_all(&pmem->sent, result == 0 && written >= 4 ? 0 : -EIO,
				&finished);
		}
	} while (!virtqueue_enable_cb(vq) && !virtqueue_broken(vq));
	kick = send(pmem) && virtqueue_kick_prepare(pmem->queue.vq);
	spin_unlock(&pmem->queue.lock, flags);
	if (kick)
		virtqueue_notify(vq);
	disk_finish(finished);
}

static void copy(struct pmem *pmem, const struct ferrule_block_request *request)
{
	char *at = pmem->memory + request->sector * FERRULE_SECTOR_BYTES;

	if (request->operation == FERRULE_BLOCK_WRITE_ZEROES) {
		memset(at, 0, request->sectors * FERRULE_SECTOR_BYTES);
		return;
	}
	for (unsigned i = 0; i < request->segment_count; i++) {
		const struct ferrule_block_segment *segment = &request->segments[i];

		if (request->operation == FERRULE_BLOCK_READ)
			memcpy(segment->data, at, segment->bytes);
		else
			memcpy(at, segment->data, segment->bytes);
		at += segment->bytes;
	}
}

static void submit(struct ferrule_block *disk, struct ferrule_block_request *first,
		   struct ferrule_block_request **end)
{
	struct pmem *pmem = (struct pmem *)disk;
	struct ferrule_block_request *finished = NULL, *next;
	unsigned long flags;
	bool kick;

	*end = NULL;
	for (struct ferrule_block_request *each = first; each; each = next) {
		int status = 0;

		next = each->driver.next;
		each->driver.lock = &pmem->queue.lock;
		if (each->operation != FERRULE_BLOCK_FLUSH &&
		    !__atomic_load_n(&disk->gone, __ATOMIC_ACQUIRE))
			copy(pmem, each);
		flags = spin_lock(&pmem->queue.lock);
		if (pmem->queue.error == -ENODEV ||
		    each->operation == FERRULE_BLOCK_FLUSH)
			status = pmem->queue.error;
		if (each->operation == FERRULE_BLOCK_FLUSH && !status) {
			each->driver.next = pmem->waiting;
			pmem->waiting = each;
		} else {
			disk_end(each, status, &finished);
		}
		spin_unlock(&pmem->queue.lock, flags);
	}
	flags = spin_lock(&pmem->queue.lock);
	kick = send(pmem) && virtqueue_kick_prepare(pmem->queue.vq);
	spin_unlock(&pmem->queue.lock, flags);
	if (kick)
		virtqueue_notify(pmem->queue.vq);
	disk_finish(finished);
}

static struct pmem *pmem_of(struct disk_queue *queue)
{
	return (struct pmem *)((char *)queue - offsetof(struct pmem, queue));
}

/* What the lost flush stood for waits for the next. */
static void lose(struct disk_queue *queue, struct ferrule_block_request **finished)
{
	struct pmem *pmem = pmem_of(queue);
	struct ferrule_block_request *request;

	if (queue->in_flight)
		disk_queue_completed(queue);
	while ((request = pmem->sent)) {
		pmem->sent = request->driver.next;
		if (request->driver.tries++ == DISK_TRIES_MAX) {
			disk_end(request, -EIO, finished);
			continue;
		}
		request->driver.next = pmem->waiting;
		pmem->waiting = request;
	}
}

static bool resume(struct disk_queue *queue, struct ferrule_block_request **finished)
{
	(void)finished;
	return send(pmem_of(queue));
}

static void fail(struct disk_queue *queue, int error,
		 struct ferrule_block_request **finished)
{
	end_all(&pmem_of(queue)->waiting, error, finished);
	end_all(&pmem_of(queue)->sent, error, finished);
}

static void silent(struct disk_queue *queue)
{
	virtio_device_silent(pmem_of(queue)->device, 0, "no answer for a minute");
}

const struct disk_queue_operations pmem_queue_operations = {
	.lose = lose,
	.resume = resume,
	.fail = fail,
	.silent = silent,
};

static void free_disk(struct ferrule_block *disk)
{
	struct pmem *pmem = (struct pmem *)disk;

	timer_cancel(&pmem->queue.watchdog.timer);
	page_free(pmem->shared_phys, 0);
	kfree(pmem);
}

const struct disk_operations pmem_operations = {
	.submit = submit,
	.free = free_disk,
};
