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

/* virtio-net: several pairs of queues (requirements NET). */

#include "virtio_net/card.h"

static struct mock *with_pairs(const char *wanted, unsigned pairs)
{
	struct mock *mock = fresh_with_control(pairs);

	host_cmdline[0][0] = "net_queues";
	host_cmdline[0][1] = wanted;
	mock_offer(mock, VIRTIO_NET_F_MQ);
	return mock;
}

static void end(struct mock *mock)
{
	host_cmdline[0][0] = NULL;
	finish(mock);
}

/* An IPv4 frame of UDP from that port. */
static struct ferrule_net_segment datagram(unsigned port)
{
	static uint8_t frame[60];

	memcpy(frame + 12, "\x08\x00\x45", 3);
	frame[23] = 17;
	frame[34] = (uint8_t)(port >> 8);
	frame[35] = (uint8_t)port;
	return (struct ferrule_net_segment){ frame, sizeof(frame) };
}

/* [NET-29] The number is set once the queues are there; flows spread over them, and each
 * stays on its own. */
static void flows_are_spread(void **state)
{
	struct mock *mock = with_pairs("4", 4);
	struct ferrule_net_info info;
	unsigned used = 0;

	(void)state;
	start(mock);
	assert_int_equal(card.commands, 1);
	assert_int_equal(card.command_bytes, 4);
	assert_memory_equal(card.command, "\4\0\4\0", 4);
	ferrule_net_info(net, &info);
	assert_int_equal(info.queue_pairs, 4);
	assert_int_equal(info.tx_queues, 4);
	for (unsigned port = 0; port < 64; port++) {
		struct ferrule_net_segment segment = datagram(port);
		unsigned before[MOCK_QUEUES], changed = 0;

		memcpy(before, card.sent_by, sizeof(before));
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(
				ferrule_net_send(net, &segment, 1, 0, NULL, i < 2, &card),
				0);
		mock_run(mock);
		for (unsigned i = 0; i < MOCK_QUEUES; i++)
			if (card.sent_by[i] != before[i]) {
				assert_int_equal(card.sent_by[i], before[i] + 3);
				changed++;
			}
		assert_int_equal(changed, 1);
	}
	for (unsigned i = 1; i < 8; i += 2)
		used += card.sent_by[i] > 0;
	assert_int_equal(used, 4);
	assert_int_equal(card.sent_count, 192);
	ferrule_net_reap(net);
	assert_int_equal(sent_calls, 192);
	end(mock);
}

/* One doorbell at the end of a burst for each queue that it went to. */
static void bursts_end(void **state)
{
	struct mock *mock = with_pairs("2", 2);

	(void)state;
	start(mock);
	for (unsigned port = 0; port < 16; port++) {
		struct ferrule_net_segment segment = datagram(port);

		assert_int_equal(
			ferrule_net_send(net, &segment, 1, 0, NULL, port < 15, &card), 0);
	}
	assert_int_equal(mock->queues[1].kicks, 1);
	assert_int_equal(mock->queues[3].kicks, 1);
	mock_run(mock);
	assert_int_equal(card.sent_count, 16);
	end(mock);
}

/* [NET-29] A device that refuses is sent to by its first queue alone, and received from by
 * all. */
static void refused(void **state)
{
	struct mock *mock = with_pairs("4", 4);

	(void)state;
	card.ack = 1;
	start(mock);
	card.ack = 1;
	assert_int_equal(net->tx_pairs, 1);
	for (unsigned port = 0; port < 32; port++) {
		struct ferrule_net_segment segment = datagram(port);

		assert_int_equal(
			ferrule_net_send(net, &segment, 1, 0, NULL, false, &card), 0);
		mock_run(mock);
	}
	assert_int_equal(card.sent_by[1], 32);
	card.ack = 0;
	end(mock);
}

/* All receive queues are served, none starves another, `ready` comes for each. */
static void receives_from_all(void **state)
{
	static const struct net_header plain;
	struct mock *mock = with_pairs("3", 4);
	struct ferrule_frame *frame;
	unsigned count = 0;

	(void)state;
	start(mock);
	assert_int_equal(net->pairs, 3);
	for (unsigned queue = 0; queue < 3; queue++)
		for (unsigned i = 0; i < 5; i++)
			receive_by(mock, 2 * queue, &plain, 100 + queue);
	assert_in_range(ready_calls, 1, 3);
	for (unsigned i = 0; i < 3; i++) { /* one of each */
		frame = ferrule_net_receive(net);
		check_frame(frame, 100 + i);
		ferrule_net_release(frame);
	}
	while ((frame = ferrule_net_receive(net))) {
		ferrule_net_release(frame);
		count++;
	}
	assert_int_equal(count, 12);
	for (unsigned queue = 0; queue < 3; queue++) {
		ready_calls = 0;
		receive_by(mock, 2 * queue, &plain, 64);
		assert_int_equal(ready_calls, 1);
		frame = ferrule_net_receive(net);
		check_frame(frame, 64);
		ferrule_net_release(frame);
		assert_null(ferrule_net_receive(net));
	}
	end(mock);
}

/* [NET-21] Not asked for, or not had: one pair, and the control queue is number 2. */
static void one_pair(void **state)
{
	static const char *const values[] = { NULL, "1", "9", "many", "" };

	(void)state;
	for (unsigned i = 0; i < array_count(values); i++) {
		struct mock *mock = with_pairs(values[i], 1);

		mock->config[8] = 4;
		mock_offer(mock, VIRTIO_NET_F_CTRL_RX);
		if (!values[i])
			host_cmdline[0][0] = NULL;
		start(mock);
		assert_false(mock_has(mock, VIRTIO_NET_F_MQ));
		assert_int_equal(ferrule_net_set_promiscuous(net, true), 0);
		end(mock);
	}
}

/* [CFG-09] Counts that make no sense cost the feature; one that changes between two looks
 * costs no more than the card. */
static void absurd_counts(void **state)
{
	struct mock *mock = with_pairs("4", 1);

	(void)state;
	mock->config[8] = 0;
	start(mock);
	assert_false(mock_has(mock, VIRTIO_NET_F_MQ));
	end(mock);
	mock = with_pairs("4", 1);
	mock->config[8] = mock->config[9] = 0xff;
	start(mock);
	assert_false(mock_has(mock, VIRTIO_NET_F_MQ));
	end(mock);
}

static void shrink(struct mock *mock)
{
	if (mock->status & VIRTIO_STATUS_FEATURES_OK)
		mock->config[8] = 0;
}

static void changing_count(void **state)
{
	struct mock *mock = with_pairs("4", 1);

	(void)state;
	mock->config[8] = 4;
	mock->config_race = shrink;
	(void)mock_add(mock); /* its control queue is nowhere; or it is a card with one */
	mock_unplug(mock);
	mock_remove(mock);
	host_cmdline[0][0] = NULL;
}

/* After a reset the number is set again before more than one queue is sent by. */
static void comes_back(void **state)
{
	struct mock *mock = with_pairs("4", 4);
	struct ferrule_net_segment segment = datagram(1);

	(void)state;
	start(mock);
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, NULL, false, &card), 0);
	mock_needs_reset(mock);
	host_clock_advance(1);
	assert_int_equal(net->tx_pairs, 1);
	card.commands = 0;
	host_threads_run();
	assert_int_equal(card.commands, 1);
	assert_memory_equal(card.command, "\4\0\4\0", 4);
	assert_int_equal(net->tx_pairs, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(mock_available(mock, 2 * i), net->rx[i].count);
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, NULL, false, &card), 0);
	assert_int_equal(sent_calls, 1);
	mock_run(mock);
	end(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(flows_are_spread), net_test(bursts_end),
		net_test(refused),	    net_test(receives_from_all),
		net_test(one_pair),	    net_test(absurd_counts),
		net_test(changing_count),   net_test(comes_back),
	};

	return cmocka_run_group_tests(tests, fill_pattern, NULL);
}
