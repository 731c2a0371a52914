/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: device virtio/device/exchange*.c virtio/device/p9.c virtio/device/pieces.c
 *	fs/p9*.c fs/share.c fs/names.c fs/tree.c fs/change.c tests/unit/host/files.c */

/* Files by 9p from a server whose answers are nearly right (requirements P9). */

#include <fs/p9.h>
#include "fuzz_share.h"

#define REPLY_BYTES 4096

/* What follows the header of an answer as the message could have one. */
static uint32_t answer(uint8_t type, const uint8_t *message, struct mock_chaos *chaos,
		       uint8_t *out)
{
	static const uint8_t version[] = { 0,	32,  0,	  0,   8,   0,	 '9',
					   'P', '2', '0', '0', '0', '.', 'L' };
	static const uint8_t entry[] = {
		[0] = 28, [4 + 21] = 8, [4 + 22] = 1, [28] = 'a'
	};
	static const uint32_t modes[] = { S_IFREG | 0644, S_IFDIR | 0755,
					  S_IFLNK | 0777 };
	uint8_t what = mock_chaos_byte(chaos);
	uint32_t mode = modes[what % 3];

	memset(out, 0, 256);
	switch (type) {
	case P9_TVERSION:
		memcpy(out, version, sizeof(version));
		return sizeof(version);
	case P9_TATTACH:
		out[0] = P9_QID_DIRECTORY;
		return 13;
	case P9_TWALK: /* as many as were asked for */
		memcpy(out, message + 15, 2);
		out[2] = what & P9_QID_DIRECTORY;
		out[7] = what % 8;
		return out[0] ? 15 : 2;
	case P9_TGETATTR:
		out[8 + 5] = what % 8;
		memcpy(out + 21, &mode, 4);
		return 153;
	case P9_TREADDIR:
		memcpy(out, entry, sizeof(entry));
		out[0] = sizeof(entry) - 4;
		out[4 + 13] = what;
		return sizeof(entry);
	case P9_TREAD:
		out[0] = what;
		return 4 + what;
	case P9_TREADLINK:
		memset(out, 't', 256);
		out[0] = what;
		out[1] = 0;
		return 2 + what;
	case P9_TSTATFS:
		return 60;
	}
	return what % 32;
}

static void serve(struct mock *mock, unsigned queue)
{
	static struct mock_chain chain;
	uint8_t reply[REPLY_BYTES] = { 0 }, message[64] = { 0 };

	while (mock_pop(mock, queue, &chain)) {
		uint32_t bytes;

		mock_read(&chain, 0, message, sizeof(message));
		bytes = 7 + answer(message[4], message, mock->chaos, reply + 7);
		reply[4] = (uint8_t)(message[4] + 1);
		if (mock_chaos_byte(mock->chaos) > 240) {
			reply[4] = P9_RLERROR;
			bytes = 11;
		}
		memcpy(reply, &bytes, 4);
		memcpy(reply + 5, message + 5, 2);
		share_tamper(mock->chaos, reply, &bytes, chain.writable);
		if (bytes > REPLY_BYTES)
			bytes = REPLY_BYTES;
		mock_write(&chain, 0, reply, bytes);
		mock_push(mock, queue, &chain, bytes);
	}
	mock_interrupt(mock, queue);
}

static void setup(struct mock *mock, struct mock_chaos *chaos)
{
	mock->queue_max[0] = 64;
	memcpy(mock->config, "\5\0share", 7);
	mock->config_bytes = 7;
	mock_offer(mock, 0);
	if (mock_chaos_byte(chaos) % 8)
		mock->serve = serve;
}

static void step(struct mock *mock, struct mock_chaos *chaos)
{
	(void)mock;
	share_step(&p9_type, chaos);
}

const struct fuzz_device fuzz_device = {
	.id = VIRTIO_ID_9P,
	.setup = setup,
	.step = step,
};
