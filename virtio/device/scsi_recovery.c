/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-scsi: commands that take too long or are lost with a device that broke, task
 * management (VIRTIO 1.3 §5.6.6.2). */

#include <errno.h>
#include <string.h>
#include <kernel/log.h>
#include <virtio/device/scsi.h>

/* §5.6.6.2. */
#define TMF_ABORT_TASK	       0
#define TMF_LOGICAL_UNIT_RESET 5

struct task_management { /* driver writes; the answer is a byte behind it */
	uint32_t type, subtype;
	uint8_t lun[8];
	uint64_t id;
	uint8_t answer; /* device writes */
};
#define REQUEST_BYTES offsetof(struct task_management, answer)
/* In the page of the event buffers, behind them. */
#define PLACE (SCSI_EVENTS * SCSI_EVENT_BYTES)

#define CALL_TRIES_MAX 1 /* a scan, or boot, waits for it */

/* One at a time: sent and forgotten; what it ends comes back by the request queue. Only
 * when it is through are the commands over: till then they are the device's. [SCS-06] */
static void send(struct scsi *scsi, uint32_t subtype, const uint8_t lun[8], uint64_t id)
{
	struct task_management *task = (void *)(scsi->shared + PLACE);
	struct virtio_piece pieces[2] = {
		{ scsi->shared_phys + PLACE, REQUEST_BYTES },
		{ scsi->shared_phys + PLACE + REQUEST_BYTES, 1 },
	};
	unsigned long flags = spin_lock(&scsi->lock);
	bool kick = false;

	if (!scsi->control_busy && !scsi->stopped) {
		memset(task, 0, sizeof(*task));
		task->subtype = subtype;
		memcpy(task->lun, lun, 8);
		task->id = id;
		task->answer = SCSI_RESPONSE_UNWRITTEN;
		if (!virtqueue_add(scsi->vqs[0], pieces, 1, 1, task)) {
			scsi->control_busy = true;
			kick = virtqueue_kick_prepare(scsi->vqs[0]);
		}
	}
	spin_unlock(&scsi->lock, flags);
	if (kick)
		virtqueue_notify(scsi->vqs[0]);
}

void scsi_control_used(struct virtqueue *vq)
{
	struct scsi *scsi = virtqueue_device(vq)->driver_data;
	unsigned long flags = spin_lock(&scsi->lock);

	do {
		virtqueue_disable_cb(vq);
		while (virtqueue_get(vq, NULL))
			scsi->control_busy = false;
	} while (!virtqueue_enable_cb(vq) && !virtqueue_broken(vq));
	spin_unlock(&scsi->lock, flags);
}

static struct scsi_queue *queue_of(struct disk_queue *base)
{
	return (struct scsi_queue *)base; /* its first member */
}

static const struct scsi_slot *oldest(const struct scsi_queue *queue)
{
	const struct scsi_slot *found = NULL;

	for (unsigned i = 0; i < queue->slot_count; i++) {
		const struct scsi_slot *slot = &queue->slots[i];

		if ((slot->request || slot->call) &&
		    (!found || slot->shared->request.id < found->shared->request.id))
			found = slot;
	}
	return found;
}

/* A minute without any answer: the oldest command is aborted, then its unit reset, then
 * the device. */
static void escalate(struct scsi_queue *queue, unsigned times, const uint8_t lun[8],
		     uint64_t id)
{
	struct virtio_device *device = queue->scsi->device;

	if (virtio_device_suspect(device))
		return;
	if (times == 1) {
		log_warn("%s: no answer for a minute: a command is aborted",
			 device->name);
		send(queue->scsi, TMF_ABORT_TASK, lun, id);
	} else if (times == 2) {
		log_warn("%s: no answer to that: a unit is reset", device->name);
		send(queue->scsi, TMF_LOGICAL_UNIT_RESET, lun, 0);
	} else {
		virtio_device_silent(device, SCSI_CONTROL_QUEUES,
				     "no answer, not even to a reset");
	}
}

static void silent(struct disk_queue *base)
{
	struct scsi_queue *queue = queue_of(base);
	unsigned long flags = spin_lock(&base->lock);
	const struct scsi_slot *slot = oldest(queue);
	unsigned times = base->watchdog.silences;
	uint8_t lun[8] = { 0 };
	uint64_t id = 0;

	if (slot) {
		memcpy(lun, slot->shared->request.lun, 8);
		id = slot->shared->request.id;
	}
	spin_unlock(&base->lock, flags);
	if (slot)
		escalate(queue, times, lun, id);
}

/* A command that was lost: once again when the device is back. */
static void call_again(struct scsi_queue *queue, struct scsi_call *call)
{
	if (call->tries++ == CALL_TRIES_MAX) {
		call->outcome = (struct scsi_outcome){ .error = -EIO };
		scsi_call_end(call);
		return;
	}
	call->next = queue->calls;
	if (!queue->calls)
		queue->calls_end = &call->next;
	queue->calls = call;
}

static void lose_slot(struct scsi_queue *queue, struct scsi_slot *slot,
		      struct ferrule_block_request **finished)
{
	struct ferrule_block_request *request = slot->request;
	struct scsi_call *call = slot->call;
	struct scsi_unit *unit = slot->unit;

	if (!request && !call)
		return;
	scsi_slot_free(queue, slot);
	if (call) {
		call_again(queue, call);
		return;
	}
	if (--request->driver.parts)
		return;
	if (!request->driver.error && unit->dead)
		request->driver.error = -ENODEV;
	else if (!request->driver.error && request->driver.tries++ == DISK_TRIES_MAX)
		request->driver.error = -EIO;
	if (request->driver.error && !request->driver.waits)
		disk_end(request, request->driver.error, finished);
	else
		scsi_disk_again(unit, request);
}

static void lose(struct disk_queue *base, struct ferrule_block_request **finished)
{
	struct scsi_queue *queue = queue_of(base);

	for (unsigned i = 0; i < queue->slot_count; i++)
		lose_slot(queue, &queue->slots[i], finished);
}

static bool resume(struct disk_queue *base, struct ferrule_block_request **finished)
{
	return scsi_pump(queue_of(base), finished);
}

static void fail(struct disk_queue *base, int error,
		 struct ferrule_block_request **finished)
{
	struct scsi_queue *queue = queue_of(base);

	while (queue->calls) {
		struct scsi_call *call = queue->calls;

		queue->calls = call->next;
		call->outcome = (struct scsi_outcome){ .error = error };
		scsi_call_end(call);
	}
	queue->calls_end = &queue->calls;
	for (struct scsi_unit *unit = queue->units; unit; unit = unit->next_in_queue)
		scsi_disk_fail_waiting(unit, error, finished);
}

const struct disk_queue_operations scsi_queue_operations = {
	.lose = lose,
	.resume = resume,
	.fail = fail,
	.silent = silent,
};

void scsi_unit_kill(struct scsi_unit *unit)
{
	struct scsi_queue *queue = unit->queue;
	struct ferrule_block_request *finished = NULL;
	unsigned long flags = spin_lock(&queue->base.lock);

	unit->dead = true;
	timer_cancel(&unit->pause);
	scsi_disk_fail_waiting(unit, -ENODEV, &finished);
	spin_unlock(&queue->base.lock, flags);
	disk_finish(finished);
}
