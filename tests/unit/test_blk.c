/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/ring.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c
 *	virtio/device/block.c virtio/device/block_request.c virtio/device/block_api.c
 *	virtio/device/pieces.c */

/* virtio-blk against a disk in memory that is strict, and against devices that lie
 * (requirements BLK). */

#include <errno.h>
#include <unit.h>
#include <kernel/time.h>
#include <virtio/device/block.h>
#include "host/host.h"
#include "mock/mock.h"

#define SECTORS 4096u

static uint8_t medium[SECTORS * 512];
static struct {
	bool ignore;		    /* never answers */
	unsigned status;	    /* forced, if not 0 */
	bool no_data;		    /* claims all, writes no data */
	int32_t length_off;	    /* added to the used length */
	unsigned limit;		    /* requests served a round; 0: all */
	const char *id;		    /* serial number */
	unsigned requests, flushes; /* counted */
	uint32_t pieces_max, bytes_max, piece_bytes_max;
	uint64_t ranges[64][2];
	unsigned range_count;
	unsigned most_available;
} device;

/* What the device does with one good request; the bytes it writes before the status. */
static uint32_t perform(struct mock *mock, const struct mock_chain *chain, uint32_t type,
			uint64_t sector, uint8_t *status)
{
	uint32_t out = chain->readable - 16, in = chain->writable - 1;
	uint64_t range[2];

	*status = VIRTIO_BLK_S_OK;
	switch (type) {
	case VIRTIO_BLK_T_IN:
		assert_int_equal(out, 0);
		assert_true(in && in % 512 == 0);
		assert_true((sector + in / 512) * 512 <= sizeof(medium));
		if (!device.no_data)
			mock_write(chain, 0, medium + sector * 512, in);
		return in;
	case VIRTIO_BLK_T_OUT:
		assert_int_equal(in, 0);
		assert_true(out && out % 512 == 0);
		assert_false(mock_has(mock, VIRTIO_BLK_F_RO));
		assert_true((sector + out / 512) * 512 <= sizeof(medium));
		mock_read(chain, 16, medium + sector * 512, out);
		return 0;
	case VIRTIO_BLK_T_FLUSH:
		assert_true(mock_has(mock, VIRTIO_BLK_F_FLUSH));
		assert_int_equal(chain->count, 2);
		assert_int_equal(sector, 0); /* BLK-08 */
		device.flushes++;
		return 0;
	case VIRTIO_BLK_T_GET_ID:
		assert_int_equal(in, 20); /* BLK-13 */
		if (!device.id) {
			*status = VIRTIO_BLK_S_UNSUPP;
			return 0;
		}
		mock_write(chain, 0, device.id,
			   (uint32_t)(strlen(device.id) < 20 ? strlen(device.id) : 20));
		return 20;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		assert_int_equal(out, 16);
		mock_read(chain, 16, range, 16);
		assert_int_equal(range[1] >> 32, 0); /* flags */
		assert_true(device.range_count < array_count(device.ranges));
		device.ranges[device.range_count][0] = range[0];
		device.ranges[device.range_count++][1] = range[1];
		return 0;
	default:
		fail_msg("request type %u", type);
		return 0;
	}
}

static void check_framing(const struct mock_chain *chain)
{
	const struct mock_piece *last = &chain->pieces[chain->count - 1];
	uint8_t preset;

	assert_true(chain->count >= 2);
	assert_false(chain->pieces[0].writable);
	assert_int_equal(chain->pieces[0].bytes, 16);
	assert_true(last->writable);
	assert_int_equal(last->bytes, 1);
	memcpy(&preset, (void *)(uintptr_t)last->address, 1);
	assert_int_equal(preset, 0xff); /* BLK-16 */
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

static void put(struct mock *mock, unsigned offset, uint64_t value, unsigned width)
{
	memcpy(mock->config + offset, &value, width);
}

static struct mock *fresh(void)
{
	struct mock *mock = mock_new(VIRTIO_ID_BLOCK);

	memset(&device, 0, sizeof(device));
	for (unsigned i = 0; i < sizeof(medium); i++)
		medium[i] = (uint8_t)(i / 512 * 7 + i);
	mock->queue_max[0] = 64;
	mock->serve = serve;
	mock->config_bytes = 60;
	put(mock, 0, SECTORS, 8);
	mock_offer(mock, VIRTIO_BLK_F_SEG_MAX);
	put(mock, 12, 62, 4);
	mock_offer(mock, VIRTIO_BLK_F_FLUSH);
	return mock;
}

static struct ferrule_block *disk;

static struct ferrule_block *start(struct mock *mock)
{
	assert_int_equal(mock_add(mock), 0);
	for (unsigned i = 0; ferrule_block_at(i); i++)
		disk = ferrule_block_at(i);
	assert_ptr_equal(disk->device, &mock->device);
	return disk;
}

/* Disks are never forgotten: this one must not touch its device any more. */
static void finish(struct mock *mock)
{
	if (disk && disk->device == &mock->device) {
		disk->serial_known = true;
		timer_cancel(&disk->watchdog);
	}
	mock_remove(mock);
}

static uint8_t buffer[2 << 20] __attribute__((aligned(4096)));

static void reads_and_writes(void **state)
{
	struct mock *mock = fresh();
	uint64_t kicks;

	(void)state;
	start(mock);
	for (unsigned bytes = 512; bytes <= 65536; bytes *= 2) {
		memset(buffer, 0xaa, bytes + 1);
		assert_int_equal(ferrule_block_read(disk, 3, buffer, bytes), 0);
		assert_memory_equal(buffer, medium + 3 * 512, bytes);
		assert_int_equal(buffer[bytes], 0xaa);
	}
	memset(buffer, 0x42, 8192);
	assert_int_equal(ferrule_block_write(disk, 100, buffer, 8192), 0);
	assert_memory_equal(medium + 51200, buffer, 8192);
	assert_int_equal(ferrule_block_flush(disk), 0);
	assert_int_equal(device.flushes, 1);
	/* The paper's example (§5.1.1): one read is three pieces, one kick, one interrupt. */
	kicks = mock->counts.kicks;
	device.pieces_max = 0;
	assert_int_equal(ferrule_block_read(disk, 8, buffer, 4096), 0);
	assert_int_equal(device.pieces_max, 1);
	assert_int_equal(mock->counts.kicks, kicks + 1);
	assert_int_equal(mock->counts.kicks, mock->counts.interrupts);
	finish(mock);
}

static void bad_arguments(void **state)
{
	struct mock *mock = fresh();
	unsigned before;

	(void)state;
	put(mock, 20, 4096, 4);
	mock_offer(mock, VIRTIO_BLK_F_BLK_SIZE);
	start(mock);
	before = device.requests;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 0), 0);
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 100), -EINVAL);
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 512), -EINVAL);
	assert_int_equal(ferrule_block_read(disk, 1, buffer, 4096), -EINVAL);
	assert_int_equal(ferrule_block_read(disk, SECTORS, buffer, 4096), -EINVAL);
	assert_int_equal(ferrule_block_read(disk, SECTORS - 8, buffer, 8192), -EINVAL);
	assert_int_equal(ferrule_block_read(disk, UINT64_MAX - 7, buffer, 4096), -EINVAL);
	assert_int_equal(ferrule_block_write(disk, 0, buffer, SIZE_MAX / 512 * 512),
			 -EINVAL);
	assert_int_equal(device.requests, before);
	assert_int_equal(ferrule_block_read(disk, SECTORS - 8, buffer, 4096), 0);
	finish(mock);
}

static unsigned done_count;
static int done_status;

static void done(struct ferrule_block_request *request)
{
	assert_int_not_equal(request->status, -EINPROGRESS);
	assert_ptr_equal(request->context, &done_count);
	done_status = request->status;
	done_count++;
}

/* More requests than slots, in one batch: none is refused, one kick starts them. */
static void many_in_flight(struct mock *mock)
{
	enum { COUNT = 500 };
	static struct ferrule_block_request requests[COUNT], *batch[COUNT];
	static struct ferrule_block_segment segments[COUNT];

	done_count = 0;
	for (unsigned i = 0; i < COUNT; i++) {
		segments[i] = (struct ferrule_block_segment){ buffer + i * 4096, 4096 };
		requests[i] = (struct ferrule_block_request){
			.operation = FERRULE_BLOCK_READ,
			.sector = i * 8,
			.segments = &segments[i],
			.segment_count = 1,
			.done = i % 2 ? done : NULL,
			.context = &done_count,
		};
		batch[i] = &requests[i];
	}
	requests[17].sector = SECTORS; /* a bad one in the middle */
	ferrule_block_submit(disk, batch, COUNT);
	assert_int_equal(mock->queues[0].kicks, 1);
	assert_int_equal(done_count, 1);
	assert_int_equal(done_status, -EINVAL);
	for (unsigned i = 0; i < COUNT; i += 2)
		assert_int_equal(ferrule_block_wait(batch[i]), 0);
	while (mock_run(mock))
		;
	assert_int_equal(done_count, COUNT / 2);
	for (unsigned i = 0; i < COUNT; i++)
		if (i != 17)
			assert_memory_equal(buffer + i * 4096, medium + i * 4096, 4096);
	assert_int_equal(disk->in_flight, 0);
}

static void many_in_flight_indirect(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	many_in_flight(mock);
	assert_true(device.most_available >= disk->info.queue_depth);
	assert_true(disk->info.queue_depth >= 40);
	finish(mock);
}

static void many_in_flight_direct(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock_withhold(mock, VIRTIO_F_INDIRECT_DESC);
	mock_withhold(mock, VIRTIO_F_EVENT_IDX);
	mock->queue_max[0] = 8;
	start(mock);
	many_in_flight(mock);
	finish(mock);
}

static void legacy(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->legacy = true;
	mock_withhold(mock, VIRTIO_F_VERSION_1);
	device.length_off = -1; /* BLK-21: it means nothing */
	start(mock);
	assert_int_equal(ferrule_block_read(disk, 8, buffer, 4096), 0);
	assert_memory_equal(buffer, medium + 4096, 4096);
	finish(mock);
}

/* A request beyond every limit is cut at blocks, and its pieces obey them (BLK-04). */
static void large_requests_are_split(void **state)
{
	static const struct {
		unsigned queue, seg_max, size_max, block;
	} cases[] = {
		{ 64, 62, 0, 512 },	 { 64, 3, 1000, 512 },
		{ 64, 1, 512, 512 },	 { 16, 1000000, 700, 512 },
		{ 64, 5, 1000, 4096 },	 { 4, 0, 0, 512 },
		{ 64, 0, 0x2000, 4096 }, { 64, UINT32_MAX, UINT32_MAX, 512 },
	};

	(void)state;
	for (unsigned i = 0; i < array_count(cases); i++) {
		struct mock *mock = fresh();
		struct ferrule_block_segment segments[3] = {
			{ buffer + 512, 512 * 8 },
			{ buffer + 16384, 1 << 20 },
			{ buffer + (1 << 20) + 32768, 4096 * 3 },
		};
		struct ferrule_block_request request = { .operation = FERRULE_BLOCK_READ,
							 .sector = 16,
							 .segments = segments,
							 .segment_count = 3 };
		struct ferrule_block_request *batch = &request;

		mock->queue_max[0] = (uint16_t)cases[i].queue;
		put(mock, 12, cases[i].seg_max, 4);
		put(mock, 8, cases[i].size_max, 4);
		put(mock, 20, cases[i].block, 4);
		mock_offer(mock, VIRTIO_BLK_F_SIZE_MAX);
		mock_offer(mock, VIRTIO_BLK_F_BLK_SIZE);
		start(mock);
		memset(buffer, 0, sizeof(buffer));
		ferrule_block_submit(disk, &batch, 1);
		assert_int_equal(ferrule_block_wait(&request), 0);
		assert_memory_equal(buffer + 512, medium + 16 * 512, 4096);
		assert_memory_equal(buffer + 16384, medium + 24 * 512, 1 << 20);
		assert_memory_equal(buffer + (1 << 20) + 32768,
				    medium + 24 * 512 + (1 << 20), 4096 * 3);
		assert_true(device.pieces_max <=
			    (cases[i].seg_max ? cases[i].seg_max : 1));
		assert_true(device.pieces_max <= cases[i].queue - 2);
		if (cases[i].size_max)
			assert_true(device.piece_bytes_max <= cases[i].size_max);
		assert_int_equal(disk->in_flight, 0);
		request.operation = FERRULE_BLOCK_WRITE;
		memset(buffer + 16384, 0x99, 1 << 20);
		ferrule_block_submit(disk, &batch, 1);
		assert_int_equal(ferrule_block_wait(&request), 0);
		assert_memory_equal(buffer + 16384, medium + 24 * 512, 1 << 20);
		finish(mock);
	}
}

static void impossible_limits_fail_the_probe(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	put(mock, 8, 100, 4); /* size_max */
	put(mock, 12, 2, 4);
	mock_offer(mock, VIRTIO_BLK_F_SIZE_MAX);
	assert_int_not_equal(mock_add(mock), 0);
	assert_true(mock->status & VIRTIO_STATUS_FAILED);
	finish(mock);
	mock = fresh();
	mock->queue_max[0] = 2; /* no room for header, data and status */
	assert_int_not_equal(mock_add(mock), 0);
	finish(mock);
}

static void absurd_configuration(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_info info;

	(void)state;
	memset(mock->config, 0xff, sizeof(mock->config));
	for (unsigned i = 0; i < 15; i++)
		if (i != VIRTIO_BLK_F_RO)
			mock_offer(mock, i);
	mock->config_writable[32] = true;
	start(mock);
	ferrule_block_info(disk, &info);
	assert_true(info.sectors <= UINT64_MAX / 512);
	assert_int_equal(info.block_bytes, 512);
	assert_true(info.physical_block_bytes >= 512);
	assert_true(info.transfer_max_bytes >= 512);
	assert_int_equal(ferrule_block_read(disk, UINT64_MAX - 10, buffer, 8192),
			 -EINVAL);
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 8192), 0);
	finish(mock);
}

static void read_only(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_request request = { .operation = FERRULE_BLOCK_DISCARD,
						 .sectors = 1 };
	struct ferrule_block_request *batch = &request;

	(void)state;
	mock_offer(mock, VIRTIO_BLK_F_RO);
	start(mock);
	assert_int_equal(ferrule_block_write(disk, 0, buffer, 512), -EROFS);
	ferrule_block_submit(disk, &batch, 1);
	assert_int_equal(ferrule_block_wait(&request), -EROFS);
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 512), 0);
	finish(mock);
}

static void caches(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_info info;

	(void)state;
	mock_withhold(mock, VIRTIO_BLK_F_FLUSH); /* neither: write-through (BLK-06) */
	start(mock);
	ferrule_block_info(disk, &info);
	assert_false(info.flushable);
	assert_int_equal(ferrule_block_flush(disk), 0);
	assert_int_equal(device.flushes, 0);
	finish(mock);

	mock = fresh(); /* a cache that cannot be flushed is switched off */
	mock_withhold(mock, VIRTIO_BLK_F_FLUSH);
	mock_offer(mock, VIRTIO_BLK_F_CONFIG_WCE);
	mock->config[32] = 1;
	mock->config_writable[32] = true;
	start(mock);
	assert_int_equal(mock->config[32], 0);
	finish(mock);

	mock = fresh();
	mock_offer(mock, VIRTIO_BLK_F_CONFIG_WCE);
	mock->config[32] = 1;
	start(mock);
	ferrule_block_info(disk, &info);
	assert_true(info.flushable);
	assert_int_equal(mock->config[32], 1);
	finish(mock);
}

static int range_request(enum ferrule_block_operation operation, uint64_t sector,
			 uint64_t sectors)
{
	struct ferrule_block_request request = { .operation = operation,
						 .sector = sector,
						 .sectors = sectors };
	struct ferrule_block_request *batch = &request;

	ferrule_block_submit(disk, &batch, 1);
	return ferrule_block_wait(&request);
}

static void ranges(void **state)
{
	struct mock *mock = fresh();
	uint64_t at = 5;

	(void)state;
	start(mock);
	assert_int_equal(range_request(FERRULE_BLOCK_DISCARD, 0, 8), -ENOTSUP);
	assert_int_equal(range_request(FERRULE_BLOCK_WRITE_ZEROES, 0, 8), -ENOTSUP);
	assert_int_equal(range_request((enum ferrule_block_operation)77, 0, 8), -EINVAL);
	finish(mock);

	mock = fresh();
	mock_offer(mock, VIRTIO_BLK_F_DISCARD);
	mock_offer(mock, VIRTIO_BLK_F_WRITE_ZEROES);
	put(mock, 36, 100, 4); /* sectors, segments, alignment */
	put(mock, 40, 1, 4);
	put(mock, 44, 8, 4);
	put(mock, 48, 1000, 4);
	start(mock);
	assert_int_equal(range_request(FERRULE_BLOCK_DISCARD, 0, 0), -EINVAL);
	assert_int_equal(range_request(FERRULE_BLOCK_DISCARD, 4000, 97), -EINVAL);
	assert_int_equal(range_request(FERRULE_BLOCK_DISCARD, 5, 1000), 0);
	for (unsigned i = 0; i < device.range_count; i++) {
		assert_int_equal(device.ranges[i][0], at);
		assert_true(device.ranges[i][1] <= 100);
		at += device.ranges[i][1];
		if (i + 1 < device.range_count)
			assert_int_equal(at % 8, 0);
	}
	assert_int_equal(at, 1005);
	device.range_count = 0;
	assert_int_equal(range_request(FERRULE_BLOCK_WRITE_ZEROES, 0, SECTORS), 0);
	assert_int_equal(device.range_count, 5);
	finish(mock);
}

static void names_and_serials(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_info info;

	(void)state;
	device.id = "a-serial-of-20-bytes+++";
	start(mock);
	assert_int_equal(device.requests, 0); /* asked for only when wanted */
	ferrule_block_info(disk, &info);
	assert_string_equal(info.serial, "a-serial-of-20-bytes");
	assert_ptr_equal(ferrule_block_find(info.name), disk);
	device.requests = 0;
	assert_ptr_equal(ferrule_block_find("a-serial-of-20-bytes"), disk);
	assert_null(ferrule_block_find("nobody"));
	assert_null(ferrule_block_find(""));
	assert_string_equal(ferrule_block_at(0)->info.name, "vda");
	assert_string_equal(ferrule_block_at(1)->info.name, "vdb");
	finish(mock);
}

static void errors_are_reported(void **state)
{
	static const struct {
		unsigned status;
		int error;
	} cases[] = { { 1, -EIO },
		      { 2, -ENOTSUP },
		      { 3, -EIO },
		      { 200, -EIO },
		      { 0xff, -EIO } /* claims to be done, wrote no status */ };
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	for (unsigned i = 0; i < array_count(cases); i++) {
		device.status = cases[i].status;
		assert_int_equal(ferrule_block_read(disk, 0, buffer, 65536),
				 cases[i].error);
		assert_int_equal(ferrule_block_write(disk, 0, buffer, 4096),
				 cases[i].error);
		assert_int_equal(ferrule_block_flush(disk), cases[i].error);
	}
	device.status = 0;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	finish(mock);
}

/* BLK-17: status says fine, but the length says that not all was written. */
static void short_reads_are_errors(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	device.length_off = -1;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), -EIO);
	device.length_off = -4097;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), -EIO);
	device.length_off = -1;
	assert_int_equal(ferrule_block_write(disk, 0, buffer, 4096), -EIO);
	device.length_off = 0;
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), 0);
	finish(mock);
}

static void huge_lengths_are_cut(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->lenient = true;
	start(mock);
	device.length_off = 1000000;
	ferrule_block_read(disk, 0, buffer, 4096);
	assert_memory_equal(buffer, medium, 4096);
	assert_int_equal(disk->in_flight, 0);
	finish(mock);
}

/* A device that breaks a rule: all that is in flight or waits ends with -EIO, at once,
 * and so does what comes later. */
static void broken_device(void **state)
{
	enum { COUNT = 100 };
	static struct ferrule_block_request requests[COUNT], *batch[COUNT];
	struct ferrule_block_segment segment = { buffer, 4096 };
	struct mock *mock = fresh();

	(void)state;
	mock->lenient = true;
	device.ignore = true;
	start(mock);
	done_count = 0;
	for (unsigned i = 0; i < COUNT; i++) {
		requests[i] = (struct ferrule_block_request){
			.operation = FERRULE_BLOCK_READ,
			.segments = &segment,
			.segment_count = 1,
			.done = done,
			.context = &done_count
		};
		batch[i] = &requests[i];
	}
	ferrule_block_submit(disk, batch, COUNT);
	assert_int_equal(done_count, 0);
	mock_push_raw(mock, 0, 4000000000, 1);
	mock_interrupt_always(mock, 0);
	host_clock_advance(1);
	assert_true(mock->device.broken);
	assert_int_equal(done_count, COUNT);
	assert_int_equal(done_status, -EIO);
	assert_int_equal(disk->in_flight, 0);
	assert_int_equal(ferrule_block_read(disk, 0, buffer, 4096), -EIO);
	assert_int_equal(ferrule_block_flush(disk), -EIO);
	finish(mock);
}

/* BLK-24: a device that never answers is given up after a minute of silence, not before. */
static void silent_device(void **state)
{
	struct mock *mock = fresh();
	uint64_t start_ns = host_clock_ns;

	(void)state;
	start(mock);
	device.ignore = true;
	assert_int_equal(ferrule_block_write(disk, 0, buffer, 512), -EIO);
	assert_in_range(host_clock_ns - start_ns, 60 * NS_PER_SEC, 130 * NS_PER_SEC);
	finish(mock);
}

static void slow_device_is_not_given_up(void **state)
{
	struct ferrule_block_segment segment = { buffer, 4096 };
	struct ferrule_block_request requests[20], *batch[20];
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	device.limit = 1;
	for (unsigned i = 0; i < 20; i++) {
		requests[i] = (struct ferrule_block_request){
			.operation = FERRULE_BLOCK_READ,
			.segments = &segment,
			.segment_count = 1
		};
		batch[i] = &requests[i];
	}
	ferrule_block_submit(disk, batch, 20);
	for (unsigned i = 0; i < 20; i++) {
		mock_run(mock);
		host_clock_advance(50 * NS_PER_SEC);
		assert_int_equal(requests[i].status, 0);
	}
	host_clock_advance(1000 * NS_PER_SEC);
	assert_false(mock->device.broken);
	finish(mock);
}

static void capacity_changes(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_block_info info;

	(void)state;
	start(mock);
	put(mock, 0, 1000, 8);
	mock_config_changed(mock);
	ferrule_block_info(disk, &info);
	assert_int_equal(info.sectors, 1000);
	assert_int_equal(ferrule_block_read(disk, 1000, buffer, 512), -EINVAL);
	assert_int_equal(ferrule_block_read(disk, 999, buffer, 512), 0);
	finish(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(bad_arguments),
		cmocka_unit_test(many_in_flight_indirect),
		cmocka_unit_test(many_in_flight_direct),
		cmocka_unit_test(legacy),
		cmocka_unit_test(large_requests_are_split),
		cmocka_unit_test(impossible_limits_fail_the_probe),
		cmocka_unit_test(absurd_configuration),
		cmocka_unit_test(read_only),
		cmocka_unit_test(caches),
		cmocka_unit_test(ranges),
		cmocka_unit_test(names_and_serials),
		cmocka_unit_test(errors_are_reported),
		cmocka_unit_test(short_reads_are_errors),
		cmocka_unit_test(huge_lengths_are_cut),
		cmocka_unit_test(broken_device),
		cmocka_unit_test(silent_device),
		cmocka_unit_test(slow_device_is_not_given_up),
		cmocka_unit_test(capacity_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
