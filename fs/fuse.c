/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* FUSE: the session with the host, and mounting. */

#include <errno.h>
#include <string.h>
#include <fs/fuse_dax.h>
#include <fs/names.h>
#include <kernel/format.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/page.h>

#define PAGES_DEFAULT 32  /* of a request, where max_pages is not negotiated */
#define PAGES_MAX     256 /* what we ask for: a mebibyte */
#define WRITE_LEAST   4096

/* One INIT for all queues, before anything else [FS-03]. Under the mutex. */
static int begin_session(struct fuse *fuse, unsigned session)
{
	struct fuse_init_in in = { .major = FUSE_MAJOR,
				   .minor = FUSE_MINOR,
				   .max_readahead = PAGES_MAX * PAGE_BYTES,
				   .flags = FUSE_ASYNC_READ | FUSE_EXPORT_SUPPORT |
					    FUSE_BIG_WRITES | FUSE_DONT_MASK |
					    FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES |
					    FUSE_MAP_ALIGNMENT };
	struct fuse_init_out out = { 0 };
	struct virtio_fs_call call = { .opcode = FUSE_INIT,
				       .session = session,
				       .arguments = &in,
				       .argument_bytes = sizeof(in),
				       .reply = &out,
				       .reply_bytes = sizeof(out) };
	int error = virtio_fs_call(fuse->device, &call);
	uint32_t pages = PAGES_DEFAULT;

	if (error)
		return error;
	if (out.major != FUSE_MAJOR || out.minor < FUSE_MINOR_OLDEST ||
	    call.reply_written < sizeof(out)) {
		log_error("virtiofs: %s: the host speaks FUSE %u.%u, we speak %u.%u to "
			  "%u.%u",
			  fuse->fs.source, out.major, out.minor, FUSE_MAJOR,
			  FUSE_MINOR_OLDEST, FUSE_MAJOR, FUSE_MINOR);
		return -EPROTO;
	}
	/* What the host may be sent and asked for [FS-03]. */
	if (out.flags & FUSE_MAX_PAGES && out.max_pages)
		pages = out.max_pages < PAGES_MAX ? out.max_pages : PAGES_MAX;
	fuse->max_read = pages * PAGE_BYTES;
	fuse->max_write = out.max_write < fuse->max_read ? out.max_write : fuse->max_read;
	fuse->map_alignment = out.flags & FUSE_MAP_ALIGNMENT ? out.map_alignment : 0;
	if (fuse->max_write < WRITE_LEAST) {
		log_error("virtiofs: %s: the host takes no more than %u bytes at once",
			  fuse->fs.source, out.max_write);
		return -EPROTO;
	}
	return 0;
}

int fuse_ready(struct fuse *fuse)
{
	unsigned session = virtio_fs_session(fuse->device);
	bool again;
	int error;

	if (__atomic_load_n(&fuse->ended, __ATOMIC_ACQUIRE))
		return -EIO;
	if (__atomic_load_n(&fuse->begun, __ATOMIC_ACQUIRE) &&
	    __atomic_load_n(&fuse->session, __ATOMIC_ACQUIRE) == session)
		return 0;
	mutex_lock(&fuse->mutex);
	again = fuse->begun;
	error = again && fuse->session == session ? 0 : begin_session(fuse, session);
	if (!error) {
		again = again && fuse->session != session;
		/* It alone lives on, but is not open any more. */
		__atomic_store_n(&fuse->root->has_handle[FUSE_FOR_READING], false,
				 __ATOMIC_RELEASE);
		__atomic_store_n(&fuse->root->session, session, __ATOMIC_RELEASE);
		__atomic_store_n(&fuse->session, session, __ATOMIC_RELEASE);
		__atomic_store_n(&fuse->begun, true, __ATOMIC_RELEASE);
	}
	mutex_unlock(&fuse->mutex);
	if (!error && again) {
		log_warn(
			"virtiofs: %s: the host has lost its state, files that were open "
			"are not any more",
			fuse->fs.source);
		fs_names_drop_all();
	}
	return error;
}

int fuse_call(struct fuse_inode *node, struct virtio_fs_call *call)
{
	struct fuse *fuse = fuse_of(&node->inode);
	int error = fuse_ready(fuse);

	if (error)
		return error;
	call->nodeid = node->nodeid;
	call->session = fuse_session(node);
	error = virtio_fs_call(fuse->device, call);
	if (!error && call->reply_written < call->reply_bytes)
		error = -EIO;
	return error;
}

static struct inode *fuse_root(struct fs *fs)
{
	return fs_inode_get(&((struct fuse *)fs)->root->inode);
}

/* Also after a mount that failed. */
static void fuse_unmount(struct fs *fs)
{
	struct fuse *fuse = (struct fuse *)fs;
	struct virtio_fs_call call = { .opcode = FUSE_DESTROY, .session = fuse->session };

	fs->read_only = true;
	fs_names_drop_all();
	if (fuse->begun && !__atomic_exchange_n(&fuse->ended, true, __ATOMIC_ACQ_REL))
		virtio_fs_call(fuse->device, &call);
	fs_inode_put(&fuse->root->inode);
	/* At the machine's end others may still be using it. */
	if (!__atomic_load_n(&fuse->inodes, __ATOMIC_ACQUIRE)) {
		fuse_dax_end(fuse);
		kfree(fuse);
	}
}

static int fuse_mount(const char *source, bool read_only, struct fs **out)
{
	struct virtio_fs *device = virtio_fs_find(source);
	struct fuse *fuse;
	int error;

	if (!device)
		return -ENODEV;
	fuse = kzalloc(sizeof(*fuse));
	if (!fuse)
		return -ENOMEM;
	fuse->fs.operations = &fuse_type;
	fuse->fs.read_only = read_only;
	fuse->fs.names_ns = FS_NAMES_NEVER; /* until the host says otherwise */
	format(fuse->fs.source, sizeof(fuse->fs.source), "%s", source);
	fuse->device = device;
	fuse->root = fuse_root_make(fuse);
	if (!fuse->root) {
		kfree(fuse);
		return -ENOMEM;
	}
	error = fuse_root_check(fuse->root);
	if (error) {
		fuse_unmount(&fuse->fs);
		return error;
	}
	fuse_dax_begin(fuse);
	log_info("virtiofs: \"%s\": requests of %u KiB, read-%s", source,
		 fuse->max_write / 1024, read_only ? "only" : "write");
	*out = &fuse->fs;
	return 0;
}

/* Everything written is the host's already: this has it reach the disk. Hosts before FUSE
 * 7.34 cannot be asked. */
static int fuse_sync(struct fs *fs)
{
	struct fuse *fuse = (struct fuse *)fs;
	uint64_t nothing = 0;
	struct virtio_fs_call call = { .opcode = FUSE_SYNCFS,
				       .arguments = &nothing,
				       .argument_bytes = sizeof(nothing) };
	int error;

	if (__atomic_load_n(&fuse->no_syncfs, __ATOMIC_RELAXED))
		return 0;
	error = fuse_call(fuse->root, &call);
	if (error != -ENOSYS)
		return error;
	__atomic_store_n(&fuse->no_syncfs, true, __ATOMIC_RELAXED);
	return 0;
}

static int fuse_statfs(struct fs *fs, struct statfs *out)
{
	struct fuse *fuse = (struct fuse *)fs;
	struct fuse_statfs_out answer = { 0 };
	struct virtio_fs_call call = { .opcode = FUSE_STATFS,
				       .reply = &answer,
				       .reply_bytes = sizeof(answer) };
	int error = fuse_call(fuse->root, &call);

	if (error)
		return error;
	memset(out, 0, sizeof(*out));
	out->f_type = 0x65735546; /* FUSE_SUPER_MAGIC (statfs(2)) */
	out->f_bsize = answer.bsize ? answer.bsize : PAGE_BYTES;
	out->f_frsize = answer.frsize ? answer.frsize : (unsigned long)out->f_bsize;
	out->f_blocks = answer.blocks;
	out->f_bfree = answer.bfree;
	out->f_bavail = answer.bavail;
	out->f_files = answer.files;
	out->f_ffree = answer.ffree;
	out->f_namelen = FS_NAME_MAX;
	return 0;
}

const struct fs_operations fuse_type = {
	.name = "virtiofs",
	.mount = fuse_mount,
	.unmount = fuse_unmount,
	.root = fuse_root,
	.lookup = fuse_lookup,
	.forget = fuse_forget,
	.stat = fuse_stat,
	.open = fuse_open,
	.read = fuse_read,
	.write = fuse_write,
	.truncate = fuse_truncate,
	.sync = fuse_sync,
	.sync_file = fuse_sync_file,
	.entries = fuse_entries,
	.readlink = fuse_readlink,
	.statfs = fuse_statfs,
	.create = fuse_create,
	.mkdir = fuse_mkdir,
	.unlink = fuse_unlink,
	.rmdir = fuse_rmdir,
	.rename = fuse_rename,
	.symlink = fuse_symlink,
	.link = fuse_link,
	.set = fuse_set,
};
FS_TYPE(fuse_type);

/* What an application names to have this in its image: LINK := ferrule_virtiofs. */
const struct fs_operations *const ferrule_virtiofs = &fuse_type;
