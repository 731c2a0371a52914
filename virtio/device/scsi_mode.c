/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-scsi: mode pages (SPC-4 §7.5): write protection and the write cache. */

#include <errno.h>
#include <string.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <virtio/device/scsi.h>

#define MODE_SELECT_6 0x15
#define MODE_SENSE_6  0x1a
#define PAGE_FORMAT   0x10 /* the list holds pages */
#define CHANGEABLE    0x40 /* not the values, but which bits MODE SELECT may change */
#define CACHING_PAGE  8
#define WCE	      4
#define HEADER_BYTES  4
#define PAGE_BYTES_AT 1 /* in the page: how much follows */
#define WCE_AT	      2
#define SAVEABLE      0x80 /* in the page's first byte; reserved in MODE SELECT */

/* The unit's answer, or which bits are changeable; *data is to be freed. Of the caching page
 * *page and *bytes are where it is and its length; *bytes 0: there is none. */
static int sense(struct scsi_unit *unit, uint8_t control, uint8_t **data, uint32_t *page,
		 uint32_t *bytes)
{
	uint8_t cdb[16] = { MODE_SENSE_6, 0, control | CACHING_PAGE, 0,
			    SCSI_DATA_BYTES - 1 };
	uint32_t got;
	int error = scsi_ask(unit, cdb, SCSI_DATA_BYTES - 1, data, &got);

	*bytes = 0;
	if (error)
		return error;
	if (got < HEADER_BYTES) {
		kfree(*data);
		return -EIO;
	}
	*page = HEADER_BYTES + (*data)[3];
	if (*page + WCE_AT < got && ((*data)[*page] & 0x3f) == CACHING_PAGE &&
	    (*data)[*page + PAGE_BYTES_AT] >= WCE_AT - 1 &&
	    *page + 2 + (*data)[*page + PAGE_BYTES_AT] <= got)
		*bytes = 2 + (*data)[*page + PAGE_BYTES_AT];
	return 0;
}

/* 1 or 0, or -errno. */
static int cache_is_on(struct scsi_unit *unit)
{
	uint32_t page, bytes;
	uint8_t *data;
	int result = sense(unit, 0, &data, &page, &bytes);

	if (result)
		return result;
	result = bytes ? !!(data[page + WCE_AT] & WCE) : -ENOTSUP;
	kfree(data);
	return result;
}

static bool can_switch(struct scsi_unit *unit)
{
	uint32_t page, bytes;
	uint8_t *data;
	bool can;

	if (sense(unit, CHANGEABLE, &data, &page, &bytes))
		return false;
	can = bytes && data[page + WCE_AT] & WCE;
	kfree(data);
	return can;
}

/* The page as it is, but for WCE. */
static int switch_cache(struct scsi_unit *unit, bool on)
{
	struct scsi_call call = { .unit = unit, .out = true };
	uint32_t page, bytes;
	uint8_t *data;
	int error = sense(unit, 0, &data, &page, &bytes);

	if (error)
		return error;
	if (bytes) {
		memmove(data + HEADER_BYTES, data + page, bytes);
		memset(data, 0, HEADER_BYTES);
		data[HEADER_BYTES] &= (uint8_t)~SAVEABLE;
		data[HEADER_BYTES + WCE_AT] &= (uint8_t)~WCE;
		data[HEADER_BYTES + WCE_AT] |= on ? WCE : 0;
		memcpy(call.lun, unit->lun, 8);
		call.data = data;
		call.bytes = HEADER_BYTES + bytes;
		call.cdb[0] = MODE_SELECT_6;
		call.cdb[1] = PAGE_FORMAT;
		call.cdb[4] = (uint8_t)call.bytes;
	}
	error = bytes ? scsi_run(unit->scsi, &call, NULL) : -ENOTSUP;
	kfree(data);
	if (error)
		return error;
	return cache_is_on(unit) == on ? 0 : -EIO;
}

int scsi_write_cache(struct ferrule_block *disk, bool on)
{
	struct scsi_unit *unit = scsi_unit_of(disk);
	enum scsi_cache before = unit->cache;
	int error;

	/* First: a scan that finds the unit reset meanwhile is to set the same. */
	__atomic_store_n(&unit->cache, on ? SCSI_CACHE_ON : SCSI_CACHE_OFF,
			 __ATOMIC_RELAXED);
	error = switch_cache(unit, on);
	if (error)
		__atomic_store_n(&unit->cache, before, __ATOMIC_RELAXED);
	return error;
}

void scsi_cache_check(struct scsi_unit *unit)
{
	struct ferrule_block_info *info = &unit->disk.info;
	enum scsi_cache wanted = __atomic_load_n(&unit->cache, __ATOMIC_RELAXED);
	int on = unit->disk.flush ? cache_is_on(unit) : -ENOTSUP;

	if (on < 0 || (wanted == SCSI_CACHE_ON && on) ||
	    (wanted == SCSI_CACHE_OFF && !on))
		return;
	if (wanted == SCSI_CACHE_AS_IT_IS) {
		info->flushable = on;
		return;
	}
	if (!switch_cache(unit, wanted == SCSI_CACHE_ON))
		return;
	log_error("%s: its write cache is %s again and cannot be switched", info->name,
		  on ? "on" : "off");
	__atomic_store_n(&unit->cache, SCSI_CACHE_AS_IT_IS, __ATOMIC_RELAXED);
	info->flushable = on;
}

void scsi_modes_read(struct scsi_unit *unit, bool cd)
{
	struct ferrule_block_info *info = &unit->disk.info;
	uint32_t page, bytes;
	uint8_t *data;

	info->read_only = cd;
	info->flushable = !cd;
	unit->disk.flush = !cd;
	if (cd || sense(unit, 0, &data, &page, &bytes))
		return;
	info->read_only = data[2] & 0x80;
	if (bytes)
		info->flushable = data[page + WCE_AT] & WCE;
	kfree(data);
	info->cache_switchable = bytes && can_switch(unit);
}
