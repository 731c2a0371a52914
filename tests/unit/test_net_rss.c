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
 *	virtio/device/net_rss.c virtio/device/net_filter.c */

/* virtio-net: receive side scaling, hash reports (requirements NET). */

#include "virtio_net/card.h"

static struct mock *with_hash(unsigned pairs, unsigned feature)
{
	struct mock *mock = fresh_with_control(pairs);

	host_cmdline[0][0] = "net_queues";
	host_cmdline[0][1] = "4";
	mock_offer(mock, feature);
	mock->config[17] = 40;
	mock->config[18] = 128;
	memcpy(mock->config + 20, "\xff\x01\0\0", 4);
	return mock;
}

static void end(struct mock *mock)
{
	host_cmdline[0][0] = NULL;
	finish(mock);
}

/* [NET-30] What is asked for is what the device can do; it is told in its order. */
static void steering(void **state)
{
	static const uint16_t table[4] = { 3, 1, 0, 2 };
	struct mock *mock = with_hash(4, VIRTIO_NET_F_RSS);
	struct ferrule_net_hash_info info;

	(void)state;
	start(mock);
	assert_int_equal(net->pairs, 4);
	/* There is no MQ: RSS itself has said how many queues there are. */
	assert_int_equal(card.commands, 1);
	assert_memory_equal(card.command, "\4\1\xff\1\0\0\x7f\0\0\0\0\0\1\0\2\0", 16);
	assert_int_equal(card.command_bytes, 2 + 4 + 2 + 2 + 256 + 2 + 1 + 40);
	assert_memory_equal(card.command + 2 + 8 + 256, "\4\0\50", 3);
	assert_int_equal(net->tx_pairs, 4);
	assert_int_equal(ferrule_net_hash_info(net, &info), 0);
	assert_int_equal(info.table_max, 128);
	assert_int_equal(info.key_bytes_max, 40);
	assert_int_equal(info.types, 0x1ff);
	assert_true(info.steering && !info.reporting);
	assert_int_equal(ferrule_net_set_hash(net, FERRULE_NET_HASH_TCPV4,
					      (const uint8_t *)"key", 3, table, 4),
			 0);
	assert_int_equal(card.command_bytes, 2 + 4 + 2 + 2 + 8 + 2 + 1 + 3);
	assert_memory_equal(card.command, "\4\1\2\0\0\0\3\0\0\0\3\0\1\0\0\0\2\0\4\0\3key",
			    24);
	end(mock);
}

/* [NET-30] */
static void bad_steering(void **state)
{
	static uint16_t table[2048] = { 0 };
	static const uint8_t key[64];
	struct mock *mock = with_hash(4, VIRTIO_NET_F_RSS);

	(void)state;
	memcpy(mock->config + 20, "\3\0\0\0", 4); /* only these types */
	start(mock);
	card.commands = 0;
	assert_int_equal(ferrule_net_set_hash(net, 4, NULL, 0, NULL, 0), -EINVAL);
	assert_int_equal(ferrule_net_set_hash(net, 1, key, 41, NULL, 0), -EINVAL);
	assert_int_equal(ferrule_net_set_hash(net, 1, NULL, 0, table, 3), -EINVAL);
	assert_int_equal(ferrule_net_set_hash(net, 1, NULL, 0, table, 0), -EINVAL);
	assert_int_equal(ferrule_net_set_hash(net, 1, NULL, 0, table, 256), -EINVAL);
	table[1] = 4; /* there are 0 to 3 */
	assert_int_equal(ferrule_net_set_hash(net, 1, NULL, 0, table, 2), -EINVAL);
	table[1] = 0;
	assert_int_equal(card.commands, 0);
	card.ack = 1;
	assert_int_equal(ferrule_net_set_hash(net, 1, NULL, 0, table, 2), -EIO);
	card.ack = 0;
	end(mock);
}

/* [CFG-09] Limits that lie: nothing beyond our own memory, and no table that is not a
 * power of two. */
static void absurd_limits(void **state)
{
	struct mock *mock = with_hash(2, VIRTIO_NET_F_RSS);
	struct ferrule_net_hash_info info;

	(void)state;
	mock->config[17] = 255;
	mock->config[18] = mock->config[19] = 0xff;
	memset(mock->config + 20, 0xff, 4);
	start(mock);
	assert_int_equal(ferrule_net_hash_info(net, &info), 0);
	assert_int_equal(info.table_max, 1024);
	assert_int_equal(info.types, 0x1ff);
	assert_int_equal(ferrule_net_set_hash(net, 0x1ff, pattern, 255, NULL, 0), 0);
	mock->config[18] = 100;
	mock->config[19] = 0;
	assert_int_equal(ferrule_net_hash_info(net, &info), 0);
	assert_int_equal(info.table_max, 64);
	mock->config[17] = mock->config[18] = 0;
	assert_int_equal(ferrule_net_set_hash(net, 0, NULL, 0, NULL, 0), 0);
	assert_int_equal(card.command_bytes, 2 + 4 + 2 + 2 + 2 + 2 + 1);
	end(mock);
}

/* [NET-20] [NET-31] [NET-01] A device that only reports: its own command, 20 bytes of
 * header in both directions, of which none is stale. */
static void reports(void **state)
{
	struct mock *mock = with_hash(1, VIRTIO_NET_F_HASH_REPORT);
	static uint8_t room[20 + 100];
	struct ferrule_net_segment segment = { room + 20, 100 };
	struct ferrule_net_info info;
	struct ferrule_frame *frame;
	struct net_header_hash header = { .value = 0x12345678, .report = 4 };
	static const uint8_t zero[20];

	(void)state;
	start(mock);
	assert_int_equal(net->header_bytes, 20);
	ferrule_net_info(net, &info);
	assert_true(info.offloads & FERRULE_NET_RX_HASH);
	assert_int_equal(info.tx_headroom, 20);
	assert_int_equal(
		ferrule_net_set_hash(net, 2, (const uint8_t *)"abcd", 4, NULL, 0), 0);
	assert_int_equal(card.command_bytes, 2 + 4 + 8 + 1 + 4);
	assert_memory_equal(card.command, "\4\2\2\0\0\0\0\0\0\0\0\0\0\0\4abcd", 19);
	for (unsigned report = 4; report < 20; report += 6) { /* 4, 10, 16 */
		header.report = (uint16_t)report;
		receive(mock, &header.plain, 200);
		frame = ferrule_net_receive(net);
		check_frame(frame, 200);
		assert_int_equal(frame->hash, 0x12345678);
		assert_int_equal(frame->hash_kind, report == 4 ? 4 : 0);
		assert_int_equal((uintptr_t)(frame->data + 14) % 4, 0);
		ferrule_net_release(frame);
	}
	memset(room, 0xee, sizeof(room));
	assert_int_equal(ferrule_net_send(net, &segment, 1, 20, NULL, false, &card), 0);
	mock_run(mock);
	assert_int_equal(card.sent_pieces, 1);
	assert_memory_equal(card.sent, zero, 20); /* [NET-40] */
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, NULL, false, &card), 0);
	mock_run(mock);
	assert_int_equal(card.sent_pieces, 2);
	assert_int_equal(card.sent_bytes, 120);
	assert_memory_equal(card.sent, zero, 20);
	end(mock);
}

static void neither(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_net_hash_info info;

	(void)state;
	start(mock);
	assert_int_equal(ferrule_net_hash_info(net, &info), -ENOTSUP);
	assert_int_equal(ferrule_net_set_hash(net, 0, NULL, 0, NULL, 0), -ENOTSUP);
	finish(mock);
}

/* After a reset it is told the same again. */
static void comes_back(void **state)
{
	struct mock *mock = with_hash(4, VIRTIO_NET_F_RSS);
	uint8_t before[64];

	(void)state;
	mock_offer(mock, VIRTIO_NET_F_MQ);
	start(mock);
	assert_int_equal(ferrule_net_set_hash(net, 3, NULL, 0, NULL, 0), 0);
	memcpy(before, card.command, sizeof(before));
	mock_needs_reset(mock);
	host_clock_advance(1);
	card.commands = 0;
	host_threads_run();
	assert_int_equal(card.commands, 2); /* pairs, then this */
	assert_memory_equal(card.command, before, sizeof(before));
	end(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(steering), net_test(bad_steering), net_test(absurd_limits),
		net_test(reports),  net_test(neither),	    net_test(comes_back),
	};

	return cmocka_run_group_tests(tests, fill_pattern, NULL);
}
