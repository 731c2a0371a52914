/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-scsi: single commands, and what their answers mean (VIRTIO 1.3 §5.6.6.1). */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <virtio/device/scsi.h>

/* SCSI statuses (SAM) and sense keys (SPC). */
enum scsi_status {
	STATUS_GOOD = 0,
	STATUS_CHECK_CONDITION = 2,
	STATUS_CONDITION_MET = 4,
	STATUS_BUSY = 8,
	STATUS_RESERVATION_CONFLICT = 0x18,
	STATUS_TASK_SET_FULL = 0x28,
	STATUS_TASK_ABORTED = 0x40,
};

enum sense_key {
	KEY_NO_SENSE = 0,
	KEY_RECOVERED = 1,
	KEY_NOT_READY = 2,
	KEY_ILLEGAL_REQUEST = 5,
	KEY_UNIT_ATTENTION = 6,
	KEY_DATA_PROTECT = 7,
	KEY_ABORTED = 11,
	KEY_VOLUME_OVERFLOW = 13,
};

#define ATTEMPTS_AGAIN 6  /* a unit may have several unit attentions to tell */
#define ATTEMPTS_BUSY  50 /* each after PAUSE_NS */
#define PAUSE_NS       (20 * NS_PER_MS)

void scsi_lun(uint8_t lun[8], unsigned target, unsigned number)
{
	memset(lun, 0, 8);
	lun[0] = 1;
	lun[1] = (uint8_t)target;
	lun[2] = (uint8_t)(0x40 | number >> 8);
	lun[3] = (uint8_t)number;
}

static void set(struct scsi_outcome *out, enum scsi_verdict verdict, int error)
{
	out->verdict = verdict;
	out->error = error;
}

static void judge_illegal(struct scsi_outcome *out)
{
	switch (out->asc) {
	case 0x25: /* logical unit not supported: it was removed */
		set(out, SCSI_DONE, -ENODEV);
		break;
	case 0x20: /* invalid command */
	case 0x24: /* invalid field in the CDB */
	case 0x26: /* invalid field in the parameters */
		set(out, SCSI_DONE, -ENOTSUP);
		break;
	default:
		set(out, SCSI_DONE, -EIO);
	}
}

static void judge_sense(struct scsi_outcome *out)
{
	switch (out->key) {
	case KEY_NO_SENSE:
	case KEY_RECOVERED:
		set(out, SCSI_DONE, 0);
		break;
	case KEY_NOT_READY:
		if (out->asc == 0x3a)
			set(out, SCSI_DONE, -ENOMEDIUM);
		else if (out->asc == 4 && out->ascq == 1) /* becoming ready */
			set(out, SCSI_BUSY, -EIO);
		else
			set(out, SCSI_DONE, -EIO);
		break;
	case KEY_ILLEGAL_REQUEST:
		judge_illegal(out);
		break;
	case KEY_UNIT_ATTENTION:
	case KEY_ABORTED:
		set(out, SCSI_AGAIN, -EIO);
		break;
	case KEY_DATA_PROTECT: /* 27h/07h: thin provisioning ran out of space */
		set(out, SCSI_DONE,
		    out->asc == 0x27 && out->ascq == 7 ? -ENOSPC : -EROFS);
		break;
	case KEY_VOLUME_OVERFLOW:
		set(out, SCSI_DONE, -ENOSPC);
		break;
	default:
		set(out, SCSI_DONE, -EIO);
	}
}

/* Fixed and descriptor format (SPC-4 §4.5). */
static void decode_sense(const uint8_t *sense, uint32_t length, struct scsi_outcome *out)
{
	uint8_t format = length ? sense[0] & 0x7f : 0;

	if ((format == 0x72 || format == 0x73) && length >= 4) {
		out->key = sense[1] & 15;
		out->asc = sense[2];
		out->ascq = sense[3];
	} else if ((format == 0x70 || format == 0x71) && length >= 3) {
		out->key = sense[2] & 15;
		out->asc = length > 13 ? sense[12] : 0;
		out->ascq = length > 13 ? sense[13] : 0;
	} else {
		out->key = 15; /* none that says anything: an error */
	}
}

static void judge_status(struct scsi_outcome *out, uint8_t status)
{
	switch (status) {
	case STATUS_GOOD:
	case STATUS_CONDITION_MET:
		set(out, SCSI_DONE, 0);
		break;
	case STATUS_CHECK_CONDITION:
		judge_sense(out);
		break;
	case STATUS_BUSY:
	case STATUS_TASK_SET_FULL:
		set(out, SCSI_BUSY, -EIO);
		break;
	case STATUS_RESERVATION_CONFLICT:
		set(out, SCSI_DONE, -EBUSY);
		break;
	case STATUS_TASK_ABORTED:
		set(out, SCSI_AGAIN, -EIO);
		break;
	default:
		set(out, SCSI_DONE, -EIO);
	}
}

/* [SCS-05] The response first, then the status, then the sense data. [SCS-04] A failure of
 * the target is not tried elsewhere. */
void scsi_judge(const struct scsi_answer *shared, uint32_t bytes, uint32_t used,
		struct scsi_outcome *out)
{
	struct scsi_answer answer;
	uint32_t length;

	(void)used; /* devices of the field set it to anything */
	memcpy(&answer, shared, sizeof(answer));
	*out = (struct scsi_outcome){ .residual = answer.residual < bytes
							  ? answer.residual
							  : bytes };
	switch (answer.response) {
	case VIRTIO_SCSI_S_OK:
		length = answer.sense_len < SCSI_SENSE_BYTES ? answer.sense_len
							     : SCSI_SENSE_BYTES;
		if (answer.status == STATUS_CHECK_CONDITION)
			decode_sense(answer.sense, length, out);
		judge_status(out, answer.status);
		break;
	case VIRTIO_SCSI_S_BUSY:
		set(out, SCSI_BUSY, -EIO);
		break;
	case VIRTIO_SCSI_S_ABORTED:
	case VIRTIO_SCSI_S_RESET:
	case VIRTIO_SCSI_S_TRANSPORT_FAILURE:
	case VIRTIO_SCSI_S_NEXUS_FAILURE:
		set(out, SCSI_AGAIN, -EIO);
		break;
	case VIRTIO_SCSI_S_BAD_TARGET:
	case VIRTIO_SCSI_S_INCORRECT_LUN:
		set(out, SCSI_DONE, -ENODEV);
		break;
	default:
		set(out, SCSI_DONE, -EIO);
	}
}

static void run_once(struct scsi_queue *queue, struct scsi_call *call)
{
	struct ferrule_block_request *finished = NULL;
	struct wait wait;
	unsigned long flags;
	bool kick;

	call->done = false;
	call->tries = 0;
	call->next = NULL;
	call->waiter = (struct wait_queue){ 0 };
	wait_begin(&call->waiter, &wait);
	flags = spin_lock(&queue->base.lock);
	if (queue->base.error || (call->unit && call->unit->dead)) {
		set(&call->outcome, SCSI_DONE,
		    queue->base.error ? queue->base.error : -ENODEV);
		call->done = true;
	} else {
		*queue->calls_end = call;
		queue->calls_end = &call->next;
	}
	kick = !queue->base.stopped && scsi_pump(queue, &finished) &&
	       virtqueue_kick_prepare(queue->base.vq);
	spin_unlock(&queue->base.lock, flags);
	if (kick)
		virtqueue_notify(queue->base.vq);
	disk_finish(finished);
	for (;;) { /* under the lock, so that its end is over */
		bool done;

		flags = spin_lock(&queue->base.lock);
		done = call->done;
		spin_unlock(&queue->base.lock, flags);
		if (done)
			break;
		wait_sleep(&wait, NO_DEADLINE);
	}
	wait_end(&wait);
}

int scsi_run(struct scsi *scsi, struct scsi_call *call, uint32_t *got)
{
	struct scsi_queue *queue = call->unit ? call->unit->queue : scsi->queues;

	for (unsigned again = 0, busy = 0;;) {
		run_once(queue, call);
		if (call->outcome.verdict == SCSI_DONE)
			break;
		if (call->outcome.verdict == SCSI_AGAIN && ++again == ATTEMPTS_AGAIN)
			break;
		if (call->outcome.verdict == SCSI_BUSY) {
			if (++busy == ATTEMPTS_BUSY)
				break;
			thread_sleep_until(clock_ns() + PAUSE_NS);
		}
	}
	if (got)
		*got = call->bytes - call->outcome.residual;
	return call->outcome.error;
}

int scsi_ask(struct scsi_unit *unit, const uint8_t cdb[16], uint32_t bytes,
	     uint8_t **data, uint32_t *got)
{
	struct scsi_call call = { .unit = unit, .bytes = bytes };
	int error;

	memcpy(call.lun, unit->lun, 8);
	memcpy(call.cdb, cdb, 16);
	*data = NULL;
	if (bytes) {
		*data = kzalloc(SCSI_DATA_BYTES);
		if (!*data)
			return -ENOMEM;
		call.data = *data;
	}
	error = scsi_run(unit->scsi, &call, got);
	if (error) {
		kfree(*data);
		*data = NULL;
	}
	return error;
}
