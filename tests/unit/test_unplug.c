/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/ring/virtqueue.c kernel/format.c */

/* What becomes of a device that is unplugged, of a queue that is reset alone (RING_RESET), and
 * of all of them at the end. */

#include "mock/phoenix.h"

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

/* Nothing is taken from under who is just adding it. */
static void unplugged_while_added(void **state)
{
	struct mock *mock = mock_new(ID);

	(void)state;
	mock->queue_max[0] = mock->queue_max[1] = 8;
	removed_calls = 0;
	gone_in_probe = true;
	assert_int_equal(mock_add(mock), 0);
	gone_in_probe = false;
	settle_long();
	assert_int_equal(removed_calls, 1); /* so its driver's memory is free */
	assert_null(virtio_devices);
	assert_int_equal(mock->device.queue_count, 0);
	mock_remove(mock);
}

/* [INI-06] Its driver has set it up and knows it: it is recovered like any other. */
static void broken_while_added(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		bool *when = i ? &break_in_probe : &break_in_ready;
		struct mock *mock;

		*when = true;
		mock = fresh();
		*when = false;
		settle_long();
		assert_int_equal(broken_calls, 1);
		assert_int_equal(restored_calls, 1);
		works(mock);
		end(mock);
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

/* A driver that is in the middle of a call is waited for. */
static void queue_in_use(void **state)
{
	struct mock *mock = with_ring_reset();

	(void)state;
	unquiet = 3;
	break_first_queue(mock);
	host_clock_advance(0);
	assert_int_equal(unquiet, 2);
	assert_int_equal(queue_broken_calls, 0);
	for (unsigned i = 0; i < 3; i++)
		host_clock_advance(NS_PER_MS);
	assert_int_equal(queue_broken_calls, 1);
	assert_int_equal(queue_restored_calls, 1);
	works(mock);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		recovery_test(unplugged),
		recovery_test(unplugged_while_restored),
		recovery_test(unplugged_in_a_pause_or_given_up),
		recovery_test(unplugged_while_added),
		recovery_test(broken_while_added),
		recovery_test(names_stay_unique),
		recovery_test(one_queue_is_reset),
		recovery_test(queue_in_use),
		recovery_test(queue_reset_never_ends),
		recovery_test(queues_break_for_ever),
		recovery_test(not_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
