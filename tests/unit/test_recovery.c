/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/ring/virtqueue.c kernel/format.c */

/* What becomes of a device that broke a rule, asks for a reset, or is unplugged: with a
 * driver of the test's own that keeps one buffer out in each of two queues. */

#include <errno.h>
#include <limits.h>
#include <kernel/heap.h>
#include <kernel/init.h>
#include <unit.h>
#include "host/host.h"
#include "mock/mock.h"

#define ID	 97
#define BUFFERS	 2
#define ATTEMPTS 8

static struct virtqueue *queues[BUFFERS];
static struct virtio_features agreed;
static unsigned taken_back, callbacks, broken_calls, restore_calls, restored_calls,
	removed_calls, queue_broken_calls, queue_restored_calls;
static unsigned restore_failures; /* how many restore() still fail */
static bool break_in_restore, gone_in_restore, gone_in_restored;
static char buffers[BUFFERS][64];

static void callback(struct virtqueue *vq)
{
	while (virtqueue_get(vq, NULL))
		callbacks++;
	virtqueue_enable_cb(vq);
}

static const struct virtqueue_wanted wanted[BUFFERS] = {
	{ .name = "first", .index = 0, .callback = callback },
	{ .name = "second", .index = 1, .size_max = 4, .callback = callback },
};

static void post(unsigned index)
{
	struct virtio_piece piece = { (uintptr_t)buffers[index], 64 };

	assert_int_equal(virtqueue_add(queues[index], &piece, 0, 1, buffers[index]), 0);
}

static int probe(struct virtio_device *device)
{
	int error = virtio_find_queues(device, wanted, BUFFERS, queues);

	if (!error)
		device->driver_data = kzalloc(16);
	return error;
}

static void kick_all(struct virtio_device *device)
{
	(void)device;
	for (unsigned i = 0; i < BUFFERS; i++) {
		post(i);
		virtqueue_kick(queues[i]);
	}
}

/* The device confirmed the reset before this [INI-09]. */
static void broken(struct virtio_device *device)
{
	struct mock *mock = (struct mock *)device;

	assert_true(device->broken);
	assert_false(device->live);
	assert_true(device->gone || mock->status == 0 || mock->reset_reads == UINT_MAX);
	assert_int_equal(host_cpu.interrupt_depth, 1);
	broken_calls++;
	for (unsigned i = 0; i < BUFFERS; i++)
		while (virtqueue_detach(queues[i]))
			taken_back++;
}

static int restore(struct virtio_device *device)
{
	int error;

	assert_int_equal(host_cpu.interrupt_depth, 0); /* it may sleep */
	restore_calls++;
	if (restore_failures) {
		restore_failures--;
		return -ENOMEM;
	}
	error = virtio_find_queues(device, wanted, BUFFERS, queues);
	if (break_in_restore)
		virtio_device_break(device, "while it is restored");
	if (gone_in_restore)
		virtio_device_gone(device);
	break_in_restore = gone_in_restore = false;
	return error;
}

static void restored(struct virtio_device *device)
{
	restored_calls++;
	kick_all(device);
	if (gone_in_restored) {
		gone_in_restored = false;
		virtio_device_gone(device);
		host_clock_advance(1); /* must wait until we are through */
		assert_int_equal(removed_calls, 0);
	}
}

static void queue_broken(struct virtqueue *vq)
{
	queue_broken_calls++;
	while (virtqueue_detach(vq))
		taken_back++;
}

static void queue_restored(struct virtqueue *vq)
{
	queue_restored_calls++;
	post(virtqueue_index(vq));
	virtqueue_kick(vq);
}

static void removed(struct virtio_device *device)
{
	assert_true(device->gone);
	removed_calls++;
}

static const struct virtio_driver driver = {
	.name = "phoenix",
	.device_id = ID,
	.wanted = VIRTIO_FEATURES(VIRTIO_BIT(3)),
	.probe = probe,
	.ready = kick_all,
	.broken = broken,
	.restore = restore,
	.restored = restored,
	.queue_broken = queue_broken,
	.queue_restored = queue_restored,
	.removed = removed,
};
VIRTIO_DRIVER(driver);

static void serve(struct mock *mock, unsigned queue)
{
	struct mock_chain chain;

	while (mock_pop(mock, queue, &chain)) {
		mock_write(&chain, 0, "answered", 8);
		mock_push(mock, queue, &chain, 8);
	}
	mock_interrupt(mock, queue);
}

static struct mock *fresh(void)
{
	struct mock *mock = mock_new(ID);

	mock->queue_max[0] = 8;
	mock->queue_max[1] = 256;
	mock->serve = serve;
	mock_offer(mock, 3);
	taken_back = callbacks = broken_calls = restore_calls = restored_calls = 0;
	removed_calls = queue_broken_calls = queue_restored_calls = 0;
	restore_failures = 0;
	host_clock_advance(120 * NS_PER_SEC);
	assert_int_equal(mock_add(mock), 0);
	agreed = mock->accepted;
	return mock;
}

/* Timers and threads, until nothing is left to do at this moment. */
static void settle(void)
{
	do
		host_clock_advance(1);
	while (host_threads_run());
}

/* Everything, with the pauses between attempts. */
static void settle_long(void)
{
	for (unsigned i = 0; i < 1000; i++) {
		host_clock_advance(20 * NS_PER_MS);
		host_threads_run();
	}
}

static void end(struct mock *mock)
{
	if (!mock->device.recovering.unlisted)
		mock_unplug(mock);
	assert_int_equal(removed_calls, 1);
	mock_remove(mock);
}

static int nothing_left(void **state)
{
	(void)state;
	return host_heap_live || host_page_live || virtio_devices;
}

static void works(struct mock *mock)
{
	callbacks = 0;
	assert_true(mock->device.live);
	assert_false(mock->device.broken);
	while (mock_run(mock))
		;
	assert_int_equal(callbacks, BUFFERS);
	assert_memory_equal(buffers[0], "answered", 8);
}

/* [INI-10] nothing in flight counts as done; reset, §3.1.1 again, the same features
 * [INI-13], and it works. */
static void needs_reset(void **state)
{
	struct mock *mock = fresh();
	unsigned trace = mock->status_trace_count;
	struct virtqueue *before = queues[0];

	(void)state;
	memset(buffers, 0, sizeof(buffers));
	mock_needs_reset(mock);
	assert_int_equal(broken_calls, 0); /* never from within */
	settle();
	assert_int_equal(broken_calls, 1);
	assert_int_equal(taken_back, BUFFERS);
	assert_int_equal(restored_calls, 1);
	assert_memory_equal(mock->status_trace + trace, "\0\1\3\13\17", 5);
	assert_memory_equal(&mock->accepted, &agreed, sizeof(agreed));
	assert_ptr_equal(queues[0], before); /* what users hold stays valid */
	works(mock);
	assert_int_equal(mock->device.counters.recoveries, 1);
	assert_int_equal(mock->device.counters.violations, 1);
	end(mock);
}

/* [VQ-21] A broken rule takes the same way. */
static void violation(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->lenient = true;
	mock_push_raw(mock, 0, 6, 1);
	mock_interrupt_always(mock, 0);
	mock->lenient = false;
	assert_true(mock->device.broken);
	assert_int_equal(virtqueue_add(queues[1], NULL, 0, 0, &callbacks), -EIO);
	settle();
	works(mock);
	end(mock);
}

/* [INI-11] On a time-out the status is looked at, too. */
static void found_by_a_timeout(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	assert_false(virtio_device_suspect(&mock->device));
	mock->status |= VIRTIO_STATUS_NEEDS_RESET; /* and its interrupt got lost */
	assert_true(virtio_device_suspect(&mock->device));
	assert_true(virtio_device_suspect(&mock->device));
	settle();
	works(mock);
	end(mock);
}

/* [INI-11] A device that raises it for ever is given up, and then costs nothing. */
static void storm(void **state)
{
	struct mock *mock = fresh();
	struct mock_counts counts;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		if (mock->device.live)
			mock_needs_reset(mock);
		host_clock_advance(5 * NS_PER_MS);
		host_threads_run();
	}
	assert_int_equal(restore_calls, ATTEMPTS);
	assert_int_equal(broken_calls, ATTEMPTS + 1);
	assert_true(mock->device.broken);
	counts = mock->counts;
	for (unsigned i = 0; i < 1000; i++)
		mock_config_changed(mock);
	settle_long();
	assert_memory_equal(&counts.status_reads, &mock->counts.status_reads,
			    sizeof(counts.status_reads));
	assert_int_equal(counts.resets, mock->counts.resets);
	end(mock);
}

/* One that breaks now and then comes back each time. */
static void now_and_then(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	for (unsigned i = 1; i <= 3 * ATTEMPTS; i++) {
		mock_needs_reset(mock);
		settle();
		assert_int_equal(restored_calls, i);
		host_clock_advance(61 * NS_PER_SEC);
	}
	works(mock);
	end(mock);
}

static void stays_out(struct mock *mock)
{
	unsigned restores;

	settle_long();
	assert_true(mock->device.broken);
	assert_false(mock->device.live);
	assert_int_equal(taken_back, BUFFERS);
	restores = restore_calls;
	settle_long();
	assert_int_equal(restore_calls, restores);
	assert_int_equal(restored_calls, 0);
	end(mock);
}

/* [INI-13] Without what was negotiated it does not come back. */
static void features_are_gone(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock_withhold(mock, 3);
	mock_needs_reset(mock);
	settle();
	assert_int_equal(restore_calls, 0);
	stays_out(mock);
}

static void features_are_refused(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->no_features_ok = true;
	mock_needs_reset(mock);
	stays_out(mock);
}

/* [INI-04] Not one page is reused when the device never confirms its reset. */
static void reset_never_ends(void **state)
{
	struct mock *mock = fresh();
	long pages = host_page_live, heap = host_heap_live;

	(void)state;
	mock->reset_reads = UINT_MAX;
	mock_needs_reset(mock);
	settle_long();
	assert_int_equal(broken_calls, 1);
	assert_int_equal(restore_calls, 0);
	assert_int_equal(host_page_live, pages);
	assert_int_equal(host_heap_live, heap);
	assert_true(mock->device.broken);
	end(mock);
}

static void slow_reset(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->reset_reads = 100; /* [INI-03] */
	mock_needs_reset(mock);
	settle();
	works(mock);
	end(mock);
}

static void restore_fails_for_a_while(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	restore_failures = 3;
	mock_needs_reset(mock);
	settle_long();
	assert_int_equal(restore_calls, 4);
	assert_int_equal(broken_calls, 4);
	works(mock);
	end(mock);
}

static void queue_shrinks(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	mock->queue_max[0] = 4;
	mock_needs_reset(mock);
	settle_long();
	assert_int_equal(restore_calls, ATTEMPTS);
	stays_out(mock);
}

static void breaks_while_restored(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	break_in_restore = true;
	mock_needs_reset(mock);
	settle_long();
	assert_int_equal(restore_calls, 2);
	assert_int_equal(restored_calls, 1);
	works(mock);
	end(mock);
}

/* [INI-12] An unplugged device is not spoken to any more, whatever it was at. */
static void unplugged(void **state)
{
	struct mock *mock = fresh();
	struct mock_counts counts = mock->counts;

	(void)state;
	virtio_device_gone(&mock->device);
	virtio_device_gone(&mock->device);
	assert_int_equal(virtqueue_add(queues[0], NULL, 0, 0, &callbacks), -EIO);
	settle();
	assert_int_equal(broken_calls, 1);
	assert_int_equal(taken_back, BUFFERS);
	assert_int_equal(removed_calls, 1);
	assert_null(virtio_devices);
	assert_true(host_page_live > 0); /* somebody may still ring */
	mock_config_changed(mock);
	host_clock_advance(2 * NS_PER_SEC);
	settle();
	assert_int_equal(host_page_live, 0);
	assert_int_equal(mock->counts.status_reads, counts.status_reads);
	assert_int_equal(mock->counts.status_writes, counts.status_writes);
	assert_int_equal(broken_calls, 1);
	mock->status = 0;
	end(mock);
}

static void unplugged_while_restored(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct mock *mock = fresh();

		*(i ? &gone_in_restored : &gone_in_restore) = true;
		mock_needs_reset(mock);
		settle();
		assert_int_equal(removed_calls, 1);
		assert_null(virtio_devices);
		host_clock_advance(2 * NS_PER_SEC);
		settle();
		mock->status = 0;
		end(mock);
	}
}

static void unplugged_in_a_pause_or_given_up(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct mock *mock = fresh();

		restore_failures = i ? UINT_MAX : 4;
		mock_needs_reset(mock);
		settle();
		if (i)
			settle_long();
		assert_false(mock->device.live);
		end(mock);
		restore_failures = 0;
	}
}

/* Numbers of those that are there differ. */
static void names_stay_unique(void **state)
{
	struct mock *first = fresh(), *second, *third;

	(void)state;
	assert_string_equal(first->device.name, "phoenix0");
	second = fresh();
	assert_string_equal(second->device.name, "phoenix1");
	mock_unplug(first);
	third = fresh();
	assert_string_equal(third->device.name, "phoenix2");
	assert_string_equal(second->device.name, "phoenix1");
	mock_unplug(second);
	mock_unplug(third);
	mock_remove(first);
	mock_remove(second);
	mock_remove(third);
}

static struct mock *with_ring_reset(void)
{
	struct mock *mock;

	mock = mock_new(ID);
	mock_offer(mock, VIRTIO_F_RING_RESET);
	mock->queue_max[0] = mock->queue_max[1] = 4;
	mock->serve = serve;
	taken_back = callbacks = broken_calls = restore_calls = restored_calls = 0;
	removed_calls = queue_broken_calls = queue_restored_calls = 0;
	host_clock_advance(120 * NS_PER_SEC);
	assert_int_equal(mock_add(mock), 0);
	assert_true(mock_has(mock, VIRTIO_F_RING_RESET));
	return mock;
}

static void break_first_queue(struct mock *mock)
{
	mock->lenient = true;
	mock_push_raw(mock, 0, 3, 1);
	mock_interrupt_always(mock, 0);
	mock->lenient = false;
}

/* [VQ-26] The queue alone; the other goes on, the device is not reset. */
static void one_queue_is_reset(void **state)
{
	struct mock *mock = with_ring_reset();
	uint64_t resets = mock->counts.resets;

	(void)state;
	break_first_queue(mock);
	assert_true(virtqueue_broken(queues[0]));
	assert_false(virtqueue_broken(queues[1]));
	assert_int_equal(queue_broken_calls, 0);
	settle();
	assert_int_equal(queue_broken_calls, 1);
	assert_int_equal(queue_restored_calls, 1);
	assert_int_equal(taken_back, 1);
	assert_int_equal(broken_calls, 0);
	assert_int_equal(mock->counts.resets, resets);
	works(mock);
	assert_int_equal(mock->device.counters.queue_resets, 1);
	end(mock);
}

/* [VQ-27] The wait is bounded; then the device is reset. */
static void queue_reset_never_ends(void **state)
{
	struct mock *mock = with_ring_reset();

	(void)state;
	mock->queue_reset_reads = UINT_MAX;
	break_first_queue(mock);
	settle();
	assert_int_equal(queue_broken_calls, 0);
	assert_int_equal(broken_calls, 1);
	assert_int_equal(restored_calls, 1);
	works(mock);
	end(mock);
}

static void queues_break_for_ever(void **state)
{
	struct mock *mock = with_ring_reset();

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		if (mock->device.live && !mock->device.broken)
			break_first_queue(mock);
		host_clock_advance(5 * NS_PER_MS);
		host_threads_run();
	}
	assert_true(mock->device.broken);
	assert_in_range(queue_restored_calls, ATTEMPTS, 2 * ATTEMPTS);
	assert_int_equal(restored_calls, ATTEMPTS);
	end(mock);
}

LINKSET_DECLARE(exit_calls, const struct init_call);

/* [INI-14] Once the machine ends nothing comes back to life. The last test: it stays so. */
static void not_after_the_end(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	LINKSET_EACH(exit_calls, entry)
	if ((*entry)->stage == INIT_SERVICE)
		(*entry)->run();
	mock_needs_reset(mock);
	settle_long();
	assert_int_equal(restore_calls, 0);
	virtio_shutdown();
	assert_int_equal(mock->status, 0);
	end(mock);
}

#define recovery_test(function) cmocka_unit_test_teardown(function, nothing_left)

int main(void)
{
	const struct CMUnitTest tests[] = {
		recovery_test(needs_reset),
		recovery_test(violation),
		recovery_test(found_by_a_timeout),
		recovery_test(storm),
		recovery_test(now_and_then),
		recovery_test(features_are_gone),
		recovery_test(features_are_refused),
		recovery_test(reset_never_ends),
		recovery_test(slow_reset),
		recovery_test(restore_fails_for_a_while),
		recovery_test(queue_shrinks),
		recovery_test(breaks_while_restored),
		recovery_test(unplugged),
		recovery_test(unplugged_while_restored),
		recovery_test(unplugged_in_a_pause_or_given_up),
		recovery_test(names_stay_unique),
		recovery_test(one_queue_is_reset),
		recovery_test(queue_reset_never_ends),
		recovery_test(queues_break_for_ever),
		recovery_test(not_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
