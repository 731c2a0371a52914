/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/ring.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c
 *	tests/unit/host/cmdline.c virtio/device/pieces.c virtio/device/net.c
 *	virtio/device/net_api.c virtio/device/net_config.c virtio/device/net_control.c
 *	virtio/device/net_mq.c virtio/device/net_recover.c virtio/device/net_rx.c
 *	virtio/device/net_rx_setup.c virtio/device/net_tx.c virtio/device/net_tx_setup.c
 *	virtio/device/net_filter.c */

/* virtio-net: a card that breaks, comes back, is pulled out, or cannot be set up
 * (requirements NET, INI). */

#include "virtio_net/card.h"

/* Falls, and what follows of pauses and attempts. */
static void let_recover(void)
{
	for (unsigned i = 0; i < 4; i++) {
		host_clock_advance(NS_PER_SEC);
		host_threads_run();
	}
}

/* [INI-10] All that was in flight is the client's again, the link is down; it comes back
 * with its receive ring filled, and goes on. */
static void broken_card(void **state)
{
	static const struct net_header plain;
	struct ferrule_net_segment segment = { pattern, 100 };
	struct mock *mock = fresh();
	struct ferrule_net_info info;
	struct ferrule_frame *frame, *held;

	(void)state;
	start(mock);
	receive(mock, &plain, 99);
	held = ferrule_net_receive(net);
	card.keep = true;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(
			ferrule_net_send(net, &segment, 1, 0, NULL, false, &card), 0);
	misbehave(mock, RX);
	assert_null(ferrule_net_receive(net));
	host_clock_advance(1);
	assert_true(mock->device.broken);
	assert_int_equal(link_calls, 1);
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, NULL, false, &card), -EIO);
	ferrule_net_reap(net);
	assert_int_equal(sent_calls, 5);
	assert_null(ferrule_net_receive(net));
	ferrule_net_info(net, &info);
	assert_false(info.link_up);
	assert_int_equal(ferrule_net_set_promiscuous(net, true), -ENOTSUP);

	mock->lenient = card.keep = false;
	host_threads_run();
	assert_true(mock->device.live);
	ferrule_net_info(net, &info);
	assert_true(info.link_up);
	assert_int_equal(link_calls, 2);
	assert_int_equal(mock_available(mock, RX), info.rx_buffers - 1);
	ferrule_net_release(held); /* of before */
	assert_null(ferrule_net_receive(net));
	assert_int_equal(mock_available(mock, RX), info.rx_buffers);
	receive(mock, &plain, 1000);
	check_frame(frame = ferrule_net_receive(net), 1000);
	ferrule_net_release(frame);
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, NULL, false, &card), 0);
	mock_run(mock);
	assert_int_equal(card.sent_count, 1);
	finish(mock);
}

/* The client does not call between the fall and the recovery: it still gets all back, and
 * nothing of before is sent after. */
static void client_that_sleeps(void **state)
{
	struct ferrule_net_segment segment = { pattern, 100 };
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	card.keep = true;
	while (!ferrule_net_send(net, &segment, 1, 0, NULL, true, &card))
		;
	misbehave(mock, RX);
	ferrule_net_receive(net);
	host_clock_advance(1);
	mock->lenient = card.keep = false;
	host_threads_run();
	sent_calls = 0;
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, NULL, false, &card), 0);
	assert_in_range(sent_calls, 1, 32);
	mock_run(mock);
	assert_int_equal(card.sent_count, 1);
	finish(mock);
}

/* It asks for a reset itself, again and again. */
static void needs_reset(void **state)
{
	static const struct net_header plain;
	struct mock *mock = fresh_with_control(1);
	struct ferrule_frame *frame;

	(void)state;
	start(mock);
	for (unsigned i = 0; i < 5; i++) {
		mock_needs_reset(mock);
		let_recover();
		assert_true(mock->device.live);
		receive(mock, &plain, 60);
		check_frame(frame = ferrule_net_receive(net), 60);
		ferrule_net_release(frame);
	}
	assert_int_equal(mock->device.counters.recoveries, 5);
	finish(mock);
}

/* The client is in the middle of a call: its queues are not touched under it. */
static void client_in_a_call(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	net->tx_busy = true;
	host_clock_step_ns = NS_PER_MS;
	mock_needs_reset(mock);
	host_clock_advance(1);
	host_threads_run();
	assert_true(mock->device.broken);
	net->tx_busy = false;
	host_clock_step_ns = 0;
	let_recover();
	assert_true(mock->device.live);
	finish(mock);
}

/* Pulled out: -ENODEV, what was sent comes back, and nothing is left when the client gives
 * it up. */
static void removed(void **state)
{
	static const struct net_header plain;
	struct ferrule_net_segment segment = { pattern, 100 };
	struct mock *mock = fresh_with_control(1);
	struct ferrule_net_info info;
	struct ferrule_frame *held;

	(void)state;
	mock_offer(mock, VIRTIO_NET_F_CTRL_RX);
	start(mock);
	receive(mock, &plain, 99);
	held = ferrule_net_receive(net);
	card.keep = true;
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, NULL, false, &card), 0);
	mock_unplug(mock);
	assert_true(link_calls >= 1);
	ferrule_net_info(net, &info);
	assert_true(info.removed && !info.link_up);
	assert_null(ferrule_net_at(0));
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, NULL, false, &card),
			 -ENODEV);
	assert_int_equal(sent_calls, 1);
	assert_null(ferrule_net_receive(net));
	assert_int_equal(ferrule_net_set_promiscuous(net, true), -ENODEV);
	assert_int_equal(ferrule_net_set_mac(net, info.mac), -ENODEV);
	assert_int_equal(ferrule_net_open(net, NULL), -EBUSY);
	ferrule_net_release(held);
	assert_int_equal(ferrule_net_open(net, NULL), 0);
	net = NULL;
	mock_remove(mock);
}

/* Its client gives it up at once: nobody looks at it after that. */
static void removed_and_given_up(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	virtio_device_gone(&mock->device);
	host_clock_advance(1);
	host_threads_run();
	assert_int_equal(ferrule_net_open(net, NULL), 0);
	net = NULL;
	assert_true(host_page_live > 0); /* the rings */
	mock_unplug(mock);
	assert_int_equal(host_page_live, 0);
	mock_remove(mock);
	assert_int_equal(host_heap_live, 0);
}

/* Whatever runs out while it is set up: nothing leaks. */
static void failed_probe(void **state)
{
	unsigned failures = 0;
	bool added = false;

	(void)state;
	for (long budget = 0; !added; budget++) {
		struct mock *mock = fresh_with_control(2);
		long pages;

		host_cmdline[0][0] = "net_queues";
		host_cmdline[0][1] = "2";
		mock_offer(mock, VIRTIO_NET_F_MQ);
		host_heap_budget = budget;
		added = !mock_add(mock);
		host_heap_budget = -1;
		failures += !added;
		mock_unplug(mock);
		mock_remove(mock);
		assert_int_equal(host_heap_live, 0);
		for (pages = 0, added = false; !added && pages < 200; pages++) {
			mock = fresh_with_control(2);
			mock_offer(mock, VIRTIO_NET_F_MQ);
			host_page_budget = pages;
			added = !mock_add(mock);
			host_page_budget = -1;
			mock_unplug(mock);
			mock_remove(mock);
			assert_int_equal(host_page_live, 0);
			assert_int_equal(host_heap_live, 0);
		}
		assert_true(added && pages > 4);
		added = budget > 20;
	}
	assert_true(failures > 3);
	host_cmdline[0][0] = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(broken_card),	net_test(client_that_sleeps),
		net_test(needs_reset),	net_test(client_in_a_call),
		net_test(removed),	net_test(removed_and_given_up),
		net_test(failed_probe),
	};

	return cmocka_run_group_tests(tests, fill_pattern, NULL);
}
