/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* 9p: inodes, their attributes, symbolic links [P9-02]. */

#include <errno.h>
#include <string.h>
#include <fs/p9.h>
#include <fs/share.h>
#include <kernel/heap.h>
#include <kernel/time.h>

#define LINK_BYTES_MAX 4095
#define GETATTR_BASIC  0x7ff /* all that stat(2) knows of old */

enum setattr_field {
	SET_MODE = 1 << 0,
	SET_UID = 1 << 1,
	SET_GID = 1 << 2,
	SET_SIZE = 1 << 3,
	SET_ATIME = 1 << 4, /* to now, unless: */
	SET_MTIME = 1 << 5,
	SET_ATIME_GIVEN = 1 << 7,
	SET_MTIME_GIVEN = 1 << 8,
};

static struct p9_inode *make(struct p9 *p9, uint64_t number, mode_t mode, uint32_t fid,
			     unsigned session)
{
	struct p9_inode *node = kzalloc(sizeof(*node));

	if (!node)
		return NULL;
	node->inode.fs = &p9->fs;
	node->inode.number = number;
	node->inode.mode = mode & (S_IFMT | 07777);
	node->fid = fid;
	node->session = session;
	__atomic_add_fetch(&p9->inodes, 1, __ATOMIC_RELAXED);
	fs_inode_add(&node->inode);
	return node;
}

struct p9_inode *p9_root_make(struct p9 *p9, uint64_t number, uint32_t fid)
{
	return make(p9, number, S_IFDIR | 0755, fid, 0);
}

int p9_walk(struct p9_inode *from, unsigned session, const char *name, size_t length,
	    uint32_t *fid, struct p9_qid *qid)
{
	struct p9 *p9 = p9_of(&from->inode);
	struct p9_call call = { .type = P9_TWALK };
	int error = p9_begin_fid(p9, session, from->fid, &call);
	uint32_t new;
	uint16_t count;

	if (error)
		return error;
	new = p9_fid_new(p9);
	p9_put32(&call, new);
	p9_put_count16(&call, name ? 1 : 0);
	if (name)
		p9_put_text(&call, name, length);
	error = p9_end(&call);
	if (error) {
		p9_fid_free(p9, session, new);
		return error;
	}
	count = p9_get16(&call);
	if (name)
		*qid = p9_get_qid(&call);
	if (call.overrun || count != (name ? 1 : 0)) {
		p9_clunk(p9, session, new);
		return -EIO;
	}
	*fid = new;
	return 0;
}

static struct timespec get_time(struct p9_call *call)
{
	int64_t seconds = (int64_t)p9_get64(call);
	uint64_t nanoseconds = p9_get64(call);

	return (struct timespec){ seconds,
				  nanoseconds < NS_PER_SEC ? (long)nanoseconds : 0 };
}

int p9_getattr(struct p9 *p9, unsigned session, uint32_t fid, struct p9_attr *out)
{
	struct p9_call call = { .type = P9_TGETATTR };
	int error = p9_begin_fid(p9, session, fid, &call);

	if (error)
		return error;
	p9_put64(&call, GETATTR_BASIC);
	error = p9_end(&call);
	if (error)
		return error;
	p9_get64(&call); /* which are valid: those that we asked for */
	out->number = p9_get_qid(&call).path;
	out->mode = p9_get32(&call);
	out->owner = p9_get32(&call);
	out->group = p9_get32(&call);
	out->links = p9_get64(&call);
	out->device = p9_get64(&call);
	out->size = p9_get64(&call);
	out->block_bytes = p9_get64(&call);
	out->blocks = p9_get64(&call);
	out->atime = get_time(&call);
	out->mtime = get_time(&call);
	out->ctime = get_time(&call);
	get_time(&call); /* of birth */
	p9_get64(&call); /* generation */
	p9_get64(&call); /* data version */
	return call.overrun || !share_is_file(out->mode, out->size) ? -EIO : 0;
}

/* A directory is one inode wherever it is met: mounts hang on it. NULL: it is not in memory
 * yet, or not where it was. Under the mutex. */
static struct inode *find_directory(struct p9 *p9, unsigned session, uint64_t number)
{
	struct inode *found = fs_inode_find(&p9->fs, number);
	struct p9_attr attr;

	if (!found)
		return NULL;
	if (S_ISDIR(found->mode) && p9_session(p9_node(found)) == session &&
	    !p9_getattr(p9, session, p9_node(found)->fid, &attr) && attr.number == number)
		return found;
	fs_inode_put(found);
	return NULL;
}

/* A new inode of a fid. */
static int add(struct p9 *p9, unsigned session, uint32_t fid, struct inode **out)
{
	struct p9_inode *node;
	struct p9_attr attr;
	int error = p9_getattr(p9, session, fid, &attr);

	if (error)
		return error;
	node = make(p9, attr.number, attr.mode, fid, session);
	if (!node)
		return -ENOMEM;
	*out = &node->inode;
	return 0;
}

/* Files that are no directories are one inode each time their name is looked up: to the
 * host a fid is a path, and one path of a file may go while another stays. */
int p9_lookup(struct inode *directory, const char *name, size_t length,
	      struct inode **out)
{
	struct p9 *p9 = p9_of(directory);
	struct inode *found = NULL;
	struct p9_qid qid;
	unsigned session;
	uint32_t fid;
	int error = p9_ready(p9);

	session = p9_session(p9_node(directory));
	if (!error)
		error = p9_walk(p9_node(directory), session, name, length, &fid, &qid);
	if (error)
		return error;
	if (qid.type & P9_QID_DIRECTORY) {
		mutex_lock(&p9->mutex);
		found = find_directory(p9, session, qid.path);
		if (!found)
			error = add(p9, session, fid, out);
		mutex_unlock(&p9->mutex);
	} else {
		error = add(p9, session, fid, out);
	}
	if (found || error)
		p9_clunk(p9, session, fid);
	if (found)
		*out = found;
	return error;
}

void p9_forget(struct inode *inode)
{
	struct p9_inode *node = p9_node(inode);
	struct p9 *p9 = p9_of(inode);

	for (unsigned i = 0; i < P9_ACCESSES; i++)
		if (node->has_open[i])
			p9_clunk(p9, node->session, node->open[i]);
	if (node != p9->root)
		p9_clunk(p9, node->session, node->fid);
	kfree(node);
	__atomic_sub_fetch(&p9->inodes, 1, __ATOMIC_RELEASE);
}

int p9_stat(struct inode *inode, struct stat *out)
{
	struct p9_inode *node = p9_node(inode);
	struct p9 *p9 = p9_of(inode);
	struct p9_attr attr;
	int error = p9_ready(p9);

	if (!error)
		error = p9_getattr(p9, p9_session(node), node->fid, &attr);
	if (!error && (attr.mode ^ inode->mode) & S_IFMT)
		error = -ESTALE; /* another file under that path by now */
	if (error)
		return error;
	__atomic_store_n(&inode->mode, attr.mode & (S_IFMT | 07777), __ATOMIC_RELAXED);
	memset(out, 0, sizeof(*out));
	out->st_ino = inode->number;
	out->st_mode = attr.mode & (S_IFMT | 07777);
	out->st_nlink = attr.links;
	out->st_uid = attr.owner;
	out->st_gid = attr.group;
	out->st_rdev = attr.device;
	out->st_size = (off_t)attr.size;
	out->st_blksize = attr.block_bytes && attr.block_bytes <= 1u << 20
				  ? (blksize_t)attr.block_bytes
				  : 4096;
	out->st_blocks = (blkcnt_t)attr.blocks;
	out->st_atim = attr.atime;
	out->st_mtim = attr.mtime;
	out->st_ctim = attr.ctime;
	return 0;
}

static int setattr(struct inode *inode, uint32_t fields, uint64_t size,
		   const struct fs_attributes *attributes)
{
	struct p9_call call = { .type = P9_TSETATTR };
	int error = p9_begin(p9_node(inode), &call);

	if (error)
		return error;
	p9_put32(&call, fields);
	p9_put32(&call, attributes->mode & 07777);
	p9_put32(&call, attributes->owner);
	p9_put32(&call, attributes->group);
	p9_put64(&call, size);
	p9_put64(&call, (uint64_t)attributes->atime.tv_sec);
	p9_put64(&call, (uint64_t)attributes->atime.tv_nsec);
	p9_put64(&call, (uint64_t)attributes->mtime.tv_sec);
	p9_put64(&call, (uint64_t)attributes->mtime.tv_nsec);
	return p9_end(&call);
}

int p9_set(struct inode *inode, const struct fs_attributes *attributes)
{
	static const struct {
		unsigned ours, p9;
	} fields[] = { { FS_MODE, SET_MODE },
		       { FS_OWNER, SET_UID },
		       { FS_GROUP, SET_GID },
		       { FS_ATIME, SET_ATIME | SET_ATIME_GIVEN },
		       { FS_MTIME, SET_MTIME | SET_MTIME_GIVEN } };
	uint32_t set = 0;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (attributes->set & fields[i].ours)
			set |= fields[i].p9;
	return setattr(inode, set, 0, attributes);
}

int p9_truncate(struct inode *inode, uint64_t bytes)
{
	static const struct fs_attributes nothing;

	return setattr(inode, SET_SIZE, bytes, &nothing);
}

/* A target of any bytes but NUL, and not longer than a path [FS-08]. */
ssize_t p9_readlink(struct inode *inode, char *out, size_t bytes)
{
	char *target = kmalloc(LINK_BYTES_MAX + 1);
	struct p9_call call = { .type = P9_TREADLINK,
				.direction = P9_FROM_HOST,
				.text = true,
				.data_bytes = LINK_BYTES_MAX - 2 };
	size_t length = 0;
	ssize_t result;

	if (!target)
		return -ENOMEM;
	call.data = target + 2;
	result = p9_begin(p9_node(inode), &call);
	if (!result)
		result = p9_end(&call);
	if (!result) {
		for (; length < 2 && call.got < call.reply_bytes; length++)
			target[length] = (char)p9_get8(&call);
		length += call.data_written;
		if (!length || memchr(target, '\0', length))
			result = -EIO;
	}
	if (!result) {
		result = (ssize_t)(length < bytes ? length : bytes);
		memcpy(out, target, (size_t)result);
	}
	kfree(target);
	return result;
}
