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

/* virtio-net: configuration, reception, its client (requirements NET). */

#include "virtio_net/card.h"

/* [NET-03] [NET-04] [NET-05] [NET-06] [NET-07] [NET-14] */
static void configuration(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_net_info info;

	(void)state;
	mock_offer(mock, VIRTIO_NET_F_MTU);
	mock_offer(mock, VIRTIO_NET_F_SPEED_DUPLEX);
	memcpy(mock->config + 10, "\x78\x05", 2); /* 1400 */
	memcpy(mock->config + 12, "\x10\x27\0\0\1", 5);
	start(mock);
	ferrule_net_info(net, &info);
	assert_memory_equal(info.mac, mock->config, 6);
	assert_string_equal(info.name, mock->device.name);
	assert_ptr_equal(ferrule_net_find(info.name), net);
	assert_int_equal(info.mtu, 1400);
	assert_true(info.link_up && info.full_duplex);
	assert_int_equal(info.speed_mbit, 10000);
	assert_int_equal(info.tx_headroom, 12);
	assert_int_equal(info.offloads, 0);
	assert_int_equal(mock_available(mock, RX), info.rx_buffers); /* [NET-14] */
	mock->config[6] = 0;
	mock_config_changed(mock);
	assert_int_equal(link_calls, 1);
	ferrule_net_info(net, &info);
	assert_false(info.link_up);
	mock_config_changed(mock); /* nothing new */
	assert_int_equal(link_calls, 1);
	memcpy(mock->config + 12, "\xff\xff\xff\xff\xff", 5); /* [NET-07] */
	mock->config[6] = 1;
	mock_config_changed(mock);
	ferrule_net_info(net, &info);
	assert_int_equal(info.speed_mbit, 0);
	assert_false(info.full_duplex);
	finish(mock);
}

static unsigned reads, change_at;

static void change_early(struct mock *mock)
{
	if (!(mock->status & VIRTIO_STATUS_DRIVER_OK) && ++reads == change_at)
		mock->config[6] = 0;
}

/* [CFG-07] What changes before DRIVER_OK is not announced, but found. */
static void link_changes_early(void **state)
{
	struct ferrule_net_info info;

	(void)state;
	change_at = 0;
	for (unsigned i = 0; i < 2; i++) {
		struct mock *mock = fresh();

		reads = 0;
		mock->config_race = change_early;
		start(mock);
		change_at = reads; /* after the last look, next time */
		ferrule_net_info(net, &info);
		assert_int_equal(info.link_up, !i);
		finish(mock);
	}
}

/* [NET-03] [NET-04] [NET-06] [CFG-09] */
static void bad_configuration(void **state)
{
	static const uint8_t none[6] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct mock *mock = fresh();
	struct ferrule_net_info info;

	(void)state;
	mock_offer(mock, VIRTIO_NET_F_MTU); /* 0: refused ([NET-06]) */
	memset(mock->config, 0, 6);
	mock_withhold(mock, VIRTIO_NET_F_STATUS);
	start(mock);
	assert_false(mock_has(mock, VIRTIO_NET_F_MTU));
	ferrule_net_info(net, &info);
	assert_memory_equal(info.mac, none, 6); /* random, local, unicast */
	assert_true(info.link_up);		/* [NET-04] */
	assert_int_equal(info.mtu, 1500);
	finish(mock);
}

/* [NET-02]: whatever is offered alone, what is accepted has its prerequisites. */
static void dependencies_hold(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		struct mock *mock;

		if (bit > 23 && bit < 52)
			continue; /* the ring's, or nobody's */
		mock = fresh();
		mock_withhold(mock, VIRTIO_NET_F_MRG_RXBUF);
		mock_offer(mock, bit);
		mock->config[8] = 1;
		memcpy(mock->config + 10, "\xdc\x05", 2);
		start(mock);
		if ((bit >= 7 && bit <= 14) || (bit >= 18 && bit <= 23) || bit == 2 ||
		    (bit >= 52 && bit <= 58) || bit >= 60)
			assert_false(mock_has(mock, bit) && bit != 63);
		finish(mock);
	}
}

/* [NET-14] */
static void receives(void **state)
{
	static const struct net_header plain;
	struct mock *mock = fresh();
	struct ferrule_frame *frames[100];

	(void)state;
	start(mock);
	assert_null(ferrule_net_receive(net));
	receive(mock, &plain, 60);
	assert_int_equal(ready_calls, 1);
	receive(mock, &plain, 1514);
	assert_int_equal(ready_calls, 1); /* not again before NULL */
	check_frame(frames[0] = ferrule_net_receive(net), 60);
	assert_int_equal((uintptr_t)(frames[0]->data + 14) % 4, 0);
	check_frame(frames[1] = ferrule_net_receive(net), 1514);
	assert_null(ferrule_net_receive(net));
	receive(mock, &plain, 14);
	assert_int_equal(ready_calls, 2);
	ferrule_net_release(frames[0]);
	ferrule_net_release(frames[1]);
	check_frame(frames[0] = ferrule_net_receive(net), 14);
	ferrule_net_release(frames[0]);
	/* Round and round, a few held; the ring is kept well filled. */
	for (unsigned i = 0; i < 2000; i++) {
		receive(mock, &plain, 60 + i % 1400);
		check_frame(frames[i % 3] = ferrule_net_receive(net), 60 + i % 1400);
		if (i >= 2)
			ferrule_net_release(frames[(i + 1) % 3]);
		assert_true(mock_available(mock, RX) >= net->rx[0].count / 4);
	}
	ferrule_net_release(frames[1998 % 3]);
	ferrule_net_release(frames[1999 % 3]);
	finish(mock);
}

/* [NET-14] The client holds everything: the ring is empty, and fills again by release alone. */
static void starved(void **state)
{
	static const struct net_header plain;
	struct mock *mock = fresh();
	struct ferrule_frame *held[64];
	unsigned count = 0;

	(void)state;
	start(mock);
	while (mock_available(mock, RX)) {
		receive(mock, &plain, 100);
		held[count++] = ferrule_net_receive(net);
	}
	assert_int_equal(count, net->rx[0].count);
	assert_null(ferrule_net_receive(net));
	ferrule_net_release(held[0]);
	assert_int_equal(mock_available(mock, RX), 1);
	for (unsigned i = 1; i < count; i++)
		ferrule_net_release(held[i]);
	assert_true(mock_available(mock, RX) >= count / 2);
	ferrule_net_receive(net);
	assert_int_equal(mock_available(mock, RX), count);
	finish(mock);
}

/* [NET-15] */
static void merged_frames(void **state)
{
	static const struct net_header plain;
	struct mock *mock = fresh();
	struct ferrule_frame *frame;

	(void)state;
	mock->queue_max[RX] = 256;
	start(mock);
	if (net->rx[0].count <
	    40) /* the page allocator of the host says there is little */
		net->rx_pieces_max = net->rx[0].count;
	for (uint32_t bytes = 1900;
	     bytes < net->rx[0].count * net->rx_bytes && bytes < 65000; bytes += 1013) {
		receive(mock, &plain, bytes);
		check_frame(frame = ferrule_net_receive(net), bytes);
		ferrule_net_release(frame);
	}
	assert_int_equal(net->rx_dropped, 0);
	finish(mock);
}

/* [NET-05] [NET-13] */
static void without_merging(void **state)
{
	static const struct net_header plain;
	static const unsigned mtus[] = { 0, 1500, 9000, 65535 };

	(void)state;
	for (unsigned i = 0; i < array_count(mtus); i++) {
		unsigned mtu = mtus[i] ? mtus[i] : 1500;
		struct mock *mock = fresh();
		struct ferrule_frame *frame;

		mock_withhold(mock, VIRTIO_NET_F_MRG_RXBUF);
		if (mtus[i])
			mock_offer(mock, VIRTIO_NET_F_MTU);
		memcpy(mock->config + 10, &mtus[i], 2);
		start(mock);
		assert_true(net->rx_bytes >= 1526); /* [NET-13] */
		receive(mock, &plain, mtu + 14);
		check_frame(frame = ferrule_net_receive(net), mtu + 14);
		ferrule_net_release(frame);
		finish(mock);
	}
}

/* [NET-01] [NET-35] */
static void legacy(void **state)
{
	static const struct net_header plain;
	struct ferrule_net_segment segment = { pattern, 60 };

	(void)state;
	for (unsigned any_layout = 0; any_layout < 2; any_layout++) {
		struct mock *mock = fresh();
		struct ferrule_frame *frame;

		mock->legacy = true;
		mock_withhold(mock, VIRTIO_F_VERSION_1);
		mock_withhold(mock, VIRTIO_NET_F_MRG_RXBUF);
		if (any_layout)
			mock_offer(mock, VIRTIO_F_ANY_LAYOUT);
		start(mock);
		assert_int_equal(net->header_bytes, 10);
		receive(mock, &plain, 500);
		check_frame(frame = ferrule_net_receive(net), 500);
		ferrule_net_release(frame);
		assert_int_equal(
			ferrule_net_send(net, &segment, 1, 0, NULL, false, &card), 0);
		mock_run(mock);
		assert_int_equal(card.sent_bytes, 70);
		assert_memory_equal(card.sent + 10, pattern, 60);
		finish(mock);
	}
}

/* [NET-16] [NET-17] */
static void offloads_are_passed_up(void **state)
{
	struct net_header header = { .flags = 1,
				     .checksum_start = 34,
				     .checksum_offset = 16 };
	struct mock *mock = fresh();
	struct ferrule_frame *frame;

	(void)state;
	mock_offer(mock, VIRTIO_NET_F_GUEST_CSUM);
	mock_offer(mock, VIRTIO_NET_F_GUEST_TSO4);
	start(mock);
	receive(mock, &header, 100);
	frame = ferrule_net_receive(net);
	assert_true(frame->meta.checksum_needed && !frame->meta.checksum_valid);
	assert_int_equal(frame->meta.checksum_start, 34);
	ferrule_net_release(frame);
	header.gso_type = 0x81; /* with ECN */
	header.gso_bytes = 1448;
	header.header_bytes = 54;
	receive(mock, &header, 3000);
	frame = ferrule_net_receive(net);
	assert_int_equal(frame->meta.gso_type, 1);
	assert_int_equal(frame->meta.gso_bytes, 1448);
	ferrule_net_release(frame);
	header = (struct net_header){ .flags = 0xfa }; /* DATA_VALID, unknown flags */
	receive(mock, &header, 100);
	frame = ferrule_net_receive(net);
	assert_true(frame->meta.checksum_valid && !frame->meta.checksum_needed);
	ferrule_net_release(frame);
	finish(mock);
}

/* [NET-18], [NET-19]: lies about a frame cost that frame, and nothing leaks or hangs. */
static void lies_are_dropped(void **state)
{
	static const struct net_header lies[] = {
		{ .buffers = 0xffff }, /* said as 0 */
		{ .buffers = 30000 },
		{ .buffers = 7 }, /* that do not come */
		{ .flags = 1, .checksum_start = 99, .checksum_offset = 0 },
		{ .flags = 1, .checksum_start = 0xffff, .checksum_offset = 0xffff },
		{ .flags = 1, .checksum_start = 20, .gso_type = 4, .gso_bytes = 100 },
		{ .flags = 1, .checksum_start = 20, .gso_type = 1 },
		{ .flags = 1, .checksum_start = 20, .gso_type = 0x7f, .gso_bytes = 9 },
	};
	static const struct net_header plain;
	struct mock *mock = fresh();
	struct ferrule_frame *frame;

	(void)state;
	mock->lenient = true;
	mock_offer(mock, VIRTIO_NET_F_GUEST_CSUM);
	mock_offer(mock, VIRTIO_NET_F_GUEST_TSO4);
	start(mock);
	for (unsigned i = 0; i < array_count(lies); i++) {
		for (unsigned times = 0; times < 50; times++) {
			receive(mock, &lies[i], 100);
			assert_null(ferrule_net_receive(net));
		}
		assert_int_equal(net->rx_dropped, 50 * (i + 1));
		assert_int_equal(mock_available(mock, RX), net->rx[0].count);
	}
	receive(mock, &plain, 13); /* shorter than an Ethernet header */
	receive(mock, &plain, 0);
	assert_null(ferrule_net_receive(net));
	receive(mock, &plain, 1500);
	check_frame(frame = ferrule_net_receive(net), 1500);
	ferrule_net_release(frame);
	finish(mock);
}

/* A client that sleeps instead of being called. */
static void waiting_client(void **state)
{
	static const struct ferrule_net_client sleeper = { .context = &card };
	static const struct net_header plain;
	struct mock *mock = fresh();
	struct ferrule_frame *frame;

	(void)state;
	start(mock);
	assert_int_equal(ferrule_net_open(net, NULL), 0);
	receive(mock, &plain, 60); /* before anybody is there */
	assert_int_equal(ferrule_net_open(net, &sleeper), 0);
	assert_true(ferrule_net_wait(net, NO_DEADLINE));
	assert_non_null(frame = ferrule_net_receive(net));
	ferrule_net_release(frame);
	assert_null(ferrule_net_receive(net));
	assert_false(ferrule_net_wait(net, host_clock_ns + 1000));
	receive(mock, &plain, 60);
	assert_true(ferrule_net_wait(net, NO_DEADLINE));
	finish(mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(configuration),
		net_test(link_changes_early),
		net_test(bad_configuration),
		net_test(dependencies_hold),
		net_test(receives),
		net_test(starved),
		net_test(merged_frames),
		net_test(without_merging),
		net_test(legacy),
		net_test(offloads_are_passed_up),
		net_test(lies_are_dropped),
		net_test(waiting_client),
	};

	return cmocka_run_group_tests(tests, fill_pattern, NULL);
}
