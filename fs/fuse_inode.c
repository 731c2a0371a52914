/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* FUSE: inodes, their attributes, symbolic links. */

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <fs/fuse_dax.h>
#include <fs/share.h>
#include <kernel/heap.h>
#include <kernel/time.h>

#define VALID_MAX_SECONDS 86400
#define LINK_BYTES_MAX	  4095

static uint64_t valid_ns(uint64_t seconds, uint32_t nanoseconds)
{
	if (seconds >= VALID_MAX_SECONDS)
		return VALID_MAX_SECONDS * NS_PER_SEC;
	return seconds * NS_PER_SEC +
	       (nanoseconds < NS_PER_SEC ? nanoseconds : NS_PER_SEC - 1);
}

static struct fuse_inode *make(struct fuse *fuse, uint64_t nodeid, uint64_t number,
			       mode_t mode, unsigned session)
{
	struct fuse_inode *node = kzalloc(sizeof(*node));

	if (!node)
		return NULL;
	node->inode.fs = &fuse->fs;
	node->inode.number = number;
	node->inode.mode = mode & (S_IFMT | 07777);
	node->nodeid = nodeid;
	node->session = session;
	__atomic_add_fetch(&fuse->inodes, 1, __ATOMIC_RELAXED);
	fs_inode_add(&node->inode);
	return node;
}

struct fuse_inode *fuse_root_make(struct fuse *fuse)
{
	return make(fuse, FUSE_ROOT_ID, 0, S_IFDIR | 0755, 0);
}

/* Remembers what the host said, if nothing of ours changed it meanwhile. */
static void remember(struct fuse_inode *node, const struct fuse_attr *attr,
		     uint64_t for_ns, unsigned generation)
{
	unsigned long flags = spin_lock(&node->lock);

	node->inode.mode = (node->inode.mode & S_IFMT) | (attr->mode & 07777);
	if (generation == node->attr_generation) {
		node->attr = *attr;
		node->attr_until_ns = for_ns ? clock_ns() + for_ns : 0;
	}
	spin_unlock(&node->lock, flags);
}

void fuse_attr_forget(struct fuse_inode *node)
{
	unsigned long flags = spin_lock(&node->lock);

	node->attr_until_ns = 0;
	node->attr_generation++;
	spin_unlock(&node->lock, flags);
}

static unsigned generation_of(struct fuse_inode *node)
{
	return __atomic_load_n(&node->attr_generation, __ATOMIC_ACQUIRE);
}

int fuse_inode_of(struct fuse *fuse, const struct fuse_entry_out *entry, unsigned session,
		  struct inode **out)
{
	uint64_t for_ns = valid_ns(entry->attr_valid, entry->attr_valid_nsec);
	uint64_t names_ns = valid_ns(entry->entry_valid, entry->entry_valid_nsec);
	struct inode *found;
	struct fuse_inode *node = NULL;

	if (!entry->nodeid)
		return -ENOENT;
	if (!share_is_file(entry->attr.mode, entry->attr.size)) {
		virtio_fs_forget(fuse->device, session, entry->nodeid, 1);
		return -EIO;
	}
	__atomic_store_n(&fuse->fs.names_ns, names_ns ? names_ns : FS_NAMES_NEVER,
			 __ATOMIC_RELAXED);
	if (entry->nodeid == FUSE_ROOT_ID) {
		*out = fs_inode_get(&fuse->root->inode);
		return 0;
	}
	mutex_lock(&fuse->mutex);
	found = fs_inode_find(&fuse->fs, entry->attr.ino);
	if (found) {
		node = fuse_node(found);
		/* Another file with that number: the old one is gone on the host, or they
		 * are of different disks. They stand side by side. */
		if (node->nodeid != entry->nodeid || node->session != session ||
		    (node->inode.mode ^ entry->attr.mode) & S_IFMT)
			node = NULL;
	}
	if (!node)
		node = make(fuse, entry->nodeid, entry->attr.ino, entry->attr.mode,
			    session);
	if (node)
		__atomic_add_fetch(&node->lookups, 1, __ATOMIC_RELAXED);
	mutex_unlock(&fuse->mutex);
	if (found && (!node || found != &node->inode))
		fs_inode_put(found);
	if (!node) {
		virtio_fs_forget(fuse->device, session, entry->nodeid, 1);
		return -ENOMEM;
	}
	remember(node, &entry->attr, for_ns, generation_of(node));
	*out = &node->inode;
	return 0;
}

int fuse_lookup(struct inode *directory, const char *name, size_t length,
		struct inode **out)
{
	struct fuse *fuse = fuse_of(directory);
	struct fuse_entry_out entry = { 0 };
	struct virtio_fs_call call = { .opcode = FUSE_LOOKUP,
				       .name = name,
				       .name_length = length,
				       .reply = &entry,
				       .reply_bytes = sizeof(entry) };
	int error = fuse_call(fuse_node(directory), &call);

	if (error)
		return error;
	/* virtiofsd has another node id for the root that is reached from below. */
	if (length == 2 && memcmp(name, "..", 2) == 0 && entry.nodeid != FUSE_ROOT_ID &&
	    entry.attr.ino == fuse->root_number) {
		virtio_fs_forget(fuse->device, call.session, entry.nodeid, 1);
		*out = fs_inode_get(&fuse->root->inode);
		return 0;
	}
	return fuse_inode_of(fuse, &entry, call.session, out);
}

/* What is open is closed before the node goes: the host may take requests of two queues in
 * any order [FS-06]. */
void fuse_forget(struct inode *inode)
{
	struct fuse_inode *node = fuse_node(inode);
	struct fuse *fuse = fuse_of(inode);

	if (!__atomic_load_n(&fuse->ended, __ATOMIC_ACQUIRE)) {
		fuse_dax_forget(node);
		for (unsigned i = 0; i < FUSE_ACCESSES; i++)
			if (node->has_handle[i])
				fuse_release(fuse, node->session, node->nodeid,
					     S_ISDIR(inode->mode), node->handles[i]);
		if (node->nodeid != FUSE_ROOT_ID)
			virtio_fs_forget(fuse->device, node->session, node->nodeid,
					 node->lookups);
	}
	kfree(node);
	__atomic_sub_fetch(&fuse->inodes, 1, __ATOMIC_RELEASE);
}

static int ask(struct fuse_inode *node, struct fuse_attr *out)
{
	struct fuse_getattr_in in = { 0 };
	struct fuse_attr_out answer = { 0 };
	struct virtio_fs_call call = { .opcode = FUSE_GETATTR,
				       .arguments = &in,
				       .argument_bytes = sizeof(in),
				       .reply = &answer,
				       .reply_bytes = sizeof(answer) };
	unsigned generation = generation_of(node);
	int error = fuse_call(node, &call);

	if (error)
		return error;
	if (!share_is_file(answer.attr.mode, answer.attr.size) ||
	    (answer.attr.mode ^ node->inode.mode) & S_IFMT)
		return -EIO;
	remember(node, &answer.attr, valid_ns(answer.attr_valid, answer.attr_valid_nsec),
		 generation);
	*out = answer.attr;
	return 0;
}

int fuse_attr_get(struct fuse_inode *node, struct fuse_attr *out)
{
	unsigned long flags = spin_lock(&node->lock);
	bool known = node->attr_until_ns && clock_ns() < node->attr_until_ns;

	if (known)
		*out = node->attr;
	spin_unlock(&node->lock, flags);
	return known ? 0 : ask(node, out);
}

int fuse_root_check(struct fuse_inode *root)
{
	struct fuse_attr attr;
	int error = ask(root, &attr);

	if (!error)
		fuse_of(&root->inode)->root_number = attr.ino;
	return error;
}

int fuse_stat(struct inode *inode, struct stat *out)
{
	struct fuse_attr attr;
	int error = fuse_attr_get(fuse_node(inode), &attr);

	if (error)
		return error;
	memset(out, 0, sizeof(*out));
	out->st_ino = inode->number ? inode->number : attr.ino;
	out->st_mode = (inode->mode & S_IFMT) | (attr.mode & 07777);
	out->st_nlink = attr.nlink;
	out->st_uid = attr.uid;
	out->st_gid = attr.gid;
	out->st_rdev = makedev(attr.rdev >> 8 & 0xfff,
			       (attr.rdev & 0xff) | (attr.rdev >> 12 & 0xfff00));
	out->st_size = (off_t)attr.size;
	out->st_blksize = attr.blksize && attr.blksize <= 1u << 20
				  ? (blksize_t)attr.blksize
				  : 4096;
	out->st_blocks = (blkcnt_t)attr.blocks;
	out->st_atim = (struct timespec){ (time_t)attr.atime, attr.atimensec };
	out->st_mtim = (struct timespec){ (time_t)attr.mtime, attr.mtimensec };
	out->st_ctim = (struct timespec){ (time_t)attr.ctime, attr.ctimensec };
	return 0;
}

static int change(struct fuse_inode *node, struct fuse_setattr_in *in)
{
	struct fuse_attr_out answer = { 0 };
	struct virtio_fs_call call = { .opcode = FUSE_SETATTR,
				       .arguments = in,
				       .argument_bytes = sizeof(*in),
				       .reply = &answer,
				       .reply_bytes = sizeof(answer) };
	int error = fuse_call(node, &call);

	fuse_attr_forget(node);
	if (!error && share_is_file(answer.attr.mode, answer.attr.size))
		remember(node, &answer.attr, 0, generation_of(node));
	return error;
}

int fuse_set(struct inode *inode, const struct fs_attributes *attributes)
{
	struct fuse_setattr_in in = { .mode = attributes->mode & 07777,
				      .uid = attributes->owner,
				      .gid = attributes->group,
				      .atime = (uint64_t)attributes->atime.tv_sec,
				      .mtime = (uint64_t)attributes->mtime.tv_sec,
				      .atimensec = (uint32_t)attributes->atime.tv_nsec,
				      .mtimensec = (uint32_t)attributes->mtime.tv_nsec };
	static const struct {
		unsigned ours, fuse;
	} fields[] = { { FS_MODE, FATTR_MODE },
		       { FS_OWNER, FATTR_UID },
		       { FS_GROUP, FATTR_GID },
		       { FS_ATIME, FATTR_ATIME },
		       { FS_MTIME, FATTR_MTIME } };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (attributes->set & fields[i].ours)
			in.valid |= fields[i].fuse;
	return change(fuse_node(inode), &in);
}

int fuse_truncate(struct inode *inode, uint64_t bytes)
{
	struct fuse_setattr_in in = { .valid = FATTR_SIZE, .size = bytes };

	return change(fuse_node(inode), &in);
}

/* A target of any bytes but NUL, and not longer than a path [FS-08]. */
ssize_t fuse_readlink(struct inode *inode, char *out, size_t bytes)
{
	char *target = kmalloc(LINK_BYTES_MAX + 1);
	struct virtio_fs_call call = { .opcode = FUSE_READLINK,
				       .direction = VIRTIO_FS_FROM_HOST,
				       .data = target,
				       .data_bytes = LINK_BYTES_MAX + 1 };
	ssize_t result;

	if (!target)
		return -ENOMEM;
	result = fuse_call(fuse_node(inode), &call);
	if (!result && (!call.data_written || call.data_written > LINK_BYTES_MAX ||
			memchr(target, '\0', call.data_written)))
		result = -EIO;
	if (!result) {
		result = (ssize_t)(call.data_written < bytes ? call.data_written : bytes);
		memcpy(out, target, (size_t)result);
	}
	kfree(target);
	return result;
}
