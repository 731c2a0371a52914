/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: device virtio/device/vsock*.c posix/vsock*.c tests/fuzz/sockets.c
 *	tests/unit/host/sockets.c kernel/sync.c */
/* runs: 5000 */

/* AF_VSOCK and its device: a peer that sends any packet at any time, and a device that lies
 * (requirements VSK). */

#include <linux/vm_sockets.h>
#include <kernel/time.h>
#include <posix/vsock.h>
#include "fuzz.h"
#include "sockets.h"

#define CID  42
#define HELD 4

static struct socket *held[HELD];
static char memory[20000];

static void setup(struct mock *mock, struct mock_chaos *chaos)
{
	for (unsigned i = 0; i < 3; i++) {
		mock->queue_max[i] = (uint16_t)(2u << mock_chaos_byte(chaos) % 6);
		mock_offer(mock, i);
	}
	mock->config[0] = CID;
	mock->config_bytes = 8;
	vsock_attach(fuzz_attention);
}

/* What could belong to one of the connections, more or less. */
static void packet(struct mock *mock, struct mock_chaos *chaos)
{
	uint32_t payload = mock_chaos_byte(chaos) * 16u;
	struct vsock_header header = { .src_cid = VSOCK_CID_HOST, .dst_cid = CID };
	struct mock_chain chain;

	if (!mock_pop(mock, 0, &chain))
		return;
	header.src_port = 1 + mock_chaos_byte(chaos) % 2;
	header.dst_port = fuzz_port(held[mock_chaos_byte(chaos) % HELD]);
	header.op = mock_chaos_byte(chaos) % 9;
	header.type = 1 + mock_chaos_byte(chaos) % 3;
	header.flags = mock_chaos_byte(chaos) & 3;
	header.buf_alloc = mock_chaos_word(chaos) >> mock_chaos_byte(chaos) % 32;
	header.fwd_cnt = mock_chaos_word(chaos) >> mock_chaos_byte(chaos) % 32;
	header.len = payload + !mock_chaos_byte(chaos);
	mock_write(&chain, 0, &header, sizeof(header));
	payload += (uint32_t)sizeof(header);
	mock_push(mock, 0, &chain, payload < chain.writable ? payload : chain.writable);
	mock_interrupt(mock, 0);
	vsock_turn();
}

static void step(struct mock *mock, struct mock_chaos *chaos)
{
	uint8_t what = mock_chaos_byte(chaos);
	struct socket **socket = &held[what >> 4 & 3];
	long result = 0;

	if (what & 1) {
		packet(mock, chaos);
		return;
	}
	if (!*socket)
		socket_vsock_new(what & 0x40 ? SOCK_STREAM : SOCK_SEQPACKET, 0, 0,
				 socket);
	if (*socket)
		result = fuzz_socket(socket, what >> 1, memory,
				     mock_chaos_word(chaos) % sizeof(memory));
	FUZZ_ASSERT(result <= (long)sizeof(memory));
	vsock_turn();
}

/* Whatever it was, nothing is left once all is closed. */
static void finish(struct mock *mock)
{
	(void)mock;
	for (unsigned i = 0; i < HELD; i++)
		if (held[i])
			held[i]->protocol->release(held[i]);
	memset(held, 0, sizeof(held));
	host_clock_advance(VSOCK_CLOSE_NS);
	vsock_turn();
}

const struct fuzz_device fuzz_device = {
	.id = VIRTIO_ID_VSOCK,
	.setup = setup,
	.step = step,
	.finish = finish,
};
