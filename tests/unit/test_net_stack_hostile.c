/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The network stack against frames that are nearly right, and without memory.
 *
 * sources: net/stack.c posix/file.c posix/fd.c kernel/format.c tests/unit/host/cmdline.c
 *	tests/unit/host/cpu.c tests/unit/host/files.c tests/unit/host/heap.c
 *	tests/unit/host/log.c tests/unit/host/panic.c tests/unit/host/thread.c
 *	tests/unit/host/time.c */

#include "net_stack/sockets.h"

static unsigned random_number(void)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 11);
}

/* Frames that are nearly right, cut anywhere, in any pieces: nothing may happen. */
static void test_malformed(void **state)
{
	static const char options[] =
		"\x02\x04\x05\xb4\x03\x03\x07\x04\x02\x08\x0a\0\0\0";
	int listener = listening_socket(), udp = bound_socket(SOCK_DGRAM, 7), fd;
	uint8_t frame[1600];
	char data[2000];

	(void)state;
	await_addresses();
	introduce();
	fd = accept_peer(listener);
	for (unsigned round = 0; round < 30000; round++) {
		uint32_t size;
		unsigned changes = random_number() % 6;

		memset(data, (int)round, 200);
		switch (random_number() % 6) {
		case 0:
			size = make_udp(frame, 4000, random_number() & 1 ? 7 : 68, data,
					random_number() % 200);
			break;
		case 1:
			memcpy(data, options, sizeof(options));
			size = make_tcp(frame, random_number() & 63, data,
					random_number() % 200);
			frame[46] = (uint8_t)(random_number() << 4);
			break;
		case 2:
			size = make_tcp(frame, ACK, data, random_number() % 200);
			break;
		case 3: /* IPv6 with whatever follows */
			for (size = 0; size < 120; size++)
				frame[size] = (uint8_t)random_number();
			wrap(frame, 17, 60);
			put16(frame + 12, 0x86dd);
			frame[14] = 0x60;
			put16(frame + 18, random_number() % 80);
			frame[20] = (uint8_t)(const uint8_t[]){
				0, 6, 17, 43, 44, 58, 60, 59
			}[random_number() % 8];
			memset(frame + 38, 0, 16);
			frame[38] = 0xff;
			frame[39] = 2;
			frame[53] = 1;
			break;
		case 4: /* fragments */
			size = make_udp(frame, 4000, 7, data, random_number() % 200);
			put16(frame + 20, random_number());
			frame[24] = frame[25] = 0;
			break;
		default:
			size = wrap(frame, (uint8_t)(random_number() % 4), 100);
		}
		while (changes--)
			frame[12 + random_number() % (size - 12)] = (uint8_t)
				random_number();
		if (random_number() % 4 == 0)
			size = random_number() % (size + 1);
		if (random_number() & 1) { /* or the checksums stop all of it */
			uint16_t sum;

			frame[24] = frame[25] = 0;
			sum = (uint16_t)~net_lwip_checksum(frame + 14,
							   (frame[14] & 15) * 4);
			memcpy(frame + 24, &sum, 2);
		}
		inject_in_pieces(frame, size, 1 + random_number() % 300);
		if (random_number() & 1)
			card.incoming[(card.incoming_head + card.incoming_count - 1) %
				      QUEUE_MAX]
				->meta.checksum_valid = true;
		if (round % 8 == 0) {
			run_stack();
			forget_sent();
			sys_recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, NULL, NULL);
			sys_recvfrom(udp, data, sizeof(data), MSG_DONTWAIT, NULL, NULL);
			host_clock_advance(random_number() % 100 * NS_PER_MS);
		}
	}
	run_stack();
	sys_close(fd);
	sys_close(udp);
	sys_close(listener);
	/* In an hour or so the last connection has given up. */
	for (unsigned i = 0; i < 20000; i++) {
		host_clock_advance(NS_PER_SEC / 4);
		run_stack();
		forget_sent();
	}
}

static void test_no_memory(void **state)
{
	uint8_t frame[200];
	int listener = bound_socket(SOCK_STREAM | SOCK_NONBLOCK, 80),
	    udp = bound_socket(SOCK_DGRAM, 7);
	char data[2000];

	(void)state;
	assert_int_equal(sys_listen(listener, 16), 0);
	introduce();
	for (long budget = 0; budget < 40; budget++) {
		long fd;

		host_heap_budget = budget;
		if (peer_calls()) {
			peer_says(ACK, "");
			peer_says(ACK | PSH, "data");
		}
		inject(frame, make_udp(frame, 4000, 7, "data", 4));
		run_stack();
		fd = sys_accept(listener, NULL, NULL);
		if (fd >= 0) {
			sys_recvfrom((int)fd, data, 10, MSG_DONTWAIT, NULL, NULL);
			sys_sendto((int)fd, data, 1000, MSG_DONTWAIT, NULL, 0);
			sys_close((int)fd);
		}
		sys_recvfrom(udp, data, 10, MSG_DONTWAIT, NULL, NULL);
		host_heap_budget = -1;
		run_stack();
	}
	while (1) {
		long fd = sys_accept(listener, NULL, NULL);

		if (fd < 0)
			break;
		sys_close((int)fd);
	}
	while (sys_recvfrom(udp, data, 10, MSG_DONTWAIT, NULL, NULL) >= 0)
		continue;
	sys_close(udp);
	sys_close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stack_test(test_no_memory),
		stack_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
