/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/host/thread.c tests/unit/host/time.c
 *	tests/unit/host/cpu.c
 * rings: own */

/* The strict mock itself: each rule of initialisation and of doorbells that a driver
 * may break is broken by hand, and the mock says so. */

#include "mock/hand.h"

static void kick(void)
{
	mock_doorbell(mock, 0, 2, 0);
}

/* --- initialisation -------------------------------------------------------------------- */

static void accept(uint64_t low, uint64_t high)
{
	struct virtio_features accepted = { { low, high } };

	mock = mock_new(77);
	mock_status_write(mock, 0);
	mock_status_write(mock, 1);
	mock_status_write(mock, 3);
	mock_features_write(mock, &accepted);
	mock_status_write(mock, 11);
}

static void not_offered(void)
{
	accept(VIRTIO_BIT(VIRTIO_F_VERSION_1) | 2, 0);
}

static void not_offered_high(void)
{
	accept(VIRTIO_BIT(VIRTIO_F_VERSION_1), 2);
}

static void without_version_1(void)
{
	accept(0, 0);
}

static void features_late(void)
{
	struct virtio_features accepted = { { 0 } };

	hand_negotiate(0);
	mock_features_write(mock, &accepted);
}

static void bits_dropped(void)
{
	hand_negotiate(0);
	mock_status_write(mock, VIRTIO_STATUS_DRIVER_OK);
}

static void driver_alone(void)
{
	mock = mock_new(77);
	mock_status_write(mock, VIRTIO_STATUS_DRIVER);
}

static void ok_without_features_ok(void)
{
	mock = mock_new(77);
	mock_status_write(mock, 1);
	mock_status_write(mock, 3);
	mock_status_write(mock, 7);
}

static void config_early(void)
{
	mock = mock_new(77);
	mock->config_bytes = 16;
	memset(mock->config_writable, 1, 16);
	mock_config_write(mock, 0, 4, 1);
}

static void config_read_only(void)
{
	hand_negotiate(0);
	mock_config_write(mock, 0, 4, 1);
}

static void config_width(void)
{
	hand_negotiate(0);
	mock_config_read(mock, 0, 8);
}

static void config_unaligned(void)
{
	hand_negotiate(0);
	mock_config_read(mock, 2, 4);
}

static void size_odd(void)
{
	hand_negotiate(0);
	hand_enable(12);
}

static void size_large(void)
{
	hand_negotiate(0);
	hand_enable(128);
}

static void enabled_twice(void)
{
	hand_negotiate(0);
	hand_enable(8);
	hand_enable(8);
}

static void enabled_late(void)
{
	hand_negotiate(0);
	mock_status_write(mock, 15);
	hand_enable(8);
}

static void not_zeroed(void)
{
	hand_negotiate(0);
	device_area[1] = 3;
	hand_enable(8);
}

static void misaligned(void)
{
	hand_negotiate(0);
	queue->size = 8;
	queue->desc = (uintptr_t)ring + 8;
	queue->avail = (uintptr_t)driver_area;
	queue->used = (uintptr_t)device_area;
	mock_queue_enable(mock, 0);
}

static void reset_unasked(void)
{
	hand_start(0);
	mock_queue_reset(mock, 0);
}

/* [INI-01] [INI-02] [INI-07] [INI-08] [NEG-01] [NEG-04] [NEG-10] [CFG-05] [VQ-01] [VQ-02] */
static void initialisation(void **state)
{
	static const struct violation list[] = {
		{ not_offered, "were not offered" },
		{ not_offered_high, "were not offered" },
		{ without_version_1, "VERSION_1 is offered but not accepted" },
		{ features_late, "features written after FEATURES_OK" },
		{ bits_dropped, "status bits dropped" },
		{ driver_alone, "DRIVER without ACKNOWLEDGE" },
		{ ok_without_features_ok, "DRIVER_OK without FEATURES_OK" },
		{ config_early, "configuration written before FEATURES_OK" },
		{ config_read_only, "read-only" },
		{ config_width, "of width 8" },
		{ config_unaligned, "of width 4 at 2" },
		{ size_odd, "size 12" },
		{ size_large, "size 128" },
		{ enabled_twice, "enabled twice" },
		{ enabled_late, "enabled after DRIVER_OK" },
		{ not_zeroed, "not zeroed" },
		{ misaligned, "misaligned" },
		{ reset_unasked, "which was not negotiated" },
	};

	(void)state;
	expect_violations(list);
}

/* --- doorbells ------------------------------------------------------------------------- */

static void kick_early(void)
{
	hand_negotiate(0);
	hand_enable(8);
	describe(&ring[0], 0, 0);
	head(0);
	kick();
}

static void kick_without_news(void)
{
	hand_start(0);
	kick();
}

static void kick_twice(void)
{
	hand_start(0);
	describe(&ring[0], 0, 0);
	head(0);
	kick();
	kick();
}

static void bell(uint64_t features, unsigned width, uint32_t value)
{
	hand_start(features);
	describe(&ring[0], 0, 0);
	head(0);
	mock_doorbell(mock, 0, width, value);
}

static void bell_wide(void)
{
	bell(0, 4, 0);
}

static void bell_of_another(void)
{
	bell(0, 2, 1);
}

static void bell_without_data(void)
{
	bell(VIRTIO_BIT(VIRTIO_F_NOTIFICATION_DATA), 2, 0);
}

static void bell_with_old_data(void)
{
	bell(VIRTIO_BIT(VIRTIO_F_NOTIFICATION_DATA), 4, 0);
}

static void bell_by_number(void)
{
	bell(VIRTIO_BIT(VIRTIO_F_NOTIF_CONFIG_DATA), 2, 0);
}

/* [INI-07] [VQ-25] [VQ-31] [PCI-13] */
static void doorbells(void **state)
{
	static const struct violation list[] = {
		{ kick_early, "kick before DRIVER_OK" },
		{ kick_without_news, "without news" },
		{ kick_twice, "without news" },
		{ bell_wide, "width 4" },
		{ bell_of_another, "0x1 written" },
		{ bell_without_data, "width 2" },
		{ bell_with_old_data, "position 0, but it is 0x1" },
		{ bell_by_number, "0 written" },
	};

	(void)state;
	expect_violations(list);
	bell(VIRTIO_BIT(VIRTIO_F_NOTIFICATION_DATA), 4, 1 << 16);
	hand_end();
	bell(VIRTIO_BIT(VIRTIO_F_NOTIF_CONFIG_DATA), 2, 0x4000);
	assert_int_equal(mock->counts.kicks, 1);
	hand_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initialisation),
		cmocka_unit_test(doorbells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
