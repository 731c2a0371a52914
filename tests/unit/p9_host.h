/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* A virtio-9p device in memory: a strict 9P2000.L server with a few files in one folder,
 * that can be told to lie. Included by one test file each. */

#ifndef P9_HOST_H
#define P9_HOST_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unit.h>
#include <fs/names.h>
#include <fs/p9.h>
#include <fs/tree.h>
#include <kernel/time.h>
#include "host/host.h"
#include "mock/mock.h"

#define FILES	   16
#define FIDS	   4096
#define FILE_BYTES (1u << 19)

static struct {
	struct host_file {
		char name[256];
		uint32_t mode;
		uint64_t size;
		uint8_t *data;
	} files[FILES]; /* 0: the root */
	struct {
		bool known, open;
		unsigned file;
	} fids[FIDS];
	unsigned seen[128]; /* messages by type */
	uint32_t msize, msize_answer, read_max;
	unsigned in_flight_max, sessions, most_pieces;
	bool silent;
	/* Changes an answer: its bytes, and the length that the device says it wrote. */
	void (*tamper)(uint8_t type, uint8_t *reply, uint32_t *bytes, uint32_t *used);
} host;

/* A message that is read, an answer that is written. */
static uint8_t message[FILE_BYTES + 4096], reply[FILE_BYTES + 4096];
static uint32_t at, message_bytes, out;

static uint64_t take(unsigned bytes)
{
	uint64_t value = 0;

	assert_true(at + bytes <= message_bytes);
	memcpy(&value, message + at, bytes);
	at += bytes;
	return value;
}

static const char *take_text(void)
{
	static char texts[2][4097];
	static unsigned turn;
	uint16_t length = (uint16_t)take(2);
	char *text = texts[turn++ % 2];

	assert_true(at + length <= message_bytes && length <= 4096);
	memcpy(text, message + at, length);
	text[length] = '\0';
	at += length;
	return text;
}

static void give(uint64_t value, unsigned bytes)
{
	memcpy(reply + out, &value, bytes);
	out += bytes;
}

static void give_qid(unsigned file)
{
	give(S_ISDIR(host.files[file].mode) ? 0x80 : 0, 1);
	give(0, 4);
	give(500 + file, 8);
}

static unsigned host_find(const char *name)
{
	for (unsigned i = 1; i < FILES; i++)
		if (host.files[i].mode && strcmp(host.files[i].name, name) == 0)
			return i;
	return 0;
}

static unsigned host_make(const char *name, uint32_t mode)
{
	unsigned i = 1;

	while (host.files[i].mode)
		i++;
	assert_true(i < FILES);
	free(host.files[i].data);
	host.files[i] = (struct host_file){ .mode = mode, .data = calloc(1, FILE_BYTES) };
	strcpy(host.files[i].name, name);
	return i;
}

static unsigned take_fid(bool open)
{
	uint32_t fid = (uint32_t)take(4);

	assert_true(fid < FIDS && host.fids[fid].known);
	assert_int_equal(host.fids[fid].open, open);
	return fid;
}

static void host_attr(const struct host_file *file, unsigned number)
{
	give(0x7ff, 8);
	give_qid(number);
	give(file->mode, 4);
	give(0, 8); /* owner, group */
	give(1, 8); /* links */
	give(0, 8); /* device */
	give(file->size, 8);
	give(4096, 8);
	give((file->size + 511) / 512, 8);
	for (unsigned i = 0; i < 10; i++) /* times, generation, version */
		give(i, 8);
}

static int host_walk(void)
{
	unsigned from = take_fid(false), fid = (unsigned)take(4),
		 count = (unsigned)take(2);
	unsigned file = host.fids[from].file;
	const char *name;

	assert_true(fid < FIDS && !host.fids[fid].known && count <= 1);
	if (count) {
		name = take_text();
		file = strcmp(name, "..") == 0 ? 0 : host_find(name);
		if (!file && strcmp(name, "..") != 0)
			return ENOENT;
	}
	host.fids[fid].known = true;
	host.fids[fid].open = false;
	host.fids[fid].file = file;
	give(count, 2);
	if (count)
		give_qid(file);
	return 0;
}

static int host_transfer(bool write, struct host_file *file)
{
	uint64_t offset = take(8);
	uint32_t count = (uint32_t)take(4);

	assert_true(count + 23 <= host.msize); /* [P9-01] */
	if (count > host.read_max)
		host.read_max = count;
	if (write) {
		assert_int_equal(message_bytes - at, count);
		if (offset + count > FILE_BYTES)
			return EFBIG;
		memcpy(file->data + offset, message + at, count);
		at += count;
		if (offset + count > file->size)
			file->size = offset + count;
		give(count, 4);
		return 0;
	}
	if (offset >= file->size)
		count = 0;
	else if (count > file->size - offset)
		count = (uint32_t)(file->size - offset);
	give(count, 4);
	memcpy(reply + out, file->data + offset, count);
	out += count;
	return 0;
}

static int host_list(void)
{
	uint64_t offset = take(8);
	uint32_t most = (uint32_t)take(4), start = out;

	give(0, 4);
	for (unsigned i = offset ? (unsigned)offset : 1; i < FILES; i++) {
		size_t length = strlen(host.files[i].name);

		if (!host.files[i].mode || out - start - 4 + 24 + length > most)
			continue;
		give_qid(i);
		give(i + 1, 8);
		give(host.files[i].mode >> 12, 1);
		give(length, 2);
		memcpy(reply + out, host.files[i].name, length);
		out += (uint32_t)length;
	}
	most = out - start - 4;
	memcpy(reply + start, &most, 4);
	return 0;
}

static int host_version(void)
{
	host.msize = (uint32_t)take(4);
	assert_string_equal(take_text(), "9P2000.L"); /* [P9-02] */
	if (host.msize_answer)
		host.msize = host.msize_answer;
	memset(host.fids, 0, sizeof(host.fids));
	host.sessions++;
	give(host.msize, 4);
	give(8, 2);
	memcpy(reply + out, "9P2000.L", 8);
	out += 8;
	return 0;
}

/* The error, or 0 and the answer's content. */
static int host_answer(uint8_t type)
{
	unsigned fid, file, fields;
	const char *name;

	switch (type) {
	case P9_TVERSION:
		return host_version();
	case P9_TATTACH:
		fid = (unsigned)take(4);
		assert_true(fid < FIDS && !host.fids[fid].known);
		host.fids[fid].known = true;
		give_qid(0);
		take(4);
		take_text();
		take_text();
		take(4);
		return 0;
	case P9_TWALK:
		return host_walk();
	case P9_TCLUNK:
		fid = (unsigned)take(4);
		assert_true(fid < FIDS && host.fids[fid].known);
		host.fids[fid].known = false;
		return 0;
	case P9_TGETATTR:
		file = host.fids[take_fid(false)].file;
		take(8);
		host_attr(&host.files[file], file);
		return host.files[file].mode ? 0 : ENOENT;
	case P9_TSETATTR:
		file = host.fids[take_fid(false)].file;
		fields = (unsigned)take(4);
		at += 12; /* mode, owner, group */
		if (fields & 8)
			host.files[file].size = take(8);
		at = message_bytes;
		return 0;
	case P9_TLOPEN:
		fid = take_fid(false);
		take(4);
		host.fids[fid].open = true;
		give_qid(host.fids[fid].file);
		give(0, 4);
		return 0;
	case P9_TLCREATE:
		fid = take_fid(false);
		name = take_text();
		take(4);
		if (host_find(name))
			return EEXIST;
		host.fids[fid].file = host_make(name, S_IFREG | (uint32_t)take(4));
		host.fids[fid].open = true;
		take(4);
		give_qid(host.fids[fid].file);
		give(0, 4);
		return 0;
	case P9_TSYMLINK:
		take_fid(false);
		file = host_make(take_text(), S_IFLNK | 0777);
		strcpy((char *)host.files[file].data, take_text());
		host.files[file].size = strlen((char *)host.files[file].data);
		take(4);
		give_qid(file);
		return 0;
	case P9_TREADLINK:
		file = host.fids[take_fid(false)].file;
		give(host.files[file].size, 2);
		memcpy(reply + out, host.files[file].data, host.files[file].size);
		out += (uint32_t)host.files[file].size;
		return 0;
	case P9_TMKDIR:
		take_fid(false);
		name = take_text();
		if (host_find(name))
			return EEXIST;
		give_qid(host_make(name, S_IFDIR | (uint32_t)take(4)));
		take(4);
		return 0;
	case P9_TUNLINKAT:
		take_fid(false);
		file = host_find(take_text());
		take(4);
		host.files[file].mode = file ? 0 : host.files[0].mode;
		return file ? 0 : ENOENT;
	case P9_TRENAMEAT:
		take_fid(false);
		file = host_find(take_text());
		take_fid(false);
		strcpy(host.files[file].name, take_text());
		return 0;
	case P9_TREAD:
	case P9_TWRITE:
		return host_transfer(type == P9_TWRITE,
				     &host.files[host.fids[take_fid(true)].file]);
	case P9_TREADDIR:
		take_fid(true);
		return host_list();
	case P9_TFSYNC:
		take_fid(true);
		take(4);
		return 0;
	default:
		return ENOTSUP;
	}
}

static void host_serve(struct mock *mock, unsigned queue)
{
	static struct mock_chain chain;
	uint32_t used;
	int error;

	if (mock_available(mock, queue) > host.in_flight_max)
		host.in_flight_max = mock_available(mock, queue);
	while (!host.silent && mock_pop(mock, queue, &chain)) {
		uint16_t tag;
		uint8_t type;

		/* Readable message, writable answer [P9-01]. */
		assert_true(chain.readable >= 7 && chain.writable >= 11);
		if (chain.count > host.most_pieces)
			host.most_pieces = chain.count;
		message_bytes = mock_read(&chain, 0, message, sizeof(message));
		at = 0;
		assert_int_equal(take(4), chain.readable);
		type = (uint8_t)take(1);
		tag = (uint16_t)take(2);
		assert_int_equal(tag == 0xffff, type == P9_TVERSION);
		host.seen[type]++;
		out = 7;
		error = host_answer(type);
		if (error) {
			out = 7;
			give((uint64_t)error, 4);
		} else {
			assert_int_equal(at, message_bytes); /* no more, no less */
		}
		memcpy(reply, &out, 4);
		reply[4] = error ? P9_RLERROR : (uint8_t)(type + 1);
		memcpy(reply + 5, &tag, 2);
		used = out;
		if (host.tamper)
			host.tamper(type, reply, &out, &used);
		mock_write(&chain, 0, reply, out);
		mock_push(mock, queue, &chain,
			  used < chain.writable ? used : chain.writable);
	}
	mock_interrupt(mock, queue);
}

#endif
