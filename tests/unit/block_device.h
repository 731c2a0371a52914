/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A virtio-blk device in memory that is strict, and can be told to lie. Included by one
 * test file each, whose sources are:
 *
 *	tests/unit/mock/mock.c tests/unit/mock/transport.c tests/unit/host/….c
 *	virtio/….c virtio/device/block….c virtio/device/disk….c virtio/device/pieces.c */

#ifndef BLOCK_DEVICE_H
#define BLOCK_DEVICE_H

#include <errno.h>
#include <unit.h>
#include <kernel/time.h>
#include <virtio/device/block.h>
#include "host/host.h"
#include "mock/mock.h"

#define SECTORS 4096u

const void *const disk_drivers[] = { NULL };

static uint8_t medium[SECTORS * 512];
static uint8_t stable[SECTORS * 512]; /* what a power cut leaves: the last flush */
static struct {
	bool ignore;	    /* never answers */
	unsigned status;    /* forced, if not 0 */
	bool no_data;	    /* claims all, writes no data */
	int32_t length_off; /* added to the used length */
	unsigned limit;	    /* requests served a round; 0: all */
	const char *id;	    /* serial number */
	uint16_t lifetime[3];
	unsigned requests, flushes; /* counted */
	unsigned by_queue[MOCK_QUEUES];
	uint32_t pieces_max, bytes_max, piece_bytes_max;
	struct {
		uint32_t type;
		uint64_t sector;
		uint32_t sectors;
	} ranges[64];
	unsigned range_count;
	unsigned most_available;
	bool shrunk; /* requests beyond the end were good when they were made */
	unsigned beyond;
	/* Further request types: the bytes written before the status, -1: unknown. */
	int (*more)(struct mock *mock, const struct mock_chain *chain, uint32_t type,
		    uint64_t sector, uint8_t *status);
} device;

static uint32_t take_range(struct mock *mock, const struct mock_chain *chain,
			   uint32_t type)
{
	unsigned feature = type == VIRTIO_BLK_T_DISCARD ? VIRTIO_BLK_F_DISCARD
			   : type == VIRTIO_BLK_T_WRITE_ZEROES
				   ? VIRTIO_BLK_F_WRITE_ZEROES
				   : VIRTIO_BLK_F_SECURE_ERASE;
	struct {
		uint64_t sector;
		uint32_t sectors, flags;
	} range;

	assert_true(mock_has(mock, feature));
	assert_int_equal(chain->readable, 32);
	mock_read(chain, 16, &range, 16);
	assert_int_equal(range.flags, 0);
	assert_true(device.range_count < array_count(device.ranges));
	device.ranges[device.range_count].type = type;
	device.ranges[device.range_count].sector = range.sector;
	device.ranges[device.range_count++].sectors = range.sectors;
	return 0;
}

/* What the device does with one good request; the bytes it writes before the status. */
static uint32_t perform(struct mock *mock, const struct mock_chain *chain, uint32_t type,
			uint64_t sector, uint8_t *status)
{
	uint32_t out = chain->readable - 16, in = chain->writable - 1;
	uint64_t capacity;
	int more;

	memcpy(&capacity, mock->config, 8);
	if (capacity > SECTORS)
		capacity = SECTORS;
	*status = VIRTIO_BLK_S_OK;
	if (device.shrunk && sector + in / 512 > capacity) {
		*status = VIRTIO_BLK_S_IOERR;
		device.beyond++;
		return 0;
	}
	switch (type) {
	case VIRTIO_BLK_T_IN:
		assert_int_equal(out, 0);
		assert_true(in && in % 512 == 0);
		assert_true(sector + in / 512 <= capacity); /* [BLK-02] */
		if (!device.no_data)
			mock_write(chain, 0, medium + sector * 512, in);
		return in;
	case VIRTIO_BLK_T_OUT:
		assert_int_equal(in, 0);
		assert_true(out && out % 512 == 0);
		assert_false(mock_has(mock, VIRTIO_BLK_F_RO));
		assert_true(sector + out / 512 <= capacity);
		mock_read(chain, 16, medium + sector * 512, out);
		return 0;
	case VIRTIO_BLK_T_FLUSH:
		assert_true(mock_has(mock, VIRTIO_BLK_F_FLUSH)); /* [BLK-06] */
		assert_int_equal(chain->count, 2);
		assert_int_equal(sector, 0); /* [BLK-08] */
		memcpy(stable, medium, sizeof(stable));
		device.flushes++;
		return 0;
	case VIRTIO_BLK_T_GET_ID:
		assert_int_equal(in, 20); /* [BLK-13] */
		if (!device.id) {
			*status = VIRTIO_BLK_S_UNSUPP;
			return 0;
		}
		mock_write(chain, 0, device.id,
			   (uint32_t)(strlen(device.id) < 20 ? strlen(device.id) : 20));
		return 20;
	case VIRTIO_BLK_T_GET_LIFETIME:
		assert_true(mock_has(mock, VIRTIO_BLK_F_LIFETIME));
		assert_int_equal(in, 6);
		return mock_write(chain, 0, device.lifetime, 6);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
	case VIRTIO_BLK_T_SECURE_ERASE:
		return take_range(mock, chain, type);
	}
	more = device.more ? device.more(mock, chain, type, sector, status) : -1;
	if (more < 0)
		fail_msg("request type %u", type);
	return (uint32_t)more;
}

static void check_framing(const struct mock_chain *chain)
{
	const struct mock_piece *last = &chain->pieces[chain->count - 1];
	uint8_t preset;

	assert_true(chain->count >= 2); /* [BLK-03] */
	assert_false(chain->pieces[0].writable);
	assert_int_equal(chain->pieces[0].bytes, 16);
	assert_true(last->writable);
	assert_true(last->bytes == 1 || last->bytes == 9);
	memcpy(&preset, (uint8_t *)(uintptr_t)last->address + last->bytes - 1, 1);
	assert_int_equal(preset, 0xff); /* [BLK-16] */
	if (chain->count - 2 > device.pieces_max)
		device.pieces_max = chain->count - 2;
	if (chain->readable + chain->writable - 17 > device.bytes_max)
		device.bytes_max = chain->readable + chain->writable - 17;
	for (unsigned i = 1; i < chain->count - 1; i++)
		if (chain->pieces[i].bytes > device.piece_bytes_max)
			device.piece_bytes_max = chain->pieces[i].bytes;
}

static void serve_one(struct mock *mock, unsigned queue, const struct mock_chain *chain)
{
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header;
	uint32_t written, length;
	uint8_t status;

	check_framing(chain);
	assert_int_equal(mock_read(chain, 0, &header, 16), 16);
	assert_int_equal(header.reserved, 0);
	device.requests++;
	device.by_queue[queue]++;
	written = perform(mock, chain, header.type, header.sector, &status);
	if (device.status)
		status = (uint8_t)device.status;
	if (status != 0xff)
		mock_write(chain, chain->writable - 1, &status, 1);
	length = written + 1 + (uint32_t)device.length_off;
	if (length <= chain->writable) {
		mock_push(mock, queue, chain, length);
	} else {
		mock->queues[queue].out[chain->head] = false;
		mock_push_raw(mock, queue, chain->head, length);
	}
}

static void serve(struct mock *mock, unsigned queue)
{
	static struct mock_chain chain;
	unsigned count = 0;

	if (device.ignore)
		return;
	if (mock_available(mock, queue) > device.most_available)
		device.most_available = mock_available(mock, queue);
	while ((!device.limit || count++ < device.limit) && mock_pop(mock, queue, &chain))
		serve_one(mock, queue, &chain);
	mock->queues[queue].kicked |= mock_available(mock, queue) != 0;
	mock_interrupt(mock, queue);
}

static inline void put(struct mock *mock, unsigned offset, uint64_t value, unsigned width)
{
	memcpy(mock->config + offset, &value, width);
}

/* Sleepers let the devices work, and what threads there are. */
static inline bool world(void)
{
	bool moved = mock_run_all();

	return host_threads_run() || moved;
}

static struct mock *fresh(void)
{
	struct mock *mock = mock_new(VIRTIO_ID_BLOCK);

	memset(&device, 0, sizeof(device));
	for (unsigned i = 0; i < sizeof(medium); i++)
		medium[i] = (uint8_t)(i / 512 * 7 + i);
	memcpy(stable, medium, sizeof(stable));
	host_world = world;
	mock->queue_max[0] = 64;
	mock->serve = serve;
	mock->config_bytes = 96;
	put(mock, 0, SECTORS, 8);
	mock_offer(mock, VIRTIO_BLK_F_SEG_MAX);
	put(mock, 12, 62, 4);
	mock_offer(mock, VIRTIO_BLK_F_FLUSH);
	return mock;
}

static struct ferrule_block *disk;
static struct block *block;

static struct ferrule_block *start(struct mock *mock)
{
	assert_int_equal(mock_add(mock), 0);
	disk = ferrule_block_at(0);
	assert_non_null(disk);
	block = block_of(disk);
	assert_ptr_equal(block->device, &mock->device);
	return disk;
}

/* As an unplugged one: nothing of it is left. */
static inline void finish(struct mock *mock)
{
	if (disk)
		ferrule_block_release(disk);
	disk = NULL;
	mock_unplug(mock);
	mock_remove(mock);
	assert_null(ferrule_block_at(0));
}

static uint8_t buffer[2 << 20] __attribute__((aligned(4096)));

static unsigned done_count;
static int done_status;

static inline void done(struct ferrule_block_request *request)
{
	assert_int_not_equal(request->status, -EINPROGRESS);
	assert_ptr_equal(request->context, &done_count);
	done_status = request->status;
	done_count++;
}

static int nothing_left(void **state)
{
	(void)state;
	return host_heap_live || host_page_live || virtio_devices;
}
#define block_test(function) cmocka_unit_test_teardown(function, nothing_left)

#endif
