/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* fstest TAG FROM TO: copies a file of a share to a new one, with the driver's calls alone;
 * several reads in flight. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <fs/fuse_protocol.h>
#include <virtio/device/fs.h>

#define PARTS	   4
#define PART_BYTES 65536

static char data[PARTS][PART_BYTES + 1];
static struct virtio_fs *fs;

static int call(uint32_t opcode, uint64_t nodeid, const char *name, const void *in,
		size_t in_bytes, void *out, size_t out_bytes)
{
	struct virtio_fs_call call = { .opcode = opcode,
				       .nodeid = nodeid,
				       .session = virtio_fs_session(fs),
				       .arguments = in,
				       .argument_bytes = in_bytes,
				       .name = name,
				       .name_length = name ? strlen(name) : 0,
				       .reply = out,
				       .reply_bytes = out_bytes };
	int error = virtio_fs_call(fs, &call);

	return error ? error : call.reply_written == out_bytes ? 0 : -EIO;
}

/* Reads PARTS parts at once; the bytes of all, -errno. */
static int read_parts(uint64_t nodeid, uint64_t handle, uint64_t offset,
		      size_t bytes[PARTS])
{
	struct virtio_fs_call calls[PARTS];
	struct fuse_io_in in[PARTS];
	int total = 0, error = 0;

	for (unsigned i = 0; i < PARTS; i++) {
		calls[i] = (struct virtio_fs_call){ .opcode = FUSE_READ,
						    .nodeid = nodeid,
						    .session = virtio_fs_session(fs),
						    .arguments = &in[i],
						    .argument_bytes = sizeof(in[i]),
						    .direction = VIRTIO_FS_FROM_HOST,
						    .data = data[i] + 1, /* odd */
						    .data_bytes = PART_BYTES };
		error = virtio_fs_begin(fs, &calls[i], true);
		if (error || calls[i].data_bytes != PART_BYTES)
			return error ? error : -EINVAL;
		in[i] = (struct fuse_io_in){ .fh = handle,
					     .offset = offset + i * PART_BYTES,
					     .size = PART_BYTES };
		virtio_fs_submit(&calls[i]);
	}
	for (unsigned i = 0; i < PARTS; i++) {
		int failed = virtio_fs_finish(&calls[i]);

		error = error ? error : failed;
		bytes[i] = calls[i].data_written;
		total += (int)bytes[i];
	}
	return error ? error : total;
}

static int write_part(uint64_t nodeid, uint64_t handle, uint64_t offset, char *from,
		      size_t bytes)
{
	struct fuse_io_in in = { .fh = handle,
				 .offset = offset,
				 .size = (uint32_t)bytes };
	struct fuse_write_out out = { 0 };
	struct virtio_fs_call call = { .opcode = FUSE_WRITE,
				       .nodeid = nodeid,
				       .session = virtio_fs_session(fs),
				       .arguments = &in,
				       .argument_bytes = sizeof(in),
				       .reply = &out,
				       .reply_bytes = sizeof(out),
				       .direction = VIRTIO_FS_TO_HOST,
				       .data = from,
				       .data_bytes = bytes };
	int error = virtio_fs_call(fs, &call);

	return error ? error : out.size == bytes ? 0 : -EIO;
}

static int copy(const char *from, const char *to)
{
	struct fuse_init_in init = { .major = FUSE_MAJOR, .minor = FUSE_MINOR };
	struct fuse_init_out agreed = { 0 };
	struct fuse_entry_out entry = { 0 };
	struct fuse_open_in open = { .flags = O_RDONLY };
	struct fuse_open_out opened = { 0 };
	struct fuse_create_in create = { .flags = O_RDWR | O_CREAT | O_EXCL,
					 .mode = S_IFREG | 0644 };
	struct fuse_create_out created = { 0 };
	uint64_t offset = 0;
	size_t bytes[PARTS];
	int error = call(FUSE_INIT, 0, NULL, &init, sizeof(init), &agreed,
			 sizeof(agreed));

	if (!error)
		error = call(FUSE_LOOKUP, FUSE_ROOT_ID, from, NULL, 0, &entry,
			     sizeof(entry));
	if (!error)
		error = call(FUSE_OPEN, entry.nodeid, NULL, &open, sizeof(open), &opened,
			     sizeof(opened));
	if (!error)
		error = call(FUSE_CREATE, FUSE_ROOT_ID, to, &create, sizeof(create),
			     &created, sizeof(created));
	while (!error) {
		int got = read_parts(entry.nodeid, opened.fh, offset, bytes);

		if (got <= 0)
			return got;
		for (unsigned i = 0; !error && i < PARTS && bytes[i]; i++) {
			error = write_part(created.entry.nodeid, created.open.fh, offset,
					   data[i] + 1, bytes[i]);
			offset += bytes[i];
		}
	}
	return error;
}

int main(int count, char **argument)
{
	int error;

	fs = count == 4 ? virtio_fs_find(argument[1]) : NULL;
	error = fs ? copy(argument[2], argument[3]) : -ENODEV;
	printf("copied: %d\n", error);
	return error != 0;
}
