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

/* virtio-net: a queue that breaks and is reset alone, with RING_RESET [VQ-26]. */

#include "virtio_net/card.h"

#define PAIRS 4

static const struct net_header plain;
static const struct ferrule_net_segment frame = { pattern, 100 };

/* An open card with so many pairs of queues. */
static struct mock *started(const char *pairs)
{
	struct mock *mock = fresh_with_control(pairs ? PAIRS : 1);

	host_cmdline[0][0] = pairs ? "net_queues" : NULL;
	host_cmdline[0][1] = pairs;
	if (pairs)
		mock_offer(mock, VIRTIO_NET_F_MQ);
	mock_offer(mock, VIRTIO_NET_F_CTRL_RX);
	mock_offer(mock, VIRTIO_NET_F_CTRL_MAC_ADDR);
	mock_offer(mock, VIRTIO_F_RING_RESET);
	start(mock);
	return mock;
}

static void end(struct mock *mock)
{
	host_cmdline[0][0] = NULL;
	finish(mock);
}

static int send(bool more)
{
	return ferrule_net_send(net, &frame, 1, 0, NULL, more, &card);
}

/* So often queues were reset alone, and never the card: nobody was told that it broke. */
static void check_alone(struct mock *mock, unsigned times)
{
	struct ferrule_net_info info;

	mock->lenient = false;
	host_threads_run();
	ferrule_net_info(net, &info);
	assert_int_equal(mock->device.counters.queue_resets, times);
	assert_int_equal(mock->device.counters.recoveries, 0);
	assert_true(mock->device.live && !mock->device.broken);
	assert_true(info.link_up);
	assert_int_equal(link_calls, 0);
}

/* What was posted is posted again, but what the client holds; what came in before is lost,
 * what comes after comes in, with its interrupt. What was sent is none of its business. */
static void receiving(void **state)
{
	struct mock *mock = started(NULL);
	unsigned posted = mock_available(mock, RX);
	struct ferrule_frame *held, *next;

	(void)state;
	receive(mock, &plain, 99);
	held = ferrule_net_receive(net);
	card.keep = true;
	assert_int_equal(send(false), 0);
	assert_null(ferrule_net_receive(net));
	ready_calls = 0;
	receive(mock, &plain, 60);
	misbehave(mock, RX);
	assert_true(ready_calls > 0);
	check_frame(next = ferrule_net_receive(net), 60);
	ferrule_net_release(next);
	assert_null(ferrule_net_receive(net));
	host_clock_advance(1);
	check_alone(mock, 1);
	assert_int_equal(mock_available(mock, RX), posted - 1);
	assert_int_equal(sent_calls, 0);

	check_frame(held, 99);
	ferrule_net_release(held);
	ready_calls = 0;
	receive(mock, &plain, 1000);
	assert_int_equal(ready_calls, 1);
	check_frame(next = ferrule_net_receive(net), 1000);
	ferrule_net_release(next);
	assert_null(ferrule_net_receive(net));
	assert_int_equal(mock_available(mock, RX), posted);
	card.keep = false;
	mock_run(mock);
	ferrule_net_reap(net);
	assert_int_equal(sent_calls, 1);
	assert_int_equal(card.sent_count, 1);
	end(mock);
}

/* Frames that nobody fetched are lost, one in parts among them; and a card that nobody has
 * receives again, quietly. */
static void receiving_unseen(void **state)
{
	struct mock *mock = started(NULL);
	struct ferrule_frame *next;

	(void)state;
	receive(mock, &plain, 60);
	receive(mock, &plain, 6000);
	virtio_queue_break(mock->device.queues[RX], "a test");
	host_clock_advance(1);
	assert_null(ferrule_net_receive(net));
	check_alone(mock, 1);
	assert_int_equal(ferrule_net_open(net, NULL), 0);
	ready_calls = 0;
	virtio_queue_break(mock->device.queues[RX], "a test");
	host_clock_advance(1);
	check_alone(mock, 2);
	receive(mock, &plain, 60);
	assert_int_equal(ready_calls, 0);
	assert_int_equal(ferrule_net_open(net, &client), 0);
	assert_int_equal(ready_calls, 1);
	check_frame(next = ferrule_net_receive(net), 60);
	ferrule_net_release(next);
	end(mock);
}

/* All that was sent is the client's again, with its next call, which it is asked for; what
 * was not yet published is never sent. What came in stays. */
static void sending(void **state)
{
	struct mock *mock = started(NULL);
	struct ferrule_frame *next;
	uint64_t interrupts;

	(void)state;
	card.keep = true;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(send(i > 2), 0);
	receive(mock, &plain, 60);
	ready_calls = 0;
	misbehave(mock, TX);
	ferrule_net_reap(net);
	assert_int_equal(send(false), -EIO);
	assert_int_equal(sent_calls, 0);
	host_clock_advance(1);
	check_alone(mock, 1);
	assert_true(ready_calls > 0);
	check_frame(next = ferrule_net_receive(net), 60);
	ferrule_net_release(next);
	assert_null(ferrule_net_receive(net));
	assert_int_equal(sent_calls, 5);

	card.keep = false;
	interrupts = mock->queues[TX].interrupts;
	assert_int_equal(send(false), 0);
	mock_run(mock);
	assert_int_equal(card.sent_count, 1);
	assert_int_equal(mock->queues[TX].interrupts, interrupts); /* not asked for */
	ferrule_net_reap(net);
	assert_int_equal(sent_calls, 6);
	end(mock);
}

/* A sender that waits for room is told that there is some. */
static void sending_without_room(void **state)
{
	struct mock *mock = started(NULL);
	unsigned sent = 0;

	(void)state;
	card.keep = true;
	while (!send(false))
		sent++;
	assert_int_equal(send(false), -ENOBUFS);
	assert_true(net->tx[0].blocked);
	ready_calls = 0;
	virtio_queue_break(mock->device.queues[TX], "a test");
	assert_int_equal(ready_calls, 0);
	host_clock_advance(1);
	check_alone(mock, 1);
	assert_int_equal(ready_calls, 1);
	for (unsigned i = 0; i < sent; i++)
		assert_int_equal(send(false), 0);
	assert_int_equal(sent_calls, sent);
	assert_int_equal(send(false), -ENOBUFS);
	card.keep = false;
	mock_run(mock);
	assert_int_equal(card.sent_count, sent);
	assert_int_equal(ready_calls, 2);
	end(mock);
}

/* Nobody may be in the middle of a call that sends. Meanwhile the whole card may break, or
 * be pulled out. */
static void client_in_a_call(void **state)
{
	struct mock *mock = started(NULL);

	(void)state;
	card.keep = true;
	assert_int_equal(send(false), 0);
	net->tx_busy = true;
	virtio_queue_break(mock->device.queues[TX], "a test");
	host_clock_advance(10 * NS_PER_MS);
	assert_int_equal(mock->device.counters.queue_resets, 0);
	virtio_queue_break(mock->device.queues[RX], "a test"); /* goes before it */
	host_clock_advance(1);
	assert_int_equal(mock->device.counters.queue_resets, 1);
	net->tx_busy = false;
	host_clock_advance(NS_PER_MS);
	check_alone(mock, 2);
	ferrule_net_reap(net);
	assert_int_equal(sent_calls, 1);

	assert_int_equal(send(false), 0);
	net->tx_busy = true;
	virtio_queue_break(mock->device.queues[TX], "a test");
	host_clock_advance(1);
	mock_needs_reset(mock);
	host_clock_advance(10 * NS_PER_MS);
	net->tx_busy = false;
	virtio_queue_break(mock->device.queues[TX], "another"); /* nobody's business */
	host_threads_run();
	assert_int_equal(mock->device.counters.recoveries, 1);
	assert_int_equal(mock->device.counters.queue_resets, 2);
	ferrule_net_reap(net);
	assert_int_equal(sent_calls, 2);
	assert_int_equal(send(false), 0);

	net->tx_busy = true;
	virtio_queue_break(mock->device.queues[TX], "a test");
	host_clock_advance(1);
	net->tx_busy = false;
	mock_unplug(mock);
	ferrule_net_reap(net);
	assert_int_equal(sent_calls, 3);
	assert_int_equal(mock->device.counters.queue_resets, 2);
	end(mock);
}

/* The command that is out fails at once, whatever is in its answer; the next ones work, and
 * what the card was told before it still knows. */
static void commanding(void **state)
{
	struct mock *mock = started(NULL);
	uint64_t begun = host_clock_ns;

	(void)state;
	assert_int_equal(ferrule_net_set_promiscuous(net, true), 0);
	virtio_queue_break(mock->device.queues[CONTROL], "a test");
	assert_int_equal(ferrule_net_set_promiscuous(net, false), -EIO);
	host_clock_advance(1);
	check_alone(mock, 1);
	assert_int_equal(card.commands, 1);
	card.lies = 1;
	assert_int_equal(ferrule_net_set_promiscuous(net, false), -EIO);
	assert_true(host_clock_ns - begun < NS_PER_SEC / 2);
	check_alone(mock, 2);
	assert_int_equal(card.commands, 2);
	assert_int_equal(ferrule_net_set_promiscuous(net, false), 0);
	assert_int_equal(card.commands, 3);
	end(mock);
}

/* What a card that was reset is told again is told until it is heard. */
static void telling_again(void **state)
{
	static const uint8_t mac[6] = { 2, 9, 9, 9, 9, 9 };
	struct mock *mock = started(NULL);

	(void)state;
	assert_int_equal(ferrule_net_set_mac(net, mac), 0);
	assert_int_equal(ferrule_net_set_promiscuous(net, true), 0);
	mock_needs_reset(mock);
	host_clock_advance(1);
	card.commands = 0;
	card.lies = 2;
	host_threads_run();
	assert_int_equal(mock->device.counters.recoveries, 1);
	assert_int_equal(mock->device.counters.queue_resets, 2);
	assert_int_equal(card.commands, 2 + 2);
	assert_memory_equal(card.log[2].bytes, "\1\1\2\11\11\11\11\11", 8);
	assert_memory_equal(card.log[3].bytes, "\0\0\1", 3);
	mock->lenient = false;
	end(mock);
}

/* An IPv4 frame that goes by that queue, when all flows are spread. */
static struct ferrule_net_segment for_queue(unsigned pair)
{
	static uint8_t bytes[60];
	struct ferrule_net_segment segment = { bytes, sizeof(bytes) };

	memcpy(bytes + 12, "\x08\x00\x45", 3);
	bytes[23] = 17;
	for (bytes[35] = 0; net_mq_choose(net, &segment) != &net->tx[pair];)
		assert_int_not_equal(++bytes[35], 0);
	return segment;
}

/* Of several pairs only the queue that broke loses what was in it. */
static void several_pairs(void **state)
{
	static char tokens[PAIRS];
	struct mock *mock = started("4");
	struct ferrule_frame *next;

	(void)state;
	for (unsigned broken = 0; broken < PAIRS; broken++) {
		unsigned before = card.sent_count;

		card.keep = true;
		for (unsigned i = 0; i < PAIRS; i++) {
			struct ferrule_net_segment segment = for_queue(i);

			assert_int_equal(ferrule_net_send(net, &segment, 1, 0, NULL,
							  false, &tokens[i]),
					 0);
			receive_by(mock, 2 * i, &plain, 100 + i);
		}
		sent_calls = 0;
		virtio_queue_break(mock->device.queues[2 * broken], "a test");
		virtio_queue_break(mock->device.queues[2 * broken + 1], "a test");
		host_clock_advance(1);
		check_alone(mock, 2 * broken + 2);
		ferrule_net_reap(net);
		assert_int_equal(sent_calls, 1);
		assert_ptr_equal(sent_tokens[0], &tokens[broken]);
		for (unsigned i = 0; i < PAIRS - 1; i++) {
			assert_non_null(next = ferrule_net_receive(net));
			assert_int_not_equal(next->total_bytes, 100 + broken);
			ferrule_net_release(next);
		}
		assert_null(ferrule_net_receive(net));
		card.keep = false;
		for (unsigned i = 0; i < PAIRS; i++)
			receive_by(mock, 2 * i, &plain, 100 + i);
		for (unsigned i = 0; i < PAIRS; i++) {
			struct ferrule_net_segment segment = for_queue(i);

			assert_non_null(next = ferrule_net_receive(net));
			ferrule_net_release(next);
			assert_int_equal(ferrule_net_send(net, &segment, 1, 0, NULL,
							  false, &tokens[i]),
					 0);
		}
		mock_run(mock);
		ferrule_net_reap(net);
		assert_int_equal(card.sent_count - before, 2 * PAIRS - 1);
		assert_int_equal(sent_calls, 2 * PAIRS);
	}
	assert_int_equal(net->tx_pairs, PAIRS);
	assert_int_equal(card.commands, 1); /* the number of queues, at first */
	end(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(receiving),	    net_test(receiving_unseen),
		net_test(sending),	    net_test(sending_without_room),
		net_test(client_in_a_call), net_test(commanding),
		net_test(telling_again),    net_test(several_pairs),
	};

	return cmocka_run_group_tests(tests, fill_pattern, NULL);
}
