/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-scsi: a request queue, its slots, issuing and completion (VIRTIO 1.3 §5.6.6.1). */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <virtio/device/scsi.h>

#define SLOTS_MAX 256

/* A slot for each command the ring can hold: with indirect descriptors one descriptor a
 * command, else three. */
int scsi_queue_make(struct scsi_queue *queue)
{
	bool indirect = virtio_has(queue->scsi->device, VIRTIO_F_INDIRECT_DESC);
	unsigned size = virtqueue_size(queue->base.vq);
	unsigned count = indirect ? size : size / 3 + 1;
	struct scsi_slot_shared *shared;

	if (count > SLOTS_MAX)
		count = SLOTS_MAX;
	queue->calls_end = &queue->calls;
	disk_queue_init(&queue->base, &scsi_queue_operations);
	queue->slots = kzalloc(count * sizeof(*queue->slots));
	queue->pieces = kzalloc((queue->scsi->seg_max + 2) * sizeof(*queue->pieces));
	queue->shared_order = page_order(count * sizeof(*shared));
	queue->shared_phys = page_alloc(queue->shared_order);
	if (!queue->slots || !queue->pieces || !queue->shared_phys)
		return -ENOMEM;
	shared = phys_to_virt(queue->shared_phys);
	memset(shared, 0, PAGE_BYTES << queue->shared_order);
	for (unsigned i = count; i-- > 0;) {
		struct scsi_slot *slot = &queue->slots[i];

		slot->shared = &shared[i];
		slot->phys = queue->shared_phys + i * sizeof(*shared);
		slot->next = queue->free;
		queue->free = slot;
	}
	queue->slot_count = count;
	return 0;
}

void scsi_queue_free(struct scsi_queue *queue)
{
	timer_cancel(&queue->base.watchdog.timer);
	if (queue->shared_phys)
		page_free(queue->shared_phys, queue->shared_order);
	kfree(queue->slots);
	kfree(queue->pieces);
}

struct scsi_slot *scsi_slot_take(struct scsi_queue *queue, const uint8_t lun[8])
{
	struct scsi_slot *slot = queue->free;
	struct scsi_slot_shared *shared;

	if (!slot)
		return NULL;
	shared = slot->shared;
	memset(&shared->request, 0, sizeof(shared->request));
	memcpy(shared->request.lun, lun, 8);
	shared->request.id = ++queue->next_id;
	shared->answer.sense_len = shared->answer.residual = 0;
	*(volatile uint8_t *)&shared->answer.response = SCSI_RESPONSE_UNWRITTEN;
	slot->bounce = NULL;
	queue->pieces[0] = (struct virtio_piece){
		slot->phys + offsetof(struct scsi_slot_shared, request),
		sizeof(shared->request)
	};
	return slot;
}

int scsi_slot_issue(struct scsi_queue *queue, struct scsi_slot *slot, unsigned readable,
		    unsigned writable)
{
	int error = virtqueue_add(queue->base.vq, queue->pieces, readable, writable,
				  slot);

	if (error)
		return error;
	queue->free = slot->next;
	disk_queue_issued(&queue->base);
	if (slot->unit)
		slot->unit->in_flight++;
	return 0;
}

void scsi_slot_free(struct scsi_queue *queue, struct scsi_slot *slot)
{
	if (slot->unit)
		slot->unit->in_flight--;
	kfree(slot->bounce);
	slot->bounce = NULL;
	slot->request = NULL;
	slot->call = NULL;
	slot->unit = NULL;
	slot->next = queue->free;
	queue->free = slot;
	disk_queue_completed(&queue->base);
}

static int issue_call(struct scsi_queue *queue, struct scsi_call *call)
{
	struct scsi_slot *slot = scsi_slot_take(queue, call->lun);
	struct virtio_piece *pieces = queue->pieces;
	struct virtio_piece answer, data = { 0, call->bytes };
	unsigned readable = 1, writable = 1;
	int error;

	if (!slot)
		return -ENOSPC;
	memcpy(slot->shared->request.cdb, call->cdb, sizeof(call->cdb));
	answer = (struct virtio_piece){ slot->phys +
						offsetof(struct scsi_slot_shared, answer),
					sizeof(struct scsi_answer) };
	if (call->bytes)
		data.address = virt_to_phys(call->data);
	if (call->bytes && call->out)
		pieces[readable++] = data;
	pieces[readable] = answer;
	if (call->bytes && !call->out)
		pieces[readable + writable++] = data;
	slot->unit = call->unit;
	slot->data_bytes = call->bytes;
	error = scsi_slot_issue(queue, slot, readable, writable);
	if (error)
		slot->unit = NULL;
	else
		slot->call = call;
	return error;
}

/* [SCS-02] No more than cmd_per_lun of one unit. */
static bool full(const struct scsi_unit *unit)
{
	return unit->in_flight >= unit->scsi->cmd_per_lun;
}

/* The queue is full: a command that comes back makes room. A broken one keeps all. */
static bool must_wait(const struct scsi_queue *queue, int error)
{
	return error == -EIO || (error == -ENOSPC && (queue->base.in_flight ||
						      virtqueue_starved(queue->base.vq)));
}

/* Calls come first; one whose unit has no room waits for it. */
static bool pump_calls(struct scsi_queue *queue)
{
	struct scsi_call **link = &queue->calls, *call;
	bool added = false;

	while ((call = *link)) {
		int error;

		if (call->unit && full(call->unit)) {
			link = &call->next;
			continue;
		}
		error = issue_call(queue, call);
		if (must_wait(queue, error))
			break;
		*link = call->next;
		added |= !error;
		if (error) {
			call->outcome = (struct scsi_outcome){ .error = -EIO };
			scsi_call_end(call);
		}
	}
	for (; *link; link = &(*link)->next)
		;
	queue->calls_end = link;
	return added;
}

/* Takes the first request out of the list. */
static void unqueue(struct scsi_unit *unit)
{
	unit->waiting = unit->waiting->driver.next;
	if (!unit->waiting)
		unit->waiting_end = &unit->waiting;
}

enum turn { TURN_NOTHING, TURN_ADDED, TURN_NO_ROOM };

/* One command of the unit's first request that can go. */
static enum turn take_turn(struct scsi_unit *unit,
			   struct ferrule_block_request **finished)
{
	while (unit->waiting && !full(unit) && !unit->paused) {
		struct ferrule_block_request *request = unit->waiting;
		int error = request->driver.error;

		if (!error) {
			error = scsi_disk_issue(unit, request);
			if (must_wait(unit->queue, error))
				return TURN_NO_ROOM;
			if (error)
				request->driver.error = error == -ENOSPC ? -EIO : error;
		}
		if (error || !request->driver.waits) {
			request->driver.waits = false;
			unqueue(unit);
			if (!request->driver.parts)
				disk_end(request, request->driver.error, finished);
		}
		if (!error)
			return TURN_ADDED;
	}
	return TURN_NOTHING;
}

/* The units take turns, a command each, until none has more or there is no room; then who
 * wanted some is the first when there is. */
static bool pump_units(struct scsi_queue *queue, struct ferrule_block_request **finished)
{
	struct scsi_unit *unit = queue->turn ? queue->turn : queue->units;
	const struct scsi_unit *idle = NULL; /* since this one nobody had anything */
	bool added = false;

	while (unit && unit != idle) {
		enum turn turn = take_turn(unit, finished);

		if (turn == TURN_NO_ROOM)
			break;
		if (turn == TURN_ADDED)
			idle = NULL;
		else if (!idle)
			idle = unit;
		added |= turn == TURN_ADDED;
		unit = unit->next_in_queue ? unit->next_in_queue : queue->units;
	}
	queue->turn = unit;
	return added;
}

/* Issues what there is room for. Under the lock; true: something was added. */
bool scsi_pump(struct scsi_queue *queue, struct ferrule_block_request **finished)
{
	bool added = queue->calls && pump_calls(queue);

	return pump_units(queue, finished) || added;
}

/* The caller may be gone as soon as the lock is. */
void scsi_call_end(struct scsi_call *call)
{
	call->done = true;
	wait_wake(&call->waiter, WAKE_ALL, 0);
}

/* What a unit attention says may concern more than this command. */
static void look_at(struct scsi_slot *slot, const struct scsi_outcome *outcome)
{
	struct scsi_unit *unit = slot->unit;

	if (!unit || outcome->key != 6)
		return;
	if (outcome->asc == 0x28 ||		     /* another medium */
	    (outcome->asc == 0x29 && unit->cache) || /* a reset */
	    outcome->asc == 0x2a || (outcome->asc == 0x3f && outcome->ascq == 0x0e))
		scsi_want_scan(unit->scsi, (int)unit->target);
}

static void complete(struct scsi_queue *queue, struct scsi_slot *slot, uint32_t used,
		     struct ferrule_block_request **finished)
{
	struct scsi_call *call = slot->call;
	struct scsi_outcome outcome;

	scsi_judge(&slot->shared->answer, slot->data_bytes, used, &outcome);
	if (outcome.error)
		look_at(slot, &outcome);
	if (!call) {
		scsi_disk_done(slot, &outcome, finished);
		return;
	}
	call->outcome = outcome;
	scsi_slot_free(queue, slot);
	scsi_call_end(call);
}

void scsi_used(struct virtqueue *vq)
{
	struct scsi *scsi = virtqueue_device(vq)->driver_data;
	struct scsi_queue *queue =
		&scsi->queues[virtqueue_index(vq) - SCSI_CONTROL_QUEUES];
	struct ferrule_block_request *finished = NULL;
	unsigned long flags = spin_lock(&queue->base.lock);
	struct scsi_slot *slot;
	uint32_t used;
	bool kick;

	do {
		virtqueue_disable_cb(vq);
		while ((slot = virtqueue_get(vq, &used)))
			complete(queue, slot, used, &finished);
	} while (!virtqueue_enable_cb(vq) && !virtqueue_broken(vq));
	kick = scsi_pump(queue, &finished) && virtqueue_kick_prepare(vq);
	spin_unlock(&queue->base.lock, flags);
	if (kick)
		virtqueue_notify(vq);
	disk_finish(finished);
}

/* A unit that was busy is asked again. */
void scsi_unit_pump(struct timer *timer)
{
	struct scsi_unit *unit = (void *)((char *)timer -
					  offsetof(struct scsi_unit, pause));
	struct scsi_queue *queue = unit->queue;
	struct ferrule_block_request *finished = NULL;
	unsigned long flags = spin_lock(&queue->base.lock);
	bool kick;

	unit->paused = false;
	kick = !queue->base.stopped && scsi_pump(queue, &finished) &&
	       virtqueue_kick_prepare(queue->base.vq);
	spin_unlock(&queue->base.lock, flags);
	if (kick)
		virtqueue_notify(queue->base.vq);
	disk_finish(finished);
}
