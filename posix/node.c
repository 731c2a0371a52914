/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* Files and directories of the tree as open files. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <fs/fs.h>
#include <kernel/heap.h>
#include <kernel/sync.h>
#include <posix/files.h>
#include <posix/node.h>

struct node {
	struct file file; /* must be first */
	struct inode *inode;
};

/* Appending is "find the end, write there" in one step, so writers take turns. */
static struct mutex writing;

static struct inode *inode_of(const struct file *file)
{
	return ((const struct node *)file)->inode;
}

static off_t node_size(struct file *file)
{
	struct inode *inode = inode_of(file);
	struct stat stat;
	int error = inode->fs->operations->stat(inode, &stat);

	return error ? error : stat.st_size;
}

/* Reads or writes piece by piece, until one is cut short. */
static ssize_t move_pieces(struct inode *inode, bool in, const struct iovec *vector,
			   int count, off_t *offset)
{
	const struct fs_operations *operations = inode->fs->operations;
	ssize_t total = 0, done;

	for (int i = 0; i < count; i++) {
		void *data = vector[i].iov_base;
		size_t bytes = vector[i].iov_len;

		if (!bytes)
			continue;
		done = in ? operations->read(inode, data, bytes, (uint64_t)*offset)
			  : operations->write(inode, data, bytes, (uint64_t)*offset);
		if (done < 0)
			return total ? total : done;
		total += done;
		*offset += done;
		if ((size_t)done < bytes)
			break;
	}
	return total;
}

static ssize_t node_readv(struct file *file, const struct iovec *vector, int count,
			  off_t *offset)
{
	struct inode *inode = inode_of(file);

	if (S_ISDIR(inode->mode))
		return -EISDIR;
	if (!inode->fs->operations->read)
		return -EINVAL;
	return move_pieces(inode, true, vector, count, offset);
}

static int node_sync(struct file *file)
{
	struct inode *inode = inode_of(file);
	struct fs *fs = inode->fs;

	if (fs->read_only)
		return 0;
	if (fs->operations->sync_file)
		return fs->operations->sync_file(inode);
	return fs->operations->sync ? fs->operations->sync(fs) : 0;
}

static ssize_t node_writev(struct file *file, const struct iovec *vector, int count,
			   off_t *offset)
{
	struct inode *inode = inode_of(file);
	ssize_t done = 0;

	if (inode->fs->read_only)
		return -EROFS;
	if (!inode->fs->operations->write)
		return -EINVAL;
	if (!S_ISREG(inode->mode))
		return move_pieces(inode, false, vector, count, offset);
	mutex_lock(&writing);
	if (file->flags & O_APPEND) {
		off_t end = node_size(file);

		if (end < 0)
			done = end;
		else
			*offset = end;
	}
	if (!done)
		done = move_pieces(inode, false, vector, count, offset);
	mutex_unlock(&writing);
	if (done > 0 && file->flags & O_SYNC) {
		int error = node_sync(file);

		if (error)
			return error;
	}
	return done;
}

static int node_stat(struct file *file, struct stat *out)
{
	struct inode *inode = inode_of(file);

	return inode->fs->operations->stat(inode, out);
}

static int node_truncate(struct file *file, off_t length)
{
	struct inode *inode = inode_of(file);
	int error;

	if (inode->fs->read_only)
		return -EROFS;
	if (!S_ISREG(inode->mode) || !inode->fs->operations->truncate)
		return -EINVAL;
	mutex_lock(&writing);
	error = inode->fs->operations->truncate(inode, (uint64_t)length);
	mutex_unlock(&writing);
	return error;
}

/* getdents64 in progress: struct dirent is the kernel's linux_dirent64 (getdents(2)). */
struct listing {
	char *out;
	size_t bytes, used;
	uint64_t next;
	bool too_small; /* not even one entry found room */
};

static bool list_entry(void *context, const char *name, size_t length, uint64_t inode,
		       unsigned type, uint64_t next_offset)
{
	struct listing *listing = context;
	size_t size = (offsetof(struct dirent, d_name) + length + 1 + 7) & ~(size_t)7;
	struct dirent *entry;

	if (size > listing->bytes - listing->used) {
		listing->too_small = !listing->used;
		return false;
	}
	entry = (struct dirent *)(listing->out + listing->used);
	entry->d_ino = inode;
	entry->d_off = (off_t)next_offset;
	entry->d_reclen = (unsigned short)size;
	entry->d_type = (unsigned char)(type >> 12 & 15); /* IFTODT */
	memcpy(entry->d_name, name, length);
	entry->d_name[length] = '\0';
	listing->used += size;
	listing->next = next_offset;
	return true;
}

static ssize_t node_getdents(struct file *file, void *out, size_t bytes, off_t *offset)
{
	struct inode *inode = inode_of(file);
	struct listing listing = { .out = out,
				   .bytes = bytes,
				   .next = (uint64_t)*offset };
	int error;

	if (!S_ISDIR(inode->mode))
		return -ENOTDIR;
	error = inode->fs->operations->entries(inode, (uint64_t)*offset, list_entry,
					       &listing);
	if (error && !listing.used)
		return error;
	if (listing.too_small)
		return -EINVAL;
	*offset = (off_t)listing.next;
	return (ssize_t)listing.used;
}

static void node_release(struct file *file)
{
	fs_inode_put(inode_of(file));
	kfree(file);
}

static const struct file_operations node_operations = {
	.name = "file",
	.readv = node_readv,
	.writev = node_writev,
	.stat = node_stat,
	.truncate = node_truncate,
	.sync = node_sync,
	.getdents = node_getdents,
	.size = node_size,
	.release = node_release,
};

struct file *node_open(struct inode *inode, int flags)
{
	struct node *node = kmalloc(sizeof(*node));

	if (!node)
		return NULL;
	file_init(&node->file, &node_operations, flags);
	node->inode = fs_inode_get(inode);
	return &node->file;
}

struct inode *node_inode(const struct file *file)
{
	return file->operations == &node_operations ? inode_of(file) : NULL;
}
