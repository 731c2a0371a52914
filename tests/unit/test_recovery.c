/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/ring/virtqueue.c kernel/format.c */

/* What becomes of a device that broke a rule or asks for a reset. */

#include "mock/phoenix.h"

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

/* One that is silent each minute, with an answer between or without. */
static void silent(bool answers)
{
	struct mock *mock = fresh();

	for (unsigned i = 1; i <= 3 * ATTEMPTS; i++) {
		if (answers)
			works(mock);
		virtio_device_silent(&mock->device, 0, "a test");
		virtio_device_silent(&mock->device, 0, "heard once");
		settle();
		assert_int_equal(restored_calls, answers || i < ATTEMPTS ? i : ATTEMPTS);
		host_clock_advance(61 * NS_PER_SEC);
	}
	assert_int_equal(mock->device.live, answers);
	end(mock);
}

static void silence(void **state)
{
	(void)state;
	silent(true);
	silent(false);
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

/* Rings are not cleared under the hands of a thread that is in a call. */
static void waits_until_it_is_quiet(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	unquiet = 5;
	mock_needs_reset(mock);
	settle();
	assert_int_equal(restore_calls, 0);
	settle_long();
	assert_int_equal(broken_calls, 1);
	assert_int_equal(restored_calls, 1);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		recovery_test(needs_reset),
		recovery_test(violation),
		recovery_test(found_by_a_timeout),
		recovery_test(storm),
		recovery_test(now_and_then),
		recovery_test(silence),
		recovery_test(features_are_gone),
		recovery_test(features_are_refused),
		recovery_test(reset_never_ends),
		recovery_test(slow_reset),
		recovery_test(waits_until_it_is_quiet),
		recovery_test(restore_fails_for_a_while),
		recovery_test(queue_shrinks),
		recovery_test(breaks_while_restored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
