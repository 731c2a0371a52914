/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: tests/unit/mock/mock.c tests/unit/mock/ring.c tests/unit/mock/transport.c
 *	tests/unit/host/io.c tests/unit/host/irq.c tests/unit/host/cpu.c
 *	tests/unit/host/log.c tests/unit/host/heap.c tests/unit/host/page.c
 *	tests/unit/host/time.c tests/unit/host/thread.c tests/unit/host/panic.c
 *	virtio/virtio.c virtio/features.c virtio/config.c virtio/queues.c
 *	virtio/ring/split.c virtio/ring/virtqueue.c kernel/format.c
 *	virtio/device/net.c virtio/device/net_api.c virtio/device/net_rx.c
 *	virtio/device/net_tx.c virtio/device/net_control.c virtio/device/pieces.c */

/* virtio-net against a card that is strict and cards that lie (requirements NET). */

#include <errno.h>
#include <unit.h>
#include <ferrule/entropy.h>
#include <kernel/time.h>
#include <virtio/device/net.h>
#include "host/host.h"
#include "mock/mock.h"

void ferrule_entropy_read(void *out, size_t bytes)
{
	memset(out, 0xff, bytes);
}

/* Of sync.c's mutex a single thread needs no more than this. */
void mutex_lock(struct mutex *mutex)
{
	assert_int_equal(mutex->owner, 0);
	mutex->owner = (uintptr_t)thread_current();
}

void mutex_unlock(struct mutex *mutex)
{
	mutex->owner = 0;
}

enum { RX, TX, CONTROL };

static struct {
	bool silent; /* the control queue */
	uint8_t ack;
	bool no_ack_length;
	uint8_t command[4096];
	uint32_t command_bytes, command_pieces;
	uint8_t sent[70000]; /* the last frame with its header */
	uint32_t sent_bytes, sent_pieces, sent_count;
	bool keep; /* transmitted buffers are not given back */
} card;

static void serve_tx(struct mock *mock)
{
	static struct mock_chain chain;

	while (!card.keep && mock_pop(mock, TX, &chain)) {
		struct net_header header = { 0 };

		assert_int_equal(chain.writable, 0);
		card.sent_bytes = mock_read(&chain, 0, card.sent, sizeof(card.sent));
		card.sent_pieces = chain.count;
		card.sent_count++;
		mock_read(&chain, 0, &header, sizeof(header));
		assert_int_equal(header.flags & ~1u, 0); /* NET-08 */
		if (mock_has(mock, VIRTIO_F_VERSION_1))
			assert_int_equal(header.buffers, 0);
		else if (!mock_has(mock, VIRTIO_F_ANY_LAYOUT))
			assert_int_equal(chain.pieces[0].bytes, 10); /* NET-35 */
		mock_push(mock, TX, &chain, 0);
	}
	mock_interrupt(mock, TX);
}

static void serve_control(struct mock *mock)
{
	static struct mock_chain chain;
	uint8_t before;

	while (!card.silent && mock_pop(mock, CONTROL, &chain)) {
		assert_int_equal(chain.writable, 1);
		assert_int_equal(chain.pieces[0].bytes, 2);
		memcpy(&before, (void *)(uintptr_t)chain.pieces[chain.count - 1].address,
		       1);
		assert_int_equal(before, 0xff); /* NET-22 */
		card.command_bytes = mock_read(&chain, 0, card.command, 4096);
		card.command_pieces = chain.count;
		mock_write(&chain, 0, &card.ack, 1);
		mock_push(mock, CONTROL, &chain, !card.no_ack_length);
	}
	mock_interrupt(mock, CONTROL);
}

static void serve(struct mock *mock, unsigned queue)
{
	if (queue == TX)
		serve_tx(mock);
	else if (queue == CONTROL)
		serve_control(mock);
}

static struct mock *fresh(void)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };
	struct mock *mock = mock_new(VIRTIO_ID_NET);

	memset(&card, 0, sizeof(card));
	mock->queue_max[RX] = mock->queue_max[TX] = 32;
	mock->queue_max[CONTROL] = 64;
	mock->serve = serve;
	mock->config_bytes = 24;
	memcpy(mock->config, mac, 6);
	mock->config[6] = 1;
	mock_offer(mock, VIRTIO_NET_F_MAC);
	mock_offer(mock, VIRTIO_NET_F_STATUS);
	mock_offer(mock, VIRTIO_NET_F_MRG_RXBUF);
	return mock;
}

static struct ferrule_net *net;
static unsigned ready_calls, link_calls, sent_calls;
static void *sent_tokens[256];

static void on_ready(void *context)
{
	assert_ptr_equal(context, &card);
	assert_true(host_irqs_off);
	ready_calls++;
}

static void on_link(void *context)
{
	assert_ptr_equal(context, &card);
	link_calls++;
}

static void on_sent(void *context, void *token)
{
	assert_ptr_equal(context, &card);
	assert_false(host_irqs_off);
	sent_tokens[sent_calls++ % 256] = token;
}

static const struct ferrule_net_client client = { on_ready, on_link, on_sent, &card };

static void start(struct mock *mock)
{
	assert_int_equal(mock_add(mock), 0);
	for (unsigned i = 0; ferrule_net_at(i); i++)
		net = ferrule_net_at(i);
	assert_ptr_equal(net->device, &mock->device);
	ready_calls = link_calls = sent_calls = 0;
	assert_int_equal(ferrule_net_open(net, &client), 0);
	assert_int_equal(ferrule_net_open(net, &client), -EBUSY);
}

/* Cards are never forgotten, nor are their buffers: those in the ring come back first. */
static void finish(struct mock *mock)
{
	struct net_buffer *buffer;

	virtio_shutdown();
	while ((buffer = virtqueue_detach(net->rx))) {
		buffer->next = net->rx_free;
		net->rx_free = buffer;
	}
	mock_remove(mock);
}

static uint8_t pattern[70000];

/* The card receives: header, then frame bytes, over as many buffers as it takes. */
static void receive(struct mock *mock, const struct net_header *header, uint32_t bytes)
{
	static struct mock_chain chains[64];
	struct net_header first = *header;
	uint32_t done = 0, count = 0, head = net->header_bytes;

	do {
		struct mock_chain *chain = &chains[count];
		uint32_t at = count ? 0 : head, now;

		assert_true(mock_pop(mock, RX, chain));
		assert_int_equal(chain->readable, 0);
		now = chain->writable - at;
		if (now > bytes - done)
			now = bytes - done;
		mock_write(chain, at, pattern + done, now);
		done += now;
		count++;
		mock->queues[RX].out[chain->head] = false;
	} while (done < bytes && mock_has(mock, VIRTIO_NET_F_MRG_RXBUF));
	if (!header->buffers)
		first.buffers = (uint16_t)count;
	else if (header->buffers == 0xffff)
		first.buffers = 0;
	mock_write(&chains[0], 0, &first, head);
	for (uint32_t i = 0, left = bytes; i < count; i++) {
		uint32_t at = i ? 0 : head;
		uint32_t now = chains[i].writable - at;

		now = now < left ? now : left;
		left -= now;
		mock_push_raw(mock, RX, chains[i].head, now + at);
	}
	mock_interrupt(mock, RX);
}

static void check_frame(const struct ferrule_frame *frame, uint32_t bytes)
{
	uint32_t done = 0;

	assert_non_null(frame);
	assert_int_equal(frame->total_bytes, bytes);
	for (; frame; frame = frame->next) {
		assert_memory_equal(frame->data, pattern + done, frame->bytes);
		done += frame->bytes;
	}
	assert_int_equal(done, bytes);
}

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
	assert_int_equal(mock_available(mock, RX), info.rx_buffers); /* NET-14 */
	mock->config[6] = 0;
	mock_config_changed(mock);
	assert_int_equal(link_calls, 1);
	ferrule_net_info(net, &info);
	assert_false(info.link_up);
	mock_config_changed(mock); /* nothing new */
	assert_int_equal(link_calls, 1);
	memcpy(mock->config + 12, "\xff\xff\xff\xff\xff", 5); /* NET-07 */
	mock->config[6] = 1;
	mock_config_changed(mock);
	ferrule_net_info(net, &info);
	assert_int_equal(info.speed_mbit, 0);
	assert_false(info.full_duplex);
	finish(mock);
}

static void bad_configuration(void **state)
{
	static const uint8_t none[6] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct mock *mock = fresh();
	struct ferrule_net_info info;

	(void)state;
	mock_offer(mock, VIRTIO_NET_F_MTU); /* 0: refused (NET-06) */
	memset(mock->config, 0, 6);
	mock_withhold(mock, VIRTIO_NET_F_STATUS);
	start(mock);
	assert_false(mock_has(mock, VIRTIO_NET_F_MTU));
	ferrule_net_info(net, &info);
	assert_memory_equal(info.mac, none, 6); /* random, local, unicast */
	assert_true(info.link_up);		/* NET-04 */
	assert_int_equal(info.mtu, 1500);
	finish(mock);
}

/* NET-02: whatever is offered alone, what is accepted has its prerequisites. */
static void dependencies_hold(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 24; bit++) {
		struct mock *mock = fresh();

		mock_withhold(mock, VIRTIO_NET_F_MRG_RXBUF);
		mock_offer(mock, bit);
		memcpy(mock->config + 10, "\xdc\x05", 2);
		start(mock);
		if (bit >= 7 && bit <= 14)
			assert_false(mock_has(mock, bit));
		if (bit == 18 || bit == 23)
			assert_false(mock_has(mock, bit));
		finish(mock);
	}
}

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
		assert_true(mock_available(mock, RX) >= net->rx_count / 4);
	}
	finish(mock);
}

/* The client holds everything: the ring is empty, and fills again by release alone. */
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
	assert_int_equal(count, net->rx_count);
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

static void merged_frames(void **state)
{
	static const struct net_header plain;
	struct mock *mock = fresh();
	struct ferrule_frame *frame;

	(void)state;
	mock->queue_max[RX] = 256;
	start(mock);
	if (net->rx_count < 40) /* the page allocator of the host says there is little */
		net->rx_pieces_max = net->rx_count;
	for (uint32_t bytes = 1900;
	     bytes < net->rx_count * net->rx_bytes && bytes < 65000; bytes += 1013) {
		receive(mock, &plain, bytes);
		check_frame(frame = ferrule_net_receive(net), bytes);
		ferrule_net_release(frame);
	}
	assert_int_equal(net->rx_dropped, 0);
	finish(mock);
}

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
		assert_true(net->rx_bytes >= 1526); /* NET-13 */
		receive(mock, &plain, mtu + 14);
		check_frame(frame = ferrule_net_receive(net), mtu + 14);
		ferrule_net_release(frame);
		finish(mock);
	}
}

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

/* NET-18, NET-19: lies about a frame cost that frame, and nothing leaks or hangs. */
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
		assert_int_equal(mock_available(mock, RX), net->rx_count);
	}
	receive(mock, &plain, 13); /* shorter than an Ethernet header */
	receive(mock, &plain, 0);
	assert_null(ferrule_net_receive(net));
	receive(mock, &plain, 1500);
	check_frame(frame = ferrule_net_receive(net), 1500);
	ferrule_net_release(frame);
	finish(mock);
}

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
	assert_int_equal(mock->counts.interrupts, 0); /* NET-39: none for transmission */
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
	segment.bytes = 100; /* NET-09, NET-11: no such offloads */
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, &meta, false, &card),
			 -ENOTSUP);
	assert_int_equal(mock->queues[TX].kicks, 0);
	finish(mock);
}

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

static void control_queue(void **state)
{
	static const uint8_t groups[2][6] = { { 1, 0, 0x5e, 0, 0, 1 },
					      { 0x33, 0x33, 0, 0, 0, 1 } };
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	static uint8_t many[700][6];
	struct mock *mock = fresh();
	struct ferrule_net_info info;

	(void)state;
	start(mock);
	assert_int_equal(ferrule_net_set_promiscuous(net, true), -ENOTSUP);
	assert_int_equal(ferrule_net_set_mac(net, mac), -ENOTSUP);
	finish(mock);

	mock = fresh();
	mock_offer(mock, VIRTIO_NET_F_CTRL_VQ);
	mock_offer(mock, VIRTIO_NET_F_CTRL_RX);
	mock_offer(mock, VIRTIO_NET_F_CTRL_MAC_ADDR);
	start(mock);
	assert_int_equal(ferrule_net_set_promiscuous(net, true), 0);
	assert_memory_equal(card.command, "\0\0\1", 3);
	assert_int_equal(card.command_bytes, 3);
	assert_int_equal(ferrule_net_set_multicast(net, groups, 2), 0);
	assert_int_equal(card.command_bytes, 2 + 4 + 4 + 12); /* NET-25 */
	assert_memory_equal(card.command, "\1\0\0\0\0\0\2\0\0\0", 10);
	assert_memory_equal(card.command + 10, groups, 12);
	assert_int_equal(ferrule_net_set_multicast(net, many, 700), 0);
	assert_memory_equal(card.command, "\0\1\1", 3); /* all of them */
	assert_int_equal(ferrule_net_set_mac(net, groups[0]), -EINVAL);
	assert_int_equal(ferrule_net_set_mac(net, mac), 0);
	assert_memory_equal(card.command, "\1\1\2\0\0\0\0\11", 8);
	ferrule_net_info(net, &info);
	assert_memory_equal(info.mac, mac, 6);
	card.ack = 1;
	assert_int_equal(ferrule_net_set_promiscuous(net, false), -EIO);
	card.ack = 0;
	card.no_ack_length = true; /* NET-23 */
	assert_int_equal(ferrule_net_set_promiscuous(net, false), -EIO);
	card.no_ack_length = false;
	card.silent = true;
	assert_int_equal(ferrule_net_set_promiscuous(net, false), -ETIMEDOUT);
	assert_int_equal(ferrule_net_set_promiscuous(net, false), -EIO); /* at once */
	card.silent = false;
	serve_control(mock); /* late, but it comes */
	assert_int_equal(ferrule_net_set_promiscuous(net, false), 0);
	finish(mock);
}

static void broken_card(void **state)
{
	struct ferrule_net_segment segment = { pattern, 100 };
	struct mock *mock = fresh();
	struct ferrule_net_info info;

	(void)state;
	mock->lenient = true;
	start(mock);
	card.keep = true;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(
			ferrule_net_send(net, &segment, 1, 0, NULL, false, &card), 0);
	mock_push_raw(mock, RX, 31337, 100);
	mock_interrupt_always(mock, RX);
	assert_null(ferrule_net_receive(net));
	host_clock_advance(1);
	assert_true(mock->device.broken);
	assert_int_equal(ferrule_net_send(net, &segment, 1, 0, NULL, false, &card), -EIO);
	ferrule_net_reap(net);
	assert_int_equal(sent_calls, 5); /* what was in flight is the client's again */
	assert_null(ferrule_net_receive(net));
	ferrule_net_info(net, &info);
	assert_false(info.link_up);
	assert_int_equal(ferrule_net_set_promiscuous(net, true), -ENOTSUP);
	finish(mock);
}

/* A client that sleeps instead of being called. */
static void waiting_client(void **state)
{
	static const struct ferrule_net_client sleeper = { .context = &card };
	static const struct net_header plain;
	struct mock *mock = fresh();

	(void)state;
	start(mock);
	assert_int_equal(ferrule_net_open(net, NULL), 0);
	receive(mock, &plain, 60); /* before anybody is there */
	assert_int_equal(ferrule_net_open(net, &sleeper), 0);
	assert_true(ferrule_net_wait(net, NO_DEADLINE));
	assert_non_null(ferrule_net_receive(net));
	assert_null(ferrule_net_receive(net));
	assert_false(ferrule_net_wait(net, host_clock_ns + 1000));
	receive(mock, &plain, 60);
	assert_true(ferrule_net_wait(net, NO_DEADLINE));
	finish(mock);
}

static int fill_pattern(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 31 + i / 256);
	pattern[12] = 8;
	pattern[13] = 0;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configuration),
		cmocka_unit_test(bad_configuration),
		cmocka_unit_test(dependencies_hold),
		cmocka_unit_test(receives),
		cmocka_unit_test(starved),
		cmocka_unit_test(merged_frames),
		cmocka_unit_test(without_merging),
		cmocka_unit_test(legacy),
		cmocka_unit_test(offloads_are_passed_up),
		cmocka_unit_test(lies_are_dropped),
		cmocka_unit_test(sends),
		cmocka_unit_test(bad_sends),
		cmocka_unit_test(transmit_offloads),
		cmocka_unit_test(full_ring),
		cmocka_unit_test(control_queue),
		cmocka_unit_test(broken_card),
		cmocka_unit_test(waiting_client),
	};

	return cmocka_run_group_tests(tests, fill_pattern, NULL);
}
