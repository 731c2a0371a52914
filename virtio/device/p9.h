/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-9p: 9P2000.L messages to a folder that the host shares. What they mean is the
 * file system's (fs/p9.h); here they travel, and what comes back is checked: its size,
 * its tag, that it answers what was asked. A call goes as those of virtio-fs do:
 *
 *	struct p9_call call = { .type = P9_TREAD, .data = …, … };
 *
 *	virtio_p9_begin(p9, &call, true);   call.data_bytes is what fits one message
 *	p9_put32(&call, fid); …		    the fields of the message
 *	virtio_p9_submit(&call);
 *	virtio_p9_finish(&call);	    waits for the answer
 *	p9_get32(&call); …		    the fields of the answer
 *
 * A call that began must be submitted and finished. All in threads. */

#ifndef VIRTIO_DEVICE_P9_H
#define VIRTIO_DEVICE_P9_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct virtio_p9;
struct exchange_request;

/* T-messages; the answer's type is one more, or RLERROR. */
enum p9_type {
	P9_RLERROR = 7,
	P9_TSTATFS = 8,
	P9_TLOPEN = 12,
	P9_TLCREATE = 14,
	P9_TSYMLINK = 16,
	P9_TREADLINK = 22,
	P9_TGETATTR = 24,
	P9_TSETATTR = 26,
	P9_TREADDIR = 40,
	P9_TFSYNC = 50,
	P9_TLINK = 70,
	P9_TMKDIR = 72,
	P9_TRENAMEAT = 74,
	P9_TUNLINKAT = 76,
	P9_TVERSION = 100,
	P9_TATTACH = 104,
	P9_TWALK = 110,
	P9_TREAD = 116,
	P9_TWRITE = 118,
	P9_TCLUNK = 120,
};

#define P9_HEADER_BYTES	    7	/* size[4] type[1] tag[2] */
#define P9_REPLY_BYTES	    176 /* what answers have at most, without payload */
#define P9_READ_REPLY_BYTES 11	/* header and count[4] of an answer with payload */
#define P9_WRITE_HEAD_BYTES 23	/* header, fid[4] offset[8] count[4] */
#define P9_NO_FID	    UINT32_MAX

enum p9_direction { P9_NO_DATA, P9_TO_HOST, P9_FROM_HOST };

struct p9_call {
	enum p9_type type;
	unsigned session; /* that its fids are of */
	enum p9_direction direction;
	void *data; /* payload, in place: the end of the message, or of the answer */
	size_t data_bytes;
	size_t data_written; /* result: of the answer's payload, as its count says */
	/* The answer is a text instead, count[2] and its bytes: the first two of them come
	 * as fields, the rest is the payload. */
	bool text;

	/* p9.c's. */
	struct virtio_p9 *p9;
	struct exchange_request *request;
	uint32_t put, got; /* bytes of the message; of the answer that were looked at */
	bool overrun;	   /* more was put than there is room for, or got than there is */
	uint8_t reply[P9_REPLY_BYTES]; /* the answer, private */
	uint32_t reply_bytes;
};

/* The device with that tag, NULL: there is none. */
struct virtio_p9 *virtio_p9_find(const char *tag);
/* Counts how often the device lost its memory: fids of another number mean nothing. */
unsigned virtio_p9_session(const struct virtio_p9 *p9);
/* The longest payload that fits one request even when memory is scattered. */
uint32_t virtio_p9_payload_max(const struct virtio_p9 *p9);

/* 0; -EIO, -ENODEV: out of service; -ESTALE: of an earlier session; -EFAULT. With `wait`
 * false: -EAGAIN when as much is in flight as can be. */
int virtio_p9_begin(struct virtio_p9 *p9, struct p9_call *call, bool wait);
void virtio_p9_submit(struct p9_call *call);
/* 0, or the error that the host answered; -EIO for answers that are none. */
int virtio_p9_finish(struct p9_call *call);

void p9_put8(struct p9_call *call, uint8_t value);
void p9_put32(struct p9_call *call, uint32_t value);
void p9_put64(struct p9_call *call, uint64_t value);
void p9_put_text(struct p9_call *call, const char *text, size_t length);
void p9_put_count16(struct p9_call *call, uint16_t count);
/* Zero, and overrun, behind the answer's end. */
uint8_t p9_get8(struct p9_call *call);
uint16_t p9_get16(struct p9_call *call);
uint32_t p9_get32(struct p9_call *call);
uint64_t p9_get64(struct p9_call *call);

#endif
