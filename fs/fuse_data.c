/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* FUSE: opening, reading and writing files. Data moves between the program's memory and
 * the host without a copy, in requests of at most what INIT agreed on [FS-03], several of
 * them in flight. */

#include <errno.h>
#include <fcntl.h>
#include <fs/fuse.h>

#define IN_FLIGHT 4 /* of one read or write */

static bool has(const struct fuse_inode *node, enum fuse_access access)
{
	return __atomic_load_n(&node->has_handle[access], __ATOMIC_ACQUIRE);
}

void fuse_handle_set(struct fuse_inode *node, enum fuse_access access, uint64_t handle)
{
	node->handles[access] = handle;
	__atomic_store_n(&node->has_handle[access], true, __ATOMIC_RELEASE);
}

/* Of the inode's own session only: a new one is not begun for it. */
void fuse_release(struct fuse_inode *node, enum fuse_access access, uint64_t handle)
{
	bool directory = S_ISDIR(node->inode.mode);
	struct fuse_release_in in = { .fh = handle,
				      .flags = access == FUSE_FOR_WRITING ? O_WRONLY
									  : O_RDONLY };
	struct virtio_fs_call call = { .opcode = directory ? FUSE_RELEASEDIR
							   : FUSE_RELEASE,
				       .nodeid = node->nodeid,
				       .session = node->session,
				       .arguments = &in,
				       .argument_bytes = sizeof(in) };

	virtio_fs_call(fuse_of(&node->inode)->device, &call);
}

/* Two threads may both open it: the handle that comes second is closed again. */
int fuse_handle(struct fuse_inode *node, enum fuse_access access, uint64_t *out)
{
	bool directory = S_ISDIR(node->inode.mode), second;
	struct fuse_open_in in = { .flags = directory ? O_RDONLY | O_DIRECTORY
					    : access == FUSE_FOR_WRITING ? O_WRONLY
									 : O_RDONLY };
	struct fuse_open_out answer = { 0 };
	struct virtio_fs_call call = { .opcode = directory ? FUSE_OPENDIR : FUSE_OPEN,
				       .arguments = &in,
				       .argument_bytes = sizeof(in),
				       .reply = &answer,
				       .reply_bytes = sizeof(answer) };
	struct fuse *fuse = fuse_of(&node->inode);
	int error;

	if (!has(node, access) && access == FUSE_FOR_READING && node->created &&
	    has(node, FUSE_FOR_WRITING))
		access = FUSE_FOR_WRITING;
	if (!has(node, access)) {
		error = fuse_call(node, &call);
		if (error)
			return error;
		mutex_lock(&fuse->mutex);
		second = has(node, access);
		if (!second)
			fuse_handle_set(node, access, answer.fh);
		mutex_unlock(&fuse->mutex);
		if (second)
			fuse_release(node, access, answer.fh);
	}
	*out = node->handles[access];
	return 0;
}

int fuse_open(struct inode *inode, int access)
{
	struct fuse_inode *node = fuse_node(inode);
	uint64_t handle;
	int error = 0;

	if (S_ISDIR(inode->mode))
		return fuse_handle(node, FUSE_FOR_READING, &handle);
	if (!S_ISREG(inode->mode))
		return -ENXIO; /* the host's devices are no files here */
	if (access != O_WRONLY)
		error = fuse_handle(node, FUSE_FOR_READING, &handle);
	if (!error && access != O_RDONLY)
		error = fuse_handle(node, FUSE_FOR_WRITING, &handle);
	return error;
}

/* A read or write in progress: a part for each request. */
struct part {
	struct virtio_fs_call call;
	struct fuse_io_in in;
	struct fuse_write_out answer;
};
struct transfer {
	struct fuse_inode *node;
	bool write;
	uint64_t handle, offset;
	char *data;
	size_t bytes, issued;
	unsigned first, count; /* parts in flight: a circle */
	struct part parts[IN_FLIGHT];
};

/* One more request for what was not asked for yet. 0, -EAGAIN: later, -errno. */
static int issue(struct transfer *transfer)
{
	struct fuse *fuse = fuse_of(&transfer->node->inode);
	struct part *part =
		&transfer->parts[(transfer->first + transfer->count) % IN_FLIGHT];
	struct virtio_fs_call *call = &part->call;
	uint32_t most = transfer->write ? fuse->max_write : fuse->max_read;
	size_t left = transfer->bytes - transfer->issued;
	int error;

	*call = (struct virtio_fs_call){
		.opcode = transfer->write ? FUSE_WRITE : FUSE_READ,
		.nodeid = transfer->node->nodeid,
		.session = transfer->node->session,
		.arguments = &part->in,
		.argument_bytes = sizeof(part->in),
		.direction = transfer->write ? VIRTIO_FS_TO_HOST : VIRTIO_FS_FROM_HOST,
		.data = transfer->data + transfer->issued,
		.data_bytes = left < most ? left : most,
	};
	if (transfer->write) {
		call->reply = &part->answer;
		call->reply_bytes = sizeof(part->answer);
	}
	/* Who holds requests of its own must not wait for others to give theirs up. */
	error = virtio_fs_begin(fuse->device, call, !transfer->count);
	if (error)
		return error;
	part->in = (struct fuse_io_in){ .fh = transfer->handle,
					.offset = transfer->offset + transfer->issued,
					.size = (uint32_t)call->data_bytes };
	transfer->issued += call->data_bytes;
	transfer->count++;
	virtio_fs_submit(call);
	return 0;
}

/* The bytes of the oldest request, -errno; *asked: what it was for. The host cannot have
 * done more. */
static ssize_t finish(struct transfer *transfer, size_t *asked)
{
	struct part *part = &transfer->parts[transfer->first];
	int error = virtio_fs_finish(&part->call);

	transfer->first = (transfer->first + 1) % IN_FLIGHT;
	transfer->count--;
	*asked = part->call.data_bytes;
	if (error)
		return error;
	if (!transfer->write)
		return (ssize_t)part->call.data_written;
	if (part->call.reply_written < sizeof(part->answer) ||
	    part->answer.size > part->call.data_bytes)
		return -EIO;
	return part->answer.size;
}

/* Bytes up to the first request that failed or came back short. */
static ssize_t run(struct transfer *transfer)
{
	size_t done = 0, asked;
	int error = 0;
	bool ended = false;

	for (;;) {
		ssize_t got;

		while (!ended && transfer->issued < transfer->bytes &&
		       transfer->count < IN_FLIGHT) {
			int failed = issue(transfer);

			if (failed == -EAGAIN)
				break;
			if (failed) {
				error = failed;
				ended = true;
			}
		}
		if (!transfer->count)
			break;
		got = finish(transfer, &asked);
		if (ended && !error)
			continue; /* after a short one: what came is not next to it */
		if (got < 0) {
			if (!error)
				error = (int)got;
			ended = true;
		} else {
			done += (size_t)got;
			ended = ended || (size_t)got < asked;
		}
	}
	return done || !error ? (ssize_t)done : error;
}

static ssize_t move(struct inode *inode, bool write, void *data, size_t bytes,
		    uint64_t offset)
{
	struct transfer transfer = { .node = fuse_node(inode),
				     .write = write,
				     .offset = offset,
				     .data = data,
				     .bytes = bytes };
	int error = fuse_ready(fuse_of(inode));

	if (error || !bytes)
		return error;
	error = fuse_handle(transfer.node, write ? FUSE_FOR_WRITING : FUSE_FOR_READING,
			    &transfer.handle);
	return error ? error : run(&transfer);
}

ssize_t fuse_read(struct inode *inode, void *out, size_t bytes, uint64_t offset)
{
	return move(inode, false, out, bytes, offset);
}

ssize_t fuse_write(struct inode *inode, const void *in, size_t bytes, uint64_t offset)
{
	ssize_t done = move(inode, true, (void *)in, bytes, offset);

	fuse_attr_forget(fuse_node(inode));
	return done;
}

int fuse_sync_file(struct inode *inode)
{
	struct fuse_inode *node = fuse_node(inode);
	struct fuse_fsync_in in = { 0 };
	struct virtio_fs_call call = { .opcode = FUSE_FSYNC,
				       .arguments = &in,
				       .argument_bytes = sizeof(in) };
	enum fuse_access access = has(node, FUSE_FOR_WRITING) ? FUSE_FOR_WRITING
							      : FUSE_FOR_READING;
	int error;

	if (!S_ISREG(inode->mode))
		return inode->fs->operations->sync(inode->fs);
	error = fuse_handle(node, access, &in.fh);
	return error ? error : fuse_call(node, &call);
}
