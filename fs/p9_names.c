/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* 9p: making, removing, renaming and listing [P9-02]. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <fs/p9.h>
#include <fs/share.h>
#include <kernel/heap.h>

/* The fid that walked to the directory becomes the open file's; the inode's is another,
 * found under the new name. */
int p9_create(struct inode *directory, const char *name, size_t length, mode_t mode,
	      struct inode **out)
{
	struct p9 *p9 = p9_of(directory);
	struct p9_call call = { .type = P9_TLCREATE };
	struct p9_inode *node;
	unsigned session;
	uint32_t fid;
	int error = p9_ready(p9);

	session = p9_session(p9_node(directory));
	if (!error)
		error = p9_walk(p9_node(directory), session, NULL, 0, &fid, NULL);
	if (error)
		return error;
	error = p9_begin_fid(p9, session, fid, &call);
	if (!error) {
		p9_put_text(&call, name, length);
		p9_put32(&call, O_RDWR | O_CREAT | O_EXCL);
		p9_put32(&call, mode & 07777);
		p9_put32(&call, 0); /* group */
		error = p9_end(&call);
	}
	if (!error)
		error = p9_lookup(directory, name, length, out);
	if (error) {
		p9_clunk(p9, session, fid);
		return error;
	}
	node = p9_node(*out);
	if (!S_ISREG((*out)->mode) || node->session != session) {
		p9_clunk(p9, session, fid); /* replaced by the host meanwhile */
		return 0;
	}
	node->open[P9_FOR_WRITING] = fid; /* nobody else knows of this inode yet */
	node->created = true;
	__atomic_store_n(&node->has_open[P9_FOR_WRITING], true, __ATOMIC_RELEASE);
	return 0;
}

int p9_mkdir(struct inode *directory, const char *name, size_t length, mode_t mode)
{
	struct p9_call call = { .type = P9_TMKDIR };
	int error = p9_begin(p9_node(directory), &call);

	if (error)
		return error;
	p9_put_text(&call, name, length);
	p9_put32(&call, mode & 07777);
	p9_put32(&call, 0); /* group */
	return p9_end(&call);
}

static int unlinkat(struct inode *directory, const char *name, size_t length,
		    uint32_t flags)
{
	struct p9_call call = { .type = P9_TUNLINKAT };
	int error = p9_begin(p9_node(directory), &call);

	if (error)
		return error;
	p9_put_text(&call, name, length);
	p9_put32(&call, flags);
	return p9_end(&call);
}

int p9_unlink(struct inode *directory, const char *name, size_t length)
{
	return unlinkat(directory, name, length, 0);
}

int p9_rmdir(struct inode *directory, const char *name, size_t length)
{
	return unlinkat(directory, name, length, AT_REMOVEDIR);
}

int p9_rename(struct inode *from, const char *name, size_t length, struct inode *to,
	      const char *to_name, size_t to_length)
{
	struct p9_call call = { .type = P9_TRENAMEAT };
	int error = p9_session(p9_node(from)) == p9_session(p9_node(to))
			    ? p9_begin(p9_node(from), &call)
			    : -ESTALE;

	if (error)
		return error;
	p9_put_text(&call, name, length);
	p9_put32(&call, p9_node(to)->fid);
	p9_put_text(&call, to_name, to_length);
	return p9_end(&call);
}

/* The target may be longer than a message without payload: it goes as payload, together
 * with the group behind it. */
int p9_symlink(struct inode *directory, const char *name, size_t length,
	       const char *target, size_t target_length)
{
	size_t bytes = 2 + target_length + 4;
	char *tail = target_length <= FS_PATH_MAX ? kzalloc(bytes) : NULL;
	uint16_t count = (uint16_t)target_length;
	struct p9_call call = { .type = P9_TSYMLINK,
				.direction = P9_TO_HOST,
				.data = tail,
				.data_bytes = bytes };
	int error;

	if (!tail)
		return target_length <= FS_PATH_MAX ? -ENOMEM : -ENAMETOOLONG;
	memcpy(tail, &count, 2);
	memcpy(tail + 2, target, target_length);
	error = p9_begin(p9_node(directory), &call);
	if (!error) {
		p9_put_text(&call, name, length);
		error = p9_end(&call);
	}
	kfree(tail);
	return error;
}

int p9_link(struct inode *inode, struct inode *directory, const char *name, size_t length)
{
	struct p9_call call = { .type = P9_TLINK };
	int error = p9_session(p9_node(inode)) == p9_session(p9_node(directory))
			    ? p9_begin(p9_node(directory), &call)
			    : -ESTALE;

	if (error)
		return error;
	p9_put32(&call, p9_node(inode)->fid);
	p9_put_text(&call, name, length);
	return p9_end(&call);
}

/* Of a directory's entry, before its name: qid[13] offset[8] type[1] length[2]. */
#define ENTRY_BYTES 24
struct entry {
	uint64_t number, next;
	uint8_t type;
	uint16_t length;
};

static struct entry entry_at(const char *at)
{
	struct entry entry;

	memcpy(&entry.number, at + 5, 8);
	memcpy(&entry.next, at + 13, 8);
	memcpy(&entry.type, at + 21, 1);
	memcpy(&entry.length, at + 22, 2);
	return entry;
}

/* Hands the entries of one answer on. 1: go on at *offset; 0: the visitor has enough;
 * -EIO: that is no list, or one that never ends. */
static int hand_on(const char *list, size_t bytes, uint64_t *offset,
		   fs_entry_visitor visit, void *context, unsigned *budget)
{
	uint64_t begun_at = *offset;
	struct entry entry;

	for (size_t at = 0; at < bytes; at += ENTRY_BYTES + entry.length) {
		const char *name = list + at + ENTRY_BYTES;

		if (bytes - at < ENTRY_BYTES)
			return -EIO;
		entry = entry_at(list + at);
		if (entry.length > bytes - at - ENTRY_BYTES ||
		    !share_is_name(name, entry.length) || !(*budget)--)
			return -EIO;
		if (!visit(context, name, entry.length, entry.number,
			   (unsigned)entry.type << 12, entry.next))
			return 0;
		*offset = entry.next;
	}
	return *offset == begun_at ? -EIO : 1;
}

int p9_entries(struct inode *directory, uint64_t offset, fs_entry_visitor visit,
	       void *context)
{
	struct p9_inode *node = p9_node(directory);
	struct p9 *p9 = p9_of(directory);
	unsigned budget = SHARE_ENTRIES_MAX;
	char *list = kmalloc(SHARE_LIST_BYTES);
	uint32_t most = SHARE_LIST_BYTES, fid = P9_NO_FID;
	int error = list ? p9_ready(p9) : -ENOMEM;
	unsigned session = p9_session(node);

	if (!error)
		error = p9_opened(node, P9_FOR_READING, &fid);
	if (!error) {
		uint32_t fits = __atomic_load_n(&p9->msize, __ATOMIC_RELAXED) -
				P9_WRITE_HEAD_BYTES;

		most = fits < most ? fits : most;
		error = 1;
	}
	while (error > 0) {
		struct p9_call call = { .type = P9_TREADDIR,
					.direction = P9_FROM_HOST,
					.data = list,
					.data_bytes = most };

		error = p9_begin_fid(p9, session, fid, &call);
		if (error)
			break;
		p9_put64(&call, offset);
		p9_put32(&call, most);
		error = p9_end(&call);
		if (error || !call.data_written)
			break;
		error = hand_on(list, call.data_written, &offset, visit, context,
				&budget);
	}
	kfree(list);
	return error;
}
