/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* FUSE: making, removing and renaming. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <fs/fuse.h>
#include <kernel/heap.h>

/* A call that makes a name, whose answer is the inode there: kept, or given back at once
 * if out is NULL. The directory's own attributes changed. */
static int make_entry(struct inode *directory, struct virtio_fs_call *call,
		      struct inode **out)
{
	struct fuse_entry_out entry = { 0 };
	struct inode *inode;
	int error;

	call->reply = &entry;
	call->reply_bytes = sizeof(entry);
	error = fuse_call(fuse_node(directory), call);
	fuse_attr_forget(fuse_node(directory));
	if (!error)
		error = fuse_inode_of(fuse_of(directory), &entry, call->session, &inode);
	if (error)
		return error;
	if (out)
		*out = inode;
	else
		fs_inode_put(inode);
	return 0;
}

/* The file is open on the host from here on, for reading and writing. */
int fuse_create(struct inode *directory, const char *name, size_t length, mode_t mode,
		struct inode **out)
{
	struct fuse_create_in in = { .flags = O_RDWR | O_CREAT | O_EXCL, .mode = mode };
	struct fuse_create_out answer = { 0 };
	struct virtio_fs_call call = { .opcode = FUSE_CREATE,
				       .arguments = &in,
				       .argument_bytes = sizeof(in),
				       .name = name,
				       .name_length = length,
				       .reply = &answer,
				       .reply_bytes = sizeof(answer) };
	struct fuse *fuse = fuse_of(directory);
	struct fuse_inode *node;
	bool second;
	int error = fuse_call(fuse_node(directory), &call);

	fuse_attr_forget(fuse_node(directory));
	if (error)
		return error;
	error = fuse_inode_of(fuse, &answer.entry, call.session, out);
	if (error) {
		fuse_release(fuse, call.session, answer.entry.nodeid, false,
			     answer.open.fh);
		return error;
	}
	node = fuse_node(*out);
	mutex_lock(&fuse->mutex);
	second = node->has_handle[FUSE_FOR_WRITING] || !S_ISREG((*out)->mode);
	if (!second) {
		node->created = true;
		fuse_handle_set(node, FUSE_FOR_WRITING, answer.open.fh);
	}
	mutex_unlock(&fuse->mutex);
	if (second) /* somebody else found and opened it already */
		fuse_release(fuse, call.session, node->nodeid, false, answer.open.fh);
	return 0;
}

int fuse_mkdir(struct inode *directory, const char *name, size_t length, mode_t mode)
{
	struct fuse_mkdir_in in = { .mode = mode };
	struct virtio_fs_call call = { .opcode = FUSE_MKDIR,
				       .arguments = &in,
				       .argument_bytes = sizeof(in),
				       .name = name,
				       .name_length = length };

	return make_entry(directory, &call, NULL);
}

/* virtiofsd removes and renames only what was looked up and is not forgotten. Who lives on
 * under another name, or open, has one link less. */
static int remove_entry(struct inode *directory, enum fuse_opcode opcode,
			const char *name, size_t length)
{
	struct virtio_fs_call call = { .opcode = opcode,
				       .name = name,
				       .name_length = length };
	struct inode *inode;
	int error = fuse_lookup(directory, name, length, &inode);

	if (error)
		return error;
	error = fuse_call(fuse_node(directory), &call);
	fuse_attr_forget(fuse_node(directory));
	fuse_attr_forget(fuse_node(inode));
	fs_inode_put(inode);
	return error;
}

int fuse_unlink(struct inode *directory, const char *name, size_t length)
{
	return remove_entry(directory, FUSE_UNLINK, name, length);
}

int fuse_rmdir(struct inode *directory, const char *name, size_t length)
{
	return remove_entry(directory, FUSE_RMDIR, name, length);
}

int fuse_rename(struct inode *from, const char *name, size_t length, struct inode *to,
		const char *to_name, size_t to_length)
{
	struct fuse_rename2_in in = { .newdir = fuse_node(to)->nodeid };
	struct virtio_fs_call call = { .opcode = FUSE_RENAME2,
				       .arguments = &in,
				       .argument_bytes = sizeof(in),
				       .name = name,
				       .name_length = length,
				       .second_name = to_name,
				       .second_length = to_length };
	struct inode *moved;
	int error = fuse_lookup(from, name, length, &moved);

	if (error)
		return error;
	if (fuse_session(fuse_node(to)) != fuse_session(fuse_node(from)))
		error = -ESTALE;
	else
		error = fuse_call(fuse_node(from), &call);
	fuse_attr_forget(fuse_node(moved));
	fs_inode_put(moved);
	fuse_attr_forget(fuse_node(from));
	fuse_attr_forget(fuse_node(to));
	return error;
}

int fuse_symlink(struct inode *directory, const char *name, size_t length,
		 const char *target, size_t target_length)
{
	char *copy = kmalloc(target_length + 1);
	struct virtio_fs_call call = { .opcode = FUSE_SYMLINK,
				       .name = name,
				       .name_length = length,
				       .direction = VIRTIO_FS_TO_HOST,
				       .data = copy,
				       .data_bytes = target_length + 1 };
	int error;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, target, target_length);
	copy[target_length] = '\0';
	error = make_entry(directory, &call, NULL);
	kfree(copy);
	return error;
}

int fuse_link(struct inode *inode, struct inode *directory, const char *name,
	      size_t length)
{
	uint64_t nodeid = fuse_node(inode)->nodeid;
	struct virtio_fs_call call = { .opcode = FUSE_LINK,
				       .arguments = &nodeid,
				       .argument_bytes = sizeof(nodeid),
				       .name = name,
				       .name_length = length };
	int error;

	if (fuse_session(fuse_node(directory)) != fuse_session(fuse_node(inode)))
		return -ESTALE;
	error = make_entry(directory, &call, NULL);
	fuse_attr_forget(fuse_node(inode));
	return error;
}
