/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* 9p: opening, reading and writing files. Data moves between the program's memory and the
 * host without a copy, in messages of at most msize, several of them in flight
 * [P9-01] [P9-04]. */

#include <errno.h>
#include <fcntl.h>
#include <fs/p9.h>
#include <fs/share.h>

static bool has(const struct p9_inode *node, enum p9_access access)
{
	return __atomic_load_n(&node->has_open[access], __ATOMIC_ACQUIRE);
}

/* Has the host open the file of a fid. */
static int lopen(struct p9 *p9, unsigned session, uint32_t fid, uint32_t flags)
{
	struct p9_call call = { .type = P9_TLOPEN };
	int error = p9_begin_fid(p9, session, fid, &call);

	if (error)
		return error;
	p9_put32(&call, flags);
	return p9_end(&call);
}

/* A fid of its own, as one that is open cannot walk. Two threads may both open it: the one
 * that comes second is closed again. */
int p9_opened(struct p9_inode *node, enum p9_access access, uint32_t *fid)
{
	struct p9 *p9 = p9_of(&node->inode);
	uint32_t flags = S_ISDIR(node->inode.mode)  ? O_RDONLY | O_DIRECTORY
			 : access == P9_FOR_WRITING ? O_WRONLY
						    : O_RDONLY;
	int error = p9_ready(p9);
	unsigned session = p9_session(node);
	uint32_t new;
	bool second;

	if (error)
		return error;
	if (!has(node, access) && access == P9_FOR_READING && node->created)
		access = P9_FOR_WRITING;
	if (!has(node, access)) {
		error = p9_walk(node, session, NULL, 0, &new, NULL);
		if (error)
			return error;
		error = lopen(p9, session, new, flags);
		mutex_lock(&p9->mutex);
		if (!error && session != p9_session(node))
			error = -ESTALE;
		second = error || has(node, access);
		if (!second) {
			node->open[access] = new;
			__atomic_store_n(&node->has_open[access], true, __ATOMIC_RELEASE);
		}
		mutex_unlock(&p9->mutex);
		if (second)
			p9_clunk(p9, session, new);
		if (error)
			return error;
	}
	*fid = node->open[access];
	return 0;
}

int p9_open(struct inode *inode, int access)
{
	uint32_t fid;
	int error = 0;

	if (S_ISDIR(inode->mode))
		return p9_opened(p9_node(inode), P9_FOR_READING, &fid);
	if (!S_ISREG(inode->mode))
		return -ENXIO; /* the host's devices are no files here */
	if (access != O_WRONLY)
		error = p9_opened(p9_node(inode), P9_FOR_READING, &fid);
	if (!error && access != O_RDONLY)
		error = p9_opened(p9_node(inode), P9_FOR_WRITING, &fid);
	return error;
}

/* A read or write in progress. */
struct transfer {
	struct p9_inode *node;
	bool write;
	uint32_t fid;
	uint64_t offset;
	char *data;
	struct p9_call calls[SHARE_IN_FLIGHT];
};

static ssize_t issue(void *context, unsigned number, size_t at, size_t left, bool wait)
{
	struct transfer *transfer = context;
	struct p9 *p9 = p9_of(&transfer->node->inode);
	struct p9_call *call = &transfer->calls[number];
	uint32_t most = __atomic_load_n(&p9->msize, __ATOMIC_RELAXED) -
			P9_WRITE_HEAD_BYTES;
	int error;

	call->type = transfer->write ? P9_TWRITE : P9_TREAD;
	call->session = p9_session(transfer->node);
	call->direction = transfer->write ? P9_TO_HOST : P9_FROM_HOST;
	call->text = false;
	call->data = transfer->data + at;
	call->data_bytes = left < most ? left : most;
	error = virtio_p9_begin(p9->device, call, wait);
	if (error)
		return error;
	p9_put32(call, transfer->fid);
	p9_put64(call, transfer->offset + at);
	p9_put32(call, (uint32_t)call->data_bytes);
	virtio_p9_submit(call);
	return (ssize_t)call->data_bytes;
}

/* The host cannot have done more than it was asked for [P9-03]. */
static ssize_t finish(void *context, unsigned number)
{
	struct transfer *transfer = context;
	struct p9_call *call = &transfer->calls[number];
	int error = virtio_p9_finish(call);
	uint32_t count;

	if (error)
		return error;
	if (!transfer->write)
		return (ssize_t)call->data_written;
	count = p9_get32(call);
	return call->overrun || count > call->data_bytes ? -EIO : (ssize_t)count;
}

static ssize_t move(struct inode *inode, bool write, void *data, size_t bytes,
		    uint64_t offset)
{
	static const struct share_steps steps = { issue, finish };
	struct transfer transfer;
	int error = p9_ready(p9_of(inode));

	if (error || !bytes)
		return error;
	transfer.node = p9_node(inode);
	transfer.write = write;
	transfer.offset = offset;
	transfer.data = data;
	error = p9_opened(transfer.node, write ? P9_FOR_WRITING : P9_FOR_READING,
			  &transfer.fid);
	return error ? error : share_transfer(&steps, &transfer, bytes);
}

ssize_t p9_read(struct inode *inode, void *out, size_t bytes, uint64_t offset)
{
	return move(inode, false, out, bytes, offset);
}

ssize_t p9_write(struct inode *inode, const void *in, size_t bytes, uint64_t offset)
{
	return move(inode, true, (void *)in, bytes, offset);
}

int p9_sync_file(struct inode *inode)
{
	struct p9_inode *node = p9_node(inode);
	struct p9_call call = { .type = P9_TFSYNC };
	enum p9_access access = has(node, P9_FOR_WRITING) ? P9_FOR_WRITING
							  : P9_FOR_READING;
	uint32_t fid;
	int error = p9_opened(node, access, &fid);

	if (!error)
		error = p9_begin_fid(p9_of(inode), p9_session(node), fid, &call);
	if (error)
		return error;
	p9_put32(&call, 0); /* not only the data */
	return p9_end(&call);
}
