/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/ring.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c
 *	virtio/device/rng.c */

/* virtio-rng against the mock (requirements RNG). The generator is the test's own: it
 * counts what it is fed. */

#include <ferrule/entropy.h>
#include <kernel/random.h>
#include <unit.h>
#include "host/host.h"
#include "mock/mock.h"

static uint8_t mixed[4096];
static size_t mixed_bytes;
static size_t ready_at; /* bytes after which the generator is ready */

void ferrule_entropy_mix(const void *bytes, size_t count, bool counts_as_seed)
{
	assert_true(counts_as_seed);
	assert_true(mixed_bytes + count <= sizeof(mixed));
	memcpy(mixed + mixed_bytes, bytes, count);
	mixed_bytes += count;
}

bool ferrule_entropy_ready(void)
{
	return mixed_bytes >= ready_at;
}

static uint32_t claim, answer; /* bytes it says it wrote, and wrote */

static void serve(struct mock *mock, unsigned queue)
{
	struct mock_chain chain;
	uint8_t bytes[256];

	memset(bytes, 0x77, sizeof(bytes));
	while (mock_pop(mock, queue, &chain)) {
		uint8_t before[64];

		assert_int_equal(chain.readable, 0); /* RNG-01 */
		assert_int_equal(chain.count, 1);
		assert_true(mock_available(mock, queue) == 0); /* RNG-03 */
		/* Nothing old is shown to the device (RNG-02). */
		memcpy(before, (void *)(uintptr_t)chain.pieces[0].address, 64);
		for (unsigned i = 0; i < 64; i++)
			assert_int_equal(before[i], 0);
		mock_write(&chain, 0, bytes, answer);
		if (claim <= chain.writable) {
			mock_push(mock, queue, &chain, claim);
		} else {
			mock->queues[queue].out[chain.head] = false;
			mock_push_raw(mock, queue, chain.head, claim);
		}
	}
	mock_interrupt(mock, queue);
}

static struct mock *device(void)
{
	struct mock *mock = mock_new(VIRTIO_ID_ENTROPY);

	mock->queue_max[0] = 8;
	mock->serve = serve;
	mixed_bytes = 0;
	ready_at = 32;
	claim = answer = 64;
	assert_int_equal(mock_add(mock), 0);
	assert_int_equal(mock->queues[0].kicks, 0); /* only when asked */
	return mock;
}

/* Devices of earlier tests must be gone for the driver as well. */
static void retire(struct mock *mock)
{
	mock_unplug(mock);
	mock_remove(mock);
}

static void nothing_there(void **state)
{
	(void)state;
	assert_false(random_source_request());
}

/* [RNG-03] */
static void one_request_when_asked(void **state)
{
	struct mock *mock = device();

	(void)state;
	assert_true(random_source_request());
	assert_true(random_source_request()); /* one is out already */
	assert_int_equal(mock->queues[0].kicks, 1);
	while (mock_run(mock))
		;
	assert_int_equal(mixed_bytes, 64);
	assert_int_equal(mixed[63], 0x77);
	assert_int_equal(mock->queues[0].kicks, 1);
	assert_true(random_source_request());
	while (mock_run(mock))
		;
	assert_int_equal(mixed_bytes, 128);
	retire(mock);
}

/* [RNG-01] */
static void short_answers_are_asked_again(void **state)
{
	struct mock *mock = device();

	(void)state;
	claim = answer = 1;
	random_source_request();
	while (mock_run(mock))
		;
	assert_int_equal(mixed_bytes, 32);
	assert_int_equal(mock->queues[0].popped, 32);
	retire(mock);
}

static void empty_answers_end(void **state)
{
	struct mock *mock = device();

	(void)state;
	claim = answer = 0;
	random_source_request();
	while (mock_run(mock))
		;
	assert_int_equal(mixed_bytes, 0);
	assert_in_range(mock->queues[0].popped, 2, 100);
	claim = answer = 64;
	random_source_request();
	while (mock_run(mock))
		;
	assert_int_equal(mixed_bytes, 64);
	retire(mock);
}

/* [RNG-02] */
static void huge_length_is_cut(void **state)
{
	struct mock *mock = device();

	(void)state;
	mock->lenient = true;
	claim = 0xffffffff;
	random_source_request();
	mock_run(mock);
	assert_true(mixed_bytes <= 64);
	retire(mock);
}

/* [RNG-02] What the device did not write is nothing of ours. */
static void unwritten_bytes_are_zero(void **state)
{
	struct mock *mock = device();

	(void)state;
	claim = 64;
	answer = 0; /* it lies */
	random_source_request();
	mock_run(mock);
	assert_int_equal(mixed_bytes, 64);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(mixed[i], 0);
	retire(mock);
}

static void misbehave(struct mock *mock)
{
	mock->lenient = true;
	mock_push_raw(mock, 0, 7, 64); /* an id that is not in flight */
	mock_interrupt_always(mock, 0);
	mock->lenient = false;
	mock->queues[0].kicked = false;
}

/* [INI-10] What it was asked before it broke is asked again once it is back. */
static void broken_device_comes_back(void **state)
{
	struct mock *mock = device();

	(void)state;
	random_source_request();
	misbehave(mock);
	host_clock_advance(1);
	assert_true(mock->device.broken);
	assert_false(random_source_request());
	assert_int_equal(mixed_bytes, 0);
	assert_int_equal(host_threads_run(), 1);
	assert_true(mock->device.live);
	while (mock_run(mock))
		;
	assert_int_equal(mixed_bytes, 64);
	assert_true(random_source_request());
	retire(mock);
}

/* [VQ-26] With RING_RESET the queue alone is reset. */
static void broken_queue_comes_back(void **state)
{
	struct mock *mock = mock_new(VIRTIO_ID_ENTROPY);

	(void)state;
	mock_offer(mock, VIRTIO_F_RING_RESET);
	mock->queue_max[0] = 8;
	mock->serve = serve;
	mixed_bytes = 0;
	claim = answer = 64;
	assert_int_equal(mock_add(mock), 0);
	random_source_request();
	misbehave(mock);
	host_clock_advance(1);
	assert_int_equal(mock->device.counters.queue_resets, 1);
	assert_false(mock->device.broken);
	while (mock_run(mock))
		;
	assert_int_equal(mixed_bytes, 64);
	retire(mock);
}

static int nothing_left(void **state)
{
	(void)state;
	return host_heap_live || host_page_live || virtio_devices;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(nothing_there, nothing_left),
		cmocka_unit_test_teardown(one_request_when_asked, nothing_left),
		cmocka_unit_test_teardown(short_answers_are_asked_again, nothing_left),
		cmocka_unit_test_teardown(empty_answers_end, nothing_left),
		cmocka_unit_test_teardown(huge_length_is_cut, nothing_left),
		cmocka_unit_test_teardown(unwritten_bytes_are_zero, nothing_left),
		cmocka_unit_test_teardown(broken_device_comes_back, nothing_left),
		cmocka_unit_test_teardown(broken_queue_comes_back, nothing_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
