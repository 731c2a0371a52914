/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A virtio-fs device in memory: a strict FUSE server with a few files, that can be told to
 * lie. Included by one test file each. */

#ifndef FUSE_HOST_H
#define FUSE_HOST_H

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unit.h>
#include <fs/fuse.h>
#include <fs/names.h>
#include <kernel/time.h>
#include <tests/share_root.h>
#include <virtio/device/exchange.h>
#include "host/host.h"
#include "mock/mock.h"

#define NODES	   64
#define FILE_BYTES (1u << 20)
#define HANDLE	   1000 /* of node n: this + n */

struct host_node {
	char name[256];
	unsigned parent; /* 0: free, or removed */
	uint32_t mode;
	uint64_t size, lookups;
	uint8_t *data; /* FILE_BYTES, or a link's target */
	unsigned open;
};

static struct {
	struct host_node nodes[NODES]; /* by node id; 1 is the root */
	unsigned seen[64];	       /* requests by opcode */
	uint32_t size_max;	       /* the largest READ or WRITE */
	unsigned in_flight_max, sessions;
	uint32_t valid_s; /* of names and attributes */
	struct fuse_init_out init;
	bool silent;
	/* Further opcodes. */
	int (*more)(uint32_t opcode, unsigned id, const uint8_t *body);
	/* Changes an answer: its bytes, and the length that the device says it wrote. */
	void (*tamper)(uint32_t opcode, uint8_t *reply, uint32_t *bytes, uint32_t *used);
} host;

static unsigned host_find(unsigned parent, const char *name)
{
	for (unsigned i = 2; i < NODES; i++)
		if (host.nodes[i].parent == parent &&
		    strcmp(host.nodes[i].name, name) == 0)
			return i;
	return 0;
}

static unsigned host_make(unsigned parent, const char *name, uint32_t mode)
{
	for (unsigned i = 2; i < NODES; i++) {
		struct host_node *node = &host.nodes[i];

		if (node->parent || node->lookups || node->open)
			continue;
		free(node->data);
		*node = (struct host_node){ .parent = parent, .mode = mode };
		node->data = calloc(1, FILE_BYTES);
		strcpy(node->name, name);
		return i;
	}
	abort();
}

static struct fuse_attr host_attr(unsigned id)
{
	const struct host_node *node = &host.nodes[id];

	return (struct fuse_attr){ .ino = 100 + id,
				   .size = node->size,
				   .mode = node->mode,
				   .nlink = 1,
				   .mtime = 1234,
				   .blksize = 4096 };
}

static uint32_t host_entry(unsigned id, uint8_t *out)
{
	struct fuse_entry_out entry = { .nodeid = id,
					.entry_valid = host.valid_s,
					.attr_valid = host.valid_s,
					.attr = host_attr(id) };

	host.nodes[id].lookups++;
	memcpy(out, &entry, sizeof(entry));
	return sizeof(entry);
}

static uint32_t host_list(unsigned directory, const struct fuse_io_in *in, uint8_t *out)
{
	uint32_t bytes = 0;

	for (unsigned i = (unsigned)in->offset < 2 ? 2 : (unsigned)in->offset; i < NODES;
	     i++) {
		struct fuse_dirent entry = { .ino = 100 + i,
					     .off = i + 1,
					     .namelen = (uint32_t)strlen(
						     host.nodes[i].name),
					     .type = host.nodes[i].mode >> 12 };
		uint32_t size = (uint32_t)(sizeof(entry) + entry.namelen + 7) & ~7u;

		if (host.nodes[i].parent != directory)
			continue;
		if (bytes + size > in->size)
			break;
		memset(out + bytes, 0, size);
		memcpy(out + bytes, &entry, sizeof(entry));
		memcpy(out + bytes + sizeof(entry), host.nodes[i].name, entry.namelen);
		bytes += size;
	}
	return bytes;
}

/* READ and WRITE: within what INIT agreed on [FS-03]. */
static int host_transfer(bool write, unsigned id, const struct fuse_io_in *in,
			 const uint8_t *data, uint8_t *out, uint32_t *bytes)
{
	struct host_node *node = &host.nodes[id];
	struct fuse_write_out written = { .size = in->size };

	assert_int_equal(in->fh, HANDLE + id);
	assert_true(node->open);
	assert_true(in->size <=
		    (write ? host.init.max_write : host.init.max_pages * 4096u));
	if (in->size > host.size_max)
		host.size_max = in->size;
	if (in->offset + in->size > FILE_BYTES)
		return write ? -EFBIG : 0;
	if (write) {
		memcpy(node->data + in->offset, data, in->size);
		if (in->offset + in->size > node->size)
			node->size = in->offset + in->size;
		memcpy(out, &written, sizeof(written));
		*bytes = sizeof(written);
	} else if (in->offset < node->size) {
		*bytes = in->offset + in->size > node->size
				 ? (uint32_t)(node->size - in->offset)
				 : in->size;
		memcpy(out, node->data + in->offset, *bytes);
	}
	return 0;
}

static int host_make_entry(uint32_t opcode, unsigned id, const uint8_t *body,
			   uint8_t *out, uint32_t *bytes)
{
	struct fuse_open_out open = { 0 };
	uint32_t mode;
	unsigned new;
	size_t skip = opcode == FUSE_CREATE  ? sizeof(struct fuse_create_in)
		      : opcode == FUSE_MKDIR ? sizeof(struct fuse_mkdir_in)
					     : 0;
	const char *name = (const char *)body + skip;

	if (host_find(id, name))
		return -EEXIST;
	memcpy(&mode, body + (opcode == FUSE_CREATE ? 4 : 0), 4);
	mode = opcode == FUSE_MKDIR    ? S_IFDIR | mode
	       : opcode == FUSE_CREATE ? mode
				       : S_IFLNK | 0777;
	new = host_make(id, name, mode);
	if (opcode == FUSE_SYMLINK)
		host.nodes[new].size = (uint64_t)(stpcpy((char *)host.nodes[new].data,
							 name + strlen(name) + 1) -
						  (char *)host.nodes[new].data);
	*bytes = host_entry(new, out);
	if (opcode == FUSE_CREATE) {
		open.fh = HANDLE + new;
		host.nodes[new].open++;
		memcpy(out + *bytes, &open, sizeof(open));
		*bytes += sizeof(open);
	}
	return 0;
}

static int host_init(const uint8_t *body, uint8_t *out, uint32_t *bytes)
{
	struct fuse_init_in in;

	memcpy(&in, body, sizeof(in));
	assert_int_equal(in.major, 7); /* [FS-03] */
	assert_true(in.minor >= 31);
	memcpy(out, &host.init, sizeof(host.init));
	*bytes = sizeof(host.init);
	host.sessions++;
	return 0;
}

/* One request's answer: the error, and its content in out. */
static int host_answer(const struct virtio_fs_in_header *header, const uint8_t *body,
		       uint8_t *out, uint32_t *bytes)
{
	unsigned id = (unsigned)header->nodeid, other;
	struct host_node *node = &host.nodes[id < NODES ? id : 0];
	struct fuse_attr_out attr = { .attr_valid = host.valid_s };
	struct fuse_open_out open = { .fh = HANDLE + id };
	struct fuse_setattr_in set;
	struct fuse_io_in io;

	memcpy(&io, body, sizeof(io));
	if (header->opcode != FUSE_INIT && header->opcode != FUSE_DESTROY) {
		assert_true(host.sessions); /* INIT comes first [FS-03] */
		assert_true(id && id < NODES && (id == 1 || node->lookups));
	}
	switch (header->opcode) {
	case FUSE_INIT:
		return host_init(body, out, bytes);
	case FUSE_LOOKUP:
		other = host_find(id, (const char *)body);
		*bytes = other ? host_entry(other, out) : 0;
		return other ? 0 : -ENOENT;
	case FUSE_SETATTR:
		memcpy(&set, body, sizeof(set));
		if (set.valid & FATTR_SIZE)
			node->size = set.size;
		if (set.valid & FATTR_MODE)
			node->mode = (node->mode & S_IFMT) | set.mode;
		__attribute__((fallthrough));
	case FUSE_GETATTR:
		attr.attr = host_attr(id);
		memcpy(out, &attr, sizeof(attr));
		*bytes = sizeof(attr);
		return 0;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		node->open++;
		memcpy(out, &open, sizeof(open));
		*bytes = sizeof(open);
		return 0;
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		assert_int_equal(io.fh, HANDLE + id);
		assert_true(node->open--);
		return 0;
	case FUSE_READ:
	case FUSE_WRITE:
		return host_transfer(header->opcode == FUSE_WRITE, id, &io,
				     body + sizeof(io), out, bytes);
	case FUSE_READDIR:
		*bytes = host_list(id, &io, out);
		return 0;
	case FUSE_READLINK:
		*bytes = (uint32_t)node->size;
		memcpy(out, node->data, node->size);
		return 0;
	case FUSE_CREATE:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
		return host_make_entry(header->opcode, id, body, out, bytes);
	case FUSE_UNLINK:
	case FUSE_RMDIR:
		other = host_find(id, (const char *)body);
		if (other)
			host.nodes[other].parent = 0;
		return other ? 0 : -ENOENT;
	case FUSE_FSYNC:
	case FUSE_DESTROY:
		return 0;
	default:
		return host.more ? host.more(header->opcode, id, body) : -ENOSYS;
	}
}

static void host_serve_one(struct mock *mock, unsigned queue,
			   const struct mock_chain *chain)
{
	static uint8_t body[FILE_BYTES + 4096], reply[FILE_BYTES + 4096];
	struct virtio_fs_in_header header;
	struct virtio_fs_out_header out = { .len = sizeof(out) };
	uint32_t bytes = 0, used;
	uint64_t lookups;

	assert_true(chain->readable >= sizeof(header));
	mock_read(chain, 0, &header, sizeof(header));
	assert_int_equal(header.len, chain->readable);
	memset(body, 0, 4096);
	mock_read(chain, sizeof(header), body, sizeof(body));
	host.seen[header.opcode % 64]++;
	if (queue == 0) { /* [FS-02] */
		assert_int_equal(header.opcode, 2);
		assert_int_equal(chain->writable, 0);
		memcpy(&lookups, body, 8);
		assert_true(host.nodes[header.nodeid].lookups >= lookups);
		host.nodes[header.nodeid].lookups -= lookups;
		mock_push(mock, queue, chain, 0);
		return;
	}
	assert_true(header.opcode != 2 && header.opcode != 36 && header.opcode != 42);
	out.unique = header.unique;
	out.error = host_answer(&header, body, reply + sizeof(out), &bytes);
	if (!out.error)
		out.len += bytes;
	memcpy(reply, &out, sizeof(out));
	bytes = used = out.len;
	if (host.tamper)
		host.tamper(header.opcode, reply, &bytes, &used);
	assert_true(mock->lenient || used <= chain->writable);
	mock_write(chain, 0, reply, bytes);
	mock_push(mock, queue, chain, used < chain->writable ? used : chain->writable);
}

static void host_serve(struct mock *mock, unsigned queue)
{
	static struct mock_chain chain;

	if (host.silent)
		return;
	if (mock_available(mock, queue) > host.in_flight_max)
		host.in_flight_max = mock_available(mock, queue);
	while (mock_pop(mock, queue, &chain))
		host_serve_one(mock, queue, &chain);
	mock_interrupt(mock, queue);
}

static struct mock *fuse_device(unsigned request_queues)
{
	struct mock *mock = mock_new(VIRTIO_ID_FS);

	memset(mock->config, 0, 40);
	memcpy(mock->config, "share", 5);
	memcpy(mock->config + 36, &request_queues, 4);
	mock->config_bytes = 40;
	for (unsigned i = 0; i < 1 + request_queues && i < MOCK_QUEUES; i++)
		mock->queue_max[i] = 64;
	mock->serve = host_serve;
	for (unsigned i = 0; i < NODES; i++)
		free(host.nodes[i].data);
	memset(&host, 0, sizeof(host));
	host.nodes[1] = (struct host_node){ .parent = NODES, .mode = S_IFDIR | 0755 };
	host.init = (struct fuse_init_out){ .major = 7,
					    .minor = 36,
					    .max_write = 65536,
					    .flags = FUSE_MAX_PAGES,
					    .max_pages = 8 };
	return mock;
}

/* A device, mounted. */
static struct mock *mounted(void)
{
	struct mock *mock = fuse_device(1);

	assert_int_equal(mock_add(mock), 0);
	assert_int_equal(fuse_type.mount("share", false, &share), 0);
	return mock;
}

/* Ends it for the driver as well, as its device stays listed. */
static void retire(struct mock *mock)
{
	if (share)
		share->operations->unmount(share);
	share = NULL;
	mock_unplug(mock);
	mock_remove(mock);
}

#endif
