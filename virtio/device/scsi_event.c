/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-scsi: events (VIRTIO 1.3 §5.6.6.3), and the thread that looks into them. */

#include <errno.h>
#include <string.h>
#include <virtio/device/scsi.h>

#define EVENTS_MISSED	UINT32_C(0x80000000)
#define TRANSPORT_RESET 1
#define PARAM_CHANGE	3
#define PAUSE_NS	(100 * NS_PER_MS)
#define RESET_HARD	0 /* the unit was reset, but is still there */

struct scsi_event {
	uint32_t event;
	uint8_t lun[8];
	uint32_t reason;
};

static bool give(struct scsi *scsi, unsigned index)
{
	unsigned place = index * SCSI_EVENT_BYTES;
	struct virtio_piece piece = { scsi->shared_phys + place, SCSI_EVENT_BYTES };
	uint8_t *buffer = scsi->shared + place;

	memset(buffer, 0, SCSI_EVENT_BYTES);
	return !virtqueue_add(scsi->vqs[1], &piece, 0, 1, buffer);
}

/* [SCS-07] The queue is kept filled. Where devices see only part of memory there may be no
 * room there now: the queue calls back when there is. Under scsi->lock. */
static void fill(struct scsi *scsi)
{
	for (unsigned i = 0; i < SCSI_EVENTS; i++) {
		if (!(scsi->idle_events >> i & 1))
			continue;
		if (!give(scsi, i))
			return;
		scsi->idle_events &= ~(1u << i);
	}
}

void scsi_events_fill(struct scsi *scsi)
{
	unsigned long flags = spin_lock(&scsi->lock);

	scsi->idle_events = (1u << SCSI_EVENTS) - 1;
	fill(scsi);
	spin_unlock(&scsi->lock, flags);
}

void scsi_want_scan(struct scsi *scsi, int target)
{
	if (target < 0)
		__atomic_store_n(&scsi->scan_all, true, __ATOMIC_RELEASE);
	else
		__atomic_fetch_or(&scsi->scan_targets[target / 32 % 8],
				  UINT32_C(1) << target % 32, __ATOMIC_RELEASE);
	timer_arm(&scsi->scan, clock_ns());
}

/* What each event asks to be looked at; what it says besides is not believed. */
static void take(struct scsi *scsi, const struct scsi_event *event)
{
	uint32_t kind = event->event & ~EVENTS_MISSED;

	if (event->event & EVENTS_MISSED)
		scsi_want_scan(scsi, -1);
	if ((kind == TRANSPORT_RESET && event->reason != RESET_HARD) ||
	    kind == PARAM_CHANGE)
		scsi_want_scan(scsi, event->lun[0] == 1 ? event->lun[1] : -1);
}

void scsi_event_used(struct virtqueue *vq)
{
	struct scsi *scsi = virtqueue_device(vq)->driver_data;
	unsigned long flags = spin_lock(&scsi->lock);
	uint8_t *buffer;
	uint32_t bytes;
	bool kick;

	do {
		virtqueue_disable_cb(vq);
		while ((buffer = virtqueue_get(vq, &bytes))) {
			struct scsi_event event;

			memcpy(&event, buffer, sizeof(event));
			if (bytes >= sizeof(event) || scsi->device->transport->legacy)
				take(scsi, &event);
			scsi->idle_events |= 1u << (buffer - scsi->shared) /
							   SCSI_EVENT_BYTES;
		}
		fill(scsi);
	} while (!virtqueue_enable_cb(vq) && !virtqueue_broken(vq));
	kick = virtqueue_kick_prepare(vq);
	spin_unlock(&scsi->lock, flags);
	if (kick)
		virtqueue_notify(vq);
}

static bool has_work(const struct scsi *scsi)
{
	bool any = scsi->scan_all;

	for (unsigned i = 0; i < 8; i++)
		any |= scsi->scan_targets[i] != 0;
	return any && !scsi->ending;
}

/* There is a thread as long as there is something to look at. A device that sends events
 * without end is looked at again and again, but not at once. */
static void work(void *argument)
{
	struct scsi *scsi = argument;
	unsigned long flags;

	if (__atomic_exchange_n(&scsi->scan_all, false, __ATOMIC_ACQUIRE)) {
		scsi_scan_all(scsi);
		__atomic_store_n(&scsi->scanned, true, __ATOMIC_RELEASE);
		wait_wake(&scsi->first_scan, WAKE_ALL, 0);
	}
	for (unsigned i = 0; i < 8; i++) {
		uint32_t targets = __atomic_exchange_n(&scsi->scan_targets[i], 0,
						       __ATOMIC_ACQUIRE);

		for (unsigned bit = 0; bit < 32; bit++)
			if (targets >> bit & 1 && !scsi->ending)
				scsi_scan_target(scsi, i * 32 + bit);
	}
	flags = spin_lock(&scsi->lock);
	if (has_work(scsi))
		timer_arm(&scsi->scan, clock_ns() + PAUSE_NS);
	scsi->thread = false; /* the last: the device may be gone now */
	spin_unlock(&scsi->lock, flags);
}

void scsi_scan_expired(struct timer *timer)
{
	struct scsi *scsi = (void *)((char *)timer - offsetof(struct scsi, scan));
	unsigned long flags = spin_lock(&scsi->lock);

	if (!scsi->thread && has_work(scsi)) {
		scsi->thread = thread_create(scsi->device->name, work, scsi);
		if (!scsi->thread) /* no memory: later */
			timer_arm(timer, clock_ns() + PAUSE_NS);
	}
	spin_unlock(&scsi->lock, flags);
}
