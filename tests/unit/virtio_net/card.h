/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A network card as the strict mock plays it, and its client, for the tests of virtio-net.
 * Included by one test file each. */

#ifndef NET_CARD_TEST_H
#define NET_CARD_TEST_H

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

enum { RX, TX, CONTROL }; /* with one pair of queues */

static struct {
	bool silent;	 /* the control queue */
	unsigned lies;	 /* its next commands, done as they are, break it */
	unsigned breaks; /* queues, a bit each, that break with the next command */
	uint8_t ack;
	bool no_ack_length;
	uint8_t result[32]; /* of a command that has one */
	struct {
		uint8_t bytes[64];
		uint32_t count;
	} log[64]; /* commands, their beginnings */
	unsigned commands;
	uint8_t command[4096];
	uint32_t command_bytes, command_pieces;
	uint8_t sent[70000]; /* the last frame with its header */
	uint32_t sent_bytes, sent_pieces, sent_count;
	unsigned sent_by[MOCK_QUEUES];
	bool keep; /* transmitted buffers are not given back */
} card;

static inline void serve_tx(struct mock *mock, unsigned queue)
{
	static struct mock_chain chain;

	while (!card.keep && mock_pop(mock, queue, &chain)) {
		struct net_header header = { 0 };

		assert_int_equal(chain.writable, 0);
		card.sent_bytes = mock_read(&chain, 0, card.sent, sizeof(card.sent));
		card.sent_pieces = chain.count;
		card.sent_count++;
		card.sent_by[queue]++;
		mock_read(&chain, 0, &header, sizeof(header));
		assert_int_equal(header.flags & ~1u, 0); /* NET-08 */
		if (mock_has(mock, VIRTIO_F_VERSION_1))
			assert_int_equal(header.buffers, 0);
		else if (!mock_has(mock, VIRTIO_F_ANY_LAYOUT))
			assert_int_equal(chain.pieces[0].bytes, 10); /* NET-35 */
		mock_push(mock, queue, &chain, 0);
	}
	mock_interrupt(mock, queue);
}

/* What the queue is made to break by: an id that is not in flight. */
static inline void misbehave(struct mock *mock, unsigned queue)
{
	mock->lenient = true;
	mock_push_raw(mock, queue, 31337, 100);
	mock_interrupt_always(mock, queue);
}

static inline bool has_pairs(struct mock *mock)
{
	return mock_has(mock, VIRTIO_NET_F_MQ) || mock_has(mock, VIRTIO_NET_F_RSS);
}

/* [NET-21] */
static inline unsigned control_index(struct mock *mock)
{
	return has_pairs(mock) ? 2u * mock->config[8] : CONTROL;
}

static inline void serve_control(struct mock *mock)
{
	static struct mock_chain chain;
	unsigned queue = control_index(mock);
	uint8_t before;

	while (!card.silent && mock_pop(mock, queue, &chain)) {
		unsigned ack = 0;

		while (!chain.pieces[ack].writable)
			ack++;
		assert_int_equal(chain.pieces[0].bytes, 2);
		assert_int_equal(chain.pieces[ack].bytes, 1);
		memcpy(&before, (void *)(uintptr_t)chain.pieces[ack].address, 1);
		assert_int_equal(before, 0xff); /* NET-22 */
		card.command_bytes = mock_read(&chain, 0, card.command, 4096);
		card.command_pieces = chain.count;
		memcpy(card.log[card.commands % 64].bytes, card.command, 64);
		card.log[card.commands++ % 64].count = card.command_bytes;
		mock_write(&chain, 0, &card.ack, 1);
		if (chain.writable > 1)
			mock_write(&chain, 1, card.result, chain.writable - 1);
		if (card.lies) {
			card.lies--;
			misbehave(mock, queue);
			return;
		}
		mock_push(mock, queue, &chain, card.no_ack_length ? 0 : chain.writable);
		for (; card.breaks; card.breaks &= card.breaks - 1) {
			unsigned other = (unsigned)__builtin_ctz(card.breaks);

			virtio_queue_break(mock->device.queues[other], "a test");
			host_clock_advance(1);
		}
	}
	mock_interrupt(mock, queue);
}

static inline void serve(struct mock *mock, unsigned queue)
{
	if (queue == control_index(mock))
		serve_control(mock);
	else if (queue & 1)
		serve_tx(mock, queue);
}

static inline struct mock *fresh(void)
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

static inline void on_ready(void *context)
{
	assert_ptr_equal(context, &card);
	assert_true(host_irqs_off);
	ready_calls++;
}

static inline void on_link(void *context)
{
	assert_ptr_equal(context, &card);
	link_calls++;
}

static inline void on_sent(void *context, void *token)
{
	assert_ptr_equal(context, &card);
	assert_false(host_irqs_off);
	sent_tokens[sent_calls++ % 256] = token;
}

static const struct ferrule_net_client client = { on_ready, on_link, on_sent, &card };

/* A control queue, and so many pairs of queues at most. */
static inline struct mock *fresh_with_control(unsigned pairs)
{
	struct mock *mock = fresh();

	mock_offer(mock, VIRTIO_NET_F_CTRL_VQ);
	for (unsigned i = 0; i < 2 * pairs; i++)
		mock->queue_max[i] = 32;
	mock->queue_max[2 * pairs] = 64;
	mock->config[8] = (uint8_t)pairs;
	return mock;
}

static inline void start(struct mock *mock)
{
	assert_int_equal(mock_add(mock), 0);
	for (unsigned i = 0; ferrule_net_at(i); i++)
		net = ferrule_net_at(i);
	assert_ptr_equal(net->device, &mock->device);
	ready_calls = link_calls = sent_calls = 0;
	assert_int_equal(ferrule_net_open(net, &client), 0);
	assert_int_equal(ferrule_net_open(net, &client), -EBUSY);
}

/* The card is pulled out, and given up: nothing of it is left. */
static inline void finish(struct mock *mock)
{
	bool was_taken = net && net->taken;

	card.keep = false;
	mock_unplug(mock);
	if (was_taken)
		assert_int_equal(ferrule_net_open(net, NULL), 0);
	net = NULL;
	mock_remove(mock);
}

static uint8_t pattern[70000];

/* The card receives: header, then frame bytes, over as many buffers as it takes. */
static inline void receive_by(struct mock *mock, unsigned queue,
			      const struct net_header *header, uint32_t bytes)
{
	static struct mock_chain chains[64];
	struct net_header_hash first = { 0 };
	uint32_t done = 0, count = 0, head = net->header_bytes;

	memcpy(&first, header, head < sizeof(*header) ? sizeof(*header) : head);
	do {
		struct mock_chain *chain = &chains[count];
		uint32_t at = count ? 0 : head, now;

		assert_true(mock_pop(mock, queue, chain));
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
		first.plain.buffers = (uint16_t)count;
	else if (header->buffers == 0xffff)
		first.plain.buffers = 0;
	mock_write(&chains[0], 0, &first, head);
	for (uint32_t i = 0, left = bytes; i < count; i++) {
		uint32_t at = i ? 0 : head;
		uint32_t now = chains[i].writable - at;

		now = now < left ? now : left;
		left -= now;
		mock_push_raw(mock, queue, chains[i].head, now + at);
	}
	mock_interrupt(mock, queue);
}

static inline void receive(struct mock *mock, const struct net_header *header,
			   uint32_t bytes)
{
	receive_by(mock, RX, header, bytes);
}

static inline void check_frame(const struct ferrule_frame *frame, uint32_t bytes)
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

static inline int fill_pattern(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 31 + i / 256);
	pattern[12] = 8;
	pattern[13] = 0;
	return 0;
}

static inline int nothing_left(void **state)
{
	(void)state;
	return host_heap_live || host_page_live || virtio_devices;
}

#define net_test(function) cmocka_unit_test_teardown(function, nothing_left)

#endif
