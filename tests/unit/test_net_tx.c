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

/* virtio-net: transmission (requirements NET). */

#include "virtio_net/card.h"

/* [NET-39] [NET-40] */
static void sends(void **state)
{
	static uint8_t room[12 + 1514];
	struct mock *mock = fresh();
	struct ferrule_net_segment segments[3] = { { pattern, 14 },
						   { pattern + 14, 0 },
						   { pattern + 14, 100 } };
	struct ferrule_net_segment one = { room + 12, 1514 };

	(void)state;
	start(mock);
	assert_int_equal(ferrule_net_send(net, segments, 3, 0, NULL, false, segments), 0);
	mock_run(mock);
	assert_int_equal(card.sent_bytes, 126);
	assert_memory_equal(card.sent + 12, pattern, 114);
	assert_int_equal(mock->counts.interrupts,
			 0); /* [NET-39]: none for transmission */
	ferrule_net_reap(net);
	assert_int_equal(sent_calls, 1);
	assert_ptr_equal(sent_tokens[0], segments);
	/* With headroom: one descriptor; `more` holds the kick back. */
	memcpy(room + 12, pattern, 1514);
	assert_int_equal(ferrule_net_send(net, &one, 1, 12, NULL, true, room), 0);
	assert_int_equal(mock->queues[TX].kicks, 1);
	assert_int_equal(ferrule_net_send(net, segments, 3, 11, NULL, false, room), 0);
	assert_int_equal(mock->queues[TX].kicks, 2);
	card.sent_count = 0;
	mock_run(mock);
	assert_int_equal(card.sent_count, 2);
	assert_int_equal(ferrule_net_send(net, &one, 1, 12, NULL, false, room), 0);
	mock_run(mock);
	assert_int_equal(card.sent_pieces, 1);
	assert_memory_equal(card.sent + 12, pattern, 1514);
	finish(mock);
}

/* [NET-05] [NET-09] [NET-11] */
static void bad_sends(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_net_segment segment = { pattern, 1515 };
	struct ferrule_net_meta meta = { .checksum_needed = true,
					 .checksum_start = 34,
					 .checksum_offset = 16 };

	(void)state;
	start(mock);
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, NULL, false, &card),
			 -EMSGSIZE);
	segment.bytes = 13;
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, NULL, false, &card),
			 -EINVAL);
	assert_int_equal(ferrule_net_send(net, &segment, 0, 0, NULL, false, &card),
			 -EINVAL);
	segment.bytes = 100; /* [NET-09], [NET-11]: no such offloads */
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, &meta, false, &card),
			 -ENOTSUP);
	assert_int_equal(mock->queues[TX].kicks, 0);
	finish(mock);
}

/* [NET-08] [NET-10] [NET-11] [NET-12] */
static void transmit_offloads(void **state)
{
	struct mock *mock = fresh();
	struct ferrule_net_segment segment = { pattern, 60000 };
	struct ferrule_net_meta meta = { .checksum_needed = true,
					 .checksum_start = 34,
					 .checksum_offset = 16,
					 .gso_bytes = 1460,
					 .gso_type = 1,
					 .header_bytes = 54 };
	struct net_header header;

	(void)state;
	mock_offer(mock, VIRTIO_NET_F_CSUM);
	mock_offer(mock, VIRTIO_NET_F_HOST_TSO4);
	start(mock);
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, &meta, false, &card), 0);
	mock_run(mock);
	assert_int_equal(card.sent_bytes, 60012);
	memcpy(&header, card.sent, sizeof(header));
	assert_int_equal(header.flags, 1);
	assert_int_equal(header.gso_type, 1);
	assert_int_equal(header.gso_bytes, 1460);
	assert_int_equal(header.header_bytes, 54);
	assert_int_equal(header.checksum_start, 34);
	assert_int_equal(header.checksum_offset, 16);
	meta.gso_type = 4; /* not negotiated */
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, &meta, false, &card),
			 -ENOTSUP);
	meta.gso_type = 1;
	meta.checksum_start = 60000;
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, &meta, false, &card),
			 -EINVAL);
	meta.checksum_start = 34;
	segment.bytes = 65600;
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, &meta, false, &card),
			 -EMSGSIZE);
	finish(mock);
}

/* The ring fills up: -ENOBUFS, and `ready` when the card made room. */
static void full_ring(void **state)
{
	struct ferrule_net_segment segment = { pattern, 100 };
	unsigned queued = 0;

	(void)state;
	for (unsigned events = 0; events < 2; events++) {
		struct mock *mock = fresh();
		int error;

		if (!events)
			mock_withhold(mock, VIRTIO_F_EVENT_IDX);
		start(mock);
		card.keep = true;
		for (queued = 0;; queued++) {
			error = ferrule_net_send(net, &segment, 1, 0, NULL, true, &card);
			if (error)
				break;
		}
		assert_int_equal(error, -ENOBUFS);
		assert_in_range(queued, 16, 32);
		assert_int_equal(mock->queues[TX].kicks, 1); /* what waited went out */
		assert_int_equal(
			ferrule_net_send(net, &segment, 1, 0, NULL, false, &card),
			-ENOBUFS);
		assert_int_equal(ready_calls, 0);
		card.keep = false;
		while (mock_run(mock))
			;
		assert_int_equal(card.sent_count, queued);
		assert_int_equal(ready_calls, 1);
		assert_int_equal(
			ferrule_net_send(net, &segment, 1, 0, NULL, false, &card), 0);
		assert_int_equal(sent_calls, queued);
		while (mock_run(mock))
			;
		assert_int_equal(ready_calls, 1);
		assert_int_equal(ferrule_net_open(net, NULL), 0);
		assert_int_equal(sent_calls, queued + 1);
		finish(mock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(sends),
		net_test(bad_sends),
		net_test(transmit_offloads),
		net_test(full_ring),
	};

	return cmocka_run_group_tests(tests, fill_pattern, NULL);
}
