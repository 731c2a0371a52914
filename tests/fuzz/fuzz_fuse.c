/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* sources: device virtio/device/exchange*.c virtio/device/fs.c virtio/device/pieces.c
 *	fs/fuse*.c fs/share.c fs/names.c fs/tree.c fs/change.c tests/unit/host/files.c */

/* Files by FUSE from a server whose answers are nearly right (requirements FS). */

#include <fs/fuse.h>
#include "fuzz_share.h"

#define REPLY_BYTES 4096

static const struct fuse_init_out init = { .major = 7,
					   .minor = 36,
					   .max_write = 65536,
					   .flags = FUSE_MAX_PAGES,
					   .max_pages = 4 };

/* An answer as the request could have one. */
static uint32_t answer(uint32_t opcode, struct mock_chaos *chaos, uint8_t *out)
{
	static const uint32_t modes[] = { S_IFREG | 0644, S_IFDIR | 0755,
					  S_IFLNK | 0777 };
	struct fuse_attr attr = { .ino = 1u + mock_chaos_byte(chaos) % 8, .size = 5000 };
	struct fuse_entry_out entry = { .nodeid = 1u + mock_chaos_byte(chaos) % 8 };
	struct fuse_attr_out attributes = { 0 };
	struct fuse_dirent name = { .off = mock_chaos_byte(chaos), .namelen = 1 };

	attr.mode = modes[mock_chaos_byte(chaos) % 3];
	entry.entry_valid = entry.attr_valid = mock_chaos_byte(chaos) & 1;
	entry.attr = attributes.attr = attr;
	memset(out, 'n', 256);
	switch (opcode) {
	case FUSE_INIT:
		memcpy(out, &init, sizeof(init));
		return sizeof(init);
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		memcpy(out, &attributes, sizeof(attributes));
		return sizeof(attributes);
	case FUSE_READDIR:
		memcpy(out, &name, sizeof(name));
		return sizeof(name) + 8;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		return sizeof(struct fuse_open_out);
	case FUSE_WRITE:
		memset(out, 0, 8);
		return 8;
	case FUSE_READ:
	case FUSE_READLINK:
		return mock_chaos_byte(chaos);
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_UNLINK:
		return 0;
	}
	memcpy(out, &entry, sizeof(entry));
	return opcode == FUSE_CREATE ? sizeof(struct fuse_create_out) : sizeof(entry);
}

static void serve(struct mock *mock, unsigned queue)
{
	static struct mock_chain chain;
	uint8_t reply[REPLY_BYTES] = { 0 };

	while (mock_pop(mock, queue, &chain)) {
		struct virtio_fs_in_header in = { 0 };
		struct virtio_fs_out_header out = { 0 };
		uint32_t bytes = 0;

		mock_read(&chain, 0, &in, sizeof(in));
		out.unique = in.unique;
		out.error = mock_chaos_byte(mock->chaos) > 240 ? -ENOENT : 0;
		bytes = out.error ? 0 : answer(in.opcode, mock->chaos, reply + 16);
		out.len = bytes += 16;
		memcpy(reply, &out, sizeof(out));
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
	for (unsigned i = 0; i < 3; i++)
		mock->queue_max[i] = 64;
	memcpy(mock->config, "share", 6);
	mock->config[36] = 2;
	mock->config_bytes = 40;
	if (mock_chaos_byte(chaos) % 8)
		mock->serve = serve;
}

static void step(struct mock *mock, struct mock_chaos *chaos)
{
	(void)mock;
	share_step(&fuse_type, chaos);
}

const struct fuzz_device fuzz_device = {
	.id = VIRTIO_ID_FS,
	.setup = setup,
	.step = step,
};
