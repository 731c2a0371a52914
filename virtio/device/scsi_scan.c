/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-scsi: which logical units there are (SPC REPORT LUNS). One thread at a time. */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <virtio/device/scsi.h>

#define REPORT_LUNS  0xa0
#define REPORT_BYTES 4096
#define UNITS_MAX    256	       /* of a target [SCS-08] */
#define SCAN_NS	     (60 * NS_PER_SEC) /* [SCS-08] for all targets */
#define DRAIN_NS     (10 * NS_PER_MS)

static struct scsi_unit *find(struct scsi *scsi, unsigned target, unsigned number)
{
	struct scsi_unit *unit = scsi->units;

	while (unit && (unit->target != target || unit->number != number))
		unit = unit->next;
	return unit;
}

static struct scsi_queue *queue_for(struct scsi *scsi)
{
	struct scsi_queue *best = scsi->queues;
	unsigned least = UINT32_MAX;

	for (unsigned i = 0; i < scsi->queue_count; i++) {
		unsigned count = 0;

		for (struct scsi_unit *unit = scsi->units; unit; unit = unit->next)
			count += unit->queue == &scsi->queues[i];
		if (count < least) {
			least = count;
			best = &scsi->queues[i];
		}
	}
	return best;
}

static void join_queue(struct scsi_unit *unit)
{
	unsigned long flags = spin_lock(&unit->queue->base.lock);

	unit->next_in_queue = unit->queue->units;
	unit->queue->units = unit;
	spin_unlock(&unit->queue->base.lock, flags);
}

static void leave_queue(struct scsi_unit *unit)
{
	unsigned long flags = spin_lock(&unit->queue->base.lock);
	struct scsi_unit **link = &unit->queue->units;

	while (*link && *link != unit)
		link = &(*link)->next_in_queue;
	if (*link)
		*link = unit->next_in_queue;
	if (unit->queue->turn == unit)
		unit->queue->turn = unit->next_in_queue;
	spin_unlock(&unit->queue->base.lock, flags);
}

static void add(struct scsi *scsi, unsigned target, unsigned number)
{
	struct scsi_unit *unit = kzalloc(sizeof(*unit)), **end = &scsi->units;
	struct ferrule_block *disk;

	if (!unit)
		return;
	disk = &unit->disk;
	unit->scsi = scsi;
	__atomic_fetch_add(&scsi->holders, 1, __ATOMIC_RELAXED);
	unit->queue = queue_for(scsi);
	unit->target = target;
	unit->number = number;
	unit->waiting_end = &unit->waiting;
	unit->pause.expired = scsi_unit_pump;
	unit->seen = true;
	scsi_lun(unit->lun, target, number);
	disk->operations = &scsi_disk_operations;
	if (scsi_probe_unit(unit) == SCSI_NOTHING) {
		disk->operations->free(disk);
		return;
	}
	join_queue(unit);
	while (*end)
		end = &(*end)->next;
	*end = unit;
	disk_add(disk, "sd");
	log_info("%s: %s at target %u unit %u, %llu MiB in blocks of %u%s",
		 scsi->device->name, disk->info.name, target, number,
		 (unsigned long long)(disk->sectors >> 11), disk->info.block_bytes,
		 disk->info.read_only ? ", read-only" : "");
}

/* Its commands come back first: by the device, or by its reset when it is silent. */
static void drain(struct scsi_unit *unit)
{
	unsigned long flags = spin_lock(&unit->queue->base.lock);

	while (unit->in_flight && !unit->queue->base.error) {
		spin_unlock(&unit->queue->base.lock, flags);
		thread_sleep_until(clock_ns() + DRAIN_NS);
		flags = spin_lock(&unit->queue->base.lock);
	}
	spin_unlock(&unit->queue->base.lock, flags);
}

static void forget(struct scsi *scsi, struct scsi_unit *unit)
{
	struct scsi_unit **link = &scsi->units;

	log_info("%s: %s was removed", scsi->device->name, unit->disk.info.name);
	scsi_unit_kill(unit);
	drain(unit);
	while (*link != unit)
		link = &(*link)->next;
	*link = unit->next;
	leave_queue(unit);
	disk_remove(&unit->disk);
}

/* One that is there: new, or perhaps of another size. */
static void visit(struct scsi *scsi, unsigned target, unsigned number)
{
	struct scsi_unit *unit = find(scsi, target, number);
	uint64_t before;

	if (!unit) {
		add(scsi, target, number);
		return;
	}
	before = unit->disk.sectors;
	unit->seen = scsi_probe_capacity(unit) != -ENODEV;
	if (unit->disk.sectors != before)
		log_info("%s: now has %llu sectors", unit->disk.info.name,
			 (unsigned long long)unit->disk.sectors);
	if (unit->seen)
		scsi_cache_check(unit);
}

/* Peripheral and flat addressing (SAM); others are no single level. */
static int number_of(const uint8_t *entry)
{
	switch (entry[0] >> 6) {
	case 0:
		return entry[0] ? -1 : entry[1];
	case 1:
		return (entry[0] & 0x3f) << 8 | entry[1];
	default:
		return -1;
	}
}

/* The numbers in the report, in order: units are named as they are numbered. Over the
 * report itself: each is shorter than its entry. */
static uint32_t sort(const struct scsi *scsi, uint8_t *report, uint32_t entries)
{
	uint16_t *numbers = (uint16_t *)report;
	uint32_t count = 0;

	for (uint32_t i = 0; i < entries; i++) {
		int number = number_of(report + 8 + 8 * i);
		uint32_t at = count;

		if (number < 0 || (unsigned)number > scsi->max_lun)
			continue;
		for (; at && numbers[at - 1] > number; at--)
			numbers[at] = numbers[at - 1];
		numbers[at] = (uint16_t)number;
		count++;
	}
	return count;
}

/* The report of a target's units; NULL: there is none. */
static uint8_t *report(struct scsi *scsi, unsigned target, uint32_t *entries, int *error)
{
	struct scsi_call call = { .bytes = REPORT_BYTES };
	uint8_t *data = kzalloc(REPORT_BYTES);
	uint32_t got, length;

	*error = -ENOMEM;
	*entries = 0;
	if (!data)
		return NULL;
	call.data = data;
	call.unit = find(scsi, target, 0);
	scsi_lun(call.lun, target, 0);
	call.cdb[0] = REPORT_LUNS;
	put_be32(call.cdb + 6, REPORT_BYTES);
	*error = scsi_run(scsi, &call, &got);
	if (*error || got < 8) {
		kfree(data);
		return NULL;
	}
	length = get_be32(data);
	if (length > got - 8)
		length = got - 8;
	*entries = length / 8 < UNITS_MAX ? length / 8 : UNITS_MAX;
	return data;
}

void scsi_scan_target(struct scsi *scsi, unsigned target)
{
	uint32_t entries;
	int error;
	uint8_t *data = report(scsi, target, &entries, &error);

	for (struct scsi_unit *unit = scsi->units; unit; unit = unit->next)
		if (unit->target == target)
			unit->seen = error && error != -ENODEV; /* nothing was learnt */
	if (error == -ENOTSUP)					/* it has but one */
		visit(scsi, target, 0);
	entries = data ? sort(scsi, data, entries) : 0;
	for (uint32_t i = 0; i < entries; i++) {
		unsigned number = ((uint16_t *)data)[i];
		struct scsi_unit *unit = find(scsi, target, number);

		if (!unit || !unit->seen) /* one that is reported twice is one */
			visit(scsi, target, number);
	}
	kfree(data);
	for (struct scsi_unit *unit = scsi->units, *next; unit; unit = next) {
		next = unit->next;
		if (unit->target == target && !unit->seen)
			forget(scsi, unit);
	}
}

void scsi_scan_all(struct scsi *scsi)
{
	uint64_t deadline = clock_ns() + SCAN_NS;

	for (unsigned target = 0; target <= scsi->max_target; target++) {
		if (scsi->ending || scsi->queues->base.error)
			return;
		if (clock_ns() >= deadline) {
			log_error(
				"%s: targets from %u on are not looked at: it is too slow",
				scsi->device->name, target);
			return;
		}
		scsi_scan_target(scsi, target);
	}
}

void scsi_forget_all(struct scsi *scsi)
{
	while (scsi->units)
		forget(scsi, scsi->units);
}
