/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/ring.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c */

/* The life of a device: order of initialisation, every way it can fail, configuration,
 * NEEDS_RESET, removal, shutdown (requirements INI, CFG). */

#include <errno.h>
#include <limits.h>
#include <unit.h>
#include "host/host.h"
#include "mock/mock.h"

#define ID 99

static int probe_result;
static unsigned ready_calls, broken_calls, config_calls;
static struct virtqueue *queues[2];
static int token;

static void callback(struct virtqueue *vq)
{
	(void)vq;
}

static int probe(struct virtio_device *device)
{
	static const struct virtqueue_wanted wanted[2] = {
		{ .name = "first", .index = 0, .callback = callback },
		{ .name = "second", .index = 1, .size_max = 5 },
	};
	static char buffer[64];
	struct virtio_piece piece = { (uintptr_t)buffer, sizeof(buffer) };
	int error = virtio_find_queues(device, wanted, 2, queues);

	if (error)
		return error;
	assert_int_equal(virtqueue_add(queues[0], &piece, 0, 1, &token), 0);
	virtqueue_kick(queues[0]); /* too early: must be held back (INI-07) */
	return probe_result;
}

static void ready(struct virtio_device *device)
{
	(void)device;
	ready_calls++;
	virtqueue_kick(queues[0]);
}

static void config_changed(struct virtio_device *device)
{
	(void)device;
	config_calls++;
}

static void broken(struct virtio_device *device)
{
	assert_true(device->broken);
	assert_false(device->live);
	broken_calls++;
	assert_ptr_equal(virtqueue_detach(queues[0]), &token);
	assert_null(virtqueue_detach(queues[0]));
}

static const struct virtio_driver driver = {
	.name = "probe",
	.device_id = ID,
	.probe = probe,
	.ready = ready,
	.config_changed = config_changed,
	.broken = broken,
};
VIRTIO_DRIVER(driver);

static struct mock *fresh(void)
{
	struct mock *mock = mock_new(ID);

	mock->queue_max[0] = 8;
	mock->queue_max[1] = 256;
	probe_result = 0;
	ready_calls = broken_calls = config_calls = 0;
	return mock;
}

static int nothing_left(void **state)
{
	(void)state;
	return host_heap_live || host_page_live || virtio_devices;
}

/* [INI-01] [INI-02]; nothing is written to the configuration [INI-08] [CFG-10]; the kick of
 * probe() comes after DRIVER_OK [INI-07]. */
static void order_of_initialisation(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	assert_int_equal(mock_add(mock), 0);
	assert_memory_equal(mock->status_trace, "\0\1\3\13\17", 5);
	assert_int_equal(mock->status_trace_count, 5);
	assert_string_equal(mock->device.name, "probe0");
	assert_int_equal(virtqueue_size(queues[0]), 8);
	/* At most 5: of a packed queue just that, of a split one a power of two. */
	assert_int_equal(virtqueue_size(queues[1]),
			 mock_has(mock, VIRTIO_F_RING_PACKED) ? 5 : 4);
	assert_int_equal(ready_calls, 1);
	assert_int_equal(mock->queues[0].kicks, 1);
	assert_int_equal(mock->counts.config_writes, 0);
	mock_remove(mock);
}

/* [NEG-12] [VQ-34] */
static void legacy_has_no_features_ok(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->legacy = true;
	mock_offer(mock, VIRTIO_F_ANY_LAYOUT);
	mock_offer(mock, VIRTIO_F_NOTIFY_ON_EMPTY);
	assert_int_equal(mock_add(mock), 0);
	assert_memory_equal(mock->status_trace, "\0\1\3\7", 4);
	assert_int_equal(virtqueue_size(queues[1]), 256); /* the device's, not ours */
	assert_true(mock_has(mock, VIRTIO_F_ANY_LAYOUT));
	assert_false(mock_has(mock, VIRTIO_F_NOTIFY_ON_EMPTY));
	mock_remove(mock);
}

/* [INI-03] */
static void slow_reset_is_awaited(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->reset_reads = 100;
	assert_int_equal(mock_add(mock), 0);
	mock_remove(mock);
}

/* [INI-04] */
static void endless_reset_is_given_up(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->reset_reads = UINT_MAX;
	assert_int_equal(mock_add(mock), -ETIMEDOUT);
	assert_true(mock->status_trace[mock->status_trace_count - 1] &
		    VIRTIO_STATUS_FAILED);
	mock_remove(mock);
}

/* [INI-05] [INI-06] */
static void refused_features(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->no_features_ok = true;
	assert_int_equal(mock_add(mock), -EPROTO);
	assert_true(mock->status_trace[mock->status_trace_count - 1] &
		    VIRTIO_STATUS_FAILED);
	mock_remove(mock);
}

/* [VQ-02]; a packed queue may have 3 entries [PQ-01]. */
static void bad_queue_sizes(void **state)
{
	static const uint16_t sizes[] = { 0, 65535, 40000, 3 };

	(void)state;
	for (unsigned i = 0; i < array_count(sizes); i++) {
		struct mock *mock = fresh();

		if (sizes[i] == 3)
			mock_withhold(mock, VIRTIO_F_RING_PACKED);
		mock->queue_max[1] = sizes[i];
		assert_int_equal(mock_add(mock), -ENOENT);
		assert_true(mock->status & VIRTIO_STATUS_FAILED);
		mock_remove(mock);
	}
}

static void every_allocation_can_fail(void **state)
{
	(void)state;
	for (long heap = 0; heap < 6; heap++) {
		struct mock *mock = fresh();
		int error;

		host_heap_budget = heap;
		error = mock_add(mock);
		host_heap_budget = -1;
		assert_true(error == 0 || error == -ENOMEM);
		assert_true(error == 0 || mock->status & VIRTIO_STATUS_FAILED);
		mock_remove(mock);
	}
	for (long pages = 0; pages < 5; pages++) {
		struct mock *mock = fresh();
		int error;

		host_page_budget = pages;
		error = mock_add(mock);
		host_page_budget = -1;
		assert_true(error == 0 || error == -ENOMEM);
		mock_remove(mock);
	}
}

/* [INI-06] */
static void failing_probe(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	probe_result = -EINVAL;
	assert_int_equal(mock_add(mock), -EINVAL);
	assert_true(mock->status & VIRTIO_STATUS_FAILED);
	assert_int_equal(ready_calls, 0);
	assert_int_equal(host_page_live, 0); /* back, as the reset was confirmed */
	mock_remove(mock);
}

/* [INI-10] [CFG-07] */
static void needs_reset(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	assert_int_equal(mock_add(mock), 0);
	mock_config_changed(mock);
	assert_int_equal(config_calls, 1);
	mock->status |= VIRTIO_STATUS_NEEDS_RESET;
	for (unsigned i = 0; i < 1000; i++) /* a storm */
		mock_config_changed(mock);
	assert_int_equal(config_calls, 1);
	assert_int_equal(broken_calls, 0); /* never from within */
	host_clock_advance(1);
	assert_int_equal(broken_calls, 1);
	assert_int_equal(mock->status, 0);
	assert_true(virtqueue_broken(queues[0]));
	assert_int_equal(virtqueue_add(queues[0], NULL, 0, 0, &token), -EIO);
	assert_null(virtqueue_get(queues[0], NULL));
	mock_config_changed(mock);
	host_clock_advance(1);
	assert_int_equal(broken_calls, 1);
	mock_remove(mock);
}

/* [INI-12]: all ones is a device that went away, and nothing is said to it any more. */
static void surprise_removal(void **state)
{
	struct mock *mock = fresh();
	uint64_t writes;

	(void)state;
	assert_int_equal(mock_add(mock), 0);
	writes = mock->counts.status_writes;
	mock->status = 0xff;
	mock_config_changed(mock);
	host_clock_advance(1);
	assert_int_equal(broken_calls, 1);
	assert_int_equal(host_threads_run(), 1);
	assert_null(virtio_devices);
	assert_true(mock->device.gone);
	assert_int_equal(mock->counts.status_writes, writes);
	mock->status = 0;
	mock_remove(mock);
}

static void early_interrupts_do_nothing(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->device.transport = NULL;
	virtio_interrupt_config(&mock->device); /* not live: no register is touched */
	virtio_interrupt_queues(&mock->device);
	assert_int_equal(mock_add(mock), 0);
	mock_interrupt_always(mock, 0);
	assert_int_equal(mock->device.counters.spurious_interrupts, 1);
	mock_remove(mock);
}

static void unknown_type_is_listed(void **state)
{
	struct mock *mock = mock_new(26);

	(void)state;
	assert_int_equal(mock_add(mock), 0);
	assert_string_equal(mock->device.name, "virtio-26");
	assert_int_equal(mock->counts.status_writes, 0);
	mock_remove(mock);
}

static unsigned races;

static void race(struct mock *mock)
{
	if (races == 0)
		return;
	races--;
	memset(mock->config, races, 8);
	mock->generation++;
}

/* [CFG-01], and that ends [CFG-02]. */
static void configuration_is_not_torn(void **state)
{
	struct mock *mock = fresh();
	uint8_t bytes[6];

	(void)state;
	mock->config_bytes = 16;
	memset(mock->config, 7, 8);
	mock->config_race = race;
	assert_int_equal(mock_add(mock), 0);
	races = 3;
	assert_int_equal(virtio_config_read64(&mock->device, 0), 0);
	races = 3;
	virtio_config_read_bytes(&mock->device, 1, bytes, 6);
	assert_memory_equal(bytes, "\0\0\0\0\0\0", 6);
	mock->generation_runs = true; /* for ever: bounded */
	memset(mock->config, 9, 8);
	assert_int_equal(virtio_config_read64(&mock->device, 0), 0x0909090909090909);
	assert_true(mock->counts.config_reads < 100);
	mock_remove(mock);
}

/* [CFG-06] */
static void legacy_configuration_until_two_agree(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->legacy = true;
	mock->config_bytes = 16;
	mock->config_race = race;
	assert_int_equal(mock_add(mock), 0);
	races = 5;
	assert_int_equal(virtio_config_read64(&mock->device, 0), 0);
	mock_remove(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(order_of_initialisation, nothing_left),
		cmocka_unit_test_teardown(legacy_has_no_features_ok, nothing_left),
		cmocka_unit_test_teardown(slow_reset_is_awaited, nothing_left),
		cmocka_unit_test_teardown(endless_reset_is_given_up, nothing_left),
		cmocka_unit_test_teardown(refused_features, nothing_left),
		cmocka_unit_test_teardown(bad_queue_sizes, nothing_left),
		cmocka_unit_test_teardown(every_allocation_can_fail, nothing_left),
		cmocka_unit_test_teardown(failing_probe, nothing_left),
		cmocka_unit_test_teardown(needs_reset, nothing_left),
		cmocka_unit_test_teardown(surprise_removal, nothing_left),
		cmocka_unit_test_teardown(early_interrupts_do_nothing, nothing_left),
		cmocka_unit_test_teardown(unknown_type_is_listed, nothing_left),
		cmocka_unit_test_teardown(configuration_is_not_torn, nothing_left),
		cmocka_unit_test_teardown(legacy_configuration_until_two_agree,
					  nothing_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
