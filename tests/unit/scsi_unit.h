/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The units of the virtio-scsi device in memory (scsi_device.h): the commands they know. */

#ifndef SCSI_UNIT_H
#define SCSI_UNIT_H

#include <unit.h>
#include <virtio/device/scsi.h>
#include "mock/mock.h"

#define BYTES (1u << 20)
#define UNITS 4

static struct unit {
	bool there;
	unsigned target, number;
	uint8_t type;
	uint32_t block;
	uint64_t blocks;
	bool read_only, no_cache, no_16;
	bool cache_fixed, cache_stuck;	  /* WCE: not changeable; "changed" in vain */
	unsigned attentions, busy;	  /* answers of that kind still to come */
	uint8_t attention;		  /* what they say; 0: 29h, a reset */
	uint8_t key, asc, ascq;		  /* of the next command that moves data */
	unsigned commands, flushes, most; /* counted; most: in flight at once */
	uint8_t data[BYTES];
} units[UNITS];

static struct {
	bool ignore;		/* takes commands, answers none */
	bool unwritten;		/* "uses" them without an answer */
	uint8_t response;	/* forced, if not 0 */
	uint8_t status;		/* forced, if not 0 */
	uint32_t residual;	/* claimed */
	uint32_t sense_len;	/* claimed, if not 0 */
	uint32_t report_length; /* of REPORT LUNS, claimed, if not 0 */
	uint32_t last_block;	/* of READ CAPACITY, if not 0 */
	unsigned unmaps, sames, tasks, selects;
	uint32_t task_types[16];
	uint8_t last_lun[8];
	bool mode_lie; /* a byte of each MODE SENSE is something else */
	uint8_t mode_at, mode_value;
	unsigned most_pieces;
	uint32_t most_bytes;
} device;

static struct unit *unit_at(const uint8_t lun[8])
{
	for (unsigned i = 0; i < UNITS; i++)
		if (units[i].there && units[i].target == lun[1] &&
		    units[i].number == ((unsigned)(lun[2] & 0x3f) << 8 | lun[3]))
			return &units[i];
	return NULL;
}

static bool target_there(unsigned target)
{
	for (unsigned i = 0; i < UNITS; i++)
		if (units[i].there && units[i].target == target)
			return true;
	return false;
}

static void sense(struct scsi_answer *answer, uint8_t key, uint8_t asc, uint8_t ascq)
{
	answer->status = 2;
	answer->sense_len = 18;
	memset(answer->sense, 0, sizeof(answer->sense));
	answer->sense[0] = 0x70;
	answer->sense[2] = key;
	answer->sense[7] = 10;
	answer->sense[12] = asc;
	answer->sense[13] = ascq;
}

static uint32_t report_luns(unsigned target, uint8_t *out)
{
	uint32_t length = 0;

	for (unsigned i = 0; i < UNITS; i++) {
		if (!units[i].there || units[i].target != target)
			continue;
		out[8 + length] = units[i].number > 255
					  ? (uint8_t)(0x40 | units[i].number >> 8)
					  : 0;
		out[9 + length] = (uint8_t)units[i].number;
		length += 8;
	}
	put_be32(out, device.report_length ? device.report_length : length);
	return 8 + length;
}

static uint32_t inquiry(const struct unit *unit, const uint8_t *cdb, uint8_t *out,
			struct scsi_answer *answer)
{
	if (!unit) {
		out[0] = 0x7f;
		return 36;
	}
	if (!(cdb[1] & 1)) {
		out[0] = unit->type;
		return 36;
	}
	out[1] = cdb[2];
	switch (cdb[2]) {
	case 0x80:
		memcpy(out + 4, "serial  ", 8);
		out[3] = 8;
		return 12;
	case 0xb0:
		out[3] = 60;
		put_be32(out + 20, 100); /* blocks an UNMAP */
		put_be32(out + 24, 1);
		put_be32(out + 28, 8);
		put_be64(out + 36, 64); /* blocks a WRITE SAME */
		return 64;
	case 0xb2:
		out[5] = 0x80;
		return 8;
	}
	sense(answer, 5, 0x24, 0);
	return 0;
}

static uint32_t capacity(const struct unit *unit, const uint8_t *cdb, uint8_t *out,
			 struct scsi_answer *answer)
{
	uint64_t last = device.last_block ? device.last_block : unit->blocks - 1;

	if (cdb[0] == 0x25) {
		put_be32(out, last > UINT32_MAX ? UINT32_MAX : (uint32_t)last);
		put_be32(out + 4, unit->block);
		return 8;
	}
	if (unit->no_16) {
		sense(answer, 5, 0x20, 0);
		return 0;
	}
	put_be64(out, last);
	put_be32(out + 8, unit->block);
	out[13] = 1;
	return 32;
}

/* Moves data; the bytes moved. */
static uint32_t transfer(struct unit *unit, const struct mock_chain *chain,
			 const uint8_t *cdb, struct scsi_answer *answer)
{
	bool read = cdb[0] == 0x28 || cdb[0] == 0x88, ten = cdb[0] < 0x80;
	uint64_t block = ten ? get_be32(cdb + 2) : get_be64(cdb + 2);
	uint32_t blocks = ten ? get_be16(cdb + 7) : get_be32(cdb + 10);
	uint32_t bytes = read ? chain->writable - 108 : chain->readable - 51;
	uint64_t at = block * unit->block;

	assert_int_equal(bytes, blocks * unit->block);
	assert_true(block + blocks <= unit->blocks);
	if (bytes > device.most_bytes)
		device.most_bytes = bytes;
	if (chain->count - 2 > device.most_pieces)
		device.most_pieces = chain->count - 2;
	if (unit->key) {
		sense(answer, unit->key, unit->asc, unit->ascq);
		return 0;
	}
	if (at + bytes > BYTES) /* far out: nothing is kept there */
		return bytes;
	if (read)
		mock_write(chain, 108, unit->data + at, bytes);
	else
		mock_read(chain, 51, unit->data + at, bytes);
	return bytes;
}

static void range(struct unit *unit, const struct mock_chain *chain, const uint8_t *cdb)
{
	uint8_t list[24], zero[4096] = { 0 }, got[4096];

	if (cdb[0] == 0x42) {
		assert_int_equal(chain->readable, 51 + 24);
		assert_int_equal(get_be16(cdb + 7), 24);
		mock_read(chain, 51, list, 24);
		assert_int_equal(get_be16(list), 22);
		assert_int_equal(get_be16(list + 2), 16);
		assert_true(get_be32(list + 16) <= 100);
		assert_true(get_be64(list + 8) + get_be32(list + 16) <= unit->blocks);
		device.unmaps++;
		return;
	}
	assert_int_equal(chain->readable, 51 + unit->block);
	mock_read(chain, 51, got, unit->block);
	assert_memory_equal(got, zero, unit->block);
	assert_true(get_be32(cdb + 10) <= 64);
	memset(unit->data + get_be64(cdb + 2) * unit->block, 0,
	       get_be32(cdb + 10) * unit->block);
	device.sames++;
}

/* Header, a block descriptor, the caching page. */
static uint32_t mode_sense(const struct unit *unit, const uint8_t *cdb, uint8_t *out)
{
	bool changeable = cdb[2] >> 6 == 1;

	assert_int_equal(cdb[2] & 0x3f, 8);
	out[2] = unit->read_only ? 0x80 : 0;
	out[3] = 8;
	out[12] = 0x88;
	out[13] = 18;
	out[14] = changeable ? (unit->cache_fixed ? 0 : 4) : (unit->no_cache ? 0 : 4);
	out[15] = changeable ? 0 : 0x55;
	if (device.mode_lie)
		out[device.mode_at] = device.mode_value;
	return 32;
}

/* Only WCE may differ from what it was. */
static void mode_select(struct unit *unit, const struct mock_chain *chain,
			const uint8_t *cdb, struct scsi_answer *answer)
{
	static const uint8_t rest[] = { 0x55, [16] = 0 };
	uint8_t list[24];

	device.selects++;
	if (device.mode_lie)
		return;
	assert_int_equal(cdb[1], 0x10);
	assert_int_equal(cdb[4], sizeof(list));
	assert_int_equal(chain->readable, 51 + sizeof(list));
	mock_read(chain, 51, list, sizeof(list));
	assert_int_equal(list[0] | list[1] | list[2] | list[3], 0);
	assert_int_equal(list[4], 8);
	assert_int_equal(list[5], 18);
	assert_int_equal(list[6] & ~4, 0);
	assert_memory_equal(list + 7, rest, sizeof(rest));
	if (unit->cache_fixed)
		sense(answer, 5, 0x26, 0);
	else if (!unit->cache_stuck)
		unit->no_cache = !(list[6] & 4);
}

/* One command of a unit that is there. */
static void run(struct unit *unit, const struct mock_chain *chain, const uint8_t *cdb,
		struct scsi_answer *answer)
{
	uint8_t out[256] = { 0 };
	uint32_t length = 0;

	unit->commands++;
	if (unit->attentions && cdb[0] != 0x12) {
		unit->attentions--;
		sense(answer, 6, unit->attention ? unit->attention : 0x29, 0);
		return;
	}
	if (unit->busy && cdb[0] != 0x12) {
		unit->busy--;
		answer->status = 8;
		return;
	}
	switch (cdb[0]) {
	case 0x00:
		return;
	case 0x12:
		length = inquiry(unit, cdb, out, answer);
		break;
	case 0x15:
		mode_select(unit, chain, cdb, answer);
		return;
	case 0x1a:
		length = mode_sense(unit, cdb, out);
		break;
	case 0x25:
	case 0x9e:
		length = capacity(unit, cdb, out, answer);
		break;
	case 0x35:
		unit->flushes++;
		return;
	case 0x42:
	case 0x93:
		range(unit, chain, cdb);
		return;
	case 0x28:
	case 0x2a:
	case 0x88:
	case 0x8a:
		transfer(unit, chain, cdb, answer);
		return;
	default:
		sense(answer, 5, 0x20, 0);
		return;
	}
	if (length > chain->writable - 108)
		length = chain->writable - 108;
	mock_write(chain, 108, out, length);
	answer->residual = chain->writable - 108 - length;
}

#endif
