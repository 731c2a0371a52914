/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* 9p: the session with the host, fids, mounting [P9-02]. */

#include <errno.h>
#include <string.h>
#include <fs/names.h>
#include <fs/p9.h>
#include <kernel/format.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/time.h>

#define ROOT_FID      0
#define MSIZE_LEAST   4096
#define NAMES_NS      NS_PER_SEC
#define VERSION	      "9P2000.L"
#define VERSION_BYTES (sizeof(VERSION) - 1)

uint32_t p9_fid_new(struct p9 *p9)
{
	unsigned long flags = spin_lock(&p9->fids_lock);
	uint32_t fid = p9->free_count ? p9->free_fids[--p9->free_count] : p9->next_fid++;

	spin_unlock(&p9->fids_lock, flags);
	return fid;
}

/* A fid whose number finds no room here is not used again. One of a session that ended means
 * another fid by now. */
void p9_fid_free(struct p9 *p9, unsigned session, uint32_t fid)
{
	unsigned long flags = spin_lock(&p9->fids_lock);
	bool ours = session == p9->fids_session;

	if (ours && p9->free_count == p9->free_room) {
		uint32_t room = p9->free_room ? 2 * p9->free_room : 64;
		uint32_t *more = krealloc(p9->free_fids, room * sizeof(*more));

		if (more) {
			p9->free_fids = more;
			p9->free_room = room;
		}
	}
	if (ours && p9->free_count < p9->free_room)
		p9->free_fids[p9->free_count++] = fid;
	spin_unlock(&p9->fids_lock, flags);
}

int p9_begin_fid(struct p9 *p9, unsigned session, uint32_t fid, struct p9_call *call)
{
	int error;

	call->session = session;
	error = virtio_p9_begin(p9->device, call, true);
	if (!error)
		p9_put32(call, fid);
	return error;
}

int p9_begin(struct p9_inode *node, struct p9_call *call)
{
	struct p9 *p9 = p9_of(&node->inode);
	int error = p9_ready(p9);

	return error ? error : p9_begin_fid(p9, p9_session(node), node->fid, call);
}

int p9_end(struct p9_call *call)
{
	virtio_p9_submit(call);
	return virtio_p9_finish(call);
}

/* Whatever the host answers, the fid is not ours any more. */
void p9_clunk(struct p9 *p9, unsigned session, uint32_t fid)
{
	struct p9_call call = { .type = P9_TCLUNK };

	if (__atomic_load_n(&p9->ended, __ATOMIC_ACQUIRE))
		return;
	if (!p9_begin_fid(p9, session, fid, &call) && !p9_end(&call))
		p9_fid_free(p9, session, fid);
}

struct p9_qid p9_get_qid(struct p9_call *call)
{
	struct p9_qid qid = { .type = p9_get8(call) };

	p9_get32(call); /* version: nothing is kept that could be old */
	qid.path = p9_get64(call);
	return qid;
}

/* Agrees on the dialect and on how long a message may be. */
static int version(struct p9 *p9, unsigned session)
{
	uint32_t most = virtio_p9_payload_max(p9->device) + P9_WRITE_HEAD_BYTES;
	struct p9_call call = { .type = P9_TVERSION, .session = session };
	int error = virtio_p9_begin(p9->device, &call, true);
	uint32_t msize;
	uint16_t length;

	if (error)
		return error;
	p9_put32(&call, most);
	p9_put_text(&call, VERSION, VERSION_BYTES);
	error = p9_end(&call);
	if (error)
		return error;
	msize = p9_get32(&call);
	length = p9_get16(&call);
	if (call.overrun || msize > most || msize < MSIZE_LEAST ||
	    length != VERSION_BYTES || call.reply_bytes - call.got < VERSION_BYTES ||
	    memcmp(call.reply + call.got, VERSION, VERSION_BYTES) != 0) {
		log_error("9p: %s: the host does not speak " VERSION
			  " in messages of 4 KiB or more",
			  p9->fs.source);
		return -EPROTO;
	}
	__atomic_store_n(&p9->msize, msize, __ATOMIC_RELAXED);
	return 0;
}

static int attach(struct p9 *p9, unsigned session, struct p9_qid *root)
{
	struct p9_call call = { .type = P9_TATTACH };
	int error = p9_begin_fid(p9, session, ROOT_FID, &call);

	if (error)
		return error;
	p9_put32(&call, P9_NO_FID); /* no authentication */
	p9_put_text(&call, "root", 4);
	p9_put_text(&call, "", 0);
	p9_put32(&call, 0); /* uid */
	error = p9_end(&call);
	if (error)
		return error;
	*root = p9_get_qid(&call);
	return call.overrun || !(root->type & P9_QID_DIRECTORY) ? -EIO : 0;
}

/* Under the mutex, or before anybody else knows of it. */
static int begin_session(struct p9 *p9, unsigned session)
{
	struct p9_qid root = { 0 };
	unsigned long flags = spin_lock(&p9->fids_lock);
	int error;

	p9->fids_session = session;
	p9->free_count = 0;
	p9->next_fid = ROOT_FID + 1;
	spin_unlock(&p9->fids_lock, flags);
	error = version(p9, session);
	if (!error)
		error = attach(p9, session, &root);
	if (!error && !p9->root)
		p9->root = p9_root_make(p9, root.path, ROOT_FID);
	if (!error && !p9->root)
		error = -ENOMEM;
	if (error)
		return error;
	/* It alone lives on, but is not open any more. */
	__atomic_store_n(&p9->root->has_open[P9_FOR_READING], false, __ATOMIC_RELEASE);
	__atomic_store_n(&p9->root->session, session, __ATOMIC_RELEASE);
	__atomic_store_n(&p9->session, session, __ATOMIC_RELEASE);
	__atomic_store_n(&p9->begun, true, __ATOMIC_RELEASE);
	return 0;
}

int p9_ready(struct p9 *p9)
{
	unsigned session = virtio_p9_session(p9->device);
	bool again = false;
	int error = 0;

	if (__atomic_load_n(&p9->ended, __ATOMIC_ACQUIRE))
		return -EIO;
	if (__atomic_load_n(&p9->begun, __ATOMIC_ACQUIRE) &&
	    __atomic_load_n(&p9->session, __ATOMIC_ACQUIRE) == session)
		return 0;
	mutex_lock(&p9->mutex);
	if (!p9->begun || p9->session != session) {
		again = p9->begun;
		error = begin_session(p9, session);
	}
	mutex_unlock(&p9->mutex);
	if (!error && again) {
		log_warn("9p: %s: the host has lost its state, files that were open are "
			 "not any more",
			 p9->fs.source);
		fs_names_drop_all();
	}
	return error;
}

static struct inode *p9_root(struct fs *fs)
{
	return fs_inode_get(&((struct p9 *)fs)->root->inode);
}

static void p9_unmount(struct fs *fs)
{
	struct p9 *p9 = (struct p9 *)fs;

	fs->read_only = true;
	fs_names_drop_all();
	p9_clunk(p9, p9->session, ROOT_FID);
	__atomic_store_n(&p9->ended, true, __ATOMIC_RELEASE);
	fs_inode_put(&p9->root->inode);
	/* At the machine's end others may still be using it. */
	if (!__atomic_load_n(&p9->inodes, __ATOMIC_ACQUIRE)) {
		kfree(p9->free_fids);
		kfree(p9);
	}
}

static int p9_mount(const char *source, bool read_only, struct fs **out)
{
	struct virtio_p9 *device = virtio_p9_find(source);
	struct p9 *p9;
	int error;

	if (!device)
		return -ENODEV;
	p9 = kzalloc(sizeof(*p9));
	if (!p9)
		return -ENOMEM;
	p9->fs.operations = &p9_type;
	p9->fs.read_only = read_only;
	p9->fs.names_ns = NAMES_NS;
	format(p9->fs.source, sizeof(p9->fs.source), "%s", source);
	p9->device = device;
	error = p9_ready(p9);
	if (error) {
		kfree(p9);
		return error;
	}
	log_info("9p: \"%s\": messages of %u KiB, read-%s", source, p9->msize / 1024,
		 read_only ? "only" : "write");
	*out = &p9->fs;
	return 0;
}

/* What was written is the host's already; only files can be asked to reach its disk. */
static int p9_statfs(struct fs *fs, struct statfs *out)
{
	struct p9 *p9 = (struct p9 *)fs;
	struct p9_call call = { .type = P9_TSTATFS };
	int error = p9_begin(p9->root, &call);

	if (!error)
		error = p9_end(&call);
	if (error)
		return error;
	memset(out, 0, sizeof(*out));
	out->f_type = 0x01021997; /* V9FS_MAGIC (statfs(2)) */
	p9_get32(&call);
	out->f_bsize = p9_get32(&call);
	if (!out->f_bsize)
		out->f_bsize = 4096;
	out->f_frsize = out->f_bsize;
	out->f_blocks = p9_get64(&call);
	out->f_bfree = p9_get64(&call);
	out->f_bavail = p9_get64(&call);
	out->f_files = p9_get64(&call);
	out->f_ffree = p9_get64(&call);
	p9_get64(&call); /* file system id */
	p9_get32(&call); /* longest name */
	out->f_namelen = FS_NAME_MAX;
	return call.overrun ? -EIO : 0;
}

const struct fs_operations p9_type = {
	.name = "9p",
	.mount = p9_mount,
	.unmount = p9_unmount,
	.root = p9_root,
	.lookup = p9_lookup,
	.forget = p9_forget,
	.stat = p9_stat,
	.open = p9_open,
	.read = p9_read,
	.write = p9_write,
	.truncate = p9_truncate,
	.sync_file = p9_sync_file,
	.entries = p9_entries,
	.readlink = p9_readlink,
	.statfs = p9_statfs,
	.create = p9_create,
	.mkdir = p9_mkdir,
	.unlink = p9_unlink,
	.rmdir = p9_rmdir,
	.rename = p9_rename,
	.symlink = p9_symlink,
	.link = p9_link,
	.set = p9_set,
};
FS_TYPE(p9_type);

/* What an application names to have this in its image: LINK := ferrule_9p. */
const struct fs_operations *const ferrule_9p = &p9_type;
