/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	tests/unit/host/cmdline.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/virtqueue.c kernel/format.c
 *	virtio/device/block.c virtio/device/block_issue.c virtio/device/block_queue.c
 *	virtio/device/block_config.c
 *	virtio/device/block_request.c virtio/device/block_zones.c virtio/device/disk.c
 *	virtio/device/disk_api.c virtio/device/disk_data.c virtio/device/disk_queue.c
 *	virtio/device/watchdog.c virtio/device/disk_more.c
 *	virtio/device/pieces.c */

/* virtio-blk: zoned disks (VIRTIO 1.3 §5.2.6), which no QEMU of today has. [BLK-15] */

#include <ferrule/zones.h>
#include "block_device.h"

#define ZONE	   256u /* sectors; the first zone is conventional */
#define ZONES	   (SECTORS / ZONE)
#define MAX_OPEN   2
#define MAX_ACTIVE 3

static struct {
	uint64_t pointer;
	uint8_t state;
} zones[ZONES];
static bool liar; /* descriptors that make no sense */
static unsigned lie;

static unsigned in_state(unsigned first, unsigned last)
{
	unsigned count = 0;

	for (unsigned i = 1; i < ZONES; i++)
		count += zones[i].state >= first && zones[i].state <= last;
	return count;
}

static uint8_t open_zone(unsigned zone, unsigned state)
{
	bool open = zones[zone].state == FERRULE_ZONE_OPEN_IMPLICITLY ||
		    zones[zone].state == FERRULE_ZONE_OPEN_EXPLICITLY;

	if (zones[zone].state == FERRULE_ZONE_FULL)
		return VIRTIO_BLK_S_ZONE_INVALID_CMD;
	if (zones[zone].state == FERRULE_ZONE_EMPTY && in_state(2, 4) == MAX_ACTIVE)
		return VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE;
	if (!open && in_state(2, 3) == MAX_OPEN)
		return VIRTIO_BLK_S_ZONE_OPEN_RESOURCE;
	if (!open || state == FERRULE_ZONE_OPEN_EXPLICITLY)
		zones[zone].state = (uint8_t)state;
	return VIRTIO_BLK_S_OK;
}

static uint8_t write_zone(const struct mock_chain *chain, uint64_t sector)
{
	unsigned zone = (unsigned)(sector / ZONE);
	uint32_t sectors = (chain->readable - 16) / 512;
	uint8_t status;

	assert_int_equal((chain->readable - 16) % 4096, 0);
	if (zone && sector != zones[zone].pointer)
		return VIRTIO_BLK_S_ZONE_UNALIGNED_WP;
	status = zone ? open_zone(zone, FERRULE_ZONE_OPEN_IMPLICITLY) : 0;
	if (!status && sector + sectors > (zone + 1) * ZONE)
		status = VIRTIO_BLK_S_ZONE_INVALID_CMD;
	if (status)
		return status;
	mock_read(chain, 16, medium + sector * 512, sectors * 512);
	zones[zone].pointer += sectors;
	if (zone && zones[zone].pointer == (zone + 1) * ZONE)
		zones[zone].state = FERRULE_ZONE_FULL;
	return VIRTIO_BLK_S_OK;
}

static void reset_zone(unsigned zone)
{
	zones[zone].pointer = zone * ZONE;
	zones[zone].state = zone ? FERRULE_ZONE_EMPTY : FERRULE_ZONE_NO_POINTER;
}

static uint32_t report(const struct mock_chain *chain, uint64_t sector)
{
	uint32_t room = (chain->writable - 1 - 64) / 64;
	uint64_t count = 0;

	for (uint64_t zone = sector / ZONE; zone < ZONES && count < room; zone++) {
		struct {
			uint64_t capacity, start, pointer;
			uint8_t type, state, pad[38];
		} descriptor = { ZONE,
				 zone * ZONE,
				 zones[zone].pointer,
				 zone ? FERRULE_ZONE_SEQUENTIAL_REQUIRED
				      : FERRULE_ZONE_CONVENTIONAL,
				 zones[zone].state,
				 { 0 } };

		if (liar && lie == 0)
			descriptor.capacity = UINT64_MAX;
		if (liar && lie == 1)
			descriptor.start = SECTORS;
		if (liar && lie == 2)
			descriptor.pointer = UINT64_MAX;
		if (liar && lie == 3)
			descriptor.type = 0;
		if (liar && lie == 4)
			descriptor.state = 7;
		mock_write(chain, 64 + 64 * (uint32_t)count++, &descriptor, 64);
	}
	if (liar && lie == 5)
		count = room + 1;
	if (liar && lie == 6)
		count = UINT64_MAX;
	mock_write(chain, 0, &count, 8);
	return chain->writable - 1;
}

static int zone_requests(struct mock *mock, const struct mock_chain *chain, uint32_t type,
			 uint64_t sector, uint8_t *status)
{
	unsigned zone = (unsigned)(sector / ZONE);
	uint64_t where = zones[zone].pointer;

	assert_true(mock_has(mock, VIRTIO_BLK_F_ZONED));
	assert_true(sector < SECTORS);
	if (type == VIRTIO_BLK_T_ZONE_REPORT)
		return (int)report(chain, sector);
	assert_int_equal(sector % ZONE, 0);
	if (type == VIRTIO_BLK_T_ZONE_APPEND) {
		assert_int_equal(chain->writable, 9);
		*status = zone ? write_zone(chain, where) : VIRTIO_BLK_S_ZONE_INVALID_CMD;
		if (liar)
			where = UINT64_MAX;
		return (int)mock_write(chain, 0, &where, 8);
	}
	assert_int_equal(chain->count, 2);
	if (type == VIRTIO_BLK_T_ZONE_RESET_ALL) {
		assert_int_equal(sector, 0);
		for (unsigned i = 0; i < ZONES; i++)
			reset_zone(i);
		return 0;
	}
	if (!zone) {
		*status = VIRTIO_BLK_S_ZONE_INVALID_CMD;
		return 0;
	}
	if (type == VIRTIO_BLK_T_ZONE_RESET)
		reset_zone(zone);
	else if (type == VIRTIO_BLK_T_ZONE_FINISH)
		zones[zone].state = FERRULE_ZONE_FULL;
	else if (type == VIRTIO_BLK_T_ZONE_OPEN)
		*status = open_zone(zone, FERRULE_ZONE_OPEN_EXPLICITLY);
	else if (type == VIRTIO_BLK_T_ZONE_CLOSE && in_state(2, 4) &&
		 zones[zone].state >= 2 && zones[zone].state <= 4)
		zones[zone].state = FERRULE_ZONE_CLOSED;
	else if (type == VIRTIO_BLK_T_ZONE_CLOSE)
		*status = VIRTIO_BLK_S_ZONE_INVALID_CMD;
	else
		return -1;
	return 0;
}

/* Plain writes follow the zones' rules too. */
static void serve_zoned(struct mock *mock, unsigned queue)
{
	static struct mock_chain chain;
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header;

	if (mock_available(mock, queue) > device.most_available)
		device.most_available = mock_available(mock, queue);
	while (mock_pop(mock, queue, &chain)) {
		mock_read(&chain, 0, &header, 16);
		if (header.type == VIRTIO_BLK_T_OUT) {
			uint8_t status = write_zone(&chain, header.sector);

			mock_write(&chain, 0, &status, 1);
			mock_push(mock, queue, &chain, 1);
		} else {
			serve_one(mock, queue, &chain);
		}
		/* One at a time: what comes next was not there before. */
		mock_interrupt(mock, queue);
	}
}

static struct mock *zoned(enum ferrule_zoned_model model)
{
	struct mock *mock = fresh();

	for (unsigned i = 0; i < ZONES; i++)
		reset_zone(i);
	liar = false;
	device.more = zone_requests;
	mock->serve = serve_zoned;
	mock_offer(mock, VIRTIO_BLK_F_ZONED);
	mock_offer(mock, VIRTIO_BLK_F_DISCARD);
	put(mock, 36, 100, 4);
	put(mock, 40, 1, 4);
	put(mock, 72, ZONE, 4);
	put(mock, 76, MAX_OPEN, 4);
	put(mock, 80, MAX_ACTIVE, 4);
	put(mock, 84, 64, 4);
	put(mock, 88, 4096, 4);
	put(mock, 92, (uint64_t)model, 1);
	return mock;
}

/* [BLK-15] */
static void models(void **state)
{
	struct mock *mock = zoned(FERRULE_ZONED_HOST_MANAGED);
	struct ferrule_zones_info info;

	(void)state;
	start(mock);
	assert_false(mock_has(mock, VIRTIO_BLK_F_DISCARD));
	assert_int_equal(ferrule_zones_info(disk, &info), 0);
	assert_int_equal(info.model, FERRULE_ZONED_HOST_MANAGED);
	assert_int_equal(info.zones, ZONES);
	assert_int_equal(info.zone_sectors, ZONE);
	assert_int_equal(info.max_open, MAX_OPEN);
	assert_int_equal(info.max_active, MAX_ACTIVE);
	assert_int_equal(info.append_max_sectors, 64);
	assert_int_equal(info.write_granularity_bytes, 4096);
	finish(mock);

	mock = zoned(FERRULE_ZONED_HOST_AWARE);
	start(mock);
	assert_true(mock_has(mock, VIRTIO_BLK_F_DISCARD));
	assert_int_equal(ferrule_zones_info(disk, &info), 0);
	assert_int_equal(info.model, FERRULE_ZONED_HOST_AWARE);
	finish(mock);

	for (unsigned model = 0; model < 256; model += 85) { /* none, and unknown ones */
		mock = zoned((enum ferrule_zoned_model)model);
		start(mock);
		assert_int_equal(ferrule_zones_info(disk, &info), -ENOTSUP);
		assert_int_equal(ferrule_zone_change(disk, FERRULE_ZONE_RESET_ALL, 0),
				 -ENOTSUP);
		finish(mock);
	}
}

/* [BLK-15] */
static void writes_go_to_the_pointer(void **state)
{
	struct mock *mock = zoned(FERRULE_ZONED_HOST_MANAGED);

	(void)state;
	start(mock);
	assert_int_equal(ferrule_block_write(disk, ZONE, buffer, 4096), 0);
	assert_int_equal(ferrule_block_write(disk, ZONE, buffer, 4096), -ESPIPE);
	assert_int_equal(ferrule_block_write(disk, ZONE + 16, buffer, 4096), -ESPIPE);
	assert_int_equal(ferrule_block_write(disk, ZONE + 8, buffer, 8192), 0);
	assert_int_equal(ferrule_block_write(disk, ZONE + 24, buffer, 512), -EINVAL);
	assert_int_equal(ferrule_block_write(disk, ZONE + 25, buffer, 4096), -EINVAL);
	assert_int_equal(ferrule_block_read(disk, ZONE + 1, buffer, 512), 0);
	assert_int_equal(ferrule_block_write(disk, 0, buffer, 4096), 0);
	assert_int_equal(ferrule_block_write(disk, 64, buffer, 4096), 0);
	finish(mock);
}

/* [BLK-15] A write that is split: its parts go one after the other, or they would be refused. */
static void long_writes_stay_in_order(void **state)
{
	struct mock *mock = zoned(FERRULE_ZONED_HOST_MANAGED);

	(void)state;
	mock_offer(mock, VIRTIO_BLK_F_SIZE_MAX);
	put(mock, 8, 4096, 4);
	put(mock, 12, 2, 4);
	start(mock);
	memset(buffer, 0x77, ZONE * 512);
	assert_int_equal(ferrule_block_write(disk, 2 * ZONE, buffer, ZONE * 512), 0);
	assert_memory_equal(medium + 2 * ZONE * 512, buffer, ZONE * 512);
	assert_int_equal(zones[2].state, FERRULE_ZONE_FULL);
	assert_int_equal(device.most_available, 1);
	finish(mock);
}

/* [BLK-15] */
static void zones_change(void **state)
{
	struct mock *mock = zoned(FERRULE_ZONED_HOST_MANAGED);
	struct ferrule_zone report[ZONES + 5];

	(void)state;
	start(mock);
	assert_int_equal(ferrule_zone_change(disk, FERRULE_ZONE_OPEN, 0), -EINVAL);
	assert_int_equal(ferrule_zone_change(disk, FERRULE_ZONE_OPEN, 7), -EINVAL);
	assert_int_equal(ferrule_zone_change(disk, FERRULE_ZONE_OPEN, SECTORS), -EINVAL);
	assert_int_equal(ferrule_zone_change(disk, FERRULE_ZONE_OPEN, ZONE), 0);
	assert_int_equal(ferrule_zone_change(disk, FERRULE_ZONE_OPEN, 2 * ZONE), 0);
	assert_int_equal(ferrule_zone_change(disk, FERRULE_ZONE_OPEN, 3 * ZONE),
			 -ETOOMANYREFS);
	assert_int_equal(ferrule_zone_change(disk, FERRULE_ZONE_CLOSE, ZONE), 0);
	assert_int_equal(ferrule_zone_change(disk, FERRULE_ZONE_OPEN, 3 * ZONE), 0);
	assert_int_equal(ferrule_zone_change(disk, FERRULE_ZONE_OPEN, 4 * ZONE),
			 -EOVERFLOW);
	assert_int_equal(ferrule_zone_change(disk, FERRULE_ZONE_FINISH, 2 * ZONE), 0);
	assert_int_equal(ferrule_zones_report(disk, 5, report, ZONES + 5), ZONES);
	assert_int_equal(report[0].type, FERRULE_ZONE_CONVENTIONAL);
	assert_int_equal(report[0].state, FERRULE_ZONE_NO_POINTER);
	assert_int_equal(report[1].state, FERRULE_ZONE_CLOSED);
	assert_int_equal(report[2].state, FERRULE_ZONE_FULL);
	assert_int_equal(report[2].pointer, 0);
	assert_int_equal(report[3].state, FERRULE_ZONE_OPEN_EXPLICITLY);
	assert_int_equal(report[3].pointer, 3 * ZONE);
	assert_int_equal(report[ZONES - 1].sector, (ZONES - 1) * ZONE);
	assert_int_equal(ferrule_zones_report(disk, SECTORS - 1, report, 3), 1);
	assert_int_equal(ferrule_zone_change(disk, FERRULE_ZONE_RESET, 2 * ZONE), 0);
	assert_int_equal(zones[2].state, FERRULE_ZONE_EMPTY);
	assert_int_equal(ferrule_zone_change(disk, FERRULE_ZONE_RESET_ALL, 99), 0);
	assert_int_equal(in_state(2, 15), 0);
	finish(mock);
}

/* [BLK-15] */
static void appends(void **state)
{
	struct mock *mock = zoned(FERRULE_ZONED_HOST_MANAGED);
	uint64_t where = 0;

	(void)state;
	start(mock);
	memset(buffer, 0x31, 8192);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(
			ferrule_zone_append(disk, 5 * ZONE, buffer, 8192, &where), 0);
		assert_int_equal(where, 5 * ZONE + 16 * i);
		assert_memory_equal(medium + where * 512, buffer, 8192);
	}
	assert_int_equal(ferrule_zone_append(disk, 5 * ZONE, buffer, 512, &where),
			 -EINVAL);
	assert_int_equal(ferrule_zone_append(disk, 5 * ZONE, buffer, 36864, &where),
			 -EINVAL);
	assert_int_equal(ferrule_zone_append(disk, 0, buffer, 4096, &where), -EINVAL);
	liar = true; /* a place that is none */
	assert_int_equal(ferrule_zone_append(disk, 5 * ZONE, buffer, 4096, &where), -EIO);
	finish(mock);

	mock = zoned(FERRULE_ZONED_HOST_MANAGED);
	put(mock, 84, 0, 4);
	start(mock);
	assert_int_equal(ferrule_zone_append(disk, 5 * ZONE, buffer, 4096, &where),
			 -ENOTSUP);
	finish(mock);
}

/* [BLK-15] */
static void reports_that_lie(void **state)
{
	struct ferrule_zone report[ZONES];

	(void)state;
	for (lie = 0; lie < 7; lie++) {
		struct mock *mock = zoned(FERRULE_ZONED_HOST_MANAGED);

		start(mock);
		liar = true;
		assert_int_equal(ferrule_zones_report(disk, ZONE, report, ZONES), -EIO);
		finish(mock);
	}
	for (unsigned size = 0; size < 3; size++) { /* zones of no length, or of any */
		struct mock *mock = zoned(FERRULE_ZONED_HOST_MANAGED);
		struct ferrule_zones_info info;

		put(mock, 72, size == 0 ? 0 : size == 1 ? 1 : UINT32_MAX, 4);
		start(mock);
		assert_int_equal(ferrule_zones_info(disk, &info), 0);
		assert_true(ferrule_zones_report(disk, 0, report, ZONES) >= 0);
		finish(mock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		block_test(models),	  block_test(writes_go_to_the_pointer),
		block_test(zones_change), block_test(long_writes_stay_in_order),
		block_test(appends),	  block_test(reports_that_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
