/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* FUSE: opening, reading and writing files. Data moves between the program's memory and
 * the host without a copy, in requests of at most what INIT agreed on [FS-03], several of
 * them in flight. */

#include <errno.h>
#include <fcntl.h>
#include <fs/fuse_dax.h>
#include <fs/share.h>

static bool has(const struct fuse_inode *node, enum fuse_access access)
{
	return __atomic_load_n(&node->has_handle[access], __ATOMIC_ACQUIRE);
}

void fuse_handle_set(struct fuse_inode *node, enum fuse_access access, uint64_t handle)
{
	node->handles[access] = handle;
	__atomic_store_n(&node->has_handle[access], true, __ATOMIC_RELEASE);
}

void fuse_release(struct fuse *fuse, unsigned session, uint64_t nodeid, bool directory,
		  uint64_t handle)
{
	struct fuse_release_in in = { .fh = handle };
	struct virtio_fs_call call = { .opcode = directory ? FUSE_RELEASEDIR
							   : FUSE_RELEASE,
				       .nodeid = nodeid,
				       .session = session,
				       .arguments = &in,
				       .argument_bytes = sizeof(in) };

	virtio_fs_call(fuse->device, &call);
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
	int error = fuse_ready(fuse);

	if (error)
		return error;
	if (!has(node, access) && access == FUSE_FOR_READING && node->created &&
	    has(node, FUSE_FOR_WRITING))
		access = FUSE_FOR_WRITING;
	if (!has(node, access)) {
		error = fuse_call(node, &call);
		if (error)
			return error;
		mutex_lock(&fuse->mutex);
		if (call.session != fuse_session(node))
			error = -ESTALE;
		second = error || has(node, access);
		if (!second)
			fuse_handle_set(node, access, answer.fh);
		mutex_unlock(&fuse->mutex);
		if (second)
			fuse_release(fuse, call.session, node->nodeid, directory,
				     answer.fh);
		if (error)
			return error;
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
struct transfer {
	struct fuse_inode *node;
	bool write;
	uint64_t handle, offset;
	char *data;
	struct part {
		struct virtio_fs_call call;
		struct fuse_io_in in;
		struct fuse_write_out answer;
	} parts[SHARE_IN_FLIGHT];
};

static ssize_t issue(void *context, unsigned number, size_t at, size_t left, bool wait)
{
	struct transfer *transfer = context;
	struct fuse *fuse = fuse_of(&transfer->node->inode);
	struct part *part = &transfer->parts[number];
	struct virtio_fs_call *call = &part->call;
	uint32_t most = transfer->write ? fuse->max_write : fuse->max_read;
	int error;

	*call = (struct virtio_fs_call){
		.opcode = transfer->write ? FUSE_WRITE : FUSE_READ,
		.nodeid = transfer->node->nodeid,
		.session = transfer->node->session,
		.arguments = &part->in,
		.argument_bytes = sizeof(part->in),
		.direction = transfer->write ? VIRTIO_FS_TO_HOST : VIRTIO_FS_FROM_HOST,
		.data = transfer->data + at,
		.data_bytes = left < most ? left : most,
	};
	if (transfer->write) {
		call->reply = &part->answer;
		call->reply_bytes = sizeof(part->answer);
	}
	error = virtio_fs_begin(fuse->device, call, wait);
	if (error)
		return error;
	part->in = (struct fuse_io_in){ .fh = transfer->handle,
					.offset = transfer->offset + at,
					.size = (uint32_t)call->data_bytes };
	virtio_fs_submit(call);
	return (ssize_t)call->data_bytes;
}

/* The host cannot have done more than it was asked for. */
static ssize_t finish(void *context, unsigned number)
{
	struct transfer *transfer = context;
	struct part *part = &transfer->parts[number];
	int error = virtio_fs_finish(&part->call);

	if (error)
		return error;
	if (!transfer->write)
		return (ssize_t)part->call.data_written;
	if (part->call.reply_written < sizeof(part->answer) ||
	    part->answer.size > part->call.data_bytes)
		return -EIO;
	return part->answer.size;
}

static ssize_t move(struct inode *inode, bool write, void *data, size_t bytes,
		    uint64_t offset)
{
	static const struct share_steps steps = { issue, finish };
	struct transfer transfer = {
		.node = fuse_node(inode), .write = write, .offset = offset, .data = data
	};
	int error = fuse_ready(fuse_of(inode));

	if (error || !bytes)
		return error;
	error = fuse_handle(transfer.node, write ? FUSE_FOR_WRITING : FUSE_FOR_READING,
			    &transfer.handle);
	if (!error && !write) {
		ssize_t done = fuse_dax_read(transfer.node, transfer.handle, data, bytes,
					     offset);

		if (done != -EAGAIN)
			return done;
	}
	return error ? error : share_transfer(&steps, &transfer, bytes);
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
