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
 *	virtio/device/net_vlan.c virtio/device/net_coalesce.c
 *	virtio/device/net_offload.c virtio/device/net_announce.c virtio/device/net_filter.c */

/* virtio-net: VLANs, coalescing, switched offloads, announcements, and kinds of segments
 * (requirements NET). */

#include "virtio_net/card.h"

static void reset_and_restore(struct mock *mock)
{
	mock_needs_reset(mock);
	host_clock_advance(1);
	card.commands = 0;
	host_threads_run();
	assert_true(mock->device.live);
}

/* [NET-27] */
static void vlans(void **state)
{
	struct mock *mock = fresh_with_control(1);

	(void)state;
	mock_offer(mock, VIRTIO_NET_F_CTRL_VLAN);
	start(mock);
	assert_int_equal(ferrule_net_vlan_add(net, 0), -EINVAL);
	assert_int_equal(ferrule_net_vlan_add(net, 4095), -EINVAL);
	assert_int_equal(card.commands, 0);
	assert_int_equal(ferrule_net_vlan_add(net, 0x123), 0);
	assert_memory_equal(card.command, "\2\0\x23\1", 4);
	assert_int_equal(ferrule_net_vlan_add(net, 4094), 0);
	assert_int_equal(ferrule_net_vlan_add(net, 7), 0);
	assert_int_equal(ferrule_net_vlan_remove(net, 7), 0);
	assert_memory_equal(card.command, "\2\1\7\0", 4);
	reset_and_restore(mock);
	assert_int_equal(card.commands, 2);
	assert_memory_equal(card.log[0].bytes, "\2\0\x23\1", 4);
	assert_memory_equal(card.log[1].bytes, "\2\0\xfe\xf", 4);
	finish(mock);
	mock = fresh_with_control(1);
	start(mock);
	assert_int_equal(ferrule_net_vlan_add(net, 5), -ENOTSUP);
	finish(mock);
}

/* [NET-33] [NET-34] Nothing is said unless asked; what comes with an error is not used. */
static void coalescing(void **state)
{
	struct ferrule_net_coalescing some = { 64, 100 }, got = { 7, 7 };
	struct mock *mock = fresh_with_control(1);

	(void)state;
	mock_offer(mock, VIRTIO_NET_F_NOTF_COAL);
	mock_offer(mock, VIRTIO_NET_F_VQ_NOTF_COAL);
	start(mock);
	assert_int_equal(card.commands, 0);
	assert_int_equal(
		ferrule_net_set_coalescing(net, FERRULE_NET_ALL_QUEUES, false, &some), 0);
	assert_memory_equal(card.command, "\6\1\x40\0\0\0\x64\0\0\0", 10);
	assert_int_equal(
		ferrule_net_set_coalescing(net, FERRULE_NET_ALL_QUEUES, true, &some), 0);
	assert_memory_equal(card.command, "\6\0", 2);
	assert_int_equal(ferrule_net_set_coalescing(net, 0, true, &some), 0);
	assert_int_equal(card.command_bytes, 14);
	assert_memory_equal(card.command, "\6\2\1\0\0\0\x40\0\0\0\x64\0\0\0", 14);
	assert_int_equal(ferrule_net_set_coalescing(net, 1, true, &some), -EINVAL);
	assert_int_equal(ferrule_net_get_coalescing(net, 1, true, &got), -EINVAL);
	memcpy(card.result, "\x11\0\0\0\x22\0\0\0", 8);
	assert_int_equal(ferrule_net_get_coalescing(net, 0, false, &got), 0);
	assert_memory_equal(card.command, "\6\3\0\0\0\0", 6);
	assert_int_equal(got.frames, 0x11);
	assert_int_equal(got.microseconds, 0x22);
	card.ack = 1;
	memset(card.result, 0xff, 8);
	assert_int_equal(ferrule_net_get_coalescing(net, 0, false, &got), -EIO);
	assert_int_equal(got.frames, 0x11);
	card.ack = 0;
	reset_and_restore(mock);
	assert_int_equal(card.commands, 3);
	finish(mock);
	mock = fresh_with_control(1);
	start(mock);
	assert_int_equal(ferrule_net_set_coalescing(net, 0, true, &some), -ENOTSUP);
	assert_int_equal(
		ferrule_net_set_coalescing(net, FERRULE_NET_ALL_QUEUES, true, &some),
		-ENOTSUP);
	finish(mock);
}

static void reset_queue(struct mock *mock, unsigned queue)
{
	virtio_queue_break(mock->device.queues[queue], "a test");
	host_clock_advance(1);
}

/* [VQ-26] A queue that was reset alone has forgotten what was said of it, and is told again;
 * others are not. Nothing is touched of a card that goes meanwhile. */
static void coalescing_of_a_queue(void **state)
{
	struct ferrule_net_coalescing some = { 64, 100 }, other = { 1, 2 };
	struct mock *mock = fresh_with_control(1);

	(void)state;
	mock_offer(mock, VIRTIO_F_RING_RESET);
	mock_offer(mock, VIRTIO_NET_F_NOTF_COAL);
	mock_offer(mock, VIRTIO_NET_F_VQ_NOTF_COAL);
	start(mock);
	reset_queue(mock, TX);
	assert_int_equal(
		ferrule_net_set_coalescing(net, FERRULE_NET_ALL_QUEUES, true, &some), 0);
	assert_int_equal(ferrule_net_set_coalescing(net, 0, true, &other), 0);
	reset_queue(mock, RX);
	reset_queue(mock, CONTROL);
	assert_int_equal(host_threads_run(), 0);
	card.commands = 0;
	reset_queue(mock, TX);
	reset_queue(mock, TX);
	assert_int_equal(host_threads_run(), 1);
	assert_int_equal(card.commands, 2);
	assert_memory_equal(card.log[0].bytes, "\6\0\x40\0\0\0\x64", 7);
	assert_memory_equal(card.log[1].bytes, "\6\2\1\0\0\0\1\0\0\0\2", 11);
	assert_int_equal(mock->device.counters.queue_resets, 5);
	assert_int_equal(mock->device.counters.recoveries, 0);

	reset_queue(mock, TX);
	assert_false(net_quiet(&mock->device));
	finish(mock);
}

/* Also if it is reset before who set it up knows that the card has heard, or the control
 * queue while that is said again. */
static void coalescing_of_a_queue_at_a_bad_time(void **state)
{
	struct ferrule_net_coalescing other = { 1, 2 };
	struct mock *mock = fresh_with_control(1);

	(void)state;
	mock_offer(mock, VIRTIO_F_RING_RESET);
	mock_offer(mock, VIRTIO_NET_F_VQ_NOTF_COAL);
	start(mock);
	card.commands = 0;
	card.breaks = 1u << TX;
	assert_int_equal(ferrule_net_set_coalescing(net, 0, true, &other), 0);
	card.lies = 1;
	assert_int_equal(host_threads_run(), 1);
	assert_int_equal(card.commands, 3);
	assert_memory_equal(card.log[2].bytes, "\6\2\1\0\0\0\1\0\0\0\2", 11);
	assert_int_equal(mock->device.counters.queue_resets, 2);
	mock->lenient = false;
	finish(mock);
}

static struct mock *with_guest_offloads(bool uso)
{
	struct mock *mock = fresh_with_control(1);

	mock_offer(mock, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
	mock_offer(mock, VIRTIO_NET_F_GUEST_CSUM);
	mock_offer(mock, VIRTIO_NET_F_GUEST_TSO4);
	if (uso)
		mock_offer(mock, VIRTIO_NET_F_GUEST_USO4);
	return mock;
}

/* [NET-32] Only what was negotiated is named; merged datagrams are off until asked for. */
static void switched_offloads(void **state)
{
	struct net_header merged = { .flags = 1,
				     .checksum_start = 34,
				     .checksum_offset = 6,
				     .gso_type = FERRULE_NET_GSO_USO,
				     .gso_bytes = 500 };
	struct mock *mock = with_guest_offloads(true);
	struct ferrule_frame *frame;

	(void)state;
	start(mock);
	assert_int_equal(card.commands, 1);
	assert_int_equal(card.command_bytes, 10);
	assert_memory_equal(card.command, "\5\0\x82\0\0\0\0\0\0\0", 10);
	receive(mock, &merged, 1042);
	assert_null(ferrule_net_receive(net)); /* not now */
	assert_int_equal(net->rx_dropped, 1);
	assert_int_equal(ferrule_net_set_receive_offloads(net, FERRULE_NET_RX_USO),
			 -EINVAL);
	assert_int_equal(ferrule_net_set_receive_offloads(
				 net, FERRULE_NET_RX_CHECKSUM | FERRULE_NET_RX_USO),
			 0);
	assert_memory_equal(card.command, "\5\0\2\0\0\0\0\0\x40\0", 10);
	receive(mock, &merged, 1042);
	frame = ferrule_net_receive(net);
	assert_int_equal(frame->meta.gso_type, FERRULE_NET_GSO_USO);
	assert_int_equal(frame->meta.gso_bytes, 500);
	ferrule_net_release(frame);
	assert_int_equal(ferrule_net_set_receive_offloads(net, 0), 0);
	assert_memory_equal(card.command, "\5\0\0\0\0\0\0\0\0\0", 10);
	reset_and_restore(mock);
	assert_int_equal(card.commands, 1);
	assert_memory_equal(card.command, "\5\0\0\0\0\0\0\0\0\0", 10);
	finish(mock);
	mock = with_guest_offloads(false);
	start(mock);
	assert_int_equal(card.commands, 0);
	finish(mock);
}

/* [NET-28] */
static void announcements(void **state)
{
	struct mock *mock = fresh_with_control(1);
	struct ferrule_net_info info;

	(void)state;
	mock_offer(mock, VIRTIO_NET_F_GUEST_ANNOUNCE);
	start(mock);
	ferrule_net_info(net, &info);
	assert_false(info.announce);
	mock->config[6] = 3;
	mock_config_changed(mock);
	assert_int_equal(link_calls, 1);
	ferrule_net_info(net, &info);
	assert_true(info.announce && info.link_up);
	assert_int_equal(ferrule_net_announced(net), 0);
	assert_int_equal(card.command_bytes, 2);
	assert_memory_equal(card.command, "\3\0", 2);
	ferrule_net_info(net, &info);
	assert_false(info.announce);
	mock->config[6] = 1;
	mock_config_changed(mock);
	assert_int_equal(link_calls, 1);
	finish(mock);
	mock = fresh_with_control(1);
	mock->config[6] = 3; /* without the feature the bit says nothing */
	start(mock);
	ferrule_net_info(net, &info);
	assert_false(info.announce);
	assert_int_equal(ferrule_net_announced(net), -ENOTSUP);
	finish(mock);
}

/* [NET-11] [NET-12] Datagrams to be cut, with headers that are exactly as long as said. */
static void sends_datagrams(void **state)
{
	struct ferrule_net_segment segment = { pattern, 5042 };
	struct ferrule_net_meta meta = { .checksum_needed = true,
					 .checksum_start = 34,
					 .checksum_offset = 6,
					 .gso_bytes = 1000,
					 .gso_type = FERRULE_NET_GSO_USO,
					 .header_bytes = 42 };
	struct mock *mock = fresh();
	struct ferrule_net_info info;
	struct net_header header;

	(void)state;
	mock_offer(mock, VIRTIO_NET_F_CSUM);
	mock_offer(mock, VIRTIO_NET_F_HOST_USO);
	mock_offer(mock, VIRTIO_NET_F_HOST_UFO);
	mock_offer(mock, VIRTIO_NET_F_HOST_TSO4);
	mock_offer(mock, VIRTIO_NET_F_HOST_ECN);
	mock_offer(mock, VIRTIO_NET_F_GUEST_HDRLEN);
	mock_offer(mock, VIRTIO_NET_F_STANDBY);
	start(mock);
	assert_true(mock_has(mock, VIRTIO_NET_F_GUEST_HDRLEN));
	assert_false(mock_has(mock, VIRTIO_NET_F_STANDBY)); /* [NET-38] */
	ferrule_net_info(net, &info);
	assert_true(info.offloads & FERRULE_NET_TX_USO);
	assert_true(info.offloads & FERRULE_NET_TX_UFO);
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, &meta, false, &card), 0);
	mock_run(mock);
	memcpy(&header, card.sent, sizeof(header));
	assert_int_equal(header.gso_type, 5);
	assert_int_equal(header.gso_bytes, 1000);
	assert_int_equal(header.header_bytes, 42);
	meta.gso_type = FERRULE_NET_GSO_UFO;
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, &meta, false, &card), 0);
	mock_run(mock);
	for (unsigned bytes = 0; bytes < 120; bytes++) {
		bool tcp = bytes >= 54 && bytes <= 94;

		meta.header_bytes = (uint16_t)bytes;
		meta.gso_type = FERRULE_NET_GSO_USO;
		assert_int_equal(
			ferrule_net_send(net, &segment, 1, 0, &meta, false, &card),
			bytes == 42 ? 0 : -EINVAL);
		meta.gso_type = FERRULE_NET_GSO_TCP4;
		assert_int_equal(
			ferrule_net_send(net, &segment, 1, 0, &meta, false, &card),
			tcp ? 0 : -EINVAL);
		mock_run(mock);
	}
	meta.header_bytes = 54;
	meta.gso_type = 0x81; /* ECN was not negotiated */
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, &meta, false, &card),
			 -ENOTSUP);
	finish(mock);
}

/* [NET-16] Segments that the device merged: the checksum's fields say how many. */
static void merged_segments(void **state)
{
	struct net_header header = { .flags = VIRTIO_NET_HDR_F_RSC_INFO,
				     .gso_type = 1,
				     .checksum_start = 0xfff0,
				     .checksum_offset = 2 };
	struct ferrule_frame *frame;

	(void)state;
	for (unsigned negotiated = 0; negotiated < 2; negotiated++) {
		struct mock *mock = with_guest_offloads(false);

		mock_offer(mock, VIRTIO_NET_F_CSUM);
		mock_offer(mock, VIRTIO_NET_F_HOST_TSO4);
		if (negotiated)
			mock_offer(mock, VIRTIO_NET_F_RSC_EXT);
		start(mock);
		receive(mock, &header, 5000);
		frame = ferrule_net_receive(net);
		if (!negotiated) {
			assert_null(frame); /* a segment without a size */
			finish(mock);
			continue;
		}
		check_frame(frame, 5000);
		assert_int_equal(frame->meta.merged_segments, 0xfff0);
		assert_int_equal(frame->meta.duplicate_acks, 2);
		assert_true(frame->meta.checksum_valid && !frame->meta.checksum_needed);
		ferrule_net_release(frame);
		finish(mock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(vlans),
		net_test(coalescing),
		net_test(coalescing_of_a_queue),
		net_test(coalescing_of_a_queue_at_a_bad_time),
		net_test(switched_offloads),
		net_test(announcements),
		net_test(sends_datagrams),
		net_test(merged_segments),
	};

	return cmocka_run_group_tests(tests, fill_pattern, NULL);
}
