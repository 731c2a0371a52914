/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The network stack when its card is full, loses its link, is asked for an announcement, or
 * is pulled out.
 *
 * sources: net/stack.c posix/file.c posix/fd.c kernel/format.c tests/unit/host/cmdline.c
 *	tests/unit/host/cpu.c tests/unit/host/files.c tests/unit/host/heap.c
 *	tests/unit/host/log.c tests/unit/host/panic.c tests/unit/host/thread.c
 *	tests/unit/host/time.c */

#include "net_stack/sockets.h"

static void test_ring_full(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(4000),
				  .sin_addr.s_addr = htonl(PEER) };
	int fd = bound_socket(SOCK_DGRAM, 7), sent = 0;

	(void)state;
	introduce();
	card.ring = 4;
	card.hold_sent = true;
	while (sys_sendto(fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) ==
		       1 &&
	       sent < 10000)
		sent++;
	assert_in_range(sent, 100, 9999); /* the ring and the backlog behind it */
	assert_int_equal(card.outgoing_count, 4);
	card.hold_sent = false;
	ferrule_net_reap(&card);
	for (unsigned i = 0; i < 1000 && card.outgoing_count; i++) {
		forget_sent();
		run_stack();
	}
	assert_int_equal(
		sys_sendto(fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)),
		1);
	sys_close(fd);
	card.broken = true; /* a broken card loses frames, and nothing else */
	fd = bound_socket(SOCK_DGRAM, 7);
	sys_sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	sys_close(fd);
}

static bool interface(struct net_interface *out)
{
	LINKSET_EACH(net_status, status)
	return (*status)->interface(0, out);
	return false;
}

static void test_link_and_status(void **state)
{
	struct net_interface info;
	char server[NET_ADDRESS_BYTES];

	(void)state;
	assert_true(interface(&info));
	assert_string_equal(info.name, "net0");
	assert_string_equal(info.ipv4, "10.0.2.15/24");
	assert_string_equal(info.gateway, "10.0.2.2");
	assert_true(info.rx_packets > 0 && info.tx_packets > 0);
	LINKSET_EACH(net_status, status)
	assert_true((*status)->name_server(0, server));
	assert_string_equal(server, "10.0.2.3");
	for (unsigned i = 0; i < 6; i++) {
		card.link_up = i & 1;
		card.client.link_changed(card.client.context);
		card.armed = true;
		run_stack();
		assert_true(interface(&info));
		assert_int_equal(info.link_up, card.link_up);
	}
}

/* [NET-28] The host's request is answered with ARP and a neighbour advertisement for each
 * address, and acknowledged once. */
static void test_announcement(void **state)
{
	unsigned arps = 0, advertisements = 0;
	struct bytes frame;

	(void)state;
	await_addresses();
	card.announced = 0;
	card.announce = true;
	card.client.link_changed(card.client.context);
	card.armed = true;
	run_stack();
	net_lock();
	card_announce(net_card_list);
	card_announce(net_card_list);
	net_unlock();
	assert_int_equal(card.announced, 1);
	while ((frame = sent_frame()).size) {
		const uint8_t *data = frame.data;

		if (get16(data + 12) == 0x0806) {
			assert_int_equal(data[0], 0xff);
			assert_int_equal(get32(data + 28), GUEST);
			assert_int_equal(get32(data + 38), GUEST);
			arps++;
		} else if (get16(data + 12) == 0x86dd && data[54] == 136) {
			assert_int_equal(data[0], 0x33);
			assert_int_equal(data[21], 255);
			assert_int_equal(data[58], 0x20);
			assert_memory_equal(data + 22, data + 62, 16);
			assert_memory_equal(data + 80, guest_mac, 6);
			advertisements++;
		}
		free(frame.data);
	}
	assert_int_equal(arps, 1);
	assert_int_equal(advertisements, 1);
}

/* The card is pulled out: who waits on a connection hears of it, nothing more is sent, and
 * the card is given up when the last of its frames is. */
static void test_removed(void **state)
{
	struct net_interface info;
	struct sockaddr_in there = { .sin_family = AF_INET,
				     .sin_port = htons(7),
				     .sin_addr.s_addr = htonl(PEER) };
	char data[2000];
	int listener, fd;

	(void)state;
	introduce();
	listener = listening_socket();
	fd = accept_peer(listener);
	peer_says(ACK | PSH, "kept"); /* not read: it holds the card's buffer */
	run_stack();
	card.removed = true;
	card.link_up = false;
	card.client.link_changed(card.client.context);
	card.armed = true;
	run_stack();
	forget_sent();
	assert_true(interface(&info));
	assert_false(info.up || info.link_up);
	assert_string_equal(info.ipv4, "");
	/* What had come can still be read; it held the card until now. */
	assert_int_equal(card.held, 1);
	net_lock();
	card_give_up(net_card_list);
	net_unlock();
	assert_true(card.opened);
	assert_int_equal(sys_recvfrom(fd, data, sizeof(data), 0, NULL, NULL), 4);
	assert_true(sys_recvfrom(fd, data, sizeof(data), 0, NULL, NULL) < 0);
	assert_true(sys_sendto(fd, "x", 1, 0, NULL, 0) < 0);
	sys_close(fd);
	fd = bound_socket(SOCK_DGRAM, 900);
	assert_true(sys_sendto(fd, "x", 1, 0, (struct sockaddr *)&there, sizeof(there)) <
		    0);
	sys_close(fd);
	sys_close(listener);
	net_lock();
	card_give_up(net_card_list);
	net_unlock();
	assert_false(card.opened);
	assert_null(net_card_list->net);
	assert_int_equal(card.outgoing_count, 0);
	run_stack();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stack_test(test_ring_full),
		stack_test(test_link_and_status),
		stack_test(test_announcement),
		stack_test(test_removed),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
