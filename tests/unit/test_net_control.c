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

/* virtio-net: the control queue, filters of addresses (requirements NET). */

#include "virtio_net/card.h"

static const uint8_t groups[2][6] = { { 1, 0, 0x5e, 0, 0, 1 },
				      { 0x33, 0x33, 0, 0, 0, 1 } };
static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };

/* The last command but `back` began with these bytes. */
static void check_command(unsigned back, const char *bytes, unsigned count)
{
	assert_true(card.commands > back);
	assert_memory_equal(card.log[card.commands - 1 - back].bytes, bytes, count);
}

static struct mock *with_filters(void)
{
	struct mock *mock = fresh_with_control(1);

	mock_offer(mock, VIRTIO_NET_F_CTRL_RX);
	mock_offer(mock, VIRTIO_NET_F_CTRL_MAC_ADDR);
	return mock;
}

/* [NET-24] Without the feature there is no command. */
static void nothing_without_features(void **state)
{
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	assert_int_equal(ferrule_net_set_promiscuous(net, true), -ENOTSUP);
	assert_int_equal(ferrule_net_set_mac(net, mac), -ENOTSUP);
	finish(mock);
	mock = with_filters();
	start(mock);
	assert_int_equal(ferrule_net_set_mode(net, FERRULE_NET_NO_BROADCAST, true),
			 -ENOTSUP);
	assert_int_equal(ferrule_net_set_mode(net, FERRULE_NET_MODES, true), -EINVAL);
	assert_int_equal(card.commands, 0);
	finish(mock);
}

/* [NET-25] [NET-26] [NET-35] */
static void filters(void **state)
{
	struct mock *mock = with_filters();
	struct ferrule_net_info info;

	(void)state;
	start(mock);
	assert_int_equal(ferrule_net_set_promiscuous(net, true), 0);
	assert_memory_equal(card.command, "\0\0\1", 3);
	assert_int_equal(card.command_bytes, 3);
	assert_int_equal(ferrule_net_set_multicast(net, groups, 2), 0);
	assert_int_equal(card.command_bytes, 2 + 4 + 4 + 12);
	assert_int_equal(card.command_pieces, 4);
	assert_memory_equal(card.command, "\1\0\0\0\0\0\2\0\0\0", 10);
	assert_memory_equal(card.command + 10, groups, 12);
	assert_int_equal(ferrule_net_set_unicast(net, &mac, 1), 0);
	assert_int_equal(card.command_bytes, 2 + 4 + 6 + 4 + 12); /* both, always */
	assert_memory_equal(card.command, "\1\0\1\0\0\0", 6);
	assert_memory_equal(card.command + 6, mac, 6);
	assert_memory_equal(card.command + 16, groups, 12);
	assert_int_equal(ferrule_net_set_mac(net, groups[0]), -EINVAL);
	assert_int_equal(ferrule_net_set_mac(net, mac), 0);
	assert_memory_equal(card.command, "\1\1\2\0\0\0\0\11", 8);
	ferrule_net_info(net, &info);
	assert_memory_equal(info.mac, mac, 6);
	finish(mock);
}

/* More groups than a command holds: all of them, until they fit again. */
static void too_many_groups(void **state)
{
	static uint8_t many[700][6];
	struct mock *mock = with_filters();

	(void)state;
	start(mock);
	assert_int_equal(ferrule_net_set_multicast(net, many, 700), 0);
	check_command(1, "\0\1\1", 3);
	check_command(0, "\1\0\0\0\0\0\0\0\0\0", 10);
	assert_int_equal(ferrule_net_set_multicast(net, many, 670), 0);
	check_command(1, "\0\1\0", 3);
	check_command(0, "\1\0\0\0\0\0\236\2\0\0", 10);
	assert_int_equal(ferrule_net_set_unicast(net, many, 2), -ENOSPC);
	finish(mock);
}

/* The later modes have a feature of their own. */
static void modes(void **state)
{
	struct mock *mock = with_filters();

	(void)state;
	mock_offer(mock, VIRTIO_NET_F_CTRL_RX_EXTRA);
	start(mock);
	for (unsigned mode = 0; mode < FERRULE_NET_MODES; mode++) {
		char on[3] = { 0, (char)mode, 1 }, off[3] = { 0, (char)mode, 0 };

		assert_int_equal(ferrule_net_set_mode(net, mode, true), 0);
		check_command(0, on, 3);
		assert_int_equal(ferrule_net_set_mode(net, mode, false), 0);
		check_command(0, off, 3);
	}
	finish(mock);
}

/* [NET-22] [NET-23] A refusal is an error; an answer without a length is none; a device
 * that does not answer is reset, and told all again when it is back. */
static void bad_answers(void **state)
{
	struct mock *mock = with_filters();

	(void)state;
	start(mock);
	assert_int_equal(ferrule_net_set_multicast(net, groups, 2), 0);
	assert_int_equal(ferrule_net_set_mac(net, mac), 0);
	card.ack = 1;
	assert_int_equal(ferrule_net_set_promiscuous(net, true), -EIO);
	card.ack = 0xff;
	assert_int_equal(ferrule_net_set_promiscuous(net, true), -EIO);
	card.ack = 0;
	card.no_ack_length = true;
	assert_int_equal(ferrule_net_set_promiscuous(net, true), -EIO);
	card.no_ack_length = false;
	assert_false(mock->device.broken);
	card.silent = true;
	assert_int_equal(ferrule_net_set_mode(net, FERRULE_NET_ALL_MULTICAST, true),
			 -ETIMEDOUT);
	assert_true(mock->device.broken);
	host_clock_advance(1);
	assert_int_equal(ferrule_net_set_promiscuous(net, true), -EIO); /* at once */
	card.silent = false;
	card.commands = 0;
	host_threads_run();
	assert_true(mock->device.live);
	assert_int_equal(card.commands, 2);
	check_command(1, "\1\1\2\0\0\0\0\11", 8);
	check_command(0, "\1\0\0\0\0\0\2\0\0\0", 10);
	assert_int_equal(ferrule_net_set_promiscuous(net, true), 0);
	finish(mock);
}

/* A device that never answers is tried some times, and then left alone. */
static void silent_for_ever(void **state)
{
	struct mock *mock = with_filters();

	(void)state;
	start(mock);
	assert_int_equal(ferrule_net_set_promiscuous(net, true), 0);
	card.silent = true;
	assert_int_equal(ferrule_net_set_promiscuous(net, false), -ETIMEDOUT);
	for (unsigned i = 0; i < 50; i++) {
		host_clock_advance(NS_PER_SEC);
		host_threads_run();
	}
	assert_true(mock->device.broken);
	assert_int_equal(ferrule_net_set_promiscuous(net, true), -EIO);
	finish(mock);
}

/* [NET-37] A legacy card without CTRL_MAC_ADDR has a field that can be written. [NET-36] */
static void legacy_address(void **state)
{
	struct mock *mock = with_filters();

	(void)state;
	mock->legacy = true;
	mock_withhold(mock, VIRTIO_F_VERSION_1);
	mock_withhold(mock, VIRTIO_NET_F_CTRL_MAC_ADDR);
	memset(mock->config_writable, 1, 6);
	start(mock);
	assert_int_equal(ferrule_net_set_mac(net, mac), 0);
	assert_memory_equal(mock->config, mac, 6);
	card.no_ack_length = true;
	assert_int_equal(ferrule_net_set_promiscuous(net, true), 0);
	assert_int_equal(card.command_pieces, 3);
	finish(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(nothing_without_features),
		net_test(filters),
		net_test(too_many_groups),
		net_test(modes),
		net_test(bad_answers),
		net_test(silent_for_ever),
		net_test(legacy_address),
	};

	return cmocka_run_group_tests(tests, fill_pattern, NULL);
}
