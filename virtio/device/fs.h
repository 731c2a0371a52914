/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* virtio-fs: FUSE requests to a folder that the host shares (VIRTIO 1.3 §5.11). What the
 * requests mean is the file system's (fs/fuse.h); here they travel, and what comes back
 * is checked: its length, whose answer it is, that its error is one.
 *
 *	struct virtio_fs_call call = { .opcode = …, .nodeid = …, .data = …, … };
 *
 *	virtio_fs_begin(fs, &call);	call.data_bytes is what fits one request
 *	… arguments that say so
 *	virtio_fs_submit(&call);	other calls may follow
 *	virtio_fs_finish(&call);	waits for the answer
 *
 * A call that does not begin must not be submitted; one that began must be submitted
 * and finished. All in threads. */

#ifndef VIRTIO_DEVICE_FS_H
#define VIRTIO_DEVICE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct virtio_fs;
struct exchange_request;

/* A request up to its end. Little-endian, as FUSE on this machine is (§5.11.6.1: the
 * driver's native order). */
struct virtio_fs_in_header {
	uint32_t len, opcode;
	uint64_t unique, nodeid;
	uint32_t uid, gid, pid, padding;
};
struct virtio_fs_out_header {
	uint32_t len;
	int32_t error;
	uint64_t unique;
};
_Static_assert(sizeof(struct virtio_fs_in_header) == 40, "FUSE");
_Static_assert(sizeof(struct virtio_fs_out_header) == 16, "FUSE");

enum virtio_fs_direction { VIRTIO_FS_NO_DATA, VIRTIO_FS_TO_HOST, VIRTIO_FS_FROM_HOST };

struct virtio_fs_call {
	uint32_t opcode;
	uint64_t nodeid;
	unsigned session; /* that nodeid is of */
	/* Looked at by the submit: copied, in this order; names with a NUL after each. */
	const void *arguments;
	size_t argument_bytes;
	const char *name, *second_name; /* in kernel memory; NULL: none */
	size_t name_length, second_length;
	/* The answer's own part, copied out as far as the device wrote it. */
	void *reply;
	size_t reply_bytes;
	/* Payload, in place. */
	enum virtio_fs_direction direction;
	void *data;
	size_t data_bytes;
	/* Results: what the device wrote of each. */
	size_t reply_written, data_written;

	/* fs.c's. */
	struct virtio_fs *fs;
	struct exchange_request *request;
	uint64_t unique;
};

/* The device with that tag, NULL: there is none. */
struct virtio_fs *virtio_fs_find(const char *tag);
/* Counts how often the device lost its memory: node ids of another number mean nothing. */
unsigned virtio_fs_session(const struct virtio_fs *fs);

/* 0; -EIO, -ENODEV: out of service; -ESTALE: of an earlier session; -EFAULT. With
 * `wait` false: -EAGAIN when as much is in flight as can be. */
int virtio_fs_begin(struct virtio_fs *fs, struct virtio_fs_call *call, bool wait);
void virtio_fs_submit(struct virtio_fs_call *call);
/* 0, or the error that the host answered; -EIO for answers that are none. */
int virtio_fs_finish(struct virtio_fs_call *call);
/* All three, for calls whose payload fits as it is (else -EINVAL). */
int virtio_fs_call(struct virtio_fs *fs, struct virtio_fs_call *call);
/* Sends what has no answer, FORGET, by the queue that is made for it (§5.11.6.2). */
void virtio_fs_forget(struct virtio_fs *fs, unsigned session, uint64_t nodeid,
		      uint64_t lookups);

/* The window through which files can be mapped (§5.11.6.4): false without one. */
struct virtio_shared_memory;
bool virtio_fs_window(struct virtio_fs *fs, struct virtio_shared_memory *out);

#endif
