/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright The Ferrule developers */

/* The initial file tree: a cpio archive that the boot loader left in memory, used where it
 * lies. Read-only.
 *
 * A bad archive gives the files up to where it is bad, with a warning; one that is bad
 * from the start is not mounted. */

#include <errno.h>
#include <string.h>
#include <fs/cpio.h>
#include <fs/fs.h>
#include <fs/initrd.h>
#include <kernel/boot_info.h>
#include <kernel/heap.h>
#include <kernel/log.h>
#include <kernel/page.h>

struct node {
	struct inode inode; /* must be first; the archive's root holds a reference */
	struct node *parent, *first_child, *last_child, *next_sibling;
	struct node *all_next;	/* in order of creation */
	struct node *name_next; /* in the table of names */
	struct node *same_next; /* in the table of archive numbers: files with links */
	const char *name;	/* in the archive */
	size_t name_length;
	const uint8_t *data; /* in the archive */
	size_t data_bytes;
	struct cpio_entry entry;
	uint64_t position; /* getdents: counted in the directory, from 3 on */
};

struct initrd {
	struct fs fs;
	struct node *root, *last;
	struct node **names; /* by parent and name */
	unsigned bucket_count;
	unsigned next_number;
	uint64_t bytes;
};

static unsigned name_bucket(const struct initrd *initrd, const struct node *parent,
			    const char *name, size_t length)
{
	uint32_t hash = (uint32_t)((uintptr_t)parent >> 5);

	for (size_t i = 0; i < length; i++)
		hash = hash * 31 + (uint8_t)name[i];
	return hash % initrd->bucket_count;
}

static struct node *find_child(const struct initrd *initrd, const struct node *parent,
			       const char *name, size_t length)
{
	struct node *node = initrd->names[name_bucket(initrd, parent, name, length)];

	while (node && (node->parent != parent || node->name_length != length ||
			memcmp(node->name, name, length) != 0))
		node = node->name_next;
	return node;
}

/* A new node, a directory until it is said to be something else; NULL without memory. */
static struct node *add_child(struct initrd *initrd, struct node *parent,
			      const char *name, size_t length)
{
	struct node *node = kzalloc(sizeof(*node)), **bucket;

	if (!node)
		return NULL;
	node->inode.fs = &initrd->fs;
	node->inode.number = initrd->next_number++;
	node->inode.mode = S_IFDIR | 0755;
	node->entry.links = 1;
	node->name = name;
	node->name_length = length;
	node->parent = parent ? parent : node;
	fs_inode_add(&node->inode);
	if (initrd->last)
		initrd->last->all_next = node;
	initrd->last = node;
	if (!parent)
		return node;
	bucket = &initrd->names[name_bucket(initrd, parent, name, length)];
	node->name_next = *bucket;
	*bucket = node;
	node->position = 3;
	if (parent->last_child) {
		node->position = parent->last_child->position + 1;
		parent->last_child->next_sibling = node;
	} else {
		parent->first_child = node;
	}
	parent->last_child = node;
	return node;
}

/* The node of an archive path, with the directories on the way made if they are missing.
 * -EINVAL: the path leaves the archive or runs through a file. */
static int make_path(struct initrd *initrd, const char *path, size_t length,
		     struct node **out)
{
	struct node *node = initrd->root, *child;
	size_t end;

	for (size_t at = 0; at < length; at = end) {
		for (; at < length && path[at] == '/'; at++)
			;
		for (end = at; end < length && path[end] != '/'; end++)
			;
		if (end == at || (end - at == 1 && path[at] == '.'))
			continue;
		if ((end - at == 2 && memcmp(path + at, "..", 2) == 0) ||
		    end - at > FS_NAME_MAX || !S_ISDIR(node->inode.mode))
			return -EINVAL;
		child = find_child(initrd, node, path + at, end - at);
		if (!child)
			child = add_child(initrd, node, path + at, end - at);
		if (!child)
			return -ENOMEM;
		node = child;
	}
	*out = node;
	return 0;
}

static int add_entry(struct initrd *initrd, const struct cpio_entry *entry)
{
	struct node *node;
	int error = make_path(initrd, entry->name, entry->name_length, &node);

	if (error)
		return error;
	if (node->first_child && !S_ISDIR(entry->mode))
		return -EINVAL; /* a file in the place of a directory with files */
	if (node == initrd->root && !S_ISDIR(entry->mode))
		return -EINVAL;
	node->inode.mode = entry->mode & (S_IFMT | 07777);
	node->entry = *entry;
	node->data = entry->data;
	node->data_bytes = entry->data_bytes;
	return 0;
}

/* Files with several names carry their data at the last one (cpio(5)): the others find it
 * by the number they share. */
static void join_links(struct initrd *initrd, struct node **table)
{
	struct node *node, **bucket, *same;

	for (node = initrd->root; node; node = node->all_next) {
		if (!S_ISREG(node->inode.mode) || node->entry.links < 2 ||
		    !node->data_bytes)
			continue;
		bucket = &table[node->entry.number % initrd->bucket_count];
		node->same_next = *bucket;
		*bucket = node;
	}
	for (node = initrd->root; node; node = node->all_next) {
		if (!S_ISREG(node->inode.mode) || node->entry.links < 2 ||
		    node->data_bytes)
			continue;
		same = table[node->entry.number % initrd->bucket_count];
		while (same && (same->entry.number != node->entry.number ||
				same->entry.device != node->entry.device))
			same = same->same_next;
		if (same) {
			node->data = same->data;
			node->data_bytes = same->data_bytes;
		}
	}
}

static void free_all(struct initrd *initrd)
{
	struct node *next;

	for (struct node *node = initrd->root; node; node = next) {
		next = node->all_next;
		fs_inode_put(&node->inode); /* forget() frees it */
	}
	kfree(initrd->names);
	kfree(initrd);
}

/* How many entries there are, for the tables; also what is wrong with the archive. */
static unsigned count_entries(const void *bytes, size_t length, enum cpio_result *end)
{
	struct cpio archive;
	struct cpio_entry entry;
	unsigned count = 0;

	cpio_open(&archive, bytes, length);
	while ((*end = cpio_next(&archive, &entry)) == CPIO_ENTRY)
		count++;
	return count;
}

static const char *complaint(enum cpio_result result, const uint8_t *bytes, size_t length)
{
	if (length >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b)
		return "is compressed with gzip; it must be a plain cpio archive";
	if (result == CPIO_TRUNCATED)
		return "is cut off in the middle of an entry";
	return "is not a cpio archive of the newc kind, or is damaged";
}

static int fill(struct initrd *initrd, const void *bytes, size_t length)
{
	struct cpio archive;
	struct cpio_entry entry;
	struct node **table;
	unsigned bad = 0;
	int error;

	cpio_open(&archive, bytes, length);
	while (cpio_next(&archive, &entry) == CPIO_ENTRY) {
		error = add_entry(initrd, &entry);
		if (error == -ENOMEM)
			return error;
		bad += error != 0;
	}
	if (bad)
		log_warn("initrd: %u entries with impossible paths are left out", bad);
	table = kzalloc(initrd->bucket_count * sizeof(struct node *));
	if (!table)
		return -ENOMEM;
	join_links(initrd, table);
	kfree(table);
	return 0;
}

int initrd_build(const void *bytes, size_t length, const char *name, struct fs **out)
{
	enum cpio_result end;
	unsigned count = count_entries(bytes, length, &end);
	struct initrd *initrd;
	int error;

	if (end != CPIO_END) {
		log_error("initrd: module \"%s\" %s (after %u entries)", name,
			  complaint(end, bytes, length), count);
		if (!count)
			return -EINVAL;
	}
	initrd = kzalloc(sizeof(*initrd));
	if (!initrd)
		return -ENOMEM;
	initrd->fs.operations = &initrd_type;
	initrd->fs.read_only = true;
	initrd->bytes = length;
	initrd->next_number = 1;
	initrd->bucket_count = count + 16;
	initrd->names = kzalloc(initrd->bucket_count * sizeof(struct node *));
	if (initrd->names)
		initrd->root = add_child(initrd, NULL, "", 0);
	error = initrd->root ? fill(initrd, bytes, length) : -ENOMEM;
	if (error) {
		free_all(initrd);
		return error;
	}
	*out = &initrd->fs;
	log_info("initrd: %u entries in module \"%s\"", count, name);
	return 0;
}

static int initrd_mount(const char *source, bool read_only, struct fs **out)
{
	const struct boot_module *module = NULL;

	(void)read_only;
	for (unsigned i = 0; i < boot_info.module_count && !module; i++)
		if (!*source || strcmp(boot_info.modules[i].name, source) == 0)
			module = &boot_info.modules[i];
	if (!module) {
		log_error("initrd: the boot loader gave no %smodule%s%s",
			  *source ? "such " : "", *source ? ": " : "", source);
		return -ENOENT;
	}
	if (arch_direct_map(module->base, module->bytes))
		return -ENOMEM;
	return initrd_build(phys_to_virt(module->base), module->bytes, module->name, out);
}

static void initrd_unmount(struct fs *fs)
{
	free_all((struct initrd *)fs);
}

static struct inode *initrd_root(struct fs *fs)
{
	return fs_inode_get(&((struct initrd *)fs)->root->inode);
}

static int initrd_lookup(struct inode *directory, const char *name, size_t length,
			 struct inode **out)
{
	struct node *node = (struct node *)directory;

	if (length == 2 && memcmp(name, "..", 2) == 0)
		node = node->parent;
	else
		node = find_child((struct initrd *)directory->fs, node, name, length);
	if (!node)
		return -ENOENT;
	*out = fs_inode_get(&node->inode);
	return 0;
}

static void initrd_forget(struct inode *inode)
{
	kfree(inode);
}

static int initrd_stat(struct inode *inode, struct stat *out)
{
	const struct node *node = (const struct node *)inode;

	memset(out, 0, sizeof(*out));
	out->st_ino = inode->number;
	out->st_mode = inode->mode;
	out->st_nlink = node->entry.links ? node->entry.links : 1;
	out->st_uid = node->entry.uid;
	out->st_gid = node->entry.gid;
	out->st_size = S_ISDIR(inode->mode) ? 0 : (off_t)node->data_bytes;
	out->st_blksize = 4096;
	out->st_blocks = (blkcnt_t)((out->st_size + 511) / 512);
	out->st_mtime = out->st_ctime = out->st_atime = node->entry.mtime;
	return 0;
}

static ssize_t initrd_read(struct inode *inode, void *out, size_t bytes, uint64_t offset)
{
	const struct node *node = (const struct node *)inode;

	if (offset >= node->data_bytes)
		return 0;
	if (bytes > node->data_bytes - offset)
		bytes = node->data_bytes - offset;
	memcpy(out, node->data + offset, bytes);
	return (ssize_t)bytes;
}

static ssize_t initrd_readlink(struct inode *inode, char *out, size_t bytes)
{
	return S_ISLNK(inode->mode) ? initrd_read(inode, out, bytes, 0) : -EINVAL;
}

static int initrd_entries(struct inode *directory, uint64_t offset,
			  fs_entry_visitor visit, void *context)
{
	const struct node *node = (const struct node *)directory, *child;

	if (offset < 1 && !visit(context, ".", 1, directory->number, S_IFDIR, 1))
		return 0;
	if (offset < 2 &&
	    !visit(context, "..", 2, node->parent->inode.number, S_IFDIR, 2))
		return 0;
	for (child = node->first_child; child; child = child->next_sibling)
		if (child->position > offset &&
		    !visit(context, child->name, child->name_length, child->inode.number,
			   child->inode.mode & S_IFMT, child->position))
			break;
	return 0;
}

static int initrd_statfs(struct fs *fs, struct statfs *out)
{
	const struct initrd *initrd = (const struct initrd *)fs;

	memset(out, 0, sizeof(*out));
	out->f_type = 0x858458f6; /* RAMFS_MAGIC (statfs(2)) */
	out->f_bsize = out->f_frsize = 4096;
	out->f_blocks = (initrd->bytes + 4095) / 4096;
	out->f_files = initrd->next_number - 1;
	out->f_namelen = FS_NAME_MAX;
	return 0;
}

const struct fs_operations initrd_type = {
	.name = "initrd",
	.mount = initrd_mount,
	.unmount = initrd_unmount,
	.root = initrd_root,
	.lookup = initrd_lookup,
	.forget = initrd_forget,
	.stat = initrd_stat,
	.read = initrd_read,
	.entries = initrd_entries,
	.readlink = initrd_readlink,
	.statfs = initrd_statfs,
};
FS_TYPE(initrd_type);
